/* SPDX-License-Identifier: 0BSD */
/* growth.c - what the first mapping in a top-level slot costs under a sharing policy.
 *
 * Address spaces are made, then one range is placed at the start of each of
 * several slots that are empty yet, and backed with one page: a growth step. Then
 * every space is switched to and reads the page, as processes would in time; the
 * faults and entries that this takes are counted with the step.
 *
 * Instructions are counted by the time stamp counter, under -icount. One line:
 * CSV policy,spaces,table_bytes,growth_instructions,entries_written,faults,worst_step_instructions
 */
#include "commands/command.h"
#include "cpu/feature.h"
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/memory.h"
#include "x86/cpu.h"
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define STEPS_MAX 8u

struct growth {
    struct ashlar_space *spaces;
    uint32_t count;
    unsigned steps;
    uint64_t sum;
    uint64_t worst;
    uint64_t entries;
    uint32_t faults;
};

/* A page at the start of a slot, reserved, with nothing mapped in the slot yet. */
static bool reserve_slot(ashlar_vpn *page)
{
    return ashlar_kva_reserve(1, (size_t)1 << ashlar_space_slot_shift(), "growth", page) == ASHLAR_OK;
}

static struct ashlar_space_stats stats_now(void)
{
    struct ashlar_space_stats stats;
    ashlar_space_stats(&stats);
    return stats;
}

static void touch_everywhere(const struct growth *growth, ashlar_vpn page)
{
    const volatile uint32_t *word = (const volatile uint32_t *)ashlar_space_address(page);
    ashlar_port_pin();
    for (uint32_t i = 0; i < growth->count; i++) {
        ashlar_space_switch(&growth->spaces[i]);
        (void)*word;
    }
    ashlar_space_switch(NULL);
    ashlar_port_unpin();
}

/* The entry that PREALLOCATE has already is no growth: then the step is the mapping alone. */
static bool step(struct growth *growth)
{
    ashlar_vpn page;
    uint32_t faults = trap_page_faults();
    uint64_t entries = stats_now().root_writes;
    if (!reserve_slot(&page)) {
        return false;
    }
    uint64_t before = x86_rdtsc();
    ashlar_status status = ashlar_kva_commit(page, 1, ASHLAR_MAP_WRITE);
    uint64_t took = x86_rdtsc() - before;
    if (status != ASHLAR_OK) {
        return false;
    }
    touch_everywhere(growth, page);
    growth->sum += took;
    growth->worst = took > growth->worst ? took : growth->worst;
    growth->entries += stats_now().root_writes - entries;
    growth->faults += trap_page_faults() - faults;
    growth->steps++;
    return true;
}

static uint32_t make_spaces(struct growth *growth, uint32_t wanted)
{
    growth->spaces = ashlar_kcalloc(wanted, sizeof *growth->spaces);
    while (growth->spaces != NULL && growth->count < wanted &&
           ashlar_space_create(&growth->spaces[growth->count]) == ASHLAR_OK) {
        growth->count++;
    }
    return growth->count;
}

static void drop_spaces(struct growth *growth)
{
    while (growth->count != 0) {
        ashlar_space_destroy(&growth->spaces[--growth->count]);
    }
    ashlar_kfree(growth->spaces);
}

int growth_run(unsigned count, char **words)
{
    static struct growth growth;
    uint32_t wanted;
    (void)count;
    if (!command_number(words, 1, 1, UINT32_MAX, &wanted)) {
        return EXIT_FAILED;
    }
    if (!feature_has(FEATURE_TSC)) {
        print("growth: this CPU has no counter of cycles (TSC)\n");
        return EXIT_FAILED;
    }
    growth = (struct growth){0};
    timer_mask(true);
    uint32_t made = make_spaces(&growth, wanted);
    bool good = made == wanted;
    while (good && growth.steps < STEPS_MAX && step(&growth)) {
    }
    if (good && growth.steps != 0) {
        size_t tables = stats_now().kernel_table_frames;
        print("CSV %s,%u,%lu,%u,%u,%u,%u\n", ashlar_sharing_text(kernel_memory.booted.policy), wanted,
              (unsigned long)tables * ASHLAR_PAGE_BYTES, (unsigned)growth.sum / growth.steps,
              (unsigned)growth.entries / growth.steps, growth.faults / growth.steps, (unsigned)growth.worst);
    }
    drop_spaces(&growth);
    timer_mask(false);
    if (!good) {
        print("growth: only %u of %s could be made: too little RAM\n", made, counted(wanted, "address space").text);
    } else if (growth.steps == 0) {
        print("growth: no range at the start of a slot that is empty yet can be had: too few addresses, or too little "
              "RAM\n");
    }
    return good && growth.steps != 0 ? EXIT_GOOD : EXIT_FAILED;
}
