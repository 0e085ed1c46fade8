/* SPDX-License-Identifier: 0BSD */
/* purge.c - ranges that were given back: out of reach at once, released by one flush, ready for their next user. */
#include "kva/world.h"

#define MANY 200u

static ashlar_vpn first[MANY];

static size_t free_now(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    return stats.free_frames;
}

static void take_many(size_t count, size_t pages)
{
    for (size_t i = 0; i < count; i++) {
        if (ashlar_kva_take(pages, ASHLAR_MAP_WRITE, "many", &first[i]) != ASHLAR_OK) {
            world_bail("take", ASHLAR_NO_FRAMES);
        }
    }
}

static void give_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ashlar_kva_give(first[i]);
    }
}

static void test_waits(void)
{
    struct ashlar_place place;
    size_t before = free_now();
    size_t tables = world_stats().kernel_table_frames;
    take_many(3, 4);
    before -= world_stats().kernel_table_frames - tables; /* those stay */
    ashlar_vpn page = first[1];
    is_u(world_access(0, world_address(page), &(uint32_t){7}, SIM_WRITE), 0, "%s: a range can be written", world.name);
    struct ashlar_space_stats stats = world_stats();
    give_many(3);
    is_u(world_stats().flush_alls, stats.flush_alls, "%s: giving back flushes nothing", world.name);
    is_u(world_stats().flush_pages, stats.flush_pages, "%s: not even single pages", world.name);
    is_u(world_stats().purge_pages, 15, "%s: guards and all wait for the purge", world.name);
    is_u(free_now(), before - 12u, "%s: their frames are nobody's yet", world.name);
    ashlar_space_explain(world_address(page), &place);
    ok(place.kind == ASHLAR_PLACE_FREE && strstr(place.name, "given back") != NULL && !place.mapped,
       "%s: the address explains itself as given back", world.name);
    is_u(ashlar_kva_purge(), 15, "%s: a purge says how many pages it released", world.name);
    is_u(free_now(), before, "%s: the frames are back", world.name);
    is_u(world_stats().purges, stats.purges + 1u, "%s: by one flush", world.name);
    is_u(ashlar_kva_purge(), 0, "%s: then there is nothing left", world.name);
    world_ok("purge");
}

static void test_double_give(void)
{
    char part[40];
    take_many(1, 2);
    ashlar_kva_give(first[0]);
    snprintf(part, sizeof part, "%p", (void *)world_address(first[0]));
    const char *message = SIM_FATAL(ashlar_kva_give(first[0]));
    like(message, "given back already", "a second give, before the purge, is fatal");
    like(message, part, "and names the address");
    (void)ashlar_kva_purge();
    message = SIM_FATAL(ashlar_kva_give(first[0]));
    like(message, "given back already", "also when the range is kept ready");
    world_ok("double give");
}

/* The same addresses again, without a look at the arena. */
static void test_magazine(void)
{
    take_many(1, 3);
    ashlar_vpn was = first[0];
    ashlar_kva_give(was);
    (void)ashlar_kva_purge();
    struct ashlar_space_stats before = world_stats();
    take_many(1, 3);
    is_u(first[0], was, "%s: a range that was kept is taken again", world.name);
    is_u(world_stats().arena_free_pages, before.arena_free_pages, "%s: the arena is not asked", world.name);
    is_u(world_stats().ranges, before.ranges + 1u, "%s: kept ranges do not count", world.name);
    struct ashlar_place place;
    ashlar_space_explain(world_address(first[0] + 3u) + 5u, &place);
    ok(place.kind == ASHLAR_PLACE_GUARD && place.offset == 5, "%s: its guard is still there", world.name);
    is_str(place.name, "many", "and knows its new name");
    struct ashlar_mapping mapping;
    is_u(ashlar_space_query(NULL, first[0], &mapping), ASHLAR_OK, "%s: its page has a frame", world.name);
    if (ASHLAR_DEBUG) {
        like(SIM_FATAL(ashlar_frames_give(world.pool, mapping.frame, 0)), "still mapped",
             "which cannot be given meanwhile");
        ashlar_lock_abandon_all();
    }
    ashlar_kva_give(first[0]);
    world_ok("magazine");
}

