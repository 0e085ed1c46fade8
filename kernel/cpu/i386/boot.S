/* SPDX-License-Identifier: 0BSD */
/* boot.S - from the loader's flat 32 bits to C where the image is linked, and from one paging format to another.
 *
 * The image lies at a fixed distance from where it is in RAM, and entry n of its
 * page table maps IMAGE_OFFSET + n pages to frame n. So the same table, linked for
 * the first 4 MiB as well, maps the image where it runs while paging is off:
 * that is how paging is turned on, off and on again. image.c has the tables that
 * last; those here serve until it has built them.
 */
#define ENTRY_FLAGS 0x63 /* present, writable, accessed, dirty */
#define SELECTOR_CODE_32 0x08

#include "cpu/begin.S"

    .section .multiboot, "a"
    .align 4
    .long 0x1BADB002 /* Multiboot 1 */
    .long 3          /* modules on page boundaries; memory information */
    .long -(0x1BADB002 + 3)

    MULTIBOOT2_HEADER

    .section .boot, "ax"
    .global start
start:
    cli
    cld
    movl %eax, %ebp /* the loader's magic */
    CHECK_CPU
    movl %edx, PHYSICAL(cpu_features)
    movl $PHYSICAL(image_start), %eax
    movl $PHYSICAL(start_table), %edi
map_image:
    movl %eax, %edx
    shrl $12, %edx
    leal ENTRY_FLAGS(%eax), %ecx
    movl %ecx, (%edi, %edx, 4)
    addl $4096, %eax
    cmpl $PHYSICAL(image_end), %eax
    jb map_image

    movl $PHYSICAL(start_directory), %edx
    leal ENTRY_FLAGS(%edi), %eax
    movl %eax, (%edx)
    movl %eax, (IMAGE_OFFSET >> 22) * 4(%edx)
    xorl %ecx, %ecx /* whatever the loader has turned on */
    movl $start_high, %esi
    jmp load_paging

    CPU_LACKS
#ifdef __i686__
cpu_text_cmov:
    .asciz "CMOV"
#endif
cpu_text_end:
    .asciz ": this kernel is for an i686; a 486 runs build/i486/kernel.elf\r\n"
    .align 4
cpu_needs: /* as the compiler was told */
#ifdef __i686__
    CPU_NEED 1, 15, cpu_text_cmov
#endif
    .long 0

start_high:
    movl $boot_stack_top, %esp
    pushl $0 /* a frame pointer and return address of zero end a stack trace */
    pushl $0
    movl %ebp, %eax
    xorl %ebp, %ebp
    movl %ebx, %edx
    call kernel_main
halt:
    hlt
    jmp halt

/* void paging_switch(uintptr_t root, uintptr_t cr4): both the old root and the new one map the image low as well. */
    .global paging_switch
paging_switch:
    movl %edx, %ecx
    movl %eax, %edx
    pushl %esi
    movl $paging_switched, %esi
    movl $PHYSICAL(paging_off), %eax
    jmp *%eax
paging_off:
    PAGING_OFF
/* Paging is off. EDX: the root, ECX: CR4, ESI: where to go on. */
load_paging:
    testl $~1, PHYSICAL(cpu_features) /* nothing but the FPU: there is no CR4 */
    jz load_root
    movl %ecx, %cr4
load_root:
    movl %edx, %cr3
    PAGING_ON
    jmp *%esi
paging_switched:
    popl %esi
    ret

    AP_TRAMPOLINE
    movl $ap_high, %esi
    jmp load_paging
ap_high:
    movl ap_values + 16, %eax
    movl %eax, %cr3
    movl ap_values + 20, %esp
    xorl %ebp, %ebp
    pushl $0
    pushl $0
    call ap_main
    jmp halt

    .section .data
    .align 16
boot_segments:
    .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF
boot_segments_end:
cpu_features: /* CPUID 1, EDX */
    .long 0
    .global ap_values
ap_values: /* as in smp.c */
    .long 0, 0, 0, 0, 0, 0

    .section .bss
    .align 4096
start_directory:
    .skip 4096
start_table:
    .skip 4096
    BOOT_STACK

    .section .note.GNU-stack, "", @progbits
