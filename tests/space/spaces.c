/* SPDX-License-Identifier: 0BSD */
/* spaces.c - spaces come and go; what the kernel maps is there in each of them, under every policy. */
#include "space/world.h"

#include "tables/changer.h"

static struct ashlar_space old, young;
static ashlar_pfn run;

static uint64_t several_slots(const struct world_format *format)
{
    switch (format->sim) {
    case SIM_TWO_LEVEL:
        return 512u * MIB;
    case SIM_PAE:
        return 2048u * (uint64_t)MIB;
    case SIM_FOUR_LEVEL:
        return (uint64_t)8 << 40;
    case SIM_FIVE_LEVEL:
    default:
        return (uint64_t)1 << 52;
    }
}

static void start(const struct world_format *format, ashlar_sharing_policy policy)
{
    const struct world_options options = {.kernel_bytes = several_slots(format), .policy = policy};
    world_start(format, &options);
    run = world_frames(16, 1);
    *world_word(run) = 0xfeed;
    world_dirty();
}

/* A page in a top-level slot that nobody has used; 0 if there is none. */
static ashlar_vpn fresh_slot(void)
{
    size_t slot_pages = (size_t)1 << ashlar_slot_shift(world.paging);
    ashlar_vpn first = world_addresses(slot_pages, slot_pages);
    return first != ASHLAR_PFN_NONE ? first : 0;
}

static void run_in(unsigned cpu, struct ashlar_space *space)
{
    sim_set_cpu(cpu);
    ashlar_space_switch(space);
    sim_set_cpu(0);
}

/* Without the help of the fault path. */
static uint32_t plain_read(unsigned cpu, ashlar_vpn page)
{
    uint32_t value = 0;
    return sim_load(cpu, world_address(page), &value, sizeof value, 0) == 0 ? value : 0xdeadu;
}

static bool needs_faults(ashlar_sharing_policy policy)
{
    bool pae = ashlar_paging_root_needs_reload(world.paging) && policy != ASHLAR_SHARING_PREALLOCATE;
    return pae || policy == ASHLAR_SHARING_LAZY || policy == ASHLAR_SHARING_SEQ;
}

static void test_visible(const struct world_format *format, ashlar_sharing_policy policy)
{
    const char *name = ashlar_sharing_text(policy);
    start(format, policy);
    is_u(ashlar_space_create(&old), ASHLAR_OK, "%s, %s: a space", world.name, name);
    run_in(1, &old);
    struct ashlar_space_stats before = world_stats();
    ashlar_vpn page = fresh_slot();
    ok(page != 0, "%s, %s: a slot that nobody uses", world.name, name);
    is_u(ashlar_space_map_linear(NULL, page, 1, run, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s, %s: map there", world.name,
         name);
    struct ashlar_space_stats after = world_stats();
    if (policy == ASHLAR_SHARING_SEQ) {
        run_in(1, NULL);
        run_in(1, &old);
        is_u(plain_read(1, page), 0xfeed, "%s, SEQ: a switch brings it, without a fault", world.name);
        ok(world_stats().root_writes != before.root_writes && world_stats().pulls == before.pulls,
           "%s, SEQ: into the root", world.name);
    }
    ok(after.flush_pages == before.flush_pages && after.flush_alls == before.flush_alls,
       "%s, %s: nothing is flushed for it", world.name, name);
    is_u(after.root_writes - before.root_writes == 0, policy != ASHLAR_SHARING_EAGER && policy != ASHLAR_SHARING_HYBRID,
         "%s, %s: roots are written where the policy says so", world.name, name);
    is_u(after.growths != before.growths, policy != ASHLAR_SHARING_PREALLOCATE, "%s, %s: grown, or not", world.name,
         name);
    is_u(ashlar_space_create(&young), ASHLAR_OK, "%s, %s: a later space", world.name, name);
    is_u(needs_faults(policy) ? world_read(1, page, 0) : plain_read(1, page), 0xfeed, "%s, %s: the old space has it",
         world.name, name);
    run_in(0, &young);
    is_u(plain_read(0, page), 0xfeed, "%s, %s: so has the new one, from its first instruction", world.name, name);
    run_in(0, NULL);
    is_u(plain_read(0, page), 0xfeed, "%s, %s: and the reference", world.name, name);
    run_in(1, &young);
    is_u(plain_read(1, page), 0xfeed, "%s, %s: and a CPU that comes from the old to the new", world.name, name);
    world_ok("%s: seen everywhere", name);
    is_u(ashlar_space_unmap(NULL, page, 1, &run), ASHLAR_OK, "%s, %s: unmap", world.name, name);
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        run_in(cpu, cpu == 0 ? &old : &young);
        is_u(world_read(cpu, page, 0), 0xdead0000u, "%s, %s: CPU %u: gone in all", world.name, name, cpu);
        run_in(cpu, NULL);
    }
    ashlar_space_destroy(&old);
    ashlar_space_destroy(&young);
    world_ok("%s: and gone everywhere", name);
}

