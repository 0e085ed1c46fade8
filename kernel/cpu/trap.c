/* SPDX-License-Identifier: 0BSD */
/* trap.c - what the CPU could not do, told so that a person can act on it.
 *
 * Interrupts go to their line. A page fault is offered to the space floor, whose
 * sharing policy may bring the kernel half up to date; then to probes, which ask
 * whether an address can be touched. Whatever is left is a bug, and the end:
 *
 *   panic: page fault: write to a read-only page at 0xffd01000: kernel text
 *     where   ip 0xffd0a2c4, sp 0xfe003f40 (stack of main)
 *     ...
 *
 * A report may itself fault, on a broken structure that it wants to print. The
 * second fault therefore goes on the double fault's stack (on i386, with a root of
 * its own), and prints nothing that is not in the image.
 *
 * There are no frame pointers: the trace lists the words on the stack that point
 * behind a call instruction. Some may be left over from earlier calls.
 */
#include "cpu/trap.h"

#include "cpu/descriptor.h"
#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/timer.h"
#include "io/exit.h"
#include "io/print.h"
#include "memory/image.h"
#include "task/task.h"
#include "x86/cpu.h"
#include <ashlar/boot.h>

#define VECTOR_NMI 2u
#define VECTOR_PAGE_FAULT 14u
#define VECTOR_FIRST_LINE 32u
#define TRACE_CALLS 10u
#define TRACE_BYTES 4096u
#define MESSAGE_BYTES 240u
#define NEAR_STACK_BYTES 8192u

#define STOP_SPINS 10000u /* others take an NMI within a few instructions */
#define FAULT_STACK_BYTES 8192u

static volatile uint32_t reporter; /* the CPU that reports, plus 1: all others stop */
static unsigned reports;           /* begun: a second one is a fault in a report */
static bool on_fault_stack;        /* it cannot be entered again */
static uintptr_t nested_ip;
static volatile uint32_t page_faults;
static bool probes_report;
static bool space_is_up;

static volatile uintptr_t executed; /* by a probe */

bool probe_execute(uintptr_t address);
extern char probe_execute_failed[];
extern char probe_read_access[], probe_write_access[], probe_failed[];
void trap_entry(struct trap_frame *frame);

static _Alignas(16) char boot_fault_stack[FAULT_STACK_BYTES];

static const char *const vector_names[VECTOR_FIRST_LINE] = {
    "divide error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection fault",
    "page fault",
    "reserved vector 15",
    "x87 error",
    "alignment check",
    "machine check",
    "SIMD error",
};

void trap_init(void)
{
    trap_set_fault_stack((uintptr_t)boot_fault_stack + sizeof boot_fault_stack);
    trap_set_fault_root(image_root());
}

struct descriptors *trap_descriptors(void)
{
    return &cpu_self()->descriptors;
}

void trap_set_fault_stack(uintptr_t top)
{
    descriptors_set_fault_stack(trap_descriptors(), top);
}

void trap_set_fault_root(uintptr_t root)
{
    descriptors_set_fault_root(trap_descriptors(), root);
}

unsigned trap_depth(void)
{
    return (unsigned)CPU_READ(depth);
}

uint32_t trap_page_faults(void)
{
    return page_faults;
}

void trap_set_probe_report(bool report)
{
    probes_report = report;
}

void explain_use_space(void)
{
    space_is_up = true;
}

void explain_address(uintptr_t address, char *text, size_t bytes)
{
    const char *image = image_place(address);
    if (image != NULL) {
        print_to(text, bytes, "%s", image);
    } else if (address < ASHLAR_PAGE_BYTES) {
        print_to(text, bytes, "null pointer, offset %lu", (unsigned long)address);
    } else if (space_is_up) {
        ashlar_explain_text(address, text, bytes);
    } else {
        print_to(text, bytes, "outside of the kernel image");
    }
}

/* Does a call instruction end here? The commonest forms: relative, and through a register or memory. */
static bool is_return_address(uintptr_t value)
{
    if (value < (uintptr_t)image_start + 8 || value >= (uintptr_t)image_text_end) {
        return false;
    }
    const uint8_t *code = (const uint8_t *)value;
    return code[-5] == 0xe8 || (code[-2] == 0xff && (code[-1] & 0x38) == 0x10) ||
           (code[-3] == 0xff && (code[-2] & 0x38) == 0x10) || (code[-6] == 0xff && (code[-5] & 0x38) == 0x10) ||
           (code[-7] == 0xff && (code[-6] & 0x38) == 0x10);
}

