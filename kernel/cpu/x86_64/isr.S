/* SPDX-License-Identifier: 0BSD */
/* isr.S - entry points of exceptions and interrupts, and what C cannot do with a stack.
 *
 * Each vector's stub makes the stack look alike (struct trap_frame of width.h):
 * an error code, of zero where the CPU pushes none, and the vector.
 */
    .macro vector number
    .align 16
    .if !(\number == 8 || (\number >= 10 && \number <= 14) || \number == 17)
    pushq $0
    .endif
    pushq $\number
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
trap_common: /* 22 words lie on the stack when C is called: it stays aligned to 16 */
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq $2 /* no direction, no access to user pages (AC) */
    popfq
    movq %rsp, %rdi
    call trap_entry
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

/* void double_fault_by_hand(uintptr_t stack): the report of a report that failed, on the double fault's stack. */
    .global double_fault_by_hand
double_fault_by_hand:
    movq (%rsp), %rax
    movq %rsp, %rsi
    movq %rdi, %rsp
    movq %rax, %rdi
    xorl %ebp, %ebp
    call double_fault_report
    hlt

/* void switch_stacks(uintptr_t *save, uintptr_t load): interrupts are off on both sides. */
    .global switch_stacks
switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

/* bool probe_read(uintptr_t address, uint32_t *value), probe_write(uintptr_t address, uint32_t value):
 * false where the access faults. trap.c knows the addresses of the accesses. */
    .global probe_read, probe_read_access, probe_write, probe_write_access, probe_failed
probe_read:
probe_read_access:
    movl (%rdi), %ecx
    movl %ecx, (%rsi)
    movl $1, %eax
    ret
probe_write:
probe_write_access:
    movl %esi, (%rdi)
    movl $1, %eax
    ret
probe_failed:
    xorl %eax, %eax
    ret

/* bool probe_execute(uintptr_t address): calls it. False where that faults at once: the return address is dropped. */
    .global probe_execute, probe_execute_failed
probe_execute:
    call *%rdi
    movl $1, %eax
    ret
probe_execute_failed:
    addq $8, %rsp
    xorl %eax, %eax
    ret

    .section .note.GNU-stack, "", @progbits
