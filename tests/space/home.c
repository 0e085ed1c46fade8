/* SPDX-License-Identifier: 0BSD */
/* home.c - a low image in every root: there from its first moment on, out of every policy's reach and of the user's. */
#include "space/world.h"

#include "tables/home.h"

static struct ashlar_space space, other;

static void start(const struct world_format *format, ashlar_sharing_policy policy)
{
    const struct world_options options = {.policy = policy, .site = WORLD_LOW};
    world_start(format, &options);
    *world_word(IMAGE_FRAME + 9u) = 0xabcd1u;
}

static void run_in(unsigned cpu, struct ashlar_space *in)
{
    sim_set_cpu(cpu);
    ashlar_space_switch(in);
    sim_set_cpu(0);
}

/* Without the help of the fault path. */
static uint32_t plain_read(unsigned cpu, ashlar_vpn page, unsigned user)
{
    uint32_t value = 0;
    return sim_load(cpu, world_address(page), &value, sizeof value, user) == 0 ? value : 0xdeadu;
}

static void test_seen(const struct world_format *format, ashlar_sharing_policy policy)
{
    const char *name = ashlar_sharing_text(policy);
    const unsigned own = ashlar_paging_levels(format->paging) - 2u;
    start(format, policy);
    size_t before = world_free_frames();
    uint64_t writes = world_stats().root_writes;
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s, %s: a space", world.name, name);
    is_u(before - world_free_frames(), own + 1u, "%s, %s: a root, and %u tables of its own", world.name, name, own);
    is_u(space.table_frames, 0, "%s, %s: none of them is the user's", world.name, name);
    ok(ashlar_home_agrees(space.root), "%s, %s: it has the reference's image", world.name, name);
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        run_in(cpu, &space);
        is_u(plain_read(cpu, world.options.image_first + 9u, 0), 0xabcd1u, "%s, %s: CPU %u sees the image in it",
             world.name, name, cpu);
        is_u(plain_read(cpu, world.options.image_first + 9u, SIM_USER), 0xdeadu, "%s, %s: which is not the user's",
             world.name, name);
    }
    run_in(1, NULL);
    is_u(plain_read(1, world.options.image_first + 9u, 0), 0xabcd1u, "%s, %s: and in the reference", world.name, name);
    ok(!world_fault(world_address(3), 0) && !world_fault(world_address(HOME_PAGES - 1u), 4),
       "%s, %s: what is absent in it stays so", world.name, name);
    is_u(world_stats().root_writes, writes, "%s, %s: no root was written to for it", world.name, name);
    world_ok("%s: a low image", name);
    run_in(0, NULL);
    ashlar_space_destroy(&space);
    is_u(world_free_frames(), before, "%s, %s: every frame is back", world.name, name);
    world_ok("%s: and gone", name);
}

