/* SPDX-License-Identifier: 0BSD */
/* isr.S - from an exception or interrupt to C and back, and what C cannot do with a stack. */
#define FIRST_ARGUMENT %eax /* -mregparm=3 */
#define SECOND_ARGUMENT %edx
#define SECOND_ARGUMENT_32 %edx
#define STACK_POINTER %esp
#define WORD_BYTES 4

#include "cpu/vectors.S"

    .text
    TRAP_STUBS

    .align 16
trap_common:
    pushal
    pushl $2 /* no direction, no access to user pages (AC) */
    popfl
    movl %esp, %eax
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

    PROBES

    .section .note.GNU-stack, "", @progbits
