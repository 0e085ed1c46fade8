/* SPDX-License-Identifier: 0BSD */
/* trap.c - what the CPU could not do, told so that a person can act on it.
 *
 * Interrupts go to their line. A page fault is offered to the space floor, whose
 * sharing policy may bring the kernel half up to date; then to probes, which ask
 * whether an address can be touched. Whatever is left is a bug, and the end:
 *
 *   panic: page fault: write to a read-only page at 0xffd01000: kernel text
 *     where   eip 0xffd0a2c4, esp 0xfe003f40 (stack of main)
 *     ...
 *
 * A report may itself fault, on a broken structure that it wants to print. The
 * second fault therefore jumps to the double fault's task, which has a stack and
 * a root of its own and prints nothing that is not in the image.
 *
 * There are no frame pointers: the trace lists the words on the stack that point
 * behind a call instruction. Some may be left over from earlier calls.
 */
#include "trap.h"

#include "cpu.h"
#include "descriptor.h"
#include "machine.h"
#include "print.h"
#include "task.h"
#include "timer.h"
#include <ashlar/space.h>

#define VECTOR_PAGE_FAULT 14u
#define VECTOR_FIRST_LINE 32u
#define TRACE_CALLS 10u
#define TRACE_BYTES 4096u
#define MESSAGE_BYTES 240u
#define NEAR_STACK_BYTES 8192u

static unsigned depth;
static unsigned reports;    /* begun: a second one is a fault in a report */
static bool on_fault_stack; /* the double fault's task runs: its gate cannot be entered again */
static uint32_t nested_eip;
static volatile uint32_t page_faults;
static bool probes_report;
static bool space_is_up;

extern char probe_read_access[], probe_write_access[], probe_failed[];
void trap_entry(struct trap_frame *frame);
void double_fault_report(void);

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
    descriptors_init();
}

void trap_set_double_fault_root(uint32_t root)
{
    set_double_fault_root(root);
}

unsigned trap_depth(void)
{
    return depth;
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
        ashlar_space_explain_text(address, text, bytes);
    } else {
        print_to(text, bytes, "outside of the kernel image");
    }
}

/* Does a call instruction end here? The commonest forms: relative, and through a register or memory. */
static bool is_return_address(uint32_t value)
{
    if (value < (uintptr_t)image_start + 8 || value >= (uintptr_t)image_text_end) {
        return false;
    }
    const uint8_t *code = (const uint8_t *)(uintptr_t)value;
    return code[-5] == 0xe8 || (code[-2] == 0xff && (code[-1] & 0x38) == 0x10) ||
           (code[-3] == 0xff && (code[-2] & 0x38) == 0x10) || (code[-6] == 0xff && (code[-5] & 0x38) == 0x10) ||
           (code[-7] == 0xff && (code[-6] & 0x38) == 0x10);
}

static void print_trace(uint32_t esp)
{
    unsigned found = 0;
    uint32_t word;
    print("  calls  ");
    for (uint32_t at = esp & ~3u; at - esp < TRACE_BYTES && found < TRACE_CALLS; at += 4) {
        if (!probe_read(at, &word)) {
            /* An overflowed stack points into its guard page: what is above it is what we want. */
            at = (at | (ASHLAR_PAGE_BYTES - 1)) - 3;
        } else if (is_return_address(word)) {
            print(" 0x%08x", word);
            found++;
        }
    }
    print("\n");
}

/* All that a report says, with where as the last word on what was being done. */
static ASHLAR_NORETURN void report(const char *message, uint32_t eip, uint32_t esp, const struct trap_frame *frame)
{
    char stack[MESSAGE_BYTES];
    print("\npanic: %s\n", message);
    print("  task    %s, root 0x%llx, %u deep in interrupts, %u page faults so far\n", task_current_name(),
          (unsigned long long)task_current_root(), depth, page_faults);
    explain_address(esp, stack, sizeof stack);
    print("  where   eip 0x%08x, esp 0x%08x (%s)\n", eip, esp, stack);
    if (frame != NULL) {
        print("  saved   eax %08x ebx %08x ecx %08x edx %08x esi %08x edi %08x ebp %08x flags %08x\n", frame->eax,
              frame->ebx, frame->ecx, frame->edx, frame->esi, frame->edi, frame->ebp, frame->eflags);
    }
    print_trace(esp);
    print("  names   addr2line -fpie KERNEL 0x%08x and so on\n", eip);
    machine_exit(EXIT_PANIC);
}

