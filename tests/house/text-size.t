#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The library's size in a 32-bit kernel: .text of arch, frames, space and heap, gcc -O2, release, cold code counted.
limit=$((36 * 1024))
tools/text-size build/i386 | sed 's/^/# /'
total=$(tools/text-size build/i386 | sed -n 's/^total //p')
if [ "${total:-0}" -gt 0 ] && [ "$total" -le $limit ]; then
    echo "ok 1 - .text of arch, frames, space and heap is $total bytes, of $limit at most"
else
    echo "not ok 1 - .text of arch, frames, space and heap is ${total:-unknown} bytes, of $limit at most"
fi
echo 1..1
