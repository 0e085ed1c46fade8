/* SPDX-License-Identifier: 0BSD */
/* mmu.c - an access of a simulated CPU, as bad as the manual allows (Intel SDM, vol. 3, 4.10).
 *
 *     address ──> kept page? ──────────────────────────> physical
 *                   │ no
 *                   └─> walk, and keep what was found
 *
 * Kept until flushed: pages, global ones apart; upper entries, with the
 * permissions down to them. What is kept is believed: the tables are not looked
 * at again. A page fault forgets what was kept for its address (4.10.4.1), so
 * that permission that was added without a flush costs one fault at most. The
 * CPU may forget at random as well, and brings in neighbours unasked.
 *
 * Not modelled: protection keys, PSE-36, SMEP and SMAP. An access drains its CPU's
 * store buffer.
 */
#include "buffer.h"
#include "ram.h"
#include "random.h"
#include "stale.h"
#include "tlb.h"
#include "walk.h"

#include <string.h>

/* Walk and cache. On a fault what was known of the address is forgotten. */
static unsigned fill(struct sim_cpu *cpu, uint64_t address, unsigned access, struct cached *found)
{
    memset(found, 0, sizeof *found);
    unsigned fault = sim_walk(cpu, address, access, found);
    if (fault == 0) {
        sim_check_sizes(cpu, found);
        sim_cache_put(found->global ? &cpu->global : sim_local_of(cpu), found);
    }
    return fault;
}

void sim_tlb_fill(unsigned cpu_index, uint64_t address)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    struct cached found;
    if (cpu->has_root && sim_address_is_canonical(&sim_machine.shape, address) && sim_find_page(cpu, address) == NULL) {
        (void)fill(cpu, address, SIM_READ, &found);
    }
}

static void be_adverse(unsigned cpu_index, uint64_t address)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    const struct sim_mmu_options *options = &sim_machine.options;
    if (options->evict_one_in != 0 && sim_random(&cpu->random) % options->evict_one_in == 0) {
        struct cache *caches[3] = {sim_local_of(cpu), &cpu->global, sim_tables_of(cpu)};
        struct cache *cache = caches[sim_random(&cpu->random) % 3u];
        if (cache->count != 0) {
            sim_cache_drop(cache, &cache->entries[sim_random(&cpu->random) % cache->count]);
        }
    }
    if (options->speculate_one_in != 0 && sim_random(&cpu->random) % options->speculate_one_in == 0) {
        sim_tlb_fill(cpu_index, address + (sim_random(&cpu->random) % 9u) * FRAME_BYTES - (uintptr_t)4 * FRAME_BYTES);
    }
}

static void check_use(struct sim_cpu *cpu, const struct cached *entry, uint64_t address)
{
    if (sim_machine.options.find_stale_use && sim_page_is_stale(cpu, entry)) {
        char text[128];
        sim_describe(entry, text, sizeof text);
        sim_violate(SIM_STALE_USE, "access to 0x%llx through %s", (unsigned long long)address, text);
    }
}

/* A cached page that serves this access, or NULL. A first write through it looks at the tables again. */
static const struct cached *use_cached(struct sim_cpu *cpu, uint64_t address, unsigned access, unsigned *fault)
{
    struct cached *entry = sim_find_page(cpu, address);
    *fault = 0;
    if (entry == NULL) {
        return NULL;
    }
    if (!sim_is_allowed(access, entry->writable, entry->user, entry->executable)) {
        *fault = sim_fault_of(access, SIM_PRESENT);
        return NULL;
    }
    if ((access & SIM_WRITE) != 0 && !entry->dirty) {
        sim_drop_page(cpu, address);
        return NULL;
    }
    check_use(cpu, entry, address);
    return entry;
}

unsigned sim_mmu_translate(unsigned cpu_index, uint64_t address, unsigned access, uint64_t *physical)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    struct cached found;
    unsigned fault;
    if (!cpu->has_root || !sim_address_is_canonical(&sim_machine.shape, address)) {
        return SIM_FAULT | SIM_FAULT_CANONICAL;
    }
    sim_buffer_drain(cpu_index);
    be_adverse(cpu_index, address);
    const struct cached *entry = use_cached(cpu, address, access, &fault);
    if (entry == NULL && fault == 0) {
        fault = fill(cpu, address, access, &found);
        entry = &found;
    }
    if (fault != 0) {
        sim_forget(cpu, address);
        return fault;
    }
    *physical = entry->target + (address & (sim_page_bytes(entry->level) - 1u));
    if (sim_frame_is_free(*physical / FRAME_BYTES) && !sim_reaches_direct_map(address)) {
        sim_violate(SIM_FREED_ACCESS, "CPU %u, 0x%llx in frame 0x%llx", cpu_index, (unsigned long long)address,
                    (unsigned long long)(*physical / FRAME_BYTES));
    }
    return 0;
}

/* One page's share of a load or store. */
static unsigned copy(unsigned cpu, uint64_t address, void *bytes, size_t count, unsigned access)
{
    uint64_t physical;
    unsigned fault = sim_mmu_translate(cpu, address, access, &physical);
    if (fault != 0) {
        return fault;
    }
    char *frame = sim_ram_frame(physical / FRAME_BYTES);
    if (frame == NULL) {
        memset(bytes, 0xff, (access & SIM_WRITE) != 0 ? 0 : count);
    } else if ((access & SIM_WRITE) != 0) {
        memcpy(frame + physical % FRAME_BYTES, bytes, count);
    } else {
        memcpy(bytes, frame + physical % FRAME_BYTES, count);
    }
    return 0;
}

static unsigned copy_all(unsigned cpu, uint64_t address, char *bytes, size_t count, unsigned access)
{
    while (count != 0) {
        size_t here = FRAME_BYTES - (size_t)(address % FRAME_BYTES);
        here = here < count ? here : count;
        unsigned fault = copy(cpu, address, bytes, here, access);
        if (fault != 0) {
            return fault;
        }
        address += here;
        bytes += here;
        count -= here;
    }
    return 0;
}

unsigned sim_load(unsigned cpu, uint64_t address, void *to, size_t bytes, unsigned user)
{
    return copy_all(cpu, address, to, bytes, SIM_READ | user);
}

unsigned sim_store(unsigned cpu, uint64_t address, const void *from, size_t bytes, unsigned user)
{
    return copy_all(cpu, address, (char *)(uintptr_t)from, bytes, SIM_WRITE | user);
}
