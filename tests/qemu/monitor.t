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
says 'made: 0 of 8 frames there, 8 more promised; 0 page faults' "nothing is there at first, all is promised"
says 'every other page read: 4 of 8 frames there, 4 more promised; 4 page faults' "a page comes with its fault"
says 'all pages written: 8 of 8 frames there, 0 more promised; 8 page faults' "once"
says '^0 pages not zero' "and reads as zeroes"
session 'stress 200\naudit\nquit\n'
ok $? "stress"
says '^stress: 20000 calls, 0 objects damaged; audit: sound' "all of it"
says 'every invariant of every floor holds' "the audit agrees afterwards"

# Wrong arguments: each gets an answer, and the next line is read.
session 'walk ffd00000\nfault zz\npoke 0x123456789abcdef01\nwalk\naudit twice\ngrow 1 2\nstress 0\nstress 99999999\ndemand 0\ndemand 4000000000\ngrow lots\ngrowth 999999\nbench nosuch\ncaches\nps\nmappings\nmappings nosuch\ntest nosuch\ngrow 1\nquit\n'
ok $? "the monitor goes on after each wrong line"
says 'walk: ffd00000 is no address: a number, 0x for hexadecimal; did you mean 0xffd00000?' "walk ffd00000: what was meant is guessed"
says 'fault: zz is no address: a number, 0x for hexadecimal.\?$' "fault zz: a wrong address"
says 'poke: 0x123456789abcdef01 is no address' "poke 0x123456789abcdef01: an address of too many digits"
says '^walk ADDR: the page table entries of an address. It takes one argument, not 0' "walk: too few words"
says '^audit : check every invariant of every floor. It takes no argument, not 1' "audit twice: too many words"
says '^grow N: .* It takes one argument, not 2' "grow 1 2: two arguments"
says '^stress: 0 is no number from 1 to 10000000' "stress 0: nothing to do"
says '^stress: 99999999 is no number from 1 to' "stress 99999999: more than can be counted"
says '^demand: 0 is no number from 1 to' "demand 0: no pages"
says '^no region of 4000000000 pages: ' "demand 4000000000: more pages than addresses"
says '^grow: lots is no number from 1 to' "grow lots: no number"
says '^growth: only [0-9]* of 999999 address spaces could be made: too little RAM' "growth 999999: more than there is RAM for"
says '^bench: nosuch is no size of RAM' "bench nosuch: no such size"
says '^  none: the first process makes one' "caches: no caches"
says '^  main  *runs  *on CPU 0' "ps: who runs"
says '^  worker  *[brd][a-z]*  *on CPU' "ps: and who does not"
says ': none' "ps: no processes"
says '^what the kernel half maps:' "mappings: whose mappings"
says '^no process is called nosuch: there is none now' "mappings nosuch: no such process"
says 'no test is called nosuch; `test list` names them' "test nosuch: no such test"
says '; 1 block of 64 KiB held' "grow 1: one block is no blocks"
session "$(printf '%0600d' 7)\\nquit\\n"
says 'a line has at most 511 characters, and this one has 89 more: nothing was done' "a long line is not cut without a word"
session "test$(printf ' %s' $(seq 70))\\nquit\\n"
says '^test: 64 words and more are too many: nothing was done' "nor are many words"
boots 0 "14 tests in one word" --mem 64M "$KERNEL" test=boot,map,frames,space,boot,map,frames,space,boot,map,frames,space,boot,map
[ "$(grep -c 'boot names the bookkeeping' "$OUT")" -eq 4 ] && [ "$(grep -c 'the map is sane' "$OUT")" -eq 4 ]
ok $? "each of them runs"
long=$(printf ' word%d' $(seq 90))
boots 1 "a command line that is too long" --mem 64M "$KERNEL" audit "$long"
says 'panic: the command line is longer than' "that is said"
done_testing
