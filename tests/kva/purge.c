/* SPDX-License-Identifier: 0BSD */
/* purge.c - ranges that were given back: out of reach at once, released by one flush, ready for their next user. */
#include "kva/many.h"

#include "base/token.h"
#include "kva/magazine.h"
#include "kva/purge.h"

static size_t free_now(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(world.pool, &stats);
    return stats.free_frames;
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
    is_u(world_read(1, page, 0), 7, "%s: and read by the other CPU", world.name);
    struct ashlar_space_stats stats = world_stats();
    uint64_t purges = world_kva_stats().purges;
    give_many(3);
    is_u(world_stats().flush_alls, stats.flush_alls, "%s: giving back flushes nothing", world.name);
    is_u(world_stats().flush_pages, stats.flush_pages, "%s: not even single pages", world.name);
    is_u(world_kva_stats().purge_pages, 15, "%s: guards and all wait for the purge", world.name);
    is_u(free_now(), before - 12u, "%s: their frames are nobody's yet", world.name);
    (void)ashlar_kva_explain(world_address(page), &place);
    ok(place.kind == ASHLAR_PLACE_FREE && strstr(place.name, "given back") != NULL && !place.mapped,
       "%s: the address explains itself as given back", world.name);
    is_u(world_stats().kicks, stats.kicks, "%s: and nobody is asked", world.name);
    is_u(ashlar_kva_purge(), 15, "%s: a purge says how many pages it released", world.name);
    is_u(free_now(), before, "%s: the frames are back", world.name);
    is_u(world_stats().kicks, stats.kicks + 1u, "%s: the other CPU was asked, once", world.name);
    ok(!sim_tlb_has(1, world_address(page)), "%s: [fault 48] and does not know the page any more", world.name);
    is_u(world_kva_stats().purges, purges + 1u, "%s: by one flush", world.name);
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
        uint64_t purges = world_kva_stats().purges;
        size_t most = 0, pairs = 0;
        for (; pairs < 4 || pairs * kinds[k].pages < 4u * limit; pairs++) {
            kinds[k].pair();
            most = world_kva_stats().purge_pages > most ? world_kva_stats().purge_pages : most;
        }
        ok(world_kva_stats().purges >= purges + 3u, "%s: %s: purged by themselves", world.name, kinds[k].text);
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
    size_t before = free_now(), tables = world_stats().kernel_table_frames + world_kva_stats().strip_frames;
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
    tables = world_stats().kernel_table_frames + world_kva_stats().strip_frames - tables;
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

static void take_last_frames(void)
{
    const struct ashlar_frames_request last = {0, 0, ASHLAR_FRAMES_ANY_NODE, ASHLAR_FRAMES_MAY_USE_RESERVE};
    while (hoarded < 65536 && ashlar_frames_take_request(world.pool, &last, &hoard[hoarded]) == ASHLAR_OK) {
        hoarded++;
    }
}

static void give_hoard(void)
{
    ashlar_frames_give_bulk(world.pool, hoard, hoarded);
    hoarded = 0;
}

/* All frames of a demand region are promised at once; those that wait are among them. */
static void test_relief_demand(void)
{
    ashlar_vpn region = 77;
    (void)ashlar_kva_purge();
    take_many(10, 16);
    hoarded = 0;
    take_every_frame();
    is_u(ashlar_kva_take_demand(100, ASHLAR_MAP_WRITE, "region", &region), ASHLAR_NO_FRAMES, "%s: no frame is free",
         world.name);
    is_u(region, 77, "%s: no output was touched", world.name);
    give_many(10);
    is_u(ashlar_kva_take_demand(100, ASHLAR_MAP_WRITE, "region", &region), ASHLAR_OK,
         "%s: [relief] a demand region gets those that wait for a purge", world.name);
    is_u(world_write(1, region + 99u, 5, 0), 0, "%s: it works", world.name);
    ashlar_kva_give(region);
    give_hoard();
    world_ok("relief of a demand region");
}

/* A table for a top-level slot that is not there yet. */
static void test_relief_growth(const struct world_format *format, ashlar_sharing_policy policy)
{
    const char *name = ashlar_sharing_text(policy);
    unsigned shift = ashlar_slot_shift(format->paging);
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    const struct world_options options = {.kernel_bytes =
                                              wide ? UINT64_C(16) << (shift + ASHLAR_PAGE_SHIFT) : 3u * (uint64_t)GIB,
                                          .policy = policy};
    world_start(format, &options);
    hoarded = 0;
    take_many(4, 8);
    size_t most = world.layout.arena_pages / 8u * 5u; /* beyond what a growth has brought for those */
    ashlar_vpn slot = (world_addresses(most, 1) + most) >> shift << shift;
    take_last_frames();
    is_u(ashlar_space_map_linear(NULL, slot, 1, hoard[0], ASHLAR_MAP_WRITE), ASHLAR_NO_FRAMES,
         "%s, %s: no frame for its table", world.name, name);
    uint64_t growths = world_stats().growths;
    give_many(4);
    is_u(ashlar_space_map_linear(NULL, slot, 1, hoard[0], ASHLAR_MAP_WRITE), ASHLAR_OK,
         "%s, %s: [relief] the kernel half grows by frames that wait for a purge", world.name, name);
    ok(world_stats().growths != growths, "%s, %s: it has grown", world.name, name);
    is_u(ashlar_space_unmap(NULL, slot, 1, &hoard[0]), ASHLAR_OK, "%s, %s: unmap", world.name, name);
    give_hoard();
    world_ok("%s: relief of growth", name);
}

/* What a CPU gave back, and kept ready, before it went. */
static void test_gone(void)
{
    size_t frames = world_free_frames();
    uintptr_t stack;
    sim_set_cpu(1);
    take_many(4, 3);
    is_u(ashlar_kva_take_stack(2, "stack", &stack), ASHLAR_OK, "%s: and a stack", world.name);
    give_many(4);
    ashlar_kva_give_stack(stack);
    world_leave();
    uint64_t kicks = world_stats().kicks;
    ok(ashlar_kva_purge() >= 14u, "%s: [fault 104] what it gave back is purged without it", world.name);
    is_u(world_stats().kicks, kicks, "%s: and nobody waits for it", world.name);
    is_u(world_free_frames(), frames, "%s: [fault 104] every frame can be had", world.name);
    sim_set_cpu(1);
    ashlar_space_cpu_join(1);
    sim_set_cpu(0);
    world_ok("gone");
}

/* To the page; only by who may wait. */
static void test_limit(void)
{
    ashlar_vpn page;
    (void)ashlar_kva_purge();
    size_t limit = ashlar_kva.purge_pages;
    uint64_t purges = world_kva_stats().purges;
    size_t given = 0;
    ok(limit >= 200 && limit <= 8192, "%s: a share of RAM waits", world.name);
    while (given + 11u < limit) {
        is_u(ashlar_kva_take(10, ASHLAR_MAP_WRITE, "ten", &page), ASHLAR_OK, "%s: ten pages", world.name);
        ashlar_kva_give(page);
        given += 11u;
    }
    is_u(world_kva_stats().purges, purges, "%s: nothing is flushed before", world.name);
    is_u(world_kva_stats().purge_pages, given, "%s: all of them wait", world.name);
    uintptr_t interrupts = world_begin_alone();
    is_u(ashlar_kva_take(10, ASHLAR_MAP_WRITE, "ten", &page), ASHLAR_OK, "%s: ten more", world.name);
    ashlar_kva_give(page);
    is_u(world_kva_stats().purges, purges, "%s: with interrupts off nobody purges by the way", world.name);
    world_end_alone(interrupts);
    is_u(ashlar_kva_take(1, ASHLAR_MAP_WRITE, "one", &page), ASHLAR_OK, "%s: and one", world.name);
    ashlar_kva_give(page);
    is_u(world_kva_stats().purges, purges + 1u, "%s: the next thread does, once", world.name);
    is_u(world_kva_stats().purge_pages, 0, "%s: all of it", world.name);
    world_ok("limit");
}

/* What waits is used before there is none. */
static void test_kept_back(const struct world_format *format)
{
    ashlar_vpn fifty;
    size_t count = 0;
    world_start_usual(format);
    is_u(ashlar_kva_take(50, ASHLAR_MAP_WRITE, "fifty", &fifty), ASHLAR_OK, "%s: fifty pages", world.name);
    while (ashlar_frames_take(world.pool, 0, &hoard[count]) == ASHLAR_OK) {
        count++;
    }
    ashlar_vpn more = 77;
    is_u(ashlar_kva_take(40, ASHLAR_MAP_WRITE, "more", &more), ASHLAR_NO_FRAMES, "%s: no frame is free", world.name);
    is_u(more, 77, "%s: no output was touched", world.name);
    ok(world_free_frames() != 0 && ashlar_kva_take(1, ASHLAR_MAP_WRITE, "more", &more) == ASHLAR_NO_FRAMES,
       "%s: %zu are kept back for others", world.name, world_free_frames());
    ashlar_kva_give(fifty);
    is_u(ashlar_kva_take(40, ASHLAR_MAP_WRITE, "more", &more), ASHLAR_OK, "%s: those that waited are", world.name);
    struct ashlar_space space;
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space, with a frame of those that are left", world.name);
    ashlar_pfn frame;
    while (ashlar_frames_take(world.pool, 0, &frame) == ASHLAR_OK) {
        hoard[count++] = frame;
    }
    is_u(ashlar_space_map(&space, 5, 1, hoard, 0), ASHLAR_NO_FRAMES, "%s: no frame for its tables but the reserve",
         world.name);
    ashlar_kva_give(more);
    is_u(ashlar_space_map(&space, 5, 1, hoard, 0), ASHLAR_OK, "%s: there are those that wait", world.name);
    is_u(ashlar_space_unmap(&space, 5, 1, &frame), ASHLAR_OK, "%s: unmap", world.name);
    ashlar_space_destroy(&space);
    ashlar_frames_give_bulk(world.pool, hoard, count);
    world_ok("short of frames");
}

static void test_interrupt(void)
{
    take_many(1, 1);
    uint64_t purges = world_kva_stats().purges;
    (void)ashlar_magazines_empty(&ashlar_kva.stacks);
    ashlar_kva_give(first[0]);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(!ashlar_frames_relieve(world.pool), "%s: an interrupt does not purge for frames", world.name);
    ok(!ashlar_purge_recover(&ashlar_kva.stacks, ashlar_purge_returns()), "%s: nor for addresses", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    is_u(world_kva_stats().purges, purges, "%s: nothing was flushed", world.name);
    world_ok("interrupt");
}

/* Free, the token is anybody's; taken, nobody waits who may not. */
static void test_may_not_wait(void)
{
    struct ashlar_token *token = &ashlar_kva.purge.token;
    take_many(1, 1);
    ashlar_kva_give(first[0]);
    ok(ashlar_token_try(token), "%s: somebody purges", world.name);
    sim_set_context(ASHLAR_CONTEXT_NO_SLEEP);
    is_u(ashlar_kva_purge(), 0, "%s: [fault 106] who may not sleep does not wait for it", world.name);
    ok(!ashlar_purge_recover(&ashlar_kva.stacks, ashlar_purge_returns()), "%s: [fault 106] nor for addresses",
       world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_token_give(token);
    ok(ashlar_kva_purge() != 0, "%s: then it goes", world.name);
    world_ok("may not wait");
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
        test_flushes();
        test_threshold();
        for (unsigned order = 0; order < 4; order++) {
            test_neighbours(order);
        }
        test_shortage();
        test_relief_demand();
        test_interrupt();
        test_may_not_wait();
        test_gone();
        test_limit();
        test_missing_page();
        test_kept_back(format);
        for (unsigned policy = ASHLAR_SHARING_EAGER; policy <= ASHLAR_SHARING_SEQ; policy++) {
            test_relief_growth(format, (ashlar_sharing_policy)policy);
        }
    }
    return done_testing();
}