static bool read_word(uintptr_t address, uintptr_t *word)
{
    union {
        uint32_t half[KERNEL_WIDTH_BITS / 32];
        uintptr_t word;
    } read;
    for (unsigned i = 0; i < KERNEL_WIDTH_BITS / 32; i++) {
        if (!probe_read(address + i * sizeof read.half[0], &read.half[i])) {
            return false;
        }
    }
    *word = read.word;
    return true;
}

static void print_trace(uintptr_t sp)
{
    unsigned found = 0;
    uintptr_t word;
    print("  calls  ");
    for (uintptr_t at = sp & ~(sizeof word - 1); at - sp < TRACE_BYTES && found < TRACE_CALLS; at += sizeof word) {
        if (!read_word(at, &word)) {
            /* An overflowed stack points into its guard page: what is above it is what we want. */
            at = (at | (ASHLAR_PAGE_BYTES - 1)) + 1 - sizeof word;
        } else if (is_return_address(word)) {
            print(" 0x%08lx", (unsigned long)word);
            found++;
        }
    }
    print("\n");
}

static void print_registers(const struct trap_frame *frame)
{
    print("  saved  ");
    for (unsigned i = 0; frame_registers[i].name != NULL; i++) {
        const char *value = (const char *)frame + frame_registers[i].offset;
        print("%s%s %08lx", i != 0 && i % 8 == 0 ? "\n          " : " ", frame_registers[i].name,
              (unsigned long)*(const uintptr_t *)(const void *)value);
    }
    print("\n");
}

/* All that a report says, with where as the last word on what was being done. */
static ASHLAR_NORETURN void report(const char *message, uintptr_t ip, uintptr_t sp, const struct trap_frame *frame)
{
    char stack[MESSAGE_BYTES];
    print("\npanic: %s\n", message);
    print("  task    %s on CPU %u, root 0x%llx, %u deep in interrupts, %u page faults so far\n", task_current_name(),
          cpu_index(), (unsigned long long)task_current_root(), trap_depth(), page_faults);
    explain_address(sp, stack, sizeof stack);
    print("  where   ip 0x%08lx, sp 0x%08lx (%s)\n", (unsigned long)ip, (unsigned long)sp, stack);
    if (frame != NULL) {
        print_registers(frame);
    }
    print_trace(sp);
    print("  names   addr2line -fpie KERNEL 0x%08lx and so on\n", (unsigned long)ip);
    machine_exit(EXIT_PANIC);
}

static ASHLAR_NORETURN void stop(void)
{
    for (;;) {
        x86_irq_disable();
        x86_halt();
    }
}

