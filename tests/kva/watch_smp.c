/* SPDX-License-Identifier: 0BSD */
/* watch_smp.c - two CPUs take and give all that the floor has, and map by runs in user halves; two others ask meanwhile:
 * what an address is, what is mapped, how much there is of what, and walk over ranges and mappings.
 *
 * What they are told may be as it was or as it will be, and never what nobody ever took: names, kinds and frames are
 * those of somebody's, walks go upward, counts stay within what there is. In the end all is given back.
 *
 * ASHLAR_SEED=N, ASHLAR_FORMAT and ASHLAR_POLICY choose one run.
 */
#include "kva/world_smp.h"

#include "space/leaves.h"

#define CHANGERS 2u
#define HELD 6u
#define STEPS 14u
#define DEVICE_FRAME ((ashlar_phys)RAM_FRAMES * 2u)

enum held_kind { NOTHING, PAGES, STACK, DEVICE, DEMAND, LINEAR, MOVED };

struct held {
    enum held_kind kind;
    ashlar_vpn first;
    uintptr_t address;
    ashlar_pfn frame;
};

static struct {
    struct held held[CHANGERS][HELD];
    struct ashlar_space spaces[CHANGERS];
    bool is_up;
    char problem[256];
} run;

static void problem(const char *what, uintptr_t address, const char *detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "CPU %u: %s: 0x%llx, %s", ashlar_port_cpu(), what,
                 (unsigned long long)address, detail);
    }
}

static uintptr_t address_of(ashlar_vpn page)
{
    return ashlar_paging_address(world.format->paging, page);
}

/* --- who changes ------------------------------------------------------------------------- */

