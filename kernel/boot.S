/* SPDX-License-Identifier: 0BSD */
/* boot.S - from the loader's flat 32 bits to C in the last 4 MiB.
 *
 * One page table does it all. Entry n of it maps 0xFFC00000 + n pages, and the
 * image lies at that distance from its physical address; linked into slot 0 of
 * the directory as well, the same table maps the image where it runs now. Slot 0
 * is cleared as soon as EIP is high. Entries 0 to 255 stay empty for windows.
 */
#define IMAGE_OFFSET 0xFFC00000
#define PHYSICAL(symbol) ((symbol) - IMAGE_OFFSET)
#define ENTRY_FLAGS 0x63 /* present, writable, accessed, dirty */
#define CR0_PG_WP 0x80010000
#define STACK_BYTES 16384

    .section .multiboot, "a"
    .align 4
    .long 0x1BADB002 /* Multiboot 1 */
    .long 3          /* modules on page boundaries; memory information */
    .long -(0x1BADB002 + 3)

    .section .boot, "ax"
    .global start
start:
    cli
    cld
    movl %eax, %ebp /* the loader's magic */
    movl $PHYSICAL(image_start), %ecx
    movl $PHYSICAL(boot_page_table), %edi
map_image:
    movl %ecx, %edx
    shrl $12, %edx
    leal ENTRY_FLAGS(%ecx), %eax
    movl %eax, (%edi, %edx, 4)
    addl $4096, %ecx
    cmpl $PHYSICAL(image_end), %ecx
    jb map_image

    movl $PHYSICAL(boot_page_directory), %esi
    leal ENTRY_FLAGS(%edi), %eax
    movl %eax, (%esi)
    movl %eax, 4092(%esi)
    movl %esi, %cr3
    movl %cr0, %eax
    orl $CR0_PG_WP, %eax
    movl %eax, %cr0
    movl $start_high, %eax
    jmp *%eax

start_high:
    movl $0, boot_page_directory
    movl %cr3, %eax
    movl %eax, %cr3
    movl $boot_stack_top, %esp
    pushl $0 /* a frame pointer and return address of zero end a stack trace */
    pushl $0
    movl %ebp, %eax
    xorl %ebp, %ebp
    pushl %ebx
    pushl %eax
    call kernel_main
halt:
    hlt
    jmp halt

    .section .bss
    .align 4096
    .global boot_page_directory, boot_page_table, boot_stack_guard, boot_stack, boot_stack_top
boot_page_directory:
    .skip 4096
boot_page_table:
    .skip 4096
boot_stack_guard: /* unmapped by image.c */
    .skip 4096
boot_stack:
    .skip STACK_BYTES
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
