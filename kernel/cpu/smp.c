/* SPDX-License-Identifier: 0BSD */
/* smp.c - the other CPUs: finding and starting them, and interrupts from one to another.
 *
 * A CPU that is started begins in real mode, at a page below 1 MiB, with the
 * trampoline of boot.S. That leads to the image where it lies in RAM, to the
 * image's own tables, then to the reference root and a stack, and so to
 * ap_main. One CPU is started at a time, for it finds what it needs in one
 * structure.
 *
 * There is one ticket for a start. The CPU takes it, as its first act in the image;
 * whoever gives a CPU up takes it first. So a CPU that comes late finds none, and
 * stops there: it has touched nothing but registers of its own. One that took the ticket
 * and went astray may hold anything: no further CPU is started after it.
 *
 * The timer's interrupt comes on the first CPU, which passes it on: a CPU that
 * has nothing to do sleeps from tick to tick.
 */
#include "cpu/smp.h"

#include "cpu/acpi.h"
#include "cpu/feature.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "cpu/timer.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "x86/cpu.h"
#include "x86/window.h"
#include <ashlar/heap.h>
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define LOW_MEMORY_END 0xa0000u
#define STACK_PAGES 4u
#define FAULT_STACK_PAGES 2u
#define TICKS_PATIENCE 100u
#define LAPIC_USUAL 0xfee00000u

/* What the trampoline's CPU reads; boot.S knows the order. */
struct ap_values {
    uint32_t root; /* of the image's own tables */
    uint32_t cr4;
    uint32_t no_execute;  /* EFER.NXE, or 0 */
    uint32_t ticket;      /* 1 until it is taken */
    uintptr_t space_root; /* the reference root */
    uintptr_t stack;
};

static struct {
    struct acpi_cpus found;
    ashlar_pfn trampoline; /* 0: no page was found */
    unsigned planned;
    volatile unsigned running;
    volatile unsigned starting; /* the one that comes up */
    volatile bool is_ticking;
    struct smp_kicks kicks;
} smp = {.planned = 1, .running = 1};

extern struct ap_values ap_values;
extern const char ap_trampoline[], ap_trampoline_end[];
ASHLAR_NORETURN void ap_main(void);

/* --- planning ------------------------------------------------------------------ */

static bool lies_in(const struct ashlar_memmap_entry *entry, ashlar_phys page)
{
    return entry->base <= page && page + ASHLAR_PAGE_BYTES - entry->base <= entry->length;
}

static bool touches(const struct ashlar_memmap_entry *entry, ashlar_phys page)
{
    return entry->base < page + ASHLAR_PAGE_BYTES && (entry->base >= page || page - entry->base < entry->length);
}

/* Not finalized: entries may overlap, and all that touch a page count. */
static bool is_free_page(const struct ashlar_memmap *map, ashlar_phys page)
{
    bool usable = false;
    for (size_t i = 0; i < map->count; i++) {
        const struct ashlar_memmap_entry *entry = &map->entries[i];
        if (entry->type == ASHLAR_MEMMAP_USABLE) {
            usable = usable || lies_in(entry, page);
        } else if (touches(entry, page)) {
            return false;
        }
    }
    return usable;
}

static ashlar_pfn find_trampoline(const struct ashlar_memmap *map)
{
    for (ashlar_phys page = LOW_MEMORY_END - ASHLAR_PAGE_BYTES; page != 0; page -= ASHLAR_PAGE_BYTES) {
        if (is_free_page(map, page)) {
            return (ashlar_pfn)(page >> ASHLAR_PAGE_SHIFT);
        }
    }
    return 0;
}

/* This CPU comes first, the others in the order of the table. */
static void number_cpus(const uint32_t *ids, unsigned count, uint32_t ghost)
{
    cpus[0].apic_id = lapic_id();
    smp.planned = 1;
    if (ghost != SMP_NO_GHOST) {
        cpus[smp.planned++].apic_id = ghost;
    }
    for (unsigned i = 0; i < count && smp.planned < CPUS_MAX; i++) {
        if (ids[i] != cpus[0].apic_id && ids[i] != ghost) {
            cpus[smp.planned++].apic_id = ids[i];
        }
    }
}

/* Without a local APIC no CPU can be asked anything. */
static void find_cpus(ashlar_phys rsdp, uint32_t ghost)
{
    uint32_t ids[CPUS_MAX] = {0};
    lapic_kind kind = lapic_find();
    smp.found = (struct acpi_cpus){.local_apic = LAPIC_USUAL,
                                   .apic_ids = ids,
                                   .most = CPUS_MAX,
                                   .highest_id = lapic_highest_id(kind)};
    acpi_find_cpus(rsdp, &smp.found);
    smp.found.apic_ids = NULL;
    if (smp.found.left_out != 0) {
        print("%u CPU%s left out: to be reached they need x2APIC mode, which the firmware did not turn on\n",
              smp.found.left_out, smp.found.left_out == 1 ? " is" : "s are");
    }
    if (smp.found.too_many != 0) {
        print("%u CPU%s left out: this kernel is built for %u\n", smp.found.too_many,
              smp.found.too_many == 1 ? " is" : "s are", CPUS_MAX);
    }
    if (kind != LAPIC_NONE) {
        number_cpus(ids, smp.found.count, ghost);
    } else if (smp.found.count > 1) {
        print("no local APIC: of %u CPUs only this one is used\n", smp.found.count);
    }
}

