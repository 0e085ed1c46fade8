/* SPDX-License-Identifier: 0BSD */
/* vectors.S - what the isr.S of both widths share: an entry point for each vector, and accesses that may fault.
 *
 * Each vector's stub makes the stack look alike (struct trap_frame of width.h):
 * an error code, of zero where the CPU pushes none, and the vector. The includer
 * says in which registers the first two arguments come, and what a word is.
 */
    .macro VECTOR number
    .align 16
    .if !(\number == 8 || (\number >= 10 && \number <= 14) || \number == 17)
    push $0
    .endif
    push $\number
    jmp trap_common
    .endm

    .macro TRAP_STUBS
    .global trap_stubs
    .align 16
trap_stubs: /* 64 stubs, 16 bytes each */
    .set number, 0
    .rept 64
    VECTOR number
    .set number, number + 1
    .endr
    .endm

    .macro PROBES
/* bool probe_read(uintptr_t address, uint32_t *value), probe_write(uintptr_t address, uint32_t value):
 * false where the access faults. trap.c knows the addresses of the accesses. */
    .global probe_read, probe_read_access, probe_write, probe_write_access, probe_failed
probe_read:
probe_read_access:
    movl (FIRST_ARGUMENT), %ecx
    movl %ecx, (SECOND_ARGUMENT)
    movl $1, %eax
    ret
probe_write:
probe_write_access:
    movl SECOND_ARGUMENT_32, (FIRST_ARGUMENT)
    movl $1, %eax
    ret
probe_failed:
    xorl %eax, %eax
    ret

/* bool probe_execute(uintptr_t address): calls it. False where that faults at once: the return address is dropped. */
    .global probe_execute, probe_execute_failed
probe_execute:
    call *FIRST_ARGUMENT
    movl $1, %eax
    ret
probe_execute_failed:
    add $WORD_BYTES, STACK_POINTER
    xorl %eax, %eax
    ret
    .endm
