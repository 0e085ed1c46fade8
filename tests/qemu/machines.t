#!/bin/sh
# SPDX-License-Identifier: 0BSD
# Other machines than QEMU's usual PC, and other CPUs: what they lack is done without, or said.
. tests/qemu/lib.sh

I386=$(kernel_of pae)
WIDE=$(kernel_of la57)
I486=build/i486/kernel.elf

# on TEXT KERNEL 'QEMU options' qemu-run's options...: it boots, and threads take turns, for which ticks are needed.
on() {
    what=$1
    image=$2
    options=$3
    shift 3
    boots 0 "$what: boots" --mem 128M --timeout 50 --with "$options" "$@" "$image" test=process audit
    says 'every invariant of every floor holds' "$what: the floors are sound"
}

on "[fault 190] microvm" "$I386" "-M microvm"
says "^timer: the local APIC's line from the PICs was masked; the PIT ticks" "it says so"
on "[fault 190] microvm, 64 bits" "$WIDE" "-M microvm" --smp 2
says '^2 CPUs' "2 CPUs"
on "[fault 190] microvm without a PIT" "$WIDE" "-M microvm,pit=off" --smp 2
says "^timer: no interrupt of the PIT comes; the local APIC's timer ticks, its rate told by nobody" "it says so"
on "[fault 190] a PC without a PIT" "$I386" "-M pc,pit=off" --smp 2
says "^timer: no interrupt of the PIT comes; .*, its rate told by ACPI's timer" "it says so"
on "[fault 190] the same, 64 bits" "$WIDE" "-M q35,pit=off"

KERNEL=$I386
kernel_test acpi --mem 128M --with "-M pc,pit=off"

on "a PC without a local APIC" "$I386" "-M pc" --cpu max,-apic
boots 1 "[fault 191] no PIT and no local APIC" --mem 128M --cpu max,-apic --with "-M pc,pit=off" "$I386" audit
says '^panic: timer: no interrupt of the PIT comes, and there is no local APIC' "it says so, instead of waiting for ever"
tools/qemu-run --mem 128M --smp 2 --cpu max,-apic "$I386" audit >"$OUT" 2>&1
says '^no local APIC: of 2 CPUs only this one is used' "[fault 192] several CPUs without a local APIC: it says so"

on "q35" "$WIDE" "-M q35" --smp 4
says '^4 CPUs' "4 CPUs"
on "isapc" "$I386" "-M isapc"
numa="-object memory-backend-ram,id=a,size=64M -object memory-backend-ram,id=b,size=64M"
on "two nodes of NUMA" "$WIDE" "$numa -numa node,memdev=a,cpus=0-1 -numa node,memdev=b,cpus=2-3" --smp 4
on "40 CPUs" "$WIDE" "-M q35" --smp 40
says "^16 CPUs" "16 of them"
says "^24 CPUs are left out: this kernel is built for 16" "and the others are told of"
on "4 CPUs on one thread of the host" "$I386" "-accel tcg,thread=single" --smp 4
says '^4 CPUs' "4 CPUs"

# A CPU that is not there: it is tried, and the others after it.
for image in "$I386" "$WIDE"; do
    boots 0 "[fault 193] a CPU that does not come up ($image)" --mem 128M --smp 3 "$image" ghost=9 audit test=races
    says '^the CPU with local APIC 9 does not come up' "[fault 193] it says so"
    says '^3 CPUs' "[fault 193] the others do"
done

boots 0 "[fault 194] this CPU's own ID among the others'" --mem 128M --smp 3 "$I386" ghost=0 audit test=races
says '^3 CPUs' "[fault 194] it is not started again"
! grep -q 'does not come up' "$OUT"
ok $? "[fault 194] nor given up"

boots 1 "[fault 196] a 486, and a kernel for an i686" --cpu 486 --mem 32M "$I386" audit
says '^panic: this CPU lacks CMOV' "[fault 196] it says so"
boots 1 "[fault 196] a CPU without 64-bit mode" --cpu qemu32 --mem 32M "$WIDE" audit
says '^panic: this CPU lacks 64-bit mode' "[fault 196] it says so"
boots 1 "[fault 196] a 486, and a 64-bit kernel" --cpu 486 --mem 32M "$WIDE" audit
says '^panic: this CPU lacks 64-bit mode' "[fault 196] it says so"
boots 0 "[fault 199] a 486, and a kernel for it" --cpu 486 --mem 32M "$I486" audit test=space,heap,process
says '^two-level paging, PSE (32 bits)' "[fault 199] it has nothing more"
boots 2 "[fault 199] a bench on a CPU that counts no cycles" --cpu 486 --mem 32M "$I486" bench
says '^bench: this CPU has no counter of cycles' "[fault 199] it says so"
on "[fault 199] the same kernel on 2 CPUs of today" "$I486" "-M pc" --smp 2
objdump -d "$I486" >"$OUT"
! grep -qw 'cmov[a-z]*\|cmpxchg8b' "$OUT"
ok $? "[fault 199] it has no CMOV and no CMPXCHG8B"

tools/qemu-run --smp 2 --mem 128M "$I386" apic=x2 audit test=races >"$OUT" 2>&1
status=$?
if grep -q 'panic: apic=x2: this CPU does not have it' "$OUT"; then
    skip "[fault 192] x2APIC mode" "this QEMU does not emulate it"
else
    [ "$status" -eq 0 ]
    ok $? "[fault 192] x2APIC mode"
fi
done_testing
