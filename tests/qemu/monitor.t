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

# answers LINE PATTERN TEXT: the monitor says so, and goes on.
answers() {
    session "$1\\nquit\\n"
    ok $? "$1: the monitor goes on"
    says "$2" "$1: $3"
}
answers 'walk ffd00000' 'walk: ffd00000 is no address: a number, 0x for hexadecimal; did you mean 0xffd00000?' \
    "what was meant is guessed"
answers 'fault zz' 'fault: zz is no address: a number, 0x for hexadecimal.\?$' "a wrong address"
answers 'poke 0x123456789abcdef01' 'poke: 0x123456789abcdef01 is no address' "an address of too many digits"
answers 'walk' '^walk ADDR: the page table entries of an address. It takes one argument, not 0' "too few words"
answers 'audit twice' '^audit : check every invariant of every floor. It takes no argument, not 1' "too many words"
answers 'grow 1 2' '^grow N: .* It takes one argument, not 2' "two arguments"
answers 'stress 0' '^stress: 0 is no number from 1 to 10000000' "nothing to do"
answers 'stress 99999999' '^stress: 99999999 is no number from 1 to' "more than can be counted"
answers 'demand 0' '^demand: 0 is no number from 1 to' "no pages"
answers 'demand 4000000000' '^no region of 4000000000 pages: ' "more pages than addresses"
answers 'grow lots' '^grow: lots is no number from 1 to' "no number"
answers 'growth 999999' '^growth: only [0-9]* of 999999 address spaces could be made: too little RAM' "more than there is RAM for"
answers 'bench nosuch' '^bench: nosuch is no size of RAM' "no such size"
answers 'caches' '^  none: the first process makes one' "no caches"
answers 'ps' '^  main  *runs  *on CPU 0' "who runs"
says '^  worker  *[brd][a-z]*  *on CPU' "ps: and who does not"
says ': none' "ps: no processes"
answers 'mappings' '^what the kernel half maps:' "whose mappings"
answers 'mappings nosuch' '^no process is called nosuch: there is none now' "no such process"
answers 'test nosuch' 'no test is called nosuch; `test list` names them' "no such test"
answers 'grow 1' '; 1 block of 64 KiB held' "one block is no blocks"
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
