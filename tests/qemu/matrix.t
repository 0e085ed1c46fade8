#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Every paging mode, with 1, 2 and 4 CPUs, from little RAM to more than 4 GiB, under each sharing policy: the floors are
# sound, and keep their promises.
. tests/qemu/lib.sh

# try MODE CPUS SIZE POLICY
try() {
    boots 0 "$1, $2 CPUs, $3, $4" --mode $1 --smp $2 --mem $3 "$(kernel_of $1)" policy=$4 audit test=boot,space,process
    grep -q "^$2 CPU" "$OUT" || ok 1 "$1, $3: all $2 CPUs run"
}

for mode in i386 pae x86_64 la57; do
    for cpus in 1 2 4; do
        for size in 16M 64M 1G 3584M 6G; do
            for policy in preallocate eager lazy hybrid seq; do
                try $mode $cpus $size $policy
            done
        done
    done
done
done_testing
