/* SPDX-License-Identifier: 0BSD */
/* stale.c - what the tables say now, and what a CPU keeps that says otherwise.
 *
 * A permission that is kept may be less than the tables give: that costs a fault.
 * More, or another frame, is stale. A global page is compared with the reference
 * root where there is one, since the root in use may lack a top-level entry of it.
 */
#include "stale.h"

#include "tlb.h"
#include "walk.h"
#include <stdio.h>
#include <string.h>

void sim_mmu_inspect(unsigned cpu_index, uint64_t address, struct sim_translation *found)
{
    const struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    struct sim_position at;
    struct decoded leaf;
    memset(found, 0, sizeof *found);
    if (!sim_address_is_canonical(&sim_machine.shape, address)) {
        found->fault = SIM_FAULT | SIM_FAULT_CANONICAL;
        return;
    }
    found->fault = cpu->has_root ? sim_peek(cpu->root, address, 1, &at, &leaf) : SIM_FAULT;
    if (found->fault != 0) {
        return;
    }
    found->page_bytes = sim_page_bytes(at.level + 1u);
    found->physical = at.table + (address & (found->page_bytes - 1u));
    found->writable = at.writable;
    found->user = at.user;
    found->executable = at.executable;
    found->global = leaf.global;
    found->accessed = leaf.accessed;
    found->dirty = leaf.dirty;
    found->pat_index = leaf.pat_index;
}

static bool table_is_stale(const struct sim_cpu *cpu, const struct cached *entry)
{
    struct sim_position at;
    struct decoded last;
    return sim_peek(cpu->root, sim_address_of(entry), entry->level, &at, &last) != 0 || at.leaf ||
           at.table != entry->target || (entry->writable && !at.writable) || (entry->user && !at.user) ||
           (entry->executable && !at.executable);
}

bool sim_page_is_stale(const struct sim_cpu *cpu, const struct cached *entry)
{
    uint64_t address = sim_address_of(entry);
    uint64_t root = entry->global && sim_machine.reference != 0 ? sim_machine.reference : cpu->root;
    for (uint64_t offset = 0; offset < sim_page_bytes(entry->level);) {
        struct sim_position at;
        struct decoded leaf;
        if (sim_peek(root, address + offset, 1, &at, &leaf) != 0) {
            return true;
        }
        uint64_t fresh_bytes = sim_page_bytes(at.level + 1u);
        uint64_t physical = at.table + ((address + offset) & (fresh_bytes - 1u));
        if (physical != entry->target + offset || (entry->writable && !at.writable) || (entry->user && !at.user) ||
            (entry->executable && !at.executable) || (entry->dirty && !leaf.dirty)) {
            return true;
        }
        offset += fresh_bytes;
    }
    return false;
}

void sim_describe(const struct cached *entry, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s of level %u for 0x%llx: 0x%llx%s%s%s", entry->table ? "table" : "page", entry->level,
             (unsigned long long)sim_address_of(entry), (unsigned long long)entry->target, entry->writable ? " w" : "",
             entry->executable ? " x" : "", entry->user ? " user" : "");
}

static size_t stale_registers(const struct sim_cpu *cpu, char *text, size_t bytes)
{
    size_t stale = 0;
    for (unsigned i = 0; sim_is_pae() && i < 4; i++) {
        if ((cpu->pdpte[i] & 1u) != 0 &&
            sim_entry_read(&sim_machine.shape, cpu->root + UINT64_C(8) * i) != cpu->pdpte[i]) {
            snprintf(text, bytes, "PDPTE register %u: 0x%llx", i, (unsigned long long)cpu->pdpte[i]);
            stale++;
        }
    }
    return stale;
}

size_t sim_tlb_stale(unsigned cpu_index, char *text, size_t bytes)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    const struct cache *caches[3] = {sim_local_of(cpu), &cpu->global, sim_tables_of(cpu)};
    size_t stale = cpu->has_root ? stale_registers(cpu, text, bytes) : 0;
    for (unsigned c = 0; c < 3; c++) {
        for (size_t i = 0; i < caches[c]->count; i++) {
            const struct cached *entry = &caches[c]->entries[i];
            if (entry->table ? !table_is_stale(cpu, entry) : !sim_page_is_stale(cpu, entry)) {
                continue;
            }
            if (stale++ == 0 && text != NULL) {
                sim_describe(entry, text, bytes);
            }
        }
    }
    return stale;
}
