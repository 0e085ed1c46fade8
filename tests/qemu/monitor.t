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
says 'pages; 100 blocks of 64 KiB held' "no character of the first line was lost"
says 'every invariant of every floor holds' "the audit agrees"
session 'fault 0x10\nframez\b\bs\nnonsense\nquit\n'
ok $? "a probed fault is no panic"
says 'nonsense: no such command' "an unknown command is told"
session 'demand 8\ndemand none\nquit\n'
ok $? "a demand region"
says 'made: 0 of 8 frames are there, 8 more are promised; 0 page faults' "nothing is there at first, all is promised"
says 'every other page read: 4 of 8 frames are there, 4 more are promised; 4 page faults' "a page comes with its fault"
says 'all pages written: 8 of 8 frames are there, 0 more are promised; 8 page faults' "once"
says '^0 pages were not zero' "and reads as zeroes"
session 'stress 200\naudit\nquit\n'
ok $? "stress"
says '^stress: 20000 calls, 0 objects damaged; audit: sound' "all of it"
says 'every invariant of every floor holds' "the audit agrees afterwards"
done_testing
