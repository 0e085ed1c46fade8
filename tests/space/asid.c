/* SPDX-License-Identifier: 0BSD */
/* asid.c - what a CPU keeps of a space that it leaves counts until that space is flushed, and no longer. */
#include "space/world.h"

#define PAGE 0x1000u
#define SPACES 10u

static struct ashlar_space spaces[SPACES];
static ashlar_pfn run;

static bool has_asids(void)
{
    return world_is_64();
}

static void start(const struct world_format *format, unsigned features)
{
    const struct world_options options = {.features = features};
    world_start(format, &options);
    for (unsigned i = 0; i < SPACES; i++) {
        is_u(ashlar_space_create(&spaces[i]), ASHLAR_OK, "%s: space %u", world.name, i);
    }
    run = world_frames(SPACES, 1);
    for (unsigned i = 0; i < SPACES; i++) {
        *world_word(run + i) = 0xa00u + i;
    }
    is_u(ashlar_space_map_linear(&spaces[0], PAGE, 4, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: map",
         world.name);
}

static void finish(void)
{
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        sim_set_cpu(cpu);
        ashlar_space_switch(NULL);
    }
    sim_set_cpu(0);
    world_ok("in the end");
}

static void run_in(unsigned cpu, struct ashlar_space *space)
{
    sim_set_cpu(cpu);
    ashlar_space_switch(space);
    sim_set_cpu(0);
}

static bool knows(unsigned cpu)
{
    return sim_tlb_has(cpu, world_address(PAGE));
}

/* To a space and back; says whether the load kept anything. */
static bool keeps(unsigned cpu, struct ashlar_space *space)
{
    uint64_t before = world_stats().root_keeps;
    run_in(cpu, space);
    return world_stats().root_keeps != before;
}

static void visit(unsigned cpu)
{
    run_in(cpu, &spaces[0]);
    is_u(world_read(cpu, PAGE, SIM_USER), 0xa00, "%s: CPU %u reads a page", world.name, cpu);
    run_in(cpu, &spaces[1]);
    ok(!knows(cpu), "%s: elsewhere it is not known", world.name);
}

static void test_keep(const struct world_format *format)
{
    start(format, WORLD_FEATURES | ASHLAR_FEATURE_PCID);
    visit(0);
    is_u(keeps(0, &spaces[0]), has_asids(), "%s: back again, kept where there are ASIDs", world.name);
    is_u(knows(0), has_asids(), "%s: and known", world.name);
    run_in(0, NULL);
    ok(!knows(0), "%s: not under the reference root", world.name);
    is_u(keeps(0, &spaces[0]), has_asids(), "%s: which has one of its own", world.name);
    finish();
}

static void test_flush(const struct world_format *format)
{
    start(format, WORLD_FEATURES | ASHLAR_FEATURE_PCID);
    visit(0);
    visit(1);
    uint64_t kicks = world_stats().kicks;
    is_u(ashlar_space_unmap(&spaces[0], PAGE, 1, &run), ASHLAR_OK, "%s: unmap what nobody runs", world.name);
    is_u(world_stats().kicks, kicks, "%s: and nobody is asked", world.name);
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        ok(!keeps(cpu, &spaces[0]), "%s: CPU %u comes back, and forgets", world.name, cpu);
        ok(!knows(cpu), "%s: the page is not known", world.name);
    }
    world_ok("flushed while away");
    is_u(ashlar_space_protect(&spaces[0], PAGE + 1u, 1, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK, "%s: protect",
         world.name);
    is_u(world_stats().kicks, kicks + 1u, "%s: who runs in it is asked", world.name);
    run_in(1, &spaces[1]);
    ok(!keeps(1, &spaces[0]), "%s: a flush in which it took part counts as well", world.name);
    run_in(1, &spaces[1]);
    is_u(keeps(1, &spaces[0]), has_asids(), "%s: from now on it keeps again", world.name);
    finish();
}

