#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The floors, tested by the kernel that runs on them.
. tests/qemu/lib.sh

for name in boot map frames space heap interrupt process spike; do
    kernel_test $name --mem 64M
done
kernel_test ram --mem 32M
kernel_test spike --mem 600M
done_testing