static ashlar_status map(ashlar_vpn first, size_t pages)
{
    return ashlar_space_map_linear(&space, first, pages, world_frames(pages, 1), ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
}

/* A user page behind the home shares all tables but the lowest with it, and takes none of them along. */
static void test_neighbours(const struct world_format *format)
{
    struct ashlar_mapping m;
    ashlar_vpn user = HOME_PAGES;
    start(format, ASHLAR_SHARING_PREALLOCATE);
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
    is_u(ashlar_space_create(&other), ASHLAR_OK, "%s: another", world.name);
    is_u(world.layout.user_first, user, "%s: user addresses begin behind the home", world.name);
    is_u(map(0, 1), ASHLAR_REFUSED, "%s: [fault 189] the null page is not the user's", world.name);
    is_u(map(world.options.image_first, 1), ASHLAR_REFUSED, "%s: [fault 189] nor is the image", world.name);
    is_u(map(user - 1u, 2), ASHLAR_REFUSED, "%s: [fault 189] nor is the home's last page", world.name);
    is_u(ashlar_space_clear(&space, user - 1u, 2, NULL, NULL), ASHLAR_REFUSED, "%s: [fault 189] to be cleared either",
         world.name);
    is_u(ashlar_space_unmap(&space, world.options.image_first, 1, NULL), ASHLAR_REFUSED, "%s: [fault 189] or unmapped",
         world.name);
    is_u(ashlar_space_protect(&space, world.options.image_first, 1, ASHLAR_MAP_USER), ASHLAR_REFUSED,
         "%s: [fault 189] or protected", world.name);
    is_u(map(user, 2), ASHLAR_OK, "%s: what follows is", world.name);
    is_u(space.table_frames, 1, "%s: it takes one table", world.name);
    is_u(ashlar_space_query(&other, user, &m), ASHLAR_ABSENT, "%s: which is not in the other space", world.name);
    is_u(ashlar_space_query(NULL, user, &m), ASHLAR_ABSENT, "%s: nor in the reference", world.name);
    is_u(ashlar_space_query(NULL, world.options.image_first, &m), ASHLAR_OK, "%s: which has the image", world.name);
    run_in(0, &space);
    is_u(world_write(0, user + 1u, 77, SIM_USER), 0, "%s: the user writes there", world.name);
    is_u(plain_read(0, world.options.image_first + 9u, 0), 0xabcd1u, "%s: beside the image", world.name);
    run_in(0, NULL);
    world_ok("a page behind the home");
    is_u(ashlar_space_empty(&space, NULL, NULL), ASHLAR_OK, "%s: emptied", world.name);
    is_u(space.table_frames, 0, "%s: the table goes", world.name);
    run_in(0, &space);
    is_u(plain_read(0, world.options.image_first + 9u, 0), 0xabcd1u, "%s: the image stays", world.name);
    run_in(0, NULL);
    world_ok("emptied");
    ashlar_space_destroy(&space);
    ashlar_space_destroy(&other);
    world_ok("none");
}

static ashlar_status create_with(size_t free_frames)
{
    static ashlar_pfn held[65536];
    size_t count = 0;
    for (ashlar_pfn frame; count < 65536u && ashlar_frames_take(world.pool, 0, &frame) == ASHLAR_OK; count++) {
        held[count] = frame;
    }
    for (size_t i = 0; i < free_frames; i++) {
        ashlar_frames_give(world.pool, held[--count], 0);
    }
    size_t before = world_free_frames();
    ashlar_status status = ashlar_space_create(&space);
    if (status != ASHLAR_OK) {
        is_u(world_free_frames(), before, "%s: with %zu frames it fails, and keeps none", world.name, free_frames);
    }
    while (count != 0) {
        ashlar_frames_give(world.pool, held[--count], 0);
    }
    return status;
}

/* The root, and each of its own tables. */
static void test_shortage(const struct world_format *format)
{
    const size_t wanted = ashlar_paging_levels(format->paging) - 1u;
    start(format, ASHLAR_SHARING_PREALLOCATE);
    for (size_t frames = 0; frames < wanted; frames++) {
        is_u(create_with(frames), ASHLAR_NO_FRAMES, "%s: %zu frames are too few", world.name, frames);
    }
    is_u(create_with(wanted), ASHLAR_OK, "%s: %zu are enough", world.name, wanted);
    world_ok("created at last");
    ashlar_space_destroy(&space);
}

/* Another image in a space's own table, or none: the audit finds it. */
static void test_damage(const struct world_format *format)
{
    const struct ashlar_paging *p = format->paging;
    start(format, ASHLAR_SHARING_PREALLOCATE);
    is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
    ashlar_pfn frame = (ashlar_pfn)(space.root >> 12);
    for (unsigned level = ashlar_paging_levels(p); level > HOME_LEVEL; level--) {
        frame = ashlar_entry_frame(p, ashlar_entry_load(p, sim_ram_frame(frame), 0));
    }
    void *table = sim_ram_frame(frame);
    uint64_t entry = ashlar_entry_load(p, table, 0);
    ashlar_entry_store(p, table, 0, 0);
    like(ashlar_space_audit(), "a root has another low image", "one that is missing");
    ashlar_entry_store(p, table, 0, entry ^ 0x1000u);
    like(ashlar_space_audit(), "a root has another low image", "one that is another");
    ashlar_entry_store(p, table, 0, entry ^ 0x20u);
    is_str(ashlar_space_audit(), NULL, "accessed makes no difference");
    ashlar_entry_store(p, table, 0, entry);
    is_str(ashlar_space_audit(), NULL, "mended");
    ashlar_half.layout.table_frames--;
    like(ashlar_space_audit(), "other kernel tables than those that were counted", "a table on the way to it is lost");
    ashlar_half.layout.table_frames++;
    world_ok("mended");
    ashlar_space_destroy(&space);
}

static void place_is(ashlar_vpn page, ashlar_place_kind kind, const char *name, int mapped)
{
    struct ashlar_place place;
    (void)ashlar_space_explain(world_address(page) + 5u, &place);
    ok(place.kind == kind && strcmp(place.name, name) == 0 && place.mapped == mapped, "%s: page 0x%lx: %s, %s",
       world.name, (unsigned long)page, place.name, place.mapped ? "mapped" : "not mapped");
}

static void test_places(const struct world_format *format)
{
    start(format, ASHLAR_SHARING_PREALLOCATE);
    ashlar_half.options.windows_first = IMAGE_FRAME + IMAGE_FRAMES;
    ashlar_half.options.windows_pages = 16;
    place_is(0, ASHLAR_PLACE_NULL, "the null page", 0);
    place_is(1, ASHLAR_PLACE_FIXED, "around the kernel image", 0);
    place_is(IMAGE_FRAME, ASHLAR_PLACE_IMAGE, "kernel image", 1);
    place_is(IMAGE_FRAME + IMAGE_FRAMES - 1u, ASHLAR_PLACE_IMAGE, "kernel image", 1);
    place_is(IMAGE_FRAME + IMAGE_FRAMES, ASHLAR_PLACE_FIXED, "windows", 0);
    place_is(IMAGE_FRAME + IMAGE_FRAMES + 16u, ASHLAR_PLACE_FIXED, "around the kernel image", 0);
    place_is(IMAGE_FRAME + STACK_OFFSET_PAGES, ASHLAR_PLACE_FIXED, "around the kernel image", 1);
    place_is(HOME_PAGES, ASHLAR_PLACE_USER, "user half", 0);
    place_is(ashlar_user_end() - 1u, ASHLAR_PLACE_USER, "user half", 0);
    world_ok("places");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        for (unsigned policy = ASHLAR_SHARING_PREALLOCATE; policy <= ASHLAR_SHARING_SEQ; policy++) {
            test_seen(format, (ashlar_sharing_policy)policy);
        }
        test_neighbours(format);
        test_shortage(format);
        test_damage(format);
        test_places(format);
    }
    return done_testing();
}
