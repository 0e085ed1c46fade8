/* SPDX-License-Identifier: 0BSD */
/* walk.c - from the root to the page: entries read downward, marked, and kept.
 *
 *     deepest upper entry that is kept, or the root (PAE: its registers)
 *       └─> read entries downward, set accessed and dirty, keep each
 *
 * An accessed or dirty bit is set by a compare-and-swap of the entry that was
 * read; if it changed meanwhile the walk begins anew. Walks see memory, not what
 * waits in store buffers. Looking without a trace keeps nothing and sets nothing.
 */
#include "walk.h"

#include "ram.h"
#include "tlb.h"
#include <string.h>

#define ACCESSED 0x20u
#define DIRTY 0x40u

static struct sim_position from_root(uint64_t root)
{
    return (struct sim_position){sim_machine.shape.levels, root, true, true, true, false};
}

static void descend(struct sim_position *at, const struct decoded *d)
{
    at->writable = at->writable && d->writable;
    at->user = at->user && d->user;
    at->executable = at->executable && d->executable;
    at->table = d->target;
    at->leaf = d->leaf;
    at->level--;
}

/* The deepest upper entry that is cached for this address. */
static struct sim_position start(struct sim_cpu *cpu, uint64_t address)
{
    for (unsigned level = 2; level <= sim_machine.shape.levels; level++) {
        const struct cached *entry = sim_cache_find(sim_tables_of(cpu), sim_number_of(address, level), level);
        if (entry != NULL) {
            return (struct sim_position){level - 1u,  entry->target,     entry->writable,
                                         entry->user, entry->executable, false};
        }
    }
    return from_root(cpu->root);
}

static void keep_table(struct sim_cpu *cpu, uint64_t address, const struct sim_position *below)
{
    struct cached entry = {.number = sim_number_of(address, below->level + 1u),
                           .level = below->level + 1u,
                           .table = true,
                           .target = below->table,
                           .writable = below->writable,
                           .user = below->user,
                           .executable = below->executable};
    sim_cache_put(sim_tables_of(cpu), &entry);
}

unsigned sim_fault_of(unsigned access, unsigned why)
{
    unsigned code = SIM_FAULT | why | (access & (SIM_WRITE | SIM_USER));
    bool fetch = (access & SIM_EXEC) != 0 && (sim_machine.shape.features & SIM_CPU_NXE) != 0;
    return fetch && sim_machine.shape.format != SIM_TWO_LEVEL ? code | SIM_EXEC : code;
}

bool sim_is_allowed(unsigned access, bool writable, bool user, bool executable)
{
    if ((access & SIM_USER) != 0 && !user) {
        return false;
    }
    if ((access & SIM_EXEC) != 0 && !executable) {
        return false;
    }
    bool obeys = (access & SIM_USER) != 0 || (sim_machine.shape.features & SIM_CPU_WP) != 0;
    return (access & SIM_WRITE) == 0 || writable || !obeys;
}

static void check_table(const struct sim_position *at, uint64_t address)
{
    if (sim_frame_is_free(at->table / FRAME_BYTES)) {
        sim_violate(SIM_FREED_ACCESS, "walk of 0x%llx in table 0x%llx of level %u", (unsigned long long)address,
                    (unsigned long long)at->table, at->level);
    }
}

/* Whoever may use this address in whatever mode reads what the L1 cache has of that frame. */
static void check_absent(unsigned level, uint64_t raw, uint64_t address)
{
    uint64_t frame = sim_entry_named(&sim_machine.shape, raw) / FRAME_BYTES;
    if (sim_machine.options.has_l1tf && frame != 0 && sim_ram_has(frame)) {
        sim_violate(SIM_NAMES_RAM, "0x%llx of level %u for 0x%llx", (unsigned long long)raw, level,
                    (unsigned long long)address);
    }
}

#define AGAIN 1u /* an entry changed under the walk */

/* One level: reads the entry, marks it, and goes down or ends with found. */
static unsigned step(struct sim_cpu *cpu, struct sim_position *at, uint64_t address, unsigned access,
                     struct cached *found)
{
    const struct shape *shape = &sim_machine.shape;
    bool in_register = sim_is_pae() && at->level == 3;
    uint64_t where = sim_entry_address(shape, at->level, at->table, address);
    uint64_t raw = in_register ? cpu->pdpte[address >> 30 & 3u] : sim_entry_read(shape, where);
    struct decoded d = sim_entry_decode(shape, at->level, raw);
    if (!d.present) {
        check_absent(at->level, raw, address);
        return sim_fault_of(access, 0);
    }
    if (d.reserved) {
        sim_violate(SIM_RESERVED_BIT, "entry 0x%llx of level %u for 0x%llx", (unsigned long long)raw, at->level,
                    (unsigned long long)address);
        return sim_fault_of(access, SIM_PRESENT | SIM_RESERVED);
    }
    if (d.leaf &&
        !sim_is_allowed(access, at->writable && d.writable, at->user && d.user, at->executable && d.executable)) {
        return sim_fault_of(access, SIM_PRESENT);
    }
    bool writes = d.leaf && (access & SIM_WRITE) != 0;
    uint64_t marks = ACCESSED | (writes ? DIRTY : 0u);
    if (!in_register && (raw & marks) != marks && !sim_entry_mark(shape, where, raw, marks)) {
        return AGAIN;
    }
    found->dirty = d.dirty || writes;
    found->global = d.global;
    found->pat_index = d.pat_index;
    descend(at, &d);
    return 0;
}

unsigned sim_walk(struct sim_cpu *cpu, uint64_t address, unsigned access, struct cached *found)
{
    struct sim_position at = start(cpu, address);
    do {
        check_table(&at, address);
        unsigned outcome = step(cpu, &at, address, access, found);
        if (outcome == AGAIN) {
            at = start(cpu, address);
        } else if (outcome != 0) {
            return outcome;
        } else if (!at.leaf && !(sim_is_pae() && at.level == 2)) {
            keep_table(cpu, address, &at);
        }
    } while (!at.leaf);
    found->level = at.level + 1u;
    found->number = sim_number_of(address, found->level);
    found->target = at.table;
    found->writable = at.writable;
    found->user = at.user;
    found->executable = at.executable;
    return 0;
}

unsigned sim_peek(uint64_t root, uint64_t address, unsigned lowest, struct sim_position *at, struct decoded *last)
{
    *at = from_root(root);
    memset(last, 0, sizeof *last);
    while (!at->leaf && at->level >= lowest) {
        uint64_t where = sim_entry_address(&sim_machine.shape, at->level, at->table, address);
        *last = sim_entry_decode(&sim_machine.shape, at->level, sim_entry_read(&sim_machine.shape, where));
        if (!last->present || last->reserved) {
            return last->present ? SIM_FAULT | SIM_PRESENT | SIM_RESERVED : SIM_FAULT;
        }
        descend(at, last);
    }
    return 0;
}
