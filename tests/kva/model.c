/* SPDX-License-Identifier: 0BSD */
/* model.c - random calls of the space floor, and things taken from the kernel's addresses beside them: pages, demand
 * regions, stacks, device memory, large pages. */
#include "kva/world.h"
#include "space/random_calls.h"

#define THINGS 8u

static struct thing {
    enum { NOTHING, PAGES, DEMAND, STACK, DEVICE, LARGE } kind;
    ashlar_vpn first;
    size_t pages;
    uint32_t word;
    uintptr_t handle;
} things[THINGS];

/* --- looking ------------------------------------------------------------------------------------- */

static void look_at_thing(struct thing *thing)
{
    for (unsigned i = 0; thing->kind != NOTHING && i < 3; i++) {
        size_t page = below(thing->pages);
        unsigned cpu = below(WORLD_CPUS);
        uint32_t value = world_read(cpu, thing->first + page, 0);
        if (thing->kind == DEVICE) {
            struct ashlar_mapping m = {0, 0, 0};
            if (ashlar_space_query(NULL, thing->first + page, &m) != ASHLAR_OK || m.frame != model.hoard + page) {
                wrong("device memory is elsewhere", thing->first + page);
            }
        } else if (value != thing->word + page && !(thing->kind == DEMAND && value == 0)) {
            wrong("a taken page has lost its word", thing->first + page);
        } else if (world_write(cpu, thing->first + page, thing->word + (uint32_t)page, 0) != 0) {
            wrong("a taken page cannot be written", thing->first + page);
        }
    }
}

/* --- things --------------------------------------------------------------------------------------- */

static ashlar_status take(struct thing *thing)
{
    ashlar_status status = ASHLAR_OK;
    switch (thing->kind) {
    case PAGES:
        return ashlar_kva_take(thing->pages, ASHLAR_MAP_WRITE, "pages", &thing->first);
    case LARGE:
        return ashlar_kva_take(thing->pages, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &thing->first);
    case DEMAND:
        return ashlar_kva_take_demand(thing->pages, ASHLAR_MAP_WRITE, "demand", &thing->first);
    case STACK:
        status = ashlar_kva_take_stack(thing->pages, "stack", &thing->handle);
        thing->first = status == ASHLAR_OK ? world_page(thing->handle) - thing->pages : 0;
        return status;
    case DEVICE:
    case NOTHING:
    default:
        status = ashlar_kva_map_mmio((ashlar_phys)model.hoard << 12, thing->pages * 4096u, ASHLAR_MAP_CACHE_UC,
                                     "device", &thing->handle);
        thing->first = status == ASHLAR_OK ? world_page(thing->handle) : 0;
        return status;
    }
}

static void give(struct thing *thing)
{
    ashlar_vpn last = thing->first + thing->pages - 1u;
    model.doing = "give";
    if (thing->kind == STACK) {
        ashlar_kva_give_stack(thing->handle);
    } else if (thing->kind == DEVICE) {
        ashlar_kva_unmap_mmio(thing->handle);
    } else {
        ashlar_kva_give(thing->first);
    }
    struct ashlar_mapping m;
    if (ashlar_space_query(NULL, last, &m) == ASHLAR_OK) {
        wrong("given back, and still there", last);
    }
    thing->kind = NOTHING;
}

static void take_or_give(struct thing *thing)
{
    if (thing->kind != NOTHING) {
        give(thing);
        return;
    }
    model.doing = "take";
    thing->kind = (unsigned)PAGES + below(4);
    thing->pages = 1u + below(below(4) == 0 ? 100 : 8);
    if (below(10) == 0) {
        thing->kind = LARGE;
        thing->pages += 512u - below(4);
    }
    thing->word = (uint32_t)tap_random(&model.random) | 1u;
    bool fails = maybe_fail();
    ashlar_status status = take(thing);
    no_fail();
    expect(status, ASHLAR_OK, fails || thing->kind == LARGE); /* there is not RAM for many of those */
    if (status != ASHLAR_OK) {
        thing->kind = NOTHING;
        return;
    }
    for (size_t i = 0; thing->kind != DEVICE && thing->kind != DEMAND && i < thing->pages; i++) {
        if (world_write(below(WORLD_CPUS), thing->first + i, thing->word + (uint32_t)i, 0) != 0) {
            wrong("a page just taken cannot be written", thing->first + i);
        }
    }
    look_at_thing(thing);
}

/* In two parts, so that a large page is split. */
static void decommit(ashlar_vpn at, size_t count)
{
    size_t middle = below(count);
    if (middle != 0) {
        ashlar_kva_decommit(at, middle);
    }
    ashlar_kva_decommit(at + middle, count - middle);
}

/* Back a part of the kernel's range with the pool's frames, look, and take it away again. */
static void commit(void)
{
    struct owner *kernel = &model.owner[SPACES];
    size_t first, count;
    bool large = below(2) == 0;
    pick_part(&model.kernel_area, &first, &count);
    count = large || count < 90u ? count : 90u;
    struct page *page = pages_of(kernel, &model.kernel_area) + first;
    ashlar_vpn at = model.kernel_area.first + first;
    model.doing = "commit";
    bool fails = maybe_fail();
    ashlar_status status =
        large ? ashlar_kva_commit_large(at, count, ASHLAR_MAP_WRITE) : ashlar_kva_commit(at, count, ASHLAR_MAP_WRITE);
    no_fail();
    expect(status, all(page, count, false) ? ASHLAR_OK : ASHLAR_EXISTS, fails);
    for (size_t i = 0; status == ASHLAR_OK && i < count; i += large ? 13u : 1u) {
        if (world_write(below(2), at + i, (uint32_t)i, 0) != 0 || world_read(below(2), at + i, 0) != i) {
            wrong("a committed page does not work", at + i);
        }
    }
    if (status == ASHLAR_OK) {
        decommit(at, count);
    }
    look_around(kernel, &model.kernel_area, first, count);
}

/* --- a run ---------------------------------------------------------------------------------------- */

static bool more_exist(void)
{
    return true;
}

static void more_start(void)
{
    memset(things, 0, sizeof things);
}

static void more_step(unsigned dice)
{
    if (dice < 92) {
        take_or_give(&things[below(THINGS)]);
    } else if (dice < 97) {
        commit();
    } else {
        model.doing = "purge";
        (void)ashlar_kva_purge();
    }
}

static void more_look(void)
{
    look_at_thing(&things[below(THINGS)]);
}

static void more_end(void)
{
    for (unsigned i = 0; i < THINGS; i++) {
        if (things[i].kind != NOTHING) {
            give(&things[i]);
        }
    }
}

static size_t more_frames(void)
{
    return world_kva_stats().strip_frames;
}

int main(void)
{
    return model_main();
}
