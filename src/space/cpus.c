/* SPDX-License-Identifier: 0BSD */
/* cpus.c - which root a CPU runs on, and which CPUs take part.
 *
 * A CPU's bit says that it may hold translations of a space. It is set before
 * the root is loaded, and cleared only after another one is: whoever flushes
 * this space in between counts the CPU in (flush.c).
 *
 * Cost: O(1), and O(kernel slots) where a root is behind (SEQ).
 */
#include "tables/asid.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/contexts.h"
#include "tables/flush.h"
#include "tables/policy.h"
#include "tables/roots.h"

static void set_cpu_bit(struct ashlar_space *space, unsigned cpu, bool runs)
{
    if (space != NULL && runs) {
        (void)atomic_fetch_or_u32(&space->cpus[cpu / 32u], 1u << (cpu % 32u));
    } else if (space != NULL) {
        (void)atomic_fetch_and_u32(&space->cpus[cpu / 32u], ~(1u << (cpu % 32u)));
    }
}

/* The generation is read first: what is added meanwhile is pulled the next time. */
COLD static void pull_slots(struct ashlar_space *space)
{
    uint32_t generation = atomic_load_u32(&ashlar_half.generation);
    void *root = ashlar_root_open(space->root);
    ashlar_half.root_writes += ashlar_slots_copy(root);
    ashlar_port_close_frame(root);
    atomic_store_u32(&space->generation, generation);
}

/* With ASIDs no answer may come between the look at what is kept and the load: it would flush the space that is left. */
static void load_root(const struct ashlar_space *space, unsigned cpu)
{
    if (!ashlar_asids_are_used()) {
        ashlar_port_set_root(ashlar_space_root(space));
        return;
    }
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_port_set_root(ashlar_asid_root(space, cpu));
    ashlar_port_irq_restore(interrupts);
}

void ashlar_space_switch(struct ashlar_space *space)
{
    CONTEXTS(yes, pinned, yes, yes, no);
    unsigned cpu = ashlar_shootdown_cpu();
    struct ashlar_space *old = ashlar_half.cpus[cpu].current;
    if (old == space) {
        return;
    }
    if (BUILT_SEQ && space != NULL && ashlar_half.sharing->pull_on_switch &&
        atomic_load_u32(&space->generation) != atomic_load_u32(&ashlar_half.generation)) {
        pull_slots(space);
    }
    set_cpu_bit(space, cpu, true);
    load_root(space, cpu);
    ashlar_half.cpus[cpu].current = space;
    set_cpu_bit(old, cpu, false);
}

COLD void ashlar_space_cpu_join(unsigned cpu)
{
    CONTEXTS_UNASKED(no, no, yes, no, no);
    ASHLAR_CHECK(cpu < ashlar_half.options.max_cpus, "space: CPU %u joins, but boot named %u at most", cpu,
                 ashlar_half.options.max_cpus);
    ashlar_shootdown_join(cpu);
}

COLD void ashlar_space_cpu_leave(void)
{
    CONTEXTS(no, no, yes, no, no);
    ashlar_space_switch(NULL);
    ashlar_shootdown_leave(ashlar_shootdown_cpu());
}