/* A space that has taken another one's place, at the same address and with as many flushes behind it. */
static void test_reuse(const struct world_format *format)
{
    start(format, WORLD_FEATURES | ASHLAR_FEATURE_PCID);
    visit(0);
    is_u(ashlar_space_unmap(&spaces[0], PAGE, 4, NULL), ASHLAR_OK, "%s: unmap", world.name);
    ashlar_space_destroy(&spaces[0]);
    is_u(ashlar_space_create(&spaces[0]), ASHLAR_OK, "%s: a space in its place", world.name);
    is_u(ashlar_space_map_linear(&spaces[0], PAGE, 4, run + 4, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK,
         "%s: other pages there", world.name);
    ok(!keeps(0, &spaces[0]), "%s: nothing is kept of the old one", world.name);
    is_u(world_read(0, PAGE, SIM_USER), 0xa04, "%s: it reads its own page", world.name);
    run_in(0, &spaces[1]);
    ashlar_space_destroy(&spaces[2]);
    is_u(ashlar_space_create(&spaces[2]), ASHLAR_OK, "%s: one that was never visited", world.name);
    ok(!keeps(0, &spaces[2]), "%s: has nothing to keep", world.name);
    finish();
}

/* Each space has a page of its own at the same address. */
static void visit_own(unsigned i, bool kept)
{
    is_u(keeps(0, &spaces[i]), kept, "%s: space %u of more than there are ASIDs: kept %u", world.name, i, kept);
    is_u(world_read(0, PAGE + 8u, SIM_USER), 0xa00 + i, "%s: it reads its own page", world.name);
}

static void test_many(const struct world_format *format)
{
    start(format, WORLD_FEATURES | ASHLAR_FEATURE_PCID);
    for (unsigned i = 0; i < SPACES; i++) {
        is_u(ashlar_space_map_linear(&spaces[i], PAGE + 8u, 1, run + i, ASHLAR_MAP_READ | ASHLAR_MAP_USER), ASHLAR_OK,
             "%s: map", world.name);
    }
    for (unsigned i = 0; i < 3u * SPACES; i++) {
        visit_own(i % SPACES, false);
    }
    run_in(0, NULL);
    for (unsigned i = 0; i < 16u; i++) {
        visit_own(SPACES - 1u - i % 8u, has_asids());
    }
    visit_own(0, false);
    finish();
}

/* CR4.PCIDE alone is not enough: kernel pages that are not global would have to be flushed under each. */
static void test_without(const struct world_format *format)
{
    start(format, (WORLD_FEATURES | ASHLAR_FEATURE_PCID) & ~ASHLAR_FEATURE_GLOBAL);
    visit(0);
    ok(!keeps(0, &spaces[0]), "%s: without global pages nothing is kept", world.name);
    finish();
    start(format, WORLD_FEATURES);
    visit(0);
    ok(!keeps(0, &spaces[0]) && !knows(0), "%s: without PCIDs neither", world.name);
    finish();
}

/* INVLPG cannot be relied on for global pages: kernel pages go with all others, user pages alone. */
static void test_invlpg_leaves_global(const struct world_format *format)
{
    start(format, WORLD_FEATURES | ASHLAR_FEATURE_PCID | ASHLAR_FEATURE_INVLPG_LEAVES_GLOBAL);
    ashlar_vpn kernel = world_map_kernel(3, ASHLAR_MAP_WRITE);
    struct ashlar_space_stats before = world_stats();
    is_u(ashlar_space_protect(NULL, kernel, 3, 0), ASHLAR_OK, "%s: protect kernel pages", world.name);
    struct ashlar_space_stats after = world_stats();
    bool whole = has_asids();
    ok((after.flush_alls > before.flush_alls) == whole && (after.flush_pages == before.flush_pages) == whole,
       "%s: kernel pages are %sflushed as a whole where INVLPG leaves global ones [fault 118]", world.name,
       whole ? "" : "not ");
    is_u(ashlar_space_protect(&spaces[0], PAGE, 3, ASHLAR_MAP_USER), ASHLAR_OK, "%s: protect user pages", world.name);
    before = after;
    after = world_stats();
    ok(after.flush_alls == before.flush_alls && after.flush_pages > before.flush_pages, "%s: user pages one by one",
       world.name);
    world_unmap_kernel(kernel, 3);
    finish();
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_keep(format);
        test_flush(format);
        test_reuse(format);
        test_many(format);
        test_without(format);
        test_invlpg_leaves_global(format);
    }
    return done_testing();
}
