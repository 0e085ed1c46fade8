/* SPDX-License-Identifier: 0BSD */
/* frame.c - a frame changes hands: who knows it still?
 *
 * Every CPU that takes part is asked, and so are kernel pointers and windows: a
 * translation, an upper entry, a register or a root that names the frame is a
 * violation. What a PCID keeps that is not in use is marked: it matters if it is
 * kept when that PCID is loaded again (root.c).
 */
#include "pointer.h"
#include "ram.h"
#include "stale.h"
#include "tlb.h"
#include "window.h"

static bool names_frame(const struct cached *entry, uint64_t frame)
{
    uint64_t frames = entry->table ? 1 : sim_page_bytes(entry->level) / FRAME_BYTES;
    return frame - entry->target / FRAME_BYTES < frames &&
           (entry->table || !sim_reaches_direct_map(sim_address_of(entry)));
}

static void check_cache(unsigned cpu, const struct cache *cache, uint64_t frame, const char *event)
{
    for (size_t i = 0; i < cache->count; i++) {
        const struct cached *entry = &cache->entries[i];
        if (names_frame(entry, frame)) {
            char text[128];
            sim_describe(entry, text, sizeof text);
            sim_violate(entry->table ? SIM_STALE_TABLE : SIM_STALE_FRAME, "frame 0x%llx %s while CPU %u caches %s",
                        (unsigned long long)frame, event, cpu, text);
        }
    }
}

/* Nobody uses these at the moment: it matters if they are kept. */
static void mark_gone(struct cache *cache, uint64_t frame)
{
    for (size_t i = 0; i < cache->count; i++) {
        cache->entries[i].gone |= names_frame(&cache->entries[i], frame);
    }
}

/* What one CPU knows under one PCID. */
static void check_pcid(unsigned index, unsigned pcid, bool cached, uint64_t frame, const char *event)
{
    struct sim_cpu *cpu = &sim_machine.cpus[index];
    bool names = cached || cpu->local[pcid].large != 0;
    if (names && pcid == cpu->pcid) {
        check_cache(index, &cpu->local[pcid], frame, event);
        check_cache(index, &cpu->tables[pcid], frame, event);
    } else if (names) {
        mark_gone(&cpu->local[pcid], frame);
        mark_gone(&cpu->tables[pcid], frame);
    }
}

static void check_root(unsigned index, const struct sim_cpu *cpu, uint64_t frame, const char *event)
{
    if (cpu->root / FRAME_BYTES == frame) {
        sim_violate(SIM_STALE_ROOT, "frame 0x%llx %s while it is CPU %u's root", (unsigned long long)frame, event,
                    index);
    }
    for (unsigned i = 0; sim_is_pae() && i < 4; i++) {
        struct decoded d = sim_entry_decode(&sim_machine.shape, 3, cpu->pdpte[i]);
        if (d.present && d.target / FRAME_BYTES == frame) {
            sim_violate(SIM_STALE_TABLE, "frame 0x%llx %s while CPU %u's PDPTE register %u names it",
                        (unsigned long long)frame, event, index, i);
        }
    }
}

static void check_cpus(uint64_t frame, const char *event)
{
    bool cached = sim_cache_references(frame) != 0;
    for (unsigned i = 0; i < sim_machine.cpu_count; i++) {
        const struct sim_cpu *cpu = &sim_machine.cpus[i];
        if (cpu->absent) {
            continue;
        }
        if (cpu->has_root) {
            check_root(i, cpu, frame, event);
        }
        for (unsigned pcid = 0; pcid < SIM_PCIDS; pcid++) {
            check_pcid(i, pcid, cached, frame, event);
        }
        if (cached || cpu->global.large != 0) {
            check_cache(i, &cpu->global, frame, event);
        }
    }
}

static void note(uint64_t frame, bool is_free, const char *event)
{
    if (!sim_ram_has(frame)) {
        sim_violate(SIM_BEYOND_RAM, "frame 0x%llx %s", (unsigned long long)frame, event);
        return;
    }
    check_cpus(frame, event);
    sim_pointer_check_frame(frame, event);
    sim_window_check_frame(frame, event);
    sim_ram_set_free(frame, is_free);
}

void sim_frame_freed(uint64_t frame)
{
    note(frame, true, "freed");
}

void sim_frame_taken(uint64_t frame)
{
    note(frame, false, "taken");
}