/* The first report goes on; a second one goes to the task gate, whose stack is surely good; a third one is silence. */
static void begin_report(uint32_t eip)
{
    if (reports++ == 0) {
        return;
    }
    if (!on_fault_stack) {
        nested_eip = eip;
        __asm__ volatile("int $8");
    }
    machine_exit(EXIT_PANIC);
}

void panic_at(const char *message, uint32_t eip, uint32_t esp)
{
    x86_irq_disable();
    begin_report(eip);
    report(message, eip, esp, NULL);
}

/* A page fault below the stack pointer, or just above it, in a guard page, is the stack's. */
static bool is_stack_overflow(uintptr_t address, uint32_t esp)
{
    struct ashlar_place place;
    if (address - esp + NEAR_STACK_BYTES >= 2 * NEAR_STACK_BYTES) {
        return false;
    }
    if (image_place(address) != NULL) {
        return address >= (uintptr_t)boot_stack_guard && address < (uintptr_t)boot_stack;
    }
    if (!space_is_up) {
        return false;
    }
    ashlar_space_explain(address, &place);
    return place.kind == ASHLAR_PLACE_GUARD;
}

static const char *kind_of_fault(uintptr_t address, uint32_t error)
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
    return (error & FAULT_WRITE) != 0 ? "write to a read-only page at" : "forbidden access to";
}

static void describe_page_fault(uintptr_t address, uint32_t error, uint32_t esp, char *text, size_t bytes)
{
    char place[MESSAGE_BYTES];
    explain_address(address, place, sizeof place);
    if (is_stack_overflow(address, esp)) {
        print_to(text, bytes, "stack overflow at 0x%08lx: %s", (unsigned long)address, place);
        return;
    }
    print_to(text, bytes, "page fault: %s 0x%08lx: %s (error code 0x%x)", kind_of_fault(address, error),
             (unsigned long)address, place, error);
}

static void describe(const struct trap_frame *frame, uintptr_t address, char *text, size_t bytes)
{
    if (frame->vector == VECTOR_PAGE_FAULT) {
        describe_page_fault(address, frame->error, (uint32_t)(uintptr_t)(frame + 1), text, bytes);
        return;
    }
    const char *name = vector_names[frame->vector];
    print_to(text, bytes, "%s (vector %u, error code 0x%x)", name != NULL ? name : "reserved exception", frame->vector,
             frame->error);
}

static bool take_probe(struct trap_frame *frame, uintptr_t address)
{
    char text[MESSAGE_BYTES];
    if (frame->eip != (uintptr_t)probe_read_access && frame->eip != (uintptr_t)probe_write_access) {
        return false;
    }
    if (probes_report && reports == 0) {
        describe(frame, address, text, sizeof text);
        print("%s\n", text);
    }
    frame->eip = (uint32_t)(uintptr_t)probe_failed;
    return true;
}

static void exception(struct trap_frame *frame)
{
    static char text[MESSAGE_BYTES]; /* the stack may be almost full */
    uintptr_t address = x86_read_cr2();
    if (frame->vector == VECTOR_PAGE_FAULT) {
        if (space_is_up && reports == 0 && ashlar_space_fault(address, frame->error)) {
            page_faults++;
            return;
        }
        if (take_probe(frame, address)) {
            return;
        }
        page_faults++;
    }
    begin_report(frame->eip);
    describe(frame, address, text, sizeof text);
    report(text, frame->eip, (uint32_t)(uintptr_t)(frame + 1), frame);
}

void trap_entry(struct trap_frame *frame)
{
    depth++;
    if (frame->vector < VECTOR_FIRST_LINE) {
        exception(frame);
    } else {
        timer_interrupt(frame->vector - VECTOR_FIRST_LINE);
    }
    depth--;
    if (frame->vector >= VECTOR_FIRST_LINE) {
        task_preempt();
    }
}

/* On the double fault's own stack. Nothing here relies on what lies outside of the image before it has said why. */
void double_fault_report(void)
{
    static char text[MESSAGE_BYTES];
    const struct task_state *state = interrupted_task_state();
    uintptr_t address = x86_read_cr2();
    depth++;
    on_fault_stack = true;
    if (reports++ != 0) {
        print("\npanic: fault inside the fault handler, at 0x%08lx; this is the double-fault stack\n",
              (unsigned long)address);
        print("  where   eip 0x%08x, esp 0x%08x\n", nested_eip != 0 ? nested_eip : state->eip, state->esp);
        print_trace(state->esp);
        machine_exit(EXIT_PANIC);
    }
    char *at = text;
    at += print_to(text, sizeof text, "double fault: ");
    describe_page_fault(address, FAULT_WRITE, state->esp, at, sizeof text - (size_t)(at - text));
    report(text, state->eip, state->esp, NULL);
}
