#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The smallest kernel that boots the whole stack: what the README shows.
. tests/qemu/lib.sh

boots 0 "the smallest kernel boots" --mem 16M "${KERNEL%/*}/example.elf"
says 'kmalloc works' "and kmalloc works in it"
lines=$(wc -l <examples/kernel/main.c)
[ "$lines" -le 106 ]
ok $? "it has $lines lines, the six hooks of its port among them"
done_testing
