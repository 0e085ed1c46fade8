#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The tour from the least RAM on, in each mode, and where CPUs are slow: what cannot be shown is left out, and said.
. tests/qemu/lib.sh

# 96 MiB under HYBRID leave many tables behind.
for mode in i386 pae x86_64 la57; do
    for size in 2M 8M; do
        boots 0 "the tour with $size ($mode)" --mode $mode --mem $size "$(kernel_of $mode)" tour
        says 'came out as announced' "it says so ($mode, $size)"
    done
    boots 0 "the tour with 2 MiB, 2 CPUs ($mode)" --mode $mode --smp 2 --mem 2M "$(kernel_of $mode)" tour
    says '\[left out\] .*too little RAM' "something is left out, and said ($mode)"
    for size in 8M 96M; do
        boots 0 "the tour with $size under HYBRID ($mode)" --mode $mode --mem $size "$(kernel_of $mode)" policy=hybrid tour
    done
    boots 0 "the tour on 2 CPUs that share one of the host's ($mode)" --mode $mode --smp 2 --single --mem 64M \
        "$(kernel_of $mode)" tour
done
boots 125 "too little RAM for QEMU to start a kernel" --mem 1M "$KERNEL" tour
says 'qemu-run: --mem 1M is too little' "it says so, at once"
done_testing
