/* SPDX-License-Identifier: 0BSD */
/* isr.S - from an exception or interrupt to C and back, and what C cannot do with a stack. */
#define FIRST_ARGUMENT %rdi
#define SECOND_ARGUMENT %rsi
#define SECOND_ARGUMENT_32 %esi
#define STACK_POINTER %rsp
#define WORD_BYTES 8

#include "cpu/vectors.S"

    .text
    TRAP_STUBS

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

    PROBES

    .section .note.GNU-stack, "", @progbits
