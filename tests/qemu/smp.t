#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Several CPUs, in each paging mode: shootdowns, pinning, processes, races, CPUs that go, the heap; and lines that stay
# whole.
. tests/qemu/lib.sh

image=$KERNEL
for mode in i386 pae x86_64 la57; do
    KERNEL=$(kernel_of $mode)
    [ "$(dirname "$KERNEL")" = "$(dirname "$image")" ] || [ "$image" = build/i386/kernel.elf ] || continue
    for cpus in 2 4; do
        kernel_test smp --mode $mode --smp $cpus --mem 64M
        kernel_test races --mode $mode --smp $cpus --mem 64M
        kernel_test offline --mode $mode --smp $cpus --mem 64M
        kernel_test smpheap --mode $mode --smp $cpus --mem 64M
    done
    boots 0 "interrupts between 4 CPUs ($mode)" --mode $mode --smp 4 --mem 1G "$KERNEL" ipis
    says '^CSV rounds_cpus_4,range_pair_4096,0\.[1-9]' "2,000 ranges wait for one flush of other CPUs ($mode)"
    says '^CSV interrupts_cpus_4,range_pair_4096_at_once,3000\.000,' "where each would ask all three ($mode)"
    says '^CSV kicks_cpus_4,user_page_in_2,1000\.000,' "a user page is asked of those that run in its space ($mode)"
    says '^CSV interrupts_cpus_4,user_page_in_1,0\.000,' "and of nobody else ($mode)"
    boots 0 "lines of 4 CPUs ($mode)" --mode $mode --smp 4 --mem 64M "$KERNEL" test=lines
    whole=$(tr -d '\r' <"$OUT" |
        grep -c '^# thread [0-4], line [0-9]*: abcdefghijklmnopqrstuvwxyz 0123456789 end of line$')
    [ "$whole" -eq 200 ]
    ok $? "all 200 are whole ($mode)"
    boots 1 "a panic while 4 CPUs run ($mode)" --mode $mode --smp 4 --mem 64M "$KERNEL" panic=because
    [ "$(grep -c 'panic:\|^  where\|^  task\|^  calls\|^  names' "$OUT")" -eq 5 ]
    ok $? "its report is whole ($mode)"
done
KERNEL=$image
for name in offline smp races process; do
    kernel_test $name --smp 2 --single --timeout 100 --mem 64M
done
kernel_test smp,smpheap,races --smp 2 --mem 3M
boots 0 "cpus=2 leaves 2 of 4 alone" --smp 4 --mem 64M "$KERNEL" cpus=2 ps
says '^2 CPUs' "it says so"
boots 0 "more CPUs than there can be" --smp 20 --mem 64M "$KERNEL" test=smp audit
says '^16 CPUs' "16 of them run"
done_testing
