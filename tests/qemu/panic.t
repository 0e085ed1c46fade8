#!/bin/sh
# SPDX-License-Identifier: 0BSD
# What a kernel author does wrong, and what the kernel says, in each paging mode of its width: it ends with status 1 and
# names the culprit.
. tests/qemu/lib.sh

case $(basename "$(dirname "$KERNEL")") in
i386*) MODES="i386 pae" ;;
*) MODES="x86_64 la57" ;;
esac

# panics WORD TEXT PATTERN: in the mode at hand.
panics() {
    boots 1 "$2: a panic ($mode)" --mode $mode --mem 32M "$KERNEL" "$1"
    says "$3" "$2: names it ($mode)"
}

for mode in $MODES; do
    panics overflow "[fault 52] stack overflow" \
        'panic: double fault: stack overflow at 0x.*guard page of stack deep thread'
    says 'task    deep thread' "[fault 52] and the task ($mode)"
    panics nested "[fault 53] fault in the fault handler" \
        'panic: fault inside the fault handler, at 0xdeadb000; this is the double'
    panics reserved "[fault 54] reserved bit" 'panic: page fault: a reserved bit is set in the entry for 0x[0-9a-f]*: '
    panics null "[fault 55] null dereference" 'panic: page fault: null dereference, read of 0x0000000.*null pointer'
    panics readonly "[fault 56] write to a read-only kernel page" \
        'panic: page fault: write to a read-only page at 0x[0-9a-f]*: kernel constants'
    # Without NX data can be executed: what is refused there is to map it writable.
    if [ $mode = i386 ]; then
        boots 2 "executing data where there is no NX: nobody notices ($mode)" --mode $mode --mem 32M "$KERNEL" execute
        says '^data was executed' "and it says so ($mode)"
    else
        panics execute "executing data" \
            'panic: page fault: execution of what may not be executed, at 0x[0-9a-f]*: kernel data'
    fi
    panics destroy "[fault 58] destroying the space in use" 'panic: .*space'
    panics doublerange "[fault 46] a range given twice" 'panic: kva: .*0x'
    panics doublegive "[fault 20] a frame given twice" 'panic: .*frame'
    panics doublefree "[fault 61] double free" 'panic: .*free'
    panics doublefree=later "[fault 62] double free, later" 'panic: .*free'
    boots 1 "[fault 64] double free, on two CPUs: a panic ($mode)" --mode $mode --smp 2 --mem 32M "$KERNEL" doublefree=cpus
    says 'panic: .*double free.*another CPU freed' "[fault 64] double free, on two CPUs: names it ($mode)"
    panics interior "[fault 65] free of an interior pointer" 'panic: '
    panics wild "[fault 66] free of a wild pointer" 'panic: '
    panics wrongsize "[fault 81] sized free with the wrong size" 'panic: '
    panics panic=because "a panic says why" 'panic: because'

    boots 0 "a probe explains and comes back ($mode)" --mode $mode --mem 32M "$KERNEL" fault=0x10
    says 'null dereference, read of 0x00000010' "a probe names the null pointer ($mode)"
done
done_testing