/* A root's kernel slots are the reference's, all of them, raw. */
static void test_slots(const struct world_format *format)
{
    start(format, ASHLAR_SHARING_PREALLOCATE);
    world_dirty();
    is_u(ashlar_space_create(&old), ASHLAR_OK, "%s: a space", world.name);
    const struct ashlar_paging *p = world.paging;
    unsigned top = ashlar_paging_levels(p), wrong = 0;
    unsigned first = ashlar_entry_index(p, top, world.layout.kernel_first);
    for (unsigned slot = 0; slot < ashlar_table_entries(p, top); slot++) {
        uint64_t mine = ashlar_entry_load(p, sim_ram_frame(old.root >> 12), slot);
        uint64_t theirs = ashlar_entry_load(p, sim_ram_frame(ashlar_space_root(NULL) >> 12), slot);
        bool image_behind = slot > ashlar_entry_index(p, top, world.options.image_first); /* the loader's affair */
        wrong += slot < first ? mine != 0
                              : (mine == 0 && !image_behind) || ((mine ^ theirs) & ~ashlar_entry_mmu_bits(p)) != 0;
    }
    is_u(wrong, 0, "%s: kernel slots are copied to the last, all others empty", world.name);
    ashlar_space_destroy(&old);
}

/* Two pages are mapped, and become hidden: their frames are in the tables, and nowhere else. */
static void test_destroy_hidden(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_pfn frames[2];
    is_u(ashlar_cursor_begin(&cursor, &old, 0x1234, 2, ASHLAR_INTENT_CHANGE), ASHLAR_OK, "%s: a cursor", world.name);
    ashlar_gather_init(&gather, &old);
    (void)ashlar_cursor_hide(&cursor, 2, &gather);
    ashlar_cursor_end(&cursor);
    ashlar_gather_finish(&gather);
    like(SIM_FATAL(ashlar_space_destroy(&old)), "destroyed with hidden pages", "[fault 46] a space with hidden pages");
    ashlar_changer_give(&old);
    is_u(ashlar_cursor_begin(&cursor, &old, 0x1234, 2, ASHLAR_INTENT_COLLECT), ASHLAR_OK, "%s: collect", world.name);
    is_u(ashlar_cursor_collect(&cursor, frames, 2), 2, "%s: both", world.name);
    ashlar_cursor_end(&cursor);
    is_u(ashlar_space_map(&old, 0x1234, 2, frames, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: again",
         world.name);
}

/* Somebody changes it, who may not be waited for. */
static void test_destroy_off(void)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    like(SIM_FATAL(ashlar_space_destroy(&old)),
         ASHLAR_DEBUG ? "destroy called in 'off'" : "destroyed while it is changed",
         "[fault 173] a space that is changed, where the end of that may not be waited for");
    ashlar_port_irq_restore(interrupts);
}

static void test_destroy_alone(void)
{
    uintptr_t interrupts = world_begin_alone();
    like(SIM_FATAL(ashlar_space_destroy(&old)), "destroyed while it is changed",
         "[fault 173] nor by who is alone, with interrupts off");
    world_end_alone(interrupts);
}

