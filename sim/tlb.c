/* SPDX-License-Identifier: 0BSD */
/* tlb.c - what each simulated CPU keeps: pages and upper entries of the PCID in use, global pages apart.
 *
 * Pages of every size and upper entries are found by number and level. Two sizes
 * of one address may be kept at once: that is a violation only if it makes a
 * difference which one is used (Intel SDM, vol. 3, 4.10.2.3).
 */
#include "tlb.h"

struct sim_machine sim_machine;

struct cached *sim_find_page(struct sim_cpu *cpu, uint64_t address)
{
    for (unsigned level = 3; level != 0; level--) {
        if (level > sim_machine.shape.levels) {
            continue;
        }
        struct cached *entry = sim_cache_find(sim_local_of(cpu), sim_number_of(address, level), level);
        if (entry == NULL) {
            entry = sim_cache_find(&cpu->global, sim_number_of(address, level), level);
        }
        if (entry != NULL) {
            return entry;
        }
    }
    return NULL;
}

void sim_drop_page(struct sim_cpu *cpu, uint64_t address)
{
    for (unsigned level = 1; level <= 3 && level <= sim_machine.shape.levels; level++) {
        struct cache *caches[2] = {sim_local_of(cpu), &cpu->global};
        for (unsigned i = 0; i < 2; i++) {
            struct cached *entry = sim_cache_find(caches[i], sim_number_of(address, level), level);
            if (entry != NULL) {
                sim_cache_drop(caches[i], entry);
            }
        }
    }
}

void sim_forget(struct sim_cpu *cpu, uint64_t address)
{
    sim_drop_page(cpu, address);
    for (unsigned level = 2; level <= sim_machine.shape.levels; level++) {
        struct cached *entry = sim_cache_find(sim_tables_of(cpu), sim_number_of(address, level), level);
        if (entry != NULL) {
            sim_cache_drop(sim_tables_of(cpu), entry);
        }
    }
}

/* Two sizes at once are harmless only if it makes no difference which one is used. */
static void compare_sizes(const struct cached *small, const struct cached *large)
{
    uint64_t address = sim_address_of(small);
    uint64_t offset = address - sim_address_of(large);
    if (offset < sim_page_bytes(large->level) &&
        (small->target != large->target + offset || small->writable != large->writable || small->user != large->user ||
         small->executable != large->executable || small->pat_index != large->pat_index)) {
        sim_violate(SIM_MIXED_SIZES, "0x%llx is cached as 0x%llx by an entry of level %u, and as 0x%llx of level %u",
                    (unsigned long long)address, (unsigned long long)small->target, small->level,
                    (unsigned long long)large->target + offset, large->level);
    }
}

/* Against the larger page that covers a new one, and against all smaller ones that a new one covers. */
void sim_check_sizes(struct sim_cpu *cpu, const struct cached *fresh)
{
    uint64_t address = sim_address_of(fresh);
    struct cache *caches[2] = {sim_local_of(cpu), &cpu->global};
    for (unsigned c = 0; c < 2; c++) {
        for (unsigned level = fresh->level + 1u; level <= 3 && level <= sim_machine.shape.levels; level++) {
            const struct cached *larger = sim_cache_find(caches[c], sim_number_of(address, level), level);
            if (larger != NULL) {
                compare_sizes(fresh, larger);
            }
        }
        for (size_t i = 0; fresh->level != 1 && i < caches[c]->count; i++) {
            if (caches[c]->entries[i].level < fresh->level) {
                compare_sizes(&caches[c]->entries[i], fresh);
            }
        }
    }
}

size_t sim_tlb_pages(unsigned cpu)
{
    return sim_local_of(&sim_machine.cpus[cpu])->count + sim_machine.cpus[cpu].global.count;
}

size_t sim_tlb_tables(unsigned cpu)
{
    return sim_tables_of(&sim_machine.cpus[cpu])->count;
}

bool sim_tlb_has(unsigned cpu, uint64_t address)
{
    return sim_find_page(&sim_machine.cpus[cpu], address) != NULL;
}
