#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The floors, tested by the kernel that runs on them.
. tests/qemu/lib.sh

for name in boot map frames space heap interrupt process spike; do
    kernel_test $name --mem 64M
done
kernel_test ram --mem 32M
# In any order, twice, and with little RAM: then what takes more is left out, and said.
kernel_test process,space,process,heap,interrupt,interrupt,frames,space --mem 64M
for size in 2M 5M 9M; do
    kernel_test boot,map,frames,space,heap,interrupt,process,spike,ram --mem $size
done
kernel_test spike --mem 600M
done_testing
