#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Every paging mode, with 1, 2 and 4 CPUs, from little RAM to more than 4 GiB, under each sharing policy: the floors are
# sound, and keep their promises. In turns, so that each mode meets each policy with each number of CPUs; with
# ASHLAR_LONG each of them with each.
. tests/qemu/lib.sh

POLICIES="preallocate eager lazy hybrid seq"

# try MODE CPUS SIZE POLICY
try() {
    boots 0 "$1, $2 CPUs, $3, $4" --mode $1 --smp $2 --mem $3 "$(kernel_of $1)" policy=$4 audit test=boot,space,process
    grep -q "^$2 CPU" "$OUT" || ok 1 "$1, $3: all $2 CPUs run"
}

# policy_at NUMBER
policy_at() {
    echo $POLICIES | cut -d' ' -f$(($1 % 5 + 1))
}

turn=0
for mode in i386 pae x86_64 la57; do
    for cpus in 1 2 4; do
        for size in 16M 64M 1G 3584M 6G; do
            for policy in $(if [ -n "${ASHLAR_LONG:-}" ]; then echo $POLICIES; else policy_at $turn; fi); do
                try $mode $cpus $size $policy
            done
            turn=$((turn + 1))
        done
        turn=$((turn + 1))
    done
done
done_testing
