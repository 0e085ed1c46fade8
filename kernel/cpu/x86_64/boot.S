/* SPDX-License-Identifier: 0BSD */
/* boot.S - from the loader's flat 32 bits to 64-bit C where the image is linked, and from 4 levels of tables to 5.
 *
 * The image lies at a fixed distance from where it is in RAM. The tables here
 * map the first 4 MiB of RAM where they are and from IMAGE_OFFSET on. They serve
 * until image.c has built those that last.
 *
 * The number of levels can only change while paging is off, which in 64-bit mode
 * it cannot be: so the way leads down to 32 bits, and up again.
 */
#define LINK_FLAGS 0x23  /* present, writable, accessed */
#define LARGE_FLAGS 0xE3 /* present, writable, accessed, dirty, large */
#define INDEX(shift) ((IMAGE_OFFSET >> shift & 511) * 8) /* of the image's entry in a table, in bytes */
#define CR4_PAE 0x20
#define EFER_LME 0x100
#define SELECTOR_CODE 0x08
#define SELECTOR_CODE_32 0x18

#include "cpu/begin.S"

/* The file is loaded as it is: QEMU takes no 64-bit ELF of its own accord. */
    .section .multiboot, "a"
    .align 4
multiboot1:
    .long 0x1BADB002 /* Multiboot 1 */
    .long 0x10003    /* modules on page boundaries; memory information; addresses */
    .long -(0x1BADB002 + 0x10003)
    .long PHYSICAL(multiboot1)
    .long PHYSICAL(image_start)
    .long PHYSICAL(image_data_end)
    .long PHYSICAL(image_end)
    .long PHYSICAL(start)

    MULTIBOOT2_HEADER

    .section .boot, "ax"
    .code32
    .global start
start:
    cli
    cld
    movl %eax, %ebp /* the loader's magic */
    CHECK_CPU
    movl $PHYSICAL(start_root), %edx
    movl $PHYSICAL(start_pointers), %esi
    movl $PHYSICAL(start_directory), %edi
    leal LINK_FLAGS(%esi), %eax
    movl %eax, (%edx)
    movl %eax, INDEX(39)(%edx)
    leal LINK_FLAGS(%edi), %eax
    movl %eax, (%esi)
    movl %eax, INDEX(30)(%esi)
    movl $LARGE_FLAGS, %eax
    movl %eax, (%edi)
    movl %eax, INDEX(21)(%edi)
    addl $0x200000, %eax
    movl %eax, 8(%edi)
    movl %eax, INDEX(21) + 8(%edi)
    movl $CR4_PAE, %ecx
    movl $PHYSICAL(start_high), %esi
    jmp load_paging

    CPU_LACKS
cpu_text_long:
    .asciz "64-bit mode"
cpu_text_end:
    .asciz ": this kernel needs it; the 32-bit one, build/i386/kernel.elf, does not\r\n"
    .align 4
cpu_needs:
    CPU_NEED 0x80000001, 29, cpu_text_long
    .long 0

    .code64
start_high:
    leaq boot_stack_top(%rip), %rsp
    movl %ebp, %edi
    movl %ebx, %esi
    xorl %ebp, %ebp
    pushq $0 /* a frame pointer and return address of zero end a stack trace */
    pushq $0
    call kernel_main
halt:
    hlt
    jmp halt

/* void paging_switch(uintptr_t root, uintptr_t cr4): both the old root and the new one map the image low as well. The
 * segments are those of boot_segments afterwards. */
    .global paging_switch
paging_switch:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, saved_stack(%rip)
    movl %edi, %edx
    movl %esi, %ecx
    movl $PHYSICAL(paging_switched), %esi
    pushq $SELECTOR_CODE_32
    pushq $PHYSICAL(paging_off)
    lretq
paging_switched:
    movq saved_stack(%rip), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

    .code32
paging_off:
    PAGING_OFF
/* Paging is off. EDX: the root, ECX: CR4, ESI: where to go on, physical. EBX and EBP are kept. */
load_paging:
    movl %ecx, %cr4
    movl %edx, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    lgdt PHYSICAL(boot_segments_pointer)
    PAGING_ON
    ljmp $SELECTOR_CODE, $PHYSICAL(load_wide)
    .code64
load_wide:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %esi, %esi
    movabsq $IMAGE_OFFSET, %rax
    addq %rax, %rsi
    jmp *%rsi

    AP_TRAMPOLINE
    movl $PHYSICAL(ap_high), %esi
    jmp load_paging
    .code64
ap_high:
    movq ap_values + 16(%rip), %rax
    movq %rax, %cr3
    movq ap_values + 24(%rip), %rsp
    xorl %ebp, %ebp
    pushq $0
    pushq $0
    call ap_main
    jmp halt

    .section .data
    .align 16
boot_segments:
    .quad 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF, 0x00CF9B000000FFFF
boot_segments_end:
boot_segments_pointer:
    .word boot_segments_end - boot_segments - 1
    .long PHYSICAL(boot_segments)
    .align 8
    .global ap_values
ap_values: /* as in smp.c */
    .long 0, 0, 0, 0
    .quad 0, 0
saved_stack:
    .quad 0

    .section .bss
    .align 4096
start_root: /* level 4 */
    .skip 4096
start_pointers: /* level 3 */
    .skip 4096
start_directory: /* level 2 */
    .skip 4096
    BOOT_STACK

    .section .note.GNU-stack, "", @progbits
