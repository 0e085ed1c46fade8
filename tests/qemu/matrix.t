#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Every paging mode, with 1, 2 and 4 CPUs, from little RAM to more than 4 GiB: the floors are sound, and keep their promises.
. tests/qemu/lib.sh

for mode in i386 pae x86_64 la57; do
    kernel=$(kernel_of $mode)
    for cpus in 1 2 4; do
        for size in 16M 64M 255M 1G 3584M 6G; do
            boots 0 "$mode, $cpus CPUs, $size" --mode $mode --smp $cpus --mem $size "$kernel" audit test=boot,space,process
            grep -q "^$cpus CPU" "$OUT" || ok 1 "$mode, $size: all $cpus CPUs run"
        done
    done
done
done_testing
