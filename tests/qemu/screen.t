#!/bin/sh
# SPDX-License-Identifier: 0BSD
# A PC without a serial port: what is said stands on the display, in a VGA's letters or in dots.
. tests/qemu/lib.sh

I386=$(kernel_of pae)
WIDE=$(kernel_of la57)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$OUT" "$folder"' EXIT
LIMIT=50

# shows COMMAND TEST TEXT QEMU's options...: the monitor's command fills $folder/dump; sooner or later the test holds.
shows() {
    command=$1
    check=$2
    what=$3
    shift 3
    rm -f "$folder/dump" "$folder/good"
    {
        waited=0
        while [ ! -e "$folder/good" ] && [ $waited -lt $LIMIT ]; do
            sleep 1
            echo "$command"
            waited=$((waited + 1))
            [ ! -s "$folder/dump" ] || ! $check || : >"$folder/good"
        done
        echo quit
    } | timeout -k 2 $((LIMIT + 5)) qemu-system-x86_64 -nodefaults -vga std -display none -no-reboot -m 128M -cpu max \
        -monitor stdio "$@" >"$OUT" 2>&1
    [ -e "$folder/good" ]
    ok $? "$what"
}

letters="pmemsave 0xb8000 4000 \"$folder/dump\""
dots="screendump $folder/dump"

audit_in_letters() { tr -d '\007' <"$folder/dump" | grep -q 'audit: every invariant of every floor holds'; }
lacks_in_letters() { tr -d '\017' <"$folder/dump" | grep -q 'panic: this CPU lacks 64-bit mode'; }
panic_in_letters() { tr -d '\007' <"$folder/dump" | grep -q 'panic: because'; }
# The first line, as the font of the kernel has it.
mode_in_dots() { python3 tests/qemu/dots.py "$folder/dump" '-level paging, PSE' 2>/dev/null; }

shows "$letters" audit_in_letters "[fault 197] no serial port: a VGA shows what is said" \
    -kernel "$I386" -append "audit monitor"
shows "$letters" audit_in_letters "[fault 197] the same, 64 bits" -kernel "$WIDE" -append "audit monitor"
shows "$letters" panic_in_letters "[fault 197] a panic, too" -kernel "$WIDE" -append "panic=because"
shows "$letters" lacks_in_letters "[fault 197] and what a CPU lacks" -kernel "$WIDE" -append audit -cpu qemu32

tools/make-iso --dots --default 1 "$folder/cd.iso" "$I386" "$WIDE" audit monitor >"$OUT" 2>&1
ok $? "an image"
shows "$dots" mode_in_dots "[fault 197] a display of dots shows the kernel's own letters" -cdrom "$folder/cd.iso"
tools/make-iso --default 0 "$folder/cd.iso" "$I386" "$WIDE" audit monitor >"$OUT" 2>&1
ok $? "another one"
shows "$letters" audit_in_letters "[fault 197] on BIOS GRUB leaves letters, unless it is told otherwise" -cdrom "$folder/cd.iso"
done_testing
