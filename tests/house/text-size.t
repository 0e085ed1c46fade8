#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The library's size in a 32-bit kernel: .text of the floors from arch to heap, without memmap's, in the smallest one that
# boots the whole stack, gcc -O2, release, both 32-bit formats in, cold code counted.
limit=$((44 * 1024))
sizes=$(tools/text-size build/i386)
echo "$sizes" | sed 's/^/# /'
missing=$(echo "$sizes" | sed -n 's/ 0$//p' | tr '\n' ' ')
total=$(echo "$sizes" | sed -n 's/^linked total //p')
if [ -z "$missing" ] && [ "${total:-0}" -gt 0 ] && [ "$total" -le $limit ]; then
    echo "ok 1 - .text of arch to heap is $total bytes, of $limit at most"
else
    echo "not ok 1 - .text of arch to heap is ${total:-unknown} bytes, of $limit at most${missing:+; not there: $missing}"
fi
echo 1..1
