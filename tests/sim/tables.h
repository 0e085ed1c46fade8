/* SPDX-License-Identifier: 0BSD */
/* tables.h - page tables written as raw numbers, so that neither decoder is trusted, and two CPUs that use them. */
#ifndef TESTS_SIM_TABLES_H
#define TESTS_SIM_TABLES_H

#include "machine.h"
#include "tap.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define G 0x100u
#define NX (UINT64_C(1) << 63)

static const char *const names[] = {"two-level", "PAE", "4-level", "5-level"};
static enum sim_format format;

static bool narrow(void)
{
    return format == SIM_TWO_LEVEL;
}

static void put(uint64_t frame, unsigned index, uint64_t entry)
{
    char *table = sim_ram_frame(frame);
    if (narrow()) {
        ((uint32_t *)(void *)table)[index] = (uint32_t)entry;
    } else {
        ((uint64_t *)(void *)table)[index] = entry;
    }
}

static uint64_t get(uint64_t frame, unsigned index)
{
    char *table = sim_ram_frame(frame);
    return narrow() ? ((uint32_t *)(void *)table)[index] : ((uint64_t *)(void *)table)[index];
}

/* Frames: 1 is the root, 2 a second root, TABLE the last table, DIRECTORY the one above; pages are at PAGE on. */
#define DIRECTORY 8u
#define TABLE 9u
#define OTHER_TABLE 10u
#define PAGE 0x40u
#define ADDRESS UINT64_C(0x5000) /* index 5 of the last table */

/* Address 0 on is mapped through DIRECTORY and TABLE in every format: 0 in all upper levels. */
static void start_with(const struct sim_mmu_options *options)
{
    static const unsigned levels[] = {2, 3, 4, 5};
    sim_ram_init(16u << 20);
    sim_mmu_init(format, 2, options);
    for (uint64_t root = 1; root <= 2; root++) {
        uint64_t table = root;
        for (unsigned level = levels[format]; level > 3; level--) {
            put(table, 0, (0x10u + level) << 12 | P | W | U);
            table = 0x10u + level;
        }
        if (levels[format] >= 3) {
            put(table, 0, DIRECTORY << 12 | (format == SIM_PAE ? P : P | W | U));
        } else {
            put(table, 0, TABLE << 12 | P | W | U);
        }
    }
    if (!narrow()) {
        put(DIRECTORY, 0, TABLE << 12 | P | W | U);
    }
    put(TABLE, 5, PAGE << 12 | P | W);
    sim_mmu_set_root(0, 0x1000);
    sim_mmu_set_root(1, 0x1000);
}

static void start(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL};
    start_with(&options);
}

/* The table that names TABLE. */
static uint64_t upper(void)
{
    return narrow() ? 1 : DIRECTORY;
}

static unsigned use(unsigned cpu, uint64_t address, unsigned access)
{
    uint64_t physical;
    return sim_mmu_translate(cpu, address, access, &physical);
}

static uint64_t frame_of(unsigned cpu, uint64_t address)
{
    uint64_t physical = 0;
    return sim_mmu_translate(cpu, address, SIM_READ, &physical) == 0 ? physical >> 12 : 0;
}

/* All of these in each format. */
static void in_each_format(void (*const tests[])(void), size_t count)
{
    for (format = SIM_TWO_LEVEL; format <= SIM_FIVE_LEVEL; format++) {
        for (size_t i = 0; i < count; i++) {
            tests[i]();
        }
    }
}

#endif