/* The largest that are kept, and those that are one page too long; guards count. */
static void test_sizes(void)
{
    const size_t most = KEPT_SIZES - 1u;
    (void)ashlar_kva_purge();
    for (size_t pages = most - 2u; pages <= most; pages++) {
        (void)ashlar_magazines_empty(&ashlar_half.general);
        take_many(2, pages);
        give_many(2);
        (void)ashlar_kva_purge();
        is_u(ashlar_half.general.kept_count, pages < most ? 2 : 0, "%s: ranges of %zu pages are kept", world.name,
             pages);
        take_many(2, pages);
        give_many(2);
        world_ok("sizes");
    }
}

/* No more than a sixteenth of an arena, to the page. */
static void test_share(void)
{
    struct arena *arena = &ashlar_half.stacks;
    size_t share = arena->ranges.pages / 16u, stacks = share / 4u + 2u;
    uintptr_t tops[256];
    (void)ashlar_kva_purge();
    (void)ashlar_magazines_empty(arena);
    for (size_t i = 0; i < stacks; i++) {
        if (ashlar_kva_take_stack(2, "stack", &tops[i]) != ASHLAR_OK) {
            world_bail("stack", ASHLAR_NO_FRAMES);
        }
    }
    for (size_t i = 0; i < stacks; i++) {
        ashlar_kva_give_stack(tops[i]);
    }
    (void)ashlar_kva_purge();
    is_u(arena->kept_pages, share / 4u * 4u, "%s: of %zu pages of stacks %zu may be kept", world.name,
         arena->ranges.pages, share);
    world_ok("share");
}

/* Up to the threshold single pages are flushed, on each CPU; from there on all at once. */
static void test_flushes(void)
{
    (void)ashlar_kva_purge();
    struct ashlar_space_stats before = world_stats();
    take_many(1, ASHLAR_FLUSH_THRESHOLD_PAGES - 2u);
    give_many(1);
    (void)ashlar_kva_purge();
    struct ashlar_space_stats after = world_stats();
    is_u(after.flush_pages - before.flush_pages, WORLD_CPUS * (ASHLAR_FLUSH_THRESHOLD_PAGES - 1u),
         "%s: few pages, each flushed", world.name);
    is_u(after.flush_alls, before.flush_alls, "%s: and nothing else is", world.name);
    take_many(1, ASHLAR_FLUSH_THRESHOLD_PAGES - 1u);
    give_many(1);
    (void)ashlar_kva_purge();
    is_u(world_stats().flush_pages, after.flush_pages, "%s: one more, and none is flushed alone", world.name);
    is_u(world_stats().flush_alls, after.flush_alls + WORLD_CPUS, "%s: but all at once", world.name);
}

struct kind {
    const char *text;
    size_t pages; /* that wait for the purge: with guards */
    void (*pair)(void);
};

static void pair_short(void)
{
    take_many(1, 1);
    give_many(1);
}

static void pair_long(void)
{
    take_many(1, 40);
    give_many(1);
}

static void pair_stack(void)
{
    uintptr_t top;
    if (ashlar_kva_take_stack(2, "stack", &top) != ASHLAR_OK) {
        world_bail("stack", ASHLAR_NO_FRAMES);
    }
    ashlar_kva_give_stack(top);
}

static void pair_large(void)
{
    if (ashlar_kva_take(512, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "large", &first[0]) != ASHLAR_OK) {
        world_bail("large", ASHLAR_NO_FRAMES);
    }
    give_many(1);
}

/* Nobody calls purge: so many pages do. */
static void test_threshold(void)
{
    static const struct kind kinds[] = {{"short ranges", 2, pair_short},
                                        {"long ranges", 41, pair_long},
                                        {"stacks", 4, pair_stack},
                                        {"large pages", 513, pair_large}};
    size_t limit = world.ram_frames / 64u;
    for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        (void)ashlar_kva_purge();
        uint64_t purges = world_stats().purges;
        size_t most = 0, pairs = 0;
        for (; pairs < 4 || pairs * kinds[k].pages < 4u * limit; pairs++) {
            kinds[k].pair();
            most = world_stats().purge_pages > most ? world_stats().purge_pages : most;
        }
        ok(world_stats().purges >= purges + 3u, "%s: %s: purged by themselves", world.name, kinds[k].text);
        ok(most < limit, "%s: %s: less than 1/64 of RAM waits, %zu of %zu pages", world.name, kinds[k].text, most,
           limit);
    }
    world_ok("threshold");
}

