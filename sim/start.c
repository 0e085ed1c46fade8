/* SPDX-License-Identifier: 0BSD */
/* start.c - the machine is turned on: caches empty, no root, nothing mapped. */
#include "fault.h"
#include "internal.h"
#include "pointer.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

static struct shape shape_of(enum sim_format format, const struct sim_mmu_options *options)
{
    static const struct shape shapes[] = {
        [SIM_TWO_LEVEL] = {.levels = 2, .entry_bytes = 4, .address_bits = 32, .physical_bits = 32},
        [SIM_PAE] = {.levels = 3, .entry_bytes = 8, .address_bits = 32, .physical_bits = 36},
        [SIM_FOUR_LEVEL] = {.levels = 4, .entry_bytes = 8, .address_bits = 48, .physical_bits = 46},
        [SIM_FIVE_LEVEL] = {.levels = 5, .entry_bytes = 8, .address_bits = 57, .physical_bits = 46},
    };
    struct shape shape = shapes[format];
    shape.format = format;
    shape.features = options->features;
    if (options->physical_bits != 0) {
        shape.physical_bits = options->physical_bits;
    }
    return shape;
}

static void free_cache(struct cache *cache)
{
    free(cache->entries);
    free(cache->buckets);
}

void sim_mmu_init(enum sim_format format, unsigned cpus, const struct sim_mmu_options *options)
{
    sim_machine.shape = shape_of(format, options);
    sim_machine.options = *options;
    if (cpus == 0 || cpus > SIM_CPUS_MAX) {
        abort();
    }
    sim_machine.cpu_count = cpus;
    sim_machine.reference = 0;
    for (unsigned i = 0; i < SIM_CPUS_MAX; i++) {
        struct sim_cpu *cpu = &sim_machine.cpus[i];
        for (unsigned pcid = 0; pcid < SIM_PCIDS; pcid++) {
            free_cache(&cpu->local[pcid]);
            free_cache(&cpu->tables[pcid]);
        }
        free_cache(&cpu->global);
        memset(cpu, 0, sizeof *cpu);
        cpu->random = (options->seed + i + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    }
    sim_cache_forget_all();
    sim_violations_clear();
    sim_pointer_init(options);
    if (options->kernel_bytes + options->high_bytes != 0) {
        sim_watch_faults();
    }
}

void sim_windows_init(bool guarded, unsigned per_cpu)
{
    sim_windows_place(guarded, per_cpu);
    if (guarded) {
        sim_watch_faults();
    }
}