static void test_destroy(const struct world_format *format)
{
    start(format, ASHLAR_SHARING_PREALLOCATE);
    size_t before = world_free_frames();
    is_u(ashlar_space_create(&old), ASHLAR_OK, "%s: a space", world.name);
    run_in(1, &old);
    like(SIM_FATAL(ashlar_space_destroy(&old)), "destroyed while CPU 1 runs in it",
         "[fault 58] a space in which another CPU runs");
    run_in(1, NULL);
    run_in(0, &old);
    like(SIM_FATAL(ashlar_space_destroy(&old)), "destroyed while CPU 0 runs in it", "[fault 58] or this one");
    run_in(0, NULL);
    is_u(ashlar_space_map_linear(&old, 0x1234, 2, run, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER), ASHLAR_OK, "%s: two pages",
         world.name);
    const char *message = SIM_FATAL(ashlar_space_destroy(&old));
    like(message, "destroyed with page", "[fault 46] a space with something mapped");
    like(message, "1234000", "is named with its page");
    ashlar_changer_give(&old); /* who is gone here, where reports end */
    test_destroy_hidden();
    is_u(ashlar_changer_take(&old), ASHLAR_OK, "%s: somebody changes it", world.name);
    test_destroy_off();
    test_destroy_alone();
    ashlar_changer_give(&old);
    is_u(ashlar_space_unmap(&old, 0x1234, 2, NULL), ASHLAR_OK, "%s: unmap", world.name);
    is_u(world_stats().spaces, 1, "%s: one space", world.name);
    ashlar_space_destroy(&old);
    is_u(world_stats().spaces, 0, "%s: none", world.name);
    is_u(world_free_frames(), before + 2u, "%s: every frame is back", world.name);
    world_ok("destroyed");
}

static void test_many(const struct world_format *format)
{
    static struct ashlar_space spaces[300];
    size_t wrong = 0;
    start(format, ASHLAR_SHARING_EAGER);
    for (unsigned i = 0; i < 300; i++) {
        wrong += ashlar_space_create(&spaces[i]) != ASHLAR_OK;
    }
    ashlar_vpn page = fresh_slot();
    is_u(ashlar_space_map_linear(NULL, page, 1, run, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: map for 300 spaces",
         world.name);
    for (unsigned i = 0; i < 300; i++) {
        run_in(0, &spaces[i]);
        wrong += plain_read(0, page) != 0xfeed;
    }
    is_u(wrong, 0, "%s: more than one batch of roots is written", world.name);
    run_in(0, NULL);
    is_u(ashlar_space_unmap(NULL, page, 1, &run), ASHLAR_OK, "%s: unmap", world.name);
    world_ok("300 spaces");
    for (unsigned i = 0; i < 300; i++) {
        ashlar_space_destroy(&spaces[i]);
    }
    world_ok("none");
}

/* All frames below 4 GiB are taken, and 2 GiB above are free. */
static void test_high_roots(const struct world_format *format)
{
    const struct world_options options = {.ram_bytes = (uint64_t)6 << 30, .unwatched = true};
    bool below = ashlar_paging_root_limit(format->paging) != 0;
    ashlar_pfn frame;
    if (format->physical_bits <= 32) {
        return;
    }
    world_start(format, &options);
    for (unsigned order = 9; order < 10; order -= 9) {
        const struct ashlar_frames_request request = {order, 0x100000u, ASHLAR_FRAMES_ANY_NODE, 0};
        while (ashlar_frames_take_request(world.pool, &request, &frame) == ASHLAR_OK) {
        }
    }
    ok(world_free_frames() > PAGES_OF(2000u * MIB), "%s: there is RAM above 4 GiB, and none below", world.name);
    is_u(ashlar_space_create(&old), below ? ASHLAR_NO_FRAMES : ASHLAR_OK,
         "%s: [fault 182] a root may lie wherever CR3 can name it", world.name);
    if (!below) {
        ok(old.root >> 32 != 0, "%s: it lies above 4 GiB", world.name);
        run_in(0, &old);
        is_u(sim_mmu_root(0), old.root, "%s: and a CPU runs in it", world.name);
        is_u(world_read(0, world.options.image_first, 0), 0, "%s: where it finds the kernel", world.name);
        run_in(0, NULL);
        ashlar_space_destroy(&old);
    }
    world_ok("roots above 4 GiB");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        for (unsigned policy = ASHLAR_SHARING_PREALLOCATE; policy <= ASHLAR_SHARING_SEQ; policy++) {
            test_visible(format, (ashlar_sharing_policy)policy);
        }
        test_slots(format);
        test_destroy(format);
        test_many(format);
        test_high_roots(format);
    }
    return done_testing();
}
