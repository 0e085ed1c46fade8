/* SPDX-License-Identifier: 0BSD */
/* isr.S - entry points of exceptions and interrupts, and what C cannot do with a stack.
 *
 * Each vector's stub makes the stack look alike (struct trap_frame of trap.h):
 * an error code, of zero where the CPU pushes none, and the vector.
 */
    .macro vector number
    .align 16
    .if !(\number == 8 || (\number >= 10 && \number <= 14) || \number == 17)
    pushl $0
    .endif
    pushl $\number
    jmp trap_common
    .endm

    .text
    .global trap_stubs
    .align 16
trap_stubs: /* 64 stubs, 16 bytes each */
    .set number, 0
    .rept 64
    vector number
    .set number, number + 1
    .endr

    .align 16
trap_common:
    pushal
    pushl $2 /* no direction, no access to user pages (AC) */
    popfl
    movl %esp, %eax /* the first argument: arguments come in EAX, EDX, ECX (-mregparm=3) */
    call trap_entry
    popal
    addl $8, %esp
    iret

/* The double fault's task begins here, on its own stack, with the reference root loaded. */
    .global double_fault_begin
double_fault_begin:
    cld
    xorl %ebp, %ebp
    call double_fault_main
    hlt

/* void switch_stacks(uintptr_t *save, uintptr_t load): interrupts are off on both sides. */
    .global switch_stacks
switch_stacks:
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl %esp, (%eax)
    movl %edx, %esp
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

/* bool probe_read(uintptr_t address, uint32_t *value), probe_write(uintptr_t address, uint32_t value):
 * false where the access faults. trap.c knows the addresses of the accesses. */
    .global probe_read, probe_read_access, probe_write, probe_write_access, probe_failed
probe_read:
probe_read_access:
    movl (%eax), %ecx
    movl %ecx, (%edx)
    movl $1, %eax
    ret
probe_write:
probe_write_access:
    movl %edx, (%eax)
    movl $1, %eax
    ret
probe_failed:
    xorl %eax, %eax
    ret

/* bool probe_execute(uintptr_t address): calls it. False where that faults at once: the return address is dropped. */
    .global probe_execute, probe_execute_failed
probe_execute:
    call *%eax
    movl $1, %eax
    ret
probe_execute_failed:
    addl $4, %esp
    xorl %eax, %eax
    ret

    .section .note.GNU-stack, "", @progbits
