/* SPDX-License-Identifier: 0BSD */
/* begin.S - how both widths begin: included by the boot.S of each, which says where its 32-bit segment is. The build says
 * IMAGE_ADDRESS.
 *
 * The loader finds the Multiboot 2 header. A CPU that is started runs from the
 * trampoline to the point where the tables are loaded, in 32 bits without paging.
 */
#define IMAGE_OFFSET (IMAGE_ADDRESS - 0x100000)
#define PHYSICAL(symbol) ((symbol) - IMAGE_OFFSET)
#define SELECTOR_DATA 0x10
#define MSR_EFER 0xC0000080
#define CR0_PG 0x80000000
#define CR0_PG_WP 0x80010000
#define STACK_BYTES 16384

    .macro MULTIBOOT2_HEADER
    .align 8
multiboot2:
    .long 0xE85250D6, 0, multiboot2_end - multiboot2 /* Multiboot 2, for 32 bits */
    .long -(0xE85250D6 + (multiboot2_end - multiboot2))
    .word 2, 0 /* addresses */
    .long 24, PHYSICAL(multiboot2), PHYSICAL(image_start), PHYSICAL(image_data_end), PHYSICAL(image_end)
    .word 3, 0 /* entry */
    .long 12, PHYSICAL(start), 0
    .word 0, 0 /* the end */
    .long 8
multiboot2_end:
    .endm

/* Ends with the root in EDX and CR4 in ECX, as load_paging wants them; where to go on then is the width's to say. */
    .macro AP_TRAMPOLINE
/* Copied to a page below 1 MiB, where another CPU begins in real mode: nothing here may depend on where it lies. */
    .code16
    .global ap_trampoline, ap_trampoline_end
ap_trampoline:
    cli
    cld
    lgdtl %cs:(ap_segments_pointer - ap_trampoline)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $SELECTOR_CODE_32, $PHYSICAL(ap_start)
ap_segments_pointer:
    .word boot_segments_end - boot_segments - 1
    .long PHYSICAL(boot_segments)
ap_trampoline_end:

    .code32
ap_start:
    movl $SELECTOR_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl PHYSICAL(ap_values + 8), %ebx
    testl %ebx, %ebx
    jz ap_paging
    movl $MSR_EFER, %ecx
    rdmsr
    orl %ebx, %eax
    wrmsr
ap_paging:
    movl PHYSICAL(ap_values), %edx
    movl PHYSICAL(ap_values + 4), %ecx
    .endm

    .macro PAGING_OFF
    movl %cr0, %eax
    andl $~CR0_PG, %eax
    movl %eax, %cr0
    .endm

    .macro PAGING_ON
    movl %cr0, %eax
    orl $CR0_PG_WP, %eax
    movl %eax, %cr0
    .endm

    .macro BOOT_STACK
    .align 4096
    .global boot_stack_guard, boot_stack, boot_stack_top
boot_stack_guard: /* unmapped by image.c */
    .skip 4096
boot_stack:
    .skip STACK_BYTES
boot_stack_top:
    .endm
