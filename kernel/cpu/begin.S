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
#define CR0_PE_ET 0x11
#define CR0_PG 0x80000000
#define CR0_PG_WP 0x80010000
#define STACK_BYTES 16384
#define FLAGS_ID 0x200000
#define EXTENDED 0x80000000 /* leaves of CPUID that have a count of their own */
#define EXIT_PORT 0xF4      /* as in exit.c */
#define EXIT_PANIC 1
#define COM1 0x3F8
#define SCREEN 0xB8000
#define SCREEN_WHITE 0x0F

    .macro MULTIBOOT2_HEADER
    .align 8
multiboot2:
    .long 0xE85250D6, 0, multiboot2_end - multiboot2 /* Multiboot 2, for 32 bits */
    .long -(0xE85250D6 + (multiboot2_end - multiboot2))
    .word 2, 0 /* addresses */
    .long 24, PHYSICAL(multiboot2), PHYSICAL(image_start), PHYSICAL(image_data_end), PHYSICAL(image_end)
    .word 3, 0 /* entry */
    .long 12, PHYSICAL(start), 0
    .word 5, 1 /* a display of dots, if there is one: no size is preferred */
    .long 20, 0, 0, 0, 0
    .word 0, 0 /* the end */
    .long 8
multiboot2_end:
    .endm

    .macro CPU_NEED leaf, bit, text
    .long \leaf, \bit, PHYSICAL(\text)
    .endm

/* Does this CPU have what the kernel is made for? The includer has cpu_needs: CPU_NEEDs, of bits of EDX, and a leaf of zero
 * at the end. If it lacks one, it is said on the serial line and the screen: no exception could be told yet. EBX and EBP are
 * kept. EDX is what CPUID 1 says afterwards, zero where there is no CPUID. */
    .macro CHECK_CPU
    movl $PHYSICAL(boot_stack_top), %esp
    movl %ebx, %edi
    movl $PHYSICAL(cpu_needs), %esi
    pushfl
    popl %ecx
    movl %ecx, %eax
    xorl $FLAGS_ID, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %edx, %edx
    xorl %ecx, %eax
    testl $FLAGS_ID, %eax
    jnz cpu_need
    cmpl $0, (%esi)
    je cpu_checked
    movl $PHYSICAL(cpu_text_cpuid), %esi
    jmp cpu_lacks
cpu_need:
    movl (%esi), %eax
    testl %eax, %eax
    jz cpu_has_all
    andl $EXTENDED, %eax
    cpuid
    cmpl (%esi), %eax
    jb cpu_need_missing
    movl (%esi), %eax
    cpuid
    movl 4(%esi), %ecx
    btl %ecx, %edx
    jnc cpu_need_missing
    addl $12, %esi
    jmp cpu_need
cpu_need_missing:
    movl 8(%esi), %esi
    jmp cpu_lacks
cpu_has_all:
    movl $1, %eax
    cpuid
cpu_checked:
    movl %edi, %ebx
    .endm

/* ESI: what is missing, in words. */
    .macro CPU_LACKS
cpu_lacks:
    movl $SCREEN, %edi
    pushl %esi
    movl $PHYSICAL(cpu_serial), %esi
cpu_serial_next:
    lodsw
    testw %ax, %ax
    jz cpu_serial_done
    movzbl %al, %edx
    addl $COM1, %edx
    movb %ah, %al
    outb %al, %dx
    jmp cpu_serial_next
cpu_serial_done:
    movl $PHYSICAL(cpu_text_begin), %esi
    call cpu_say
    popl %esi
    call cpu_say
    movl $PHYSICAL(cpu_text_end), %esi
    call cpu_say
    movb $EXIT_PANIC, %al
    outb %al, $EXIT_PORT
cpu_halt:
    hlt
    jmp cpu_halt

cpu_say:
    lodsb
    testb %al, %al
    jz cpu_said
    movl $0x1000000, %ecx /* a line that never gets free is none */
cpu_wait:
    movl $(COM1 + 5), %edx
    movb %al, %ah
    inb %dx, %al
    testb $0x20, %al
    movb %ah, %al
    loopz cpu_wait
    movl $COM1, %edx
    outb %al, %dx
    cmpb $0x20, %al
    jb cpu_say
    movb $SCREEN_WHITE, %ah
    stosw
    jmp cpu_say
cpu_said:
    ret

cpu_serial: /* a register of COM1 and what goes there: no interrupts, 115200, 8N1, DTR, RTS */
    .byte 1, 0x00, 3, 0x80, 0, 0x01, 1, 0x00, 3, 0x03, 2, 0x00, 4, 0x03, 0, 0
cpu_text_begin:
    .asciz "\r\npanic: this CPU lacks "
cpu_text_cpuid:
    .asciz "CPUID"
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
    movl $CR0_PE_ET, %eax /* all of it: INIT leaves the cache off (CD, NW) */
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
    xorl %eax, %eax
    xchgl %eax, PHYSICAL(ap_values + 12)
    testl %eax, %eax
    jnz ap_expected
ap_late: /* the ticket is gone: nobody waits for this CPU any more */
    cli
    hlt
    jmp ap_late
ap_expected:
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

/* All of CR0: firmware may leave the cache of the CPU that boots off as well. */
    .macro PAGING_ON
    movl $(CR0_PG_WP | CR0_PE_ET), %eax
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
