/* SPDX-License-Identifier: 0BSD */
/* start.S - one page table maps the image at IMAGE_ADDRESS, which the build says, and, until EIP is there, where the loader
 * put it. */
#define OFFSET (IMAGE_ADDRESS - 0x100000)

    .section .multiboot, "a"
    .long 0x1BADB002, 3, -(0x1BADB002 + 3)

    .section .text.start, "ax"
    .global start_high
    .set start_physical, start - OFFSET
    .global start_physical
start:
    movl $(page_table - OFFSET), %edi
    movl $0x100000, %ecx
1:  movl %ecx, %edx
    shrl $12, %edx
    leal 0x63(%ecx), %esi /* present, writable, accessed, dirty */
    movl %esi, (%edi, %edx, 4)
    addl $4096, %ecx
    cmpl $(image_end - OFFSET), %ecx
    jb 1b
    movl $(page_directory - OFFSET), %esi
    leal 0x63(%edi), %ecx
    movl %ecx, (%esi)
    movl %ecx, 4 * (OFFSET >> 22)(%esi)
    movl %esi, %cr3
    movl %cr0, %ecx
    orl $0x80010000, %ecx /* paging, write protection */
    movl %ecx, %cr0
    movl $start_high, %ecx
    jmp *%ecx
start_high:
#if IMAGE_ADDRESS != 0x100000
    movl $0, page_directory
#endif
    movl $stack_top, %esp
    movl %ebx, %edx /* arguments come in EAX and EDX (-mregparm=3) */
    call kernel_main

    .bss
    .align 4096
    .global page_table
page_directory: .skip 4096
page_table: .skip 4096
stack: .skip 16384
stack_top:
    .section .note.GNU-stack, "", @progbits
