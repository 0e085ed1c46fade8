/* SPDX-License-Identifier: 0BSD */
/* root.c - a new root, PCIDs and flushes: what a CPU forgets, and what it goes on with (Intel SDM, vol. 3, 4.10.4).
 *
 * A flush of one page forgets all upper entries; a new root all but global pages.
 * With PCIDs (4.10.1) a CPU has caches for each of them, and uses those of the
 * one that was loaded with the root; pages that are global belong to all. What
 * lies in the others may be as wrong as it likes, so nothing is said of it until
 * a root is loaded that keeps it. Each of these drains the CPU's store buffer.
 */
#include "buffer.h"
#include "pointer.h"
#include "ram.h"
#include "tlb.h"

/* A load of CR3 reads the four entries (4.4.1), and faults on reserved bits. */
static void load_registers(struct sim_cpu *cpu, uint64_t root)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t raw = sim_entry_read(&sim_machine.shape, root + UINT64_C(8) * i);
        struct decoded d = sim_entry_decode(&sim_machine.shape, 3, raw);
        if (d.present && d.reserved) {
            sim_violate(SIM_BAD_ROOT, "PDPTE %u of root 0x%llx is 0x%llx", i, (unsigned long long)root,
                        (unsigned long long)raw);
        }
        cpu->pdpte[i] = raw;
    }
}

void sim_mmu_set_reference(uint64_t root)
{
    sim_machine.reference = root;
}

static size_t count_gone(const struct cache *cache)
{
    size_t gone = 0;
    for (size_t i = 0; i < cache->count; i++) {
        gone += cache->entries[i].gone;
    }
    return gone;
}

/* The root goes on with what this PCID knows. */
static void keep(unsigned cpu_index, unsigned pcid, uint64_t root)
{
    const struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    size_t gone = count_gone(&cpu->local[pcid]) + count_gone(&cpu->tables[pcid]);
    if (gone != 0 || (cpu->filled_from[pcid] != root && cpu->local[pcid].count + cpu->tables[pcid].count != 0)) {
        sim_violate(SIM_STALE_PCID, "CPU %u keeps PCID %u for root 0x%llx: filled from root 0x%llx, %zu of it gone",
                    cpu_index, pcid, (unsigned long long)root, (unsigned long long)cpu->filled_from[pcid], gone);
    }
}

static void enter_pcid(unsigned cpu_index, unsigned pcid, uint64_t root, bool keeps)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    if (keeps) {
        keep(cpu_index, pcid, root);
    } else {
        sim_cache_clear(&cpu->local[pcid]);
        sim_cache_clear(&cpu->tables[pcid]);
    }
    cpu->filled_from[pcid] = root;
    cpu->pcid = pcid;
}

void sim_mmu_set_root(unsigned cpu_index, uint64_t value)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    bool tagged = (sim_machine.shape.features & SIM_CPU_PCIDE) != 0 && sim_machine.shape.address_bits != 32;
    unsigned pcid = tagged ? (unsigned)value & 0xfffu : 0;
    uint64_t root = tagged ? value & ~(SIM_KEEP | 0xfffu) : value;
    uint64_t align = sim_is_pae() ? 32 : FRAME_BYTES;
    uint64_t limit =
        sim_machine.shape.address_bits == 32 ? UINT64_C(1) << 32 : UINT64_C(1) << sim_machine.shape.physical_bits;
    if (root % align != 0 || root >= limit || !sim_ram_has(root / FRAME_BYTES) || pcid >= SIM_PCIDS) {
        sim_violate(SIM_BAD_ROOT, "root 0x%llx", (unsigned long long)value);
        return;
    }
    if (sim_frame_is_free(root / FRAME_BYTES)) {
        sim_violate(SIM_FREED_ACCESS, "CPU %u loads root 0x%llx", cpu_index, (unsigned long long)root);
    }
    sim_buffer_drain(cpu_index);
    enter_pcid(cpu_index, pcid, root, tagged && (value & SIM_KEEP) != 0);
    sim_pointer_flush(false);
    cpu->root = root;
    cpu->has_root = true;
    if (sim_is_pae()) {
        load_registers(cpu, root);
    }
}

uint64_t sim_mmu_root(unsigned cpu_index)
{
    return sim_machine.cpus[cpu_index].root;
}

void sim_mmu_take_part(unsigned cpu_index, bool part)
{
    sim_machine.cpus[cpu_index].absent = !part;
}

void sim_mmu_flush_page(unsigned cpu_index, uint64_t address)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    sim_buffer_drain(cpu_index);
    sim_drop_page(cpu, address);
    sim_cache_clear(sim_tables_of(cpu));
    sim_pointer_flush_page(address);
}

/* As by changing CR4.PGE: for all PCIDs. It is no load of CR3: PDPTE registers stay. Under PAE a change of PGE loads them, too (4.4.1). */
void sim_mmu_flush_all(unsigned cpu_index)
{
    struct sim_cpu *cpu = &sim_machine.cpus[cpu_index];
    sim_buffer_drain(cpu_index);
    for (unsigned pcid = 0; pcid < SIM_PCIDS; pcid++) {
        sim_cache_clear(&cpu->local[pcid]);
        sim_cache_clear(&cpu->tables[pcid]);
    }
    sim_cache_clear(&cpu->global);
    sim_pointer_flush(true);
    if (sim_is_pae() && cpu->has_root) {
        load_registers(cpu, cpu->root);
    }
}