static ashlar_status take_linear(struct held *held, unsigned cpu, unsigned number)
{
    ashlar_status status = ashlar_frames_take(world.pool, 1, &held->frame);
    if (status != ASHLAR_OK) {
        return status;
    }
    held->first = (ashlar_vpn)(number + 1u) * 1024u - 1u; /* over a table's end */
    status = ashlar_space_map_linear(&run.spaces[cpu], held->first, 2, held->frame, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
    if (status != ASHLAR_OK) {
        ashlar_frames_give(world.pool, held->frame, 1);
    }
    return status;
}

/* Two pages with a word in them, behind four addresses: they come to lie two further. */
static ashlar_status take_moved(struct held *held)
{
    struct ashlar_mapping before, after;
    ashlar_status status = ashlar_kva_reserve(4, 1, "moved", &held->first);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_kva_commit(held->first, 2, ASHLAR_MAP_WRITE);
    if (status == ASHLAR_OK && ashlar_space_query(NULL, held->first + 1u, &before) == ASHLAR_OK) {
        status = ashlar_kva_move(held->first + 2u, held->first, 2, ASHLAR_MAP_WRITE);
        if (status == ASHLAR_OK && (ashlar_space_query(NULL, held->first + 3u, &after) != ASHLAR_OK ||
                                    before.frame != after.frame || ashlar_leaf_is_mapped(held->first))) {
            problem("pages do not come along", address_of(held->first), "moved");
        }
        held->frame = status == ASHLAR_OK ? 2u : 0u; /* where they lie */
        status = ASHLAR_OK;
    } else {
        ashlar_kva_unreserve(held->first);
    }
    return status;
}

static void give_moved(const struct held *held)
{
    ashlar_kva_decommit(held->first + held->frame, 2);
    ashlar_kva_unreserve(held->first);
}

static void take_something(struct held *held, unsigned cpu, unsigned number)
{
    enum held_kind kind = (enum held_kind)(1u + random_below(6));
    ashlar_status status = ASHLAR_NO_FRAMES;
    switch (kind) {
    case PAGES:
        status = ashlar_kva_take(1u + random_below(3), ASHLAR_MAP_WRITE, "pages", &held->first);
        break;
    case STACK:
        status = ashlar_kva_take_stack(1u + random_below(3), "stack", &held->address);
        break;
    case DEVICE:
        status = ashlar_kva_map_mmio((DEVICE_FRAME + random_below(4)) << ASHLAR_PAGE_SHIFT, 4096u + random_below(4096),
                                     ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC, "device", &held->address);
        break;
    case DEMAND:
        status = ashlar_kva_take_demand(3, ASHLAR_MAP_WRITE, "demand", &held->first);
        break;
    case LINEAR:
        status = take_linear(held, cpu, number);
        break;
    case MOVED:
        status = take_moved(held);
        break;
    case NOTHING:
        break;
    }
    held->kind = status == ASHLAR_OK ? kind : NOTHING;
}

static void give_linear(const struct held *held, unsigned cpu)
{
    ashlar_pfn frames[2];
    if (ashlar_space_unmap(&run.spaces[cpu], held->first, 2, frames) != ASHLAR_OK || frames[0] != held->frame) {
        problem("a run is not what was mapped", held->first, "linear");
    }
    ashlar_frames_give(world.pool, held->frame, 1);
}

static void give_something(struct held *held, unsigned cpu)
{
    switch (held->kind) {
    case PAGES:
    case DEMAND:
        ashlar_kva_give(held->first);
        break;
    case STACK:
        ashlar_kva_give_stack(held->address);
        break;
    case DEVICE:
        ashlar_kva_unmap_mmio(held->address);
        break;
    case LINEAR:
        give_linear(held, cpu);
        break;
    case MOVED:
        give_moved(held);
        break;
    case NOTHING:
        break;
    }
    held->kind = NOTHING;
}

static void change(unsigned cpu)
{
    unsigned number = random_below(HELD);
    struct held *held = &run.held[cpu][number];
    if (random_below(10) == 0) {
        (void)ashlar_kva_purge();
    } else if (held->kind == NOTHING) {
        take_something(held, cpu, number);
    } else if (held->kind == DEMAND && random_below(2) == 0) {
        ashlar_vpn page = held->first + random_below(3);
        if (!ashlar_kva_fault(address_of(page), 2) && !ashlar_leaf_is_mapped(page)) {
            problem("a demand page does not come", address_of(held->first), "demand");
        }
    } else {
        give_something(held, cpu);
    }
}

/* --- who asks ------------------------------------------------------------------------------ */

static bool is_known(const char *name)
{
    static const char *const names[] = {"pages",
                                        "stack",
                                        "device",
                                        "demand",
                                        "moved",
                                        "a range that was given back",
                                        "a range that is being given back",
                                        "kernel space that nobody holds"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static ashlar_vpn some_page(void)
{
    const struct ashlar_kva_layout *layout = ashlar_kva_layout();
    return (random_below(2) == 0 ? layout->arena_first : layout->stacks_first) + random_below(40);
}

static void ask_explain(void)
{
    struct ashlar_place place;
    uintptr_t address = address_of(some_page()) + random_below(4096);
    (void)ashlar_space_explain(address, &place);
    if (place.name == NULL) {
        problem("an address without a name", address, "explain");
    } else if (!ashlar_kva_explain(address, &place)) {
        problem("an address of an arena is elsewhere", address, "explain");
    } else if (!is_known(place.name)) {
        problem("a name that nobody gave", address, place.name);
    }
}

static bool may_be_mapped(ashlar_pfn frame)
{
    return frame < RAM_FRAMES || frame - DEVICE_FRAME < 8u;
}

static void ask_query(void)
{
    struct ashlar_mapping mapping = {0, 0, 0};
    ashlar_vpn page = some_page();
    if (ashlar_space_query(NULL, page, &mapping) == ASHLAR_OK &&
        (!may_be_mapped(mapping.frame) || mapping.page_pages != 1)) {
        problem("a frame that there is not", address_of(page), "query");
    }
}

static void ask_stats(void)
{
    struct ashlar_kva_stats kva;
    struct ashlar_space_stats space;
    ashlar_kva_stats(&kva);
    ashlar_space_stats(&space);
    if (kva.arena_free_pages > ashlar_kva_layout()->arena_pages || kva.arena_largest_pages > kva.arena_free_pages ||
        kva.ranges > 64u || kva.stacks > 64u || space.spaces != CHANGERS) {
        problem("counts beyond what there is", (uintptr_t)kva.ranges, "stats");
    }
}

static int see_range(void *context, const struct ashlar_place *place)
{
    if (!is_known(place->name)) {
        problem("a walk meets a name that nobody gave", address_of(place->first), place->name);
    }
    *(unsigned *)context += 1;
    return *(unsigned *)context > 200u;
}

static int see_mapping(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    ashlar_vpn *next = context;
    (void)mapping;
    if (first < *next || pages == 0) {
        problem("a walk over mappings does not go upward", address_of(first), "walk");
    }
    *next = first + pages;
    return 0;
}

static void ask(void)
{
    unsigned count = 0;
    ashlar_vpn next = 0;
    switch (random_below(8)) {
    case 0:
        ask_stats();
        break;
    case 1:
        ashlar_kva_walk_ranges(see_range, &count);
        break;
    case 2:
        ashlar_space_walk_mappings(NULL, see_mapping, &next);
        break;
    case 3:
        ashlar_space_walk_mappings(&run.spaces[random_below(CHANGERS)], see_mapping, &next);
        break;
    case 4:
    case 5:
        ask_query();
        break;
    default:
        ask_explain();
        break;
    }
}

/* --- runs ------------------------------------------------------------------------------------ */

static void come_up(void)
{
    if (ashlar_port_cpu() != 0) {
        world_join();
    } else {
        for (unsigned i = 0; i < CHANGERS; i++) {
            if (ashlar_space_create(&run.spaces[i]) != ASHLAR_OK) {
                problem("no space", 0, "create");
            }
        }
        sim_drain(); /* the others learn of it by a plain store */
        run.is_up = true;
    }
    while (!run.is_up) {
        (void)sim_wait();
    }
}

static void cpu_body(void *context)
{
    unsigned cpu = ashlar_port_cpu();
    (void)context;
    come_up();
    for (unsigned i = 0; i < STEPS && run.problem[0] == '\0'; i++) {
        if (world_step(i) && cpu < CHANGERS) {
            change(cpu);
        } else if (world_step(i)) {
            ask();
        }
        sim_progress();
    }
}

static void settle(void)
{
    for (unsigned i = 0; i < CHANGERS * HELD; i++) {
        give_something(&run.held[i / HELD][i % HELD], i / HELD);
    }
    for (unsigned i = 0; i < CHANGERS; i++) {
        ashlar_space_destroy(&run.spaces[i]);
    }
    (void)ashlar_kva_purge();
    world_note_broken(run.problem, sizeof run.problem);
}

static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_schedule_options schedule = world_start(format, policy, seed);
    memset(&run, 0, sizeof run);
    return world_run(cpu_body, settle, &schedule, run.problem);
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = tap_seeds(100);
    ok(world_seeds(format, policy, seeds, run_seed),
       "%s, %s: [fault 135] whoever asks while others change is told what was or what will be (%lu seeds)",
       ashlar_paging_name(format->paging), ashlar_sharing_text(policy), seeds);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