/* Only one CPU reports, while no other one does anything. Returns how many reports it had begun before. */
static unsigned claim_report(void)
{
    uint32_t me = cpu_index() + 1;
    uint32_t nobody = 0;
    bool first = __atomic_compare_exchange_n(&reporter, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    if (!first && nobody != me) {
        stop();
    }
    if (first) {
        smp_stop_others();
        for (unsigned i = 0; i < STOP_SPINS; i++) {
            x86_pause();
        }
        print_unlock();
    }
    return reports++;
}

/* The first report goes on; a second one goes to the double fault's stack, which is surely good; a third one is silence. */
static void begin_report(uintptr_t ip)
{
    if (claim_report() == 0) {
        return;
    }
    if (!on_fault_stack) {
        nested_ip = ip;
        descriptors_enter_fault_stack(trap_descriptors());
    }
    machine_exit(EXIT_PANIC);
}

void panic_at(const char *message, uintptr_t ip, uintptr_t sp)
{
    x86_irq_disable();
    begin_report(ip);
    report(message, ip, sp, NULL);
}

/* A page fault below the stack pointer, or just above it, in a guard page, is the stack's. */
static bool is_stack_overflow(uintptr_t address, uintptr_t sp)
{
    struct ashlar_place place;
    if (address - sp + NEAR_STACK_BYTES >= 2 * NEAR_STACK_BYTES) {
        return false;
    }
    if (image_place(address) != NULL) {
        return address >= (uintptr_t)boot_stack_guard && address < (uintptr_t)boot_stack;
    }
    if (!space_is_up) {
        return false;
    }
    ashlar_explain(address, &place);
    return place.kind == ASHLAR_PLACE_GUARD;
}

static const char *kind_of_fault(uintptr_t address, uintptr_t error)
{
    if ((error & FAULT_RESERVED) != 0) {
        return "a reserved bit is set in the entry for";
    }
    if (address < ASHLAR_PAGE_BYTES && (error & FAULT_PRESENT) == 0) {
        return (error & FAULT_WRITE) != 0 ? "null dereference, write to" : "null dereference, read of";
    }
    if ((error & FAULT_PRESENT) == 0) {
        return (error & FAULT_WRITE) != 0 ? "write to an absent page at" : "read of an absent page at";
    }
    if ((error & FAULT_FETCH) != 0) {
        return "execution of what may not be executed, at";
    }
    return (error & FAULT_WRITE) != 0 ? "write to a read-only page at" : "forbidden access to";
}

static void describe_page_fault(uintptr_t address, uintptr_t error, uintptr_t sp, char *text, size_t bytes)
{
    char place[MESSAGE_BYTES];
    explain_address(address, place, sizeof place);
    if (is_stack_overflow(address, sp)) {
        print_to(text, bytes, "stack overflow at 0x%08lx: %s", (unsigned long)address, place);
        return;
    }
    print_to(text, bytes, "page fault: %s 0x%08lx: %s (error code 0x%x)", kind_of_fault(address, error),
             (unsigned long)address, place, (unsigned)error);
}

static void describe(const struct trap_frame *frame, uintptr_t address, char *text, size_t bytes)
{
    if (frame->vector == VECTOR_PAGE_FAULT) {
        describe_page_fault(address, frame->error, trap_frame_sp(frame), text, bytes);
        return;
    }
    const char *name = vector_names[frame->vector];
    print_to(text, bytes, "%s (vector %u, error code 0x%x)", name != NULL ? name : "reserved exception",
             (unsigned)frame->vector, (unsigned)frame->error);
}

bool trap_probe_execute(uintptr_t address)
{
    executed = address;
    bool done = probe_execute(address);
    executed = 0;
    return done;
}

static bool take_probe(struct trap_frame *frame, uintptr_t address)
{
    char text[MESSAGE_BYTES];
    if (executed != 0 && frame->ip == executed) {
        frame->ip = (uintptr_t)probe_execute_failed;
        return true;
    }
    if (frame->ip != (uintptr_t)probe_read_access && frame->ip != (uintptr_t)probe_write_access) {
        return false;
    }
    if (probes_report && reports == 0) {
        describe(frame, address, text, sizeof text);
        print("%s\n", text);
    }
    frame->ip = (uintptr_t)probe_failed;
    return true;
}

static void exception(struct trap_frame *frame)
{
    static char text[MESSAGE_BYTES]; /* the stack may be almost full */
    uintptr_t address = x86_read_cr2();
    if (frame->vector == VECTOR_DOUBLE_FAULT) {
        double_fault_report(frame->ip, trap_frame_sp(frame));
    }
    if (frame->vector == VECTOR_PAGE_FAULT) {
        if (space_is_up && reports == 0 && ashlar_fault(address, (unsigned)frame->error)) {
            __atomic_fetch_add(&page_faults, 1, __ATOMIC_RELAXED);
            return;
        }
        if (take_probe(frame, address)) {
            return;
        }
        __atomic_fetch_add(&page_faults, 1, __ATOMIC_RELAXED);
    }
    begin_report(frame->ip);
    describe(frame, address, text, sizeof text);
    report(text, frame->ip, trap_frame_sp(frame), frame);
}

static bool is_tick(unsigned vector)
{
    return vector == VECTOR_FIRST_LINE || vector == VECTOR_TICK || (vector == VECTOR_TIMER && !timer_is_masked());
}

void trap_entry(struct trap_frame *frame)
{
    struct cpu *cpu = cpu_self();
    unsigned vector = (unsigned)frame->vector;
    if (vector == VECTOR_NMI && reporter != 0) {
        stop();
    }
    cpu->depth++;
    if (vector < VECTOR_FIRST_LINE) {
        exception(frame);
    } else if (vector < VECTOR_TICK) {
        timer_interrupt(vector - VECTOR_FIRST_LINE);
    } else {
        smp_interrupt(vector);
    }
    cpu->depth--;
    if (is_tick(vector)) {
        task_preempt();
    }
}

/* Nothing here relies on what lies outside of the image before it has said why. */
void double_fault_report(uintptr_t ip, uintptr_t sp)
{
    static char text[MESSAGE_BYTES];
    uintptr_t address = x86_read_cr2();
    cpu_self()->depth++;
    on_fault_stack = true;
    if (claim_report() != 0) {
        print("\npanic: fault inside the fault handler, at 0x%08lx; this is the double-fault stack\n",
              (unsigned long)address);
        print("  where   ip 0x%08lx, sp 0x%08lx\n", (unsigned long)(nested_ip != 0 ? nested_ip : ip),
              (unsigned long)sp);
        print_trace(sp);
        machine_exit(EXIT_PANIC);
    }
    char *at = text;
    at += print_to(text, sizeof text, "double fault: ");
    describe_page_fault(address, FAULT_WRITE, sp, at, sizeof text - (size_t)(at - text));
    report(text, ip, sp, NULL);
}
