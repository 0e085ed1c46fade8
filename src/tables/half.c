/* SPDX-License-Identifier: 0BSD */
/* half.c - the kernel half as a whole: where it lies, its root, its counters.
 *
 * There is one on a machine. Boot lays it; from then on its layout is constant,
 * and anybody may ask without a lock.
 */
#include "tables/half.h"

#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"

struct ashlar_half ashlar_half;

COLD void ashlar_space_init(struct ashlar_frames *pool)
{
    CONTEXTS(yes, no, no, no, no);
    ashlar_half.pool = pool;
}

COLD const struct ashlar_space_layout *ashlar_space_layout(void)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return &ashlar_half.layout;
}

COLD uintptr_t ashlar_space_address(ashlar_vpn page)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return ashlar_page_address(page);
}

COLD unsigned ashlar_space_slot_shift(void)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return ashlar_slot_shift(ashlar_half.paging);
}

ashlar_phys ashlar_space_root(const struct ashlar_space *space)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return space != NULL ? space->root : ashlar_half.root;
}

uintptr_t ashlar_half_enter(struct ashlar_space *space)
{
    return space != NULL ? ashlar_lock_take(&space->lock) : ashlar_port_irq_save();
}

void ashlar_half_leave(struct ashlar_space *space, uintptr_t interrupts)
{
    if (space != NULL) {
        ashlar_lock_give(&space->lock, interrupts);
    } else {
        ashlar_port_irq_restore(interrupts);
    }
}

/* Of all CPUs, those that do not take part any more as well. */
COLD static void sum_counters(struct ashlar_space_stats *stats)
{
    stats->root_keeps = stats->flush_pages = stats->flush_alls = stats->kicks = 0;
    for (unsigned i = 0; i < ASHLAR_MAX_CPUS; i++) {
        const struct half_cpu *cpu = &ashlar_half.cpus[i];
        stats->root_keeps += cpu->root_keeps;
        stats->flush_pages += cpu->flush_pages;
        stats->flush_alls += cpu->flush_alls;
        stats->kicks += cpu->kicks;
    }
}

COLD void ashlar_space_stats(struct ashlar_space_stats *stats)
{
    CONTEXTS(yes, yes, yes, no, no);
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    stats->spaces = ashlar_half.space_count;
    stats->kernel_table_frames =
        ashlar_half.layout.table_frames + ashlar_half.table_frames + ashlar_half.table_reserve_count;
    stats->large_pages = ashlar_half.deposit_count;
    stats->root_writes = ashlar_half.root_writes;
    stats->growths = ashlar_half.generation;
    stats->pulls = ashlar_half.pulls;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
    sum_counters(stats);
}
