#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Threads that wait for each other, in each way that a kernel may offer: they sleep, they let others run, or they only pause.
# Strict priorities are promised for the first alone.
. tests/qemu/lib.sh

for mode in i386 x86_64; do
    KERNEL=$(kernel_of $mode)
    for cpus in 1 2; do
        for words in 'priorities=strict waiting=block' 'waiting=block' 'waiting=yield' 'waiting=pause'; do
            # shellcheck disable=SC2086
            boots 0 "$words ($mode, $cpus)" --mode $mode --smp $cpus --mem 512M "$KERNEL" $words test=waiting
            says '^ok [0-9]* - \[fault 110\]' "nobody waits for an idle task ($words, $mode, $cpus)"
            says '^ok [0-9]* - \[fault 105\]' "all come to an end ($words, $mode, $cpus)"
        done
    done
done
boots 0 "strict priorities: all that several CPUs promise" --smp 2 --mem 64M "$KERNEL" priorities=strict test=smp,races
done_testing