unsigned smp_plan(struct ashlar_memmap *map, ashlar_phys rsdp, unsigned most, uint32_t ghost)
{
    find_cpus(rsdp, ghost);
    smp.planned = smp.planned < most ? smp.planned : most;
    smp.trampoline = smp.planned > 1 ? find_trampoline(map) : 0;
    if (smp.trampoline == 0) {
        smp.planned = 1;
    } else {
        ashlar_memmap_reserve(map, (ashlar_phys)smp.trampoline << ASHLAR_PAGE_SHIFT, ASHLAR_PAGE_BYTES,
                              ASHLAR_MEMMAP_KERNEL);
    }
    return smp.planned;
}

ashlar_pfn smp_start_page(void)
{
    return smp.trampoline;
}

ashlar_phys smp_lapic_registers(void)
{
    return smp.found.local_apic;
}

/* --- starting --------------------------------------------------------------------- */

static void copy_trampoline(void)
{
    ashlar_port_pin();
    char *page = ashlar_x86_window_open(smp.trampoline);
    memcpy(page, ap_trampoline, (uintptr_t)ap_trampoline_end - (uintptr_t)ap_trampoline);
    ashlar_x86_window_close(page);
    ashlar_port_unpin();
}

/* The first time: later it finds them as it has left them. */
static bool take_stacks(struct cpu *cpu)
{
    uintptr_t fault_stack;
    print_to(cpu->idle_name, sizeof cpu->idle_name, "idle%u", smp.starting);
    if (ashlar_kva_take_stack(FAULT_STACK_PAGES, "double faults", &fault_stack) != ASHLAR_OK) {
        return false;
    }
    if (ashlar_kva_take_stack(STACK_PAGES, cpu->idle_name, &cpu->idle.stack_top) != ASHLAR_OK) {
        ashlar_kva_give_stack(fault_stack); /* both or none: the next CPU of this number takes them anew */
        return false;
    }
    descriptors_set_fault_stack(&cpu->descriptors, fault_stack);
    descriptors_set_fault_root(&cpu->descriptors, (uintptr_t)ashlar_space_root(NULL));
    return true;
}

static bool prepare(struct cpu *cpu)
{
    if (cpu->idle.stack_top == 0 && !take_stacks(cpu)) {
        return false;
    }
    ap_values = (struct ap_values){.root = (uint32_t)image_root(),
                                   .cr4 = (uint32_t)image_mode()->cr4,
                                   .no_execute = feature_has(FEATURE_NX) ? 0x800 : 0,
                                   .ticket = 1,
                                   .space_root = (uintptr_t)ashlar_space_root(NULL),
                                   .stack = cpu->idle.stack_top};
    return true;
}

static bool comes_up(const struct cpu *cpu, uint32_t ticks)
{
    uint32_t begin = timer_ticks();
    while (cpu->online == 0 && timer_ticks() - begin < ticks) {
        x86_pause();
    }
    return cpu->online != 0;
}

static void send_init(const struct cpu *cpu)
{
    lapic_send(cpu->apic_id, LAPIC_INIT);
    task_sleep(2); /* 10 ms at least */
}

/* UP: it runs. ABSENT: nobody came, and it is as before INIT or waits for a start. ASTRAY: it came, and got lost. */
typedef enum start_result { START_UP, START_ABSENT, START_ASTRAY } start_result;

static start_result give_up(const struct cpu *cpu)
{
    bool is_absent = __atomic_exchange_n(&ap_values.ticket, 0, __ATOMIC_SEQ_CST) != 0;
    if (!is_absent && comes_up(cpu, TICKS_PATIENCE)) {
        return START_UP; /* it was about to */
    }
    send_init(cpu);
    print("the CPU with local APIC %u does not come up%s\n", cpu->apic_id, is_absent ? "" : ": it went astray");
    return is_absent ? START_ABSENT : START_ASTRAY;
}

static start_result start(unsigned index)
{
    struct cpu *cpu = &cpus[index];
    smp.starting = index;
    if (!prepare(cpu)) {
        print("no memory for a stack of CPU %u\n", index);
        return START_ABSENT;
    }
    send_init(cpu);
    lapic_send(cpu->apic_id, LAPIC_STARTUP | (uint32_t)smp.trampoline);
    if (!comes_up(cpu, 2)) {
        lapic_send(cpu->apic_id, LAPIC_STARTUP | (uint32_t)smp.trampoline);
    }
    return comes_up(cpu, TICKS_PATIENCE) ? START_UP : give_up(cpu);
}

/* The next one in the table gets its number. */
static void drop(unsigned index)
{
    smp.planned--;
    for (unsigned i = index; i < smp.planned; i++) {
        cpus[i].apic_id = cpus[i + 1].apic_id;
    }
}

