#!/bin/sh
# SPDX-License-Identifier: 0BSD
# The image linked at each address that kernels have: where it is in RAM, at 2 GiB, at 3 GiB; on 64-bit 2 GiB below the end,
# and in the middle of the upper half. (At the top, all other tests here.) In each paging format: the floors are sound and keep
# their promises, and the tour shows what it always does. Policies and sizes of RAM go round; with ASHLAR_LONG all of them
# meet each address and format.
. tests/qemu/lib.sh

# linked MODE ADDRESS: the folder of that kernel.
linked() {
    case $1.$2 in
    i386.* | pae.*) echo "build/i386-at-$2" ;;
    *.0xFFFFC*) echo "build/x86_64-pie-at-$2" ;;
    *) echo "build/x86_64-at-$2" ;;
    esac
}

# try MODE ADDRESS CPUS SIZE POLICY words...
try() {
    mode=$1 address=$2 cpus=$3 size=$4 policy=$5
    shift 5
    boots 0 "$mode at $address, $cpus CPUs, $size, $policy: $*" --mode $mode --smp $cpus --mem $size \
        "$(linked $mode $address)/kernel.elf" policy=$policy "$@"
}

sizes="16M 64M 1G 6G"
policies="preallocate eager lazy hybrid seq"

# turn WORD words...: the words behind it, and it at their end.
turn() {
    first=$1
    shift
    echo "$* $first"
}

for mode in i386 pae x86_64 la57; do
    case $mode in
    i386 | pae) addresses="0x00100000 0x80100000 0xC0100000" ;;
    *) addresses="0x00100000 0xFFFFC00000100000 0xFFFFFFFF80100000" ;;
    esac
    for address in $addresses; do
        if [ -n "$ASHLAR_LONG" ]; then
            for size in $sizes; do
                for policy in $policies; do
                    try $mode $address 2 $size $policy audit test=boot,space
                done
            done
        fi
        [ "$(make --no-print-directory print-RUN_KERNEL MODE=$mode IMAGE=$address)" = "$(linked $mode $address)/kernel.elf" ]
        ok $? "make run MODE=$mode IMAGE=$address runs that kernel"
        try $mode $address 2 ${sizes%% *} ${policies%% *} audit test=boot,space,process,rights
        says "^image at $(echo $address | tr A-F a-f | sed 's/0x0*/0x/'), in RAM at 0x100000" "it says where its image is"
        sizes=$(turn $sizes) policies=$(turn $policies)
    done
    try $mode $address 1 128M auto tour
done

for address in 0x00100000 0x80100000 0xC0100000; do
    boots 0 "the smallest kernel at $address" --mem 16M "$(linked i386 $address)/example.elf"
    says 'kmalloc works' "and kmalloc works in it"
done

# A kernel space that would leave the image outside.
boots 1 "kernel space from 3 GiB on, and an image at 2 GiB" --mode i386 --mem 64M \
    "$(linked i386 0x80100000)/kernel.elf" kernel-space=1024
says 'panic: boot: kernel_space_bytes is 0x40000000: it leaves out the image at 0x80100000; 0x80000000 has it' \
    "is fatal, by name, with what would do"
done_testing
