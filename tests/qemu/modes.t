#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The paging mode that is taken where nobody names one, and what each promises.
. tests/qemu/lib.sh

I386=$(kernel_of pae)
WIDE=$(kernel_of la57)

for mode in i386 pae x86_64 la57; do
    KERNEL=$(kernel_of $mode)
    kernel_test rights --mode $mode --mem 32M
    kernel_test acpi --mode $mode --mem 32M
    kernel_test acpi-high --mode $mode --mem 32M
    [ $mode != i386 ] || says '^ACPI: a table at 0x1[0-9a-f]* lies above 4 GiB' "[fault 206] that is said"
done

# takes MODE TEXT qemu-run's arguments...
takes() {
    format=$1
    text=$2
    shift 2
    boots 0 "$text" "$@" audit
    says "^$format paging" "$format paging"
}
takes PAE "a CPU with NX" --mem 32M "$I386"
takes two-level "a CPU without PAE" --cpu max,-pae --mem 32M "$I386"
takes two-level "a CPU with PAE, without NX and high RAM" --cpu pentium3 --mem 32M "$I386"
takes PAE/L1TF "the same with RAM above 4 GiB" --cpu pentium3 --mem 5G "$I386"
says ' L1TF ' "[fault 156] it reads where absent entries point, and the format bears it"
takes two-level "told so" --cpu pentium3 --mem 32M "$I386" paging=two-level
says '^this CPU reads where absent entries point (L1TF)' "[fault 156] two-level paging does not"
takes two-level "told so" --mem 32M "$I386" paging=two-level
takes 5-level "a CPU with LA57" --mem 32M "$WIDE"
takes 4-level "a CPU without LA57" --cpu qemu64 --mem 32M "$WIDE"
takes 4-level "an Intel CPU with L1TF" --cpu Nehalem --mem 32M "$WIDE"
says ' L1TF ' "[fault 156] it says so"
takes 4-level "told so" --mem 32M "$WIDE" paging=4-level
boots 1 "a mode that the CPU does not have" --cpu max,-pae --mem 32M "$I386" paging=pae
says 'panic: paging=: this CPU does not have it' "it says so"
boots 1 "a mode that there is not" --mem 32M "$I386" paging=9-level
says 'panic: paging=: no such format' "it says so"

# The heap in large pages, where RAM is plenty and the format has them below the root.
for mode in i386 pae x86_64 la57; do
    boots 0 "$mode: 1 GiB, and a heap that grows" --mode $mode --mem 1G "$(kernel_of $mode)" grow=100 space shrink audit
    if [ $mode = i386 ]; then
        says ' 0 large pages' "no large pages in its kernel ranges"
    else
        says '^ .*; [3-9] large pages' "the heap is in large pages"
    fi
    says 'every invariant of every floor holds' "all is sound"
done

if host_has 8; then
    KERNEL=$I386
    kernel_test ram --mode pae --mem 5G --timeout 240
    says '^# [1-9][0-9]* frames lie above 4 GiB' "RAM above 4 GiB is used by the 32-bit kernel"
else
    skip "every word of 5 GiB, by the 32-bit kernel" "the host has less than 8 GiB to spare"
fi
done_testing