/* The register may have another ID than the CPU had at reset, and the table may have either, or both. */
static void drop_this_cpu(void)
{
    cpus[0].apic_id = lapic_id();
    for (unsigned i = 1; i < smp.planned;) {
        if (cpus[i].apic_id == cpus[0].apic_id) {
            drop(i);
        } else {
            i++;
        }
    }
}

static void start_all(void)
{
    while (smp.running < smp.planned) {
        start_result result = start(smp.running);
        if (result == START_UP) {
            smp.running++;
        } else if (result == START_ABSENT) {
            drop(smp.running);
        } else {
            smp.planned = smp.running;
        }
    }
}

void smp_start(void)
{
    if (smp.planned == 1) {
        return;
    }
    if (!lapic_open(smp.found.local_apic, VECTOR_SPURIOUS)) {
        print("the local APIC cannot be mapped: one CPU is used\n");
        return;
    }
    drop_this_cpu();
    copy_trampoline();
    image_show_low(true);
    start_all();
    image_show_low(false);
    smp.is_ticking = true;
}

/* On the CPU that was started: the reference root is in use, and the stack is its idle task's. */
void ap_main(void)
{
    struct cpu *cpu = &cpus[smp.starting];
    cpu_load(smp.starting);
    task_init(cpu->idle_name, ap_values.stack);
    feature_enable();
    lapic_join(VECTOR_SPURIOUS); /* before anybody asks this CPU: a local APIC that is off drops what comes */
    ashlar_space_cpu_join(smp.starting);
    cpu->online = 1;
    task_idle();
}

unsigned smp_count(void)
{
    return smp.running;
}

/* --- going, and coming back ------------------------------------------------------------ */

void smp_go_offline(void)
{
    ashlar_space_cpu_leave();
    cpu_self()->online = 0;
    for (;;) {
        x86_halt();
    }
}

bool smp_take_offline(unsigned cpu)
{
    if (cpu == 0 || cpu >= smp.running || cpus[cpu].online == 0) {
        return false;
    }
    cpus[cpu].leaving = 1;
    while (cpus[cpu].online != 0) {
        task_sleep(1); /* on another CPU, if need be */
    }
    ashlar_heap_drain_cpu(kernel_memory.booted.heap, cpu);
    return true;
}

bool smp_bring_online(unsigned cpu)
{
    if (cpu == 0 || cpu >= smp.running || cpus[cpu].online != 0) {
        return false;
    }
    cpus[cpu].leaving = 0;
    image_show_low(true);
    bool up = start(cpu) == START_UP;
    image_show_low(false);
    return up;
}

/* --- interrupts ---------------------------------------------------------------------- */

void smp_kicks(struct smp_kicks *kicks)
{
    kicks->rounds = __atomic_load_n(&smp.kicks.rounds, __ATOMIC_RELAXED);
    kicks->interrupts = __atomic_load_n(&smp.kicks.interrupts, __ATOMIC_RELAXED);
}

void smp_kick(const uint32_t *mask, unsigned words)
{
    __atomic_fetch_add(&smp.kicks.rounds, 1, __ATOMIC_RELAXED);
    for (unsigned cpu = 0; cpu < words * 32 && cpu < CPUS_MAX; cpu++) {
        if ((mask[cpu / 32] >> cpu % 32 & 1) != 0) {
            lapic_send(cpus[cpu].apic_id, LAPIC_FIXED | VECTOR_KICK);
        }
    }
}

int smp_kick_one(void *context, unsigned cpu)
{
    (void)context;
    if (cpu >= CPUS_MAX || cpus[cpu].online == 0) {
        return 0;
    }
    lapic_send(cpus[cpu].apic_id, LAPIC_FIXED | VECTOR_KICK);
    return 1;
}

void smp_ask_to_leave(unsigned cpu)
{
    lapic_send(cpus[cpu].apic_id, LAPIC_FIXED | VECTOR_LEAVE);
}

void smp_pass_tick(void)
{
    if (smp.is_ticking && smp.running > 1) {
        lapic_send_to_others(LAPIC_FIXED | VECTOR_TICK);
    }
}

/* One by one: an NMI would wake those that were never started, without gates to take it. */
void smp_stop_others(void)
{
    unsigned me = cpu_index();
    for (unsigned cpu = 0; cpu < smp.running; cpu++) {
        if (cpu != me && (cpu == 0 || cpus[cpu].online != 0)) {
            lapic_send(cpus[cpu].apic_id, LAPIC_NMI);
        }
    }
}

void smp_interrupt(unsigned vector)
{
    if (vector == VECTOR_SPURIOUS) {
        return;
    }
    if (vector == VECTOR_KICK) {
        __atomic_fetch_add(&smp.kicks.interrupts, 1, __ATOMIC_RELAXED);
        ashlar_space_answer();
        ashlar_kmalloc_answer();
    } else if (vector == VECTOR_LEAVE) {
        task_leave_done();
    } else if (vector == VECTOR_TIMER) {
        timer_own_interrupt();
    }
    lapic_end_of_interrupt();
}