/* The i-th of MIXED ranges to be given back: upwards, downwards, from both ends, by leaps. Each fourth stays. */
#define MIXED 80u
static unsigned in_order(unsigned order, unsigned i)
{
    const unsigned turns[] = {i, MIXED - 1u - i, i % 2u == 0 ? i / 2u : MIXED - 1u - i / 2u, i * 37u % MIXED};
    return turns[order];
}

static void take_mixed(void)
{
    for (unsigned i = 0; i < MIXED; i++) {
        if (ashlar_kva_take(1u + i * 7u % 40u, ASHLAR_MAP_WRITE, "mixed", &first[i]) != ASHLAR_OK ||
            world_write(0, first[i], i, 0) != 0) {
            world_bail("take", ASHLAR_NO_FRAMES);
        }
    }
}

/* A purge collects neighbours in one go: those, and no others, whatever the order. */
static void test_neighbours(unsigned order)
{
    unsigned lost = 0;
    (void)ashlar_kva_purge();
    size_t before = free_now(), tables = world_stats().kernel_table_frames + world_stats().strip_frames;
    take_mixed();
    for (unsigned i = 0; i < MIXED; i++) {
        if (in_order(order, i) % 4u != 3u) {
            ashlar_kva_give(first[in_order(order, i)]);
        }
    }
    (void)ashlar_kva_purge();
    for (unsigned i = 3; i < MIXED; i += 4) {
        lost += world_read(0, first[i], 0) != i;
        ashlar_kva_give(first[i]);
    }
    is_u(lost, 0, "%s: order %u: what lies between is not touched", world.name, order);
    (void)ashlar_kva_purge();
    tables = world_stats().kernel_table_frames + world_stats().strip_frames - tables;
    is_u(free_now(), before - tables, "%s: order %u: all frames are back", world.name, order);
    world_ok("neighbours");
}

static ashlar_pfn hoard[65536];
static size_t hoarded;

static void take_every_frame(void)
{
    while (hoarded < 65536 && ashlar_frames_take(world.pool, 0, &hoard[hoarded]) == ASHLAR_OK) {
        hoarded++;
    }
}

/* Frames or addresses that wait for a flush, or are kept ready, are found before anybody hears no. */
static void test_shortage(void)
{
    hoarded = 0;
    (void)ashlar_kva_purge();
    take_many(10, 16);
    take_every_frame();
    give_many(10);
    ashlar_vpn page;
    is_u(ashlar_kva_take(12, ASHLAR_MAP_WRITE, "short", &page), ASHLAR_OK,
         "%s: frames that wait are purged for a take that is short", world.name);
    take_every_frame();
    ashlar_kva_give(page);
    struct ashlar_space space;
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: and for an address space", world.name);
    ashlar_space_destroy(&space);
    ashlar_frames_give_bulk(world.pool, hoard, hoarded);
    world_ok("shortage of frames");
}

static void test_interrupt(void)
{
    take_many(1, 1);
    uint64_t purges = world_stats().purges;
    ashlar_kva_give(first[0]);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(!ashlar_purge_helps(), "%s: an interrupt does not purge", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_u(world_stats().purges, purges, "%s: nothing was flushed", world.name);
    world_ok("interrupt");
}

static void test_missing_page(void)
{
    ashlar_pfn frame;
    take_many(1, 4);
    if (ashlar_space_unmap(NULL, first[0] + 2u, 1, &frame) != ASHLAR_OK) {
        world_bail("unmap", ASHLAR_ABSENT);
    }
    const char *message = SIM_FATAL(ashlar_kva_give(first[0]));
    like(message, "1 of its 4 pages missing", "[fault 67] a range given back with a page missing is fatal");
    like(message, "many", "and named");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_waits();
        test_double_give();
        test_magazine();
        test_sizes();
        test_share();
        test_flushes();
        test_threshold();
        for (unsigned order = 0; order < 4; order++) {
            test_neighbours(order);
        }
        test_shortage();
        test_interrupt();
        test_missing_page();
    }
    return done_testing();
}
