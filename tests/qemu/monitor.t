#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The monitor: commands over the serial line.
. tests/qemu/lib.sh

session() {
    printf "$1" | tools/qemu-run --mem 64M --timeout 20 --interactive "$KERNEL" monitor >"$OUT" 2>&1
}

session 'help\nframes\nspace\nheap\ncaches\nps\nranges\nstacks\nquit\n'
ok $? "quit ends it with status 0"
says 'frames: [0-9]*, of which [0-9]* free' "frames"
says 'kernel space, sharing by' "space"
says 'heap: [0-9]* KiB backed of [0-9]* MiB' "heap"
says 'object caches:' "caches"
says 'stack top 0x' "ps"
session 'grow 100\nheap\naudit\nshrink\naudit\nquit\n'
ok $? "grow and shrink"
says 'every invariant of every floor holds' "the audit agrees"
session 'fault 0x10\nframez\b\bs\nnonsense\nquit\n'
ok $? "a probed fault is no panic"
says 'nonsense: no such command' "an unknown command is told"
session 'stress 200\naudit\nquit\n'
ok $? "stress"
says 'every invariant of every floor holds' "the audit agrees afterwards"
done_testing
