#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The tour, with RAM that is small, and with as much as the host can lend: 3 GiB where it has 5.
. tests/qemu/lib.sh

boots 0 "the tour with 64 MiB" --mem 64M "$KERNEL" tour
says 'The tour is over' "it says so"
boots 0 "the tour with 16 MiB" --mem 16M "$KERNEL" tour
if host_has 5; then
    boots 0 "the tour with 3 GiB" --mem 3G --timeout 180 "$KERNEL" tour
elif host_has 2; then
    boots 0 "the tour with 1 GiB" --mem 1G --timeout 120 "$KERNEL" tour
    skip "the tour with 3 GiB" "the host has less than 5 GiB to spare"
else
    skip "the tour with 1 GiB and more" "the host has less than 2 GiB to spare"
fi
done_testing
