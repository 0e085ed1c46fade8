/* SPDX-License-Identifier: 0BSD */
/* lay.c - where everything lies in the kernel half, built on a machine on which only the image can be reached. */
#include "space/world.h"

static const uint64_t sizes_32[] = {
    128u * MIB,           132u * MIB, 256u * MIB, 512u * MIB, 1020u * MIB, 1024u * MIB, 2048u * (uint64_t)MIB,
    3072u * (uint64_t)MIB};
static const uint64_t sizes_64[] = {(uint64_t)3 << 30, (uint64_t)4 << 30, (uint64_t)512 << 30, (uint64_t)2 << 40,
                                    (uint64_t)1 << 47};

#define CARVE WORLD_AREAS /* the last one */

struct part {
    const char *name;
    ashlar_vpn first;
    size_t pages;
};

/* In order of address, with an unmapped page between two; the image ends the last gap. */
static bool in_order(const struct part *parts, size_t count)
{
    for (size_t i = 0; i + 1u < count; i++) {
        size_t gap = i == 0 ? 0 : 1;
        if (parts[i].first + parts[i].pages + gap > parts[i + 1u].first) {
            printf("# %s reaches into %s\n", parts[i].name, parts[i + 1u].name);
            return false;
        }
    }
    return true;
}

static void check_layout(const char *name)
{
    const struct ashlar_space_layout *l = &world.layout;
    const struct ashlar_area *first = &l->areas[0], *second = &l->areas[1], *carve = &l->areas[CARVE];
    const struct part parts[] = {
        {"arena", l->arena_first, l->arena_pages},
        {"carve", carve->first, carve->pages},
        {"second area", second->first, second->pages},
        {"first area", first->first, first->pages},
        {"page tables", l->array_first != 0 ? l->array_first : world.options.image_first - 1u, l->array_pages},
        {"image", world.options.image_first, 1},
    };
    size_t count = sizeof parts / sizeof parts[0];
    ok(in_order(parts, count), "%s: parts lie one behind the other", name);
    ok(l->kernel_first == world.options.kernel_first && l->arena_first == l->kernel_first, "%s: the arena begins it",
       name);
    is_u(l->kernel_first + l->kernel_pages - 1u, ashlar_paging_last_page(world.paging),
         "%s: it ends with the last page", name);
    ok(l->areas == world.areas && l->area_count == WORLD_AREAS + 1u, "%s: all areas are told", name);
    ok((l->array_pages == 0) == world_is_64(), "%s: a linear array on 32-bit machines only", name);
    is_u(l->area_frames, WORLD_BACKED_PAGES, "%s: frames are put behind the area that brings none", name);
    is_u(l->table_frames + l->area_frames, world.table_frames, "%s: the footprint is exact", name);
    ok(memcmp(l, ashlar_space_layout(), sizeof *l) == 0, "%s: and told again", name);
    size_t fixed_most = world_is_64() ? PAGES_OF(GIB) : PAGES_OF(128u * MIB);
    ok(world.options.image_first - l->fixed_first < fixed_most && l->fixed_first == carve->first,
       "%s: the fixed area lies near the image", name);
}

/* Frames of its own, none of them twice, none of them of the tables or the carve. */
static void check_backed(const char *name)
{
    const struct ashlar_area *area = &world.layout.areas[1];
    ashlar_pfn last = 0;
    size_t wrong = 0;
    for (size_t i = 0; i < WORLD_BACKED_PAGES; i++) {
        struct ashlar_mapping m = {0, 0, 0};
        wrong += ashlar_space_query(NULL, area->first + i, &m) != ASHLAR_OK || (m.flags & ASHLAR_MAP_WRITE) == 0 ||
                 m.frame <= last || m.frame - world.carve_first >= world.table_frames;
        last = m.frame;
    }
    is_u(wrong, 0, "%s: what lay backs it backs with frames that it was given", name);
}

/* What is mapped is what was given; an unmapped page stands between the parts. */
static void check_mapped(const char *name)
{
    const struct ashlar_space_layout *l = &world.layout;
    const struct ashlar_area *carve = &l->areas[CARVE];
    struct ashlar_mapping m;
    size_t wrong = 0;
    for (size_t i = 0; i < carve->pages; i++) {
        wrong += ashlar_space_query(NULL, carve->first + i, &m) != ASHLAR_OK ||
                 m.frame != world.carve_first + world.table_frames + i || (m.flags & ASHLAR_MAP_WRITE) == 0 ||
                 (m.flags & ASHLAR_MAP_USER) != 0;
    }
    is_u(wrong, 0, "%s: the carve is mapped in order, writable, the kernel's alone", name);
    for (size_t i = 0; i < l->area_count; i++) {
        const struct ashlar_area *area = &l->areas[i];
        wrong += world_absent(area->first, area->pages) != area->pages - area->backed_pages ||
                 world_absent(area->first, area->backed_pages) != 0;
        wrong += world_absent(area->first - 1u, 1) + world_absent(area->first + area->pages, 1) != 2;
    }
    is_u(wrong, 0, "%s: of each area the first pages are, as many as it wants", name);
    is_u(world_absent(world.options.image_first - 1u, 1), 1, "%s: and nothing below the image", name);
    check_backed(name);
    is_u(wrong, 0, "%s: nothing between the parts", name);
    *world_word(IMAGE_FRAME + 5u) = 0x1234567u;
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        is_u(world_read(cpu, world.options.image_first + 5u, 0), 0x1234567u, "%s: CPU %u sees the image", name, cpu);
        is_u(sim_mmu_root(cpu), ashlar_space_root(NULL), "%s: CPU %u is on the reference root", name, cpu);
    }
    ok(ashlar_space_root(NULL) >> 12 == world.carve_first, "%s: the root is the carve's first frame", name);
}

static void test_size(const struct world_format *format, uint64_t kernel_bytes, ashlar_sharing_policy policy)
{
    const struct world_options options = {.kernel_bytes = kernel_bytes,
                                          .policy = policy,
                                          .guarded = kernel_bytes <= 256u * MIB};
    char name[80];
    world_start(format, &options);
    snprintf(name, sizeof name, "%s, %llu MiB, %s", world.name, (unsigned long long)(kernel_bytes >> 20),
             ashlar_sharing_text(policy));
    check_layout(name);
    check_mapped(name);
    world_ok("%s", name);
}

static void test_sizes(const struct world_format *format)
{
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    const uint64_t *sizes = wide ? sizes_64 : sizes_32;
    size_t count = wide ? sizeof sizes_64 / sizeof sizes_64[0] : sizeof sizes_32 / sizeof sizes_32[0];
    for (size_t i = 0; i < count; i++) {
        test_size(format, sizes[i], ASHLAR_SHARING_PREALLOCATE);
        test_size(format, sizes[i], i % 2 == 0 ? ASHLAR_SHARING_HYBRID : ASHLAR_SHARING_LAZY);
    }
}

static ashlar_status footprint_of(const struct ashlar_space_options *options)
{
    size_t frames = 77;
    ashlar_status status = ashlar_space_footprint_frames(options, &frames);
    if (status != ASHLAR_OK && frames != 77) {
        return ASHLAR_OK; /* an output was touched */
    }
    return status;
}

/* Areas that no layout can hold: also where their sum is small again. */
static void test_bad_areas(void)
{
    struct ashlar_space_options o = world.options;
    struct ashlar_area areas[WORLD_AREAS + 1u];
    const size_t half = (size_t)1 << (sizeof(size_t) * 8u - 1u);
    o.areas = areas;
    memcpy(areas, world.areas, sizeof areas);
    areas[0].pages = areas[1].pages = half;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: two areas of half of all there could be", world.name);
    memcpy(areas, world.areas, sizeof areas);
    areas[1].pages = ~(size_t)0;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: one that takes no page, counted with its gap", world.name);
    memcpy(areas, world.areas, sizeof areas);
    areas[1].backed_pages = areas[1].pages + 1u;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: one with more behind it than it has pages", world.name);
    memcpy(areas, world.areas, sizeof areas);
    areas[CARVE].backed_pages = areas[CARVE].pages + 2u;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: or with more of its own frames", world.name);
    o.areas = NULL;
    o.area_count = 0;
    is_u(footprint_of(&o), ASHLAR_OK, "%s: nobody need want any", world.name);
}

static void test_misuse(const struct world_format *format)
{
    struct ashlar_space_options o;
    struct ashlar_space_layout layout;
    struct ashlar_area areas[WORLD_AREAS + 1u];
    world_start_usual(format);
    o = world.options;
    is_u(footprint_of(&o), ASHLAR_OK, "%s: what was laid could be laid again", world.name);
    o.kernel_first += 512;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a start that is no multiple of 4 MiB", world.name);
    world_leave();
    is_u(ashlar_space_lay(&o, 0x1000, 0x1000, &layout), ASHLAR_BAD_ARGUMENT, "%s: nor is it laid", world.name);
    world_join();
    o = world.options;
    o.kernel_first = o.image_first;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a start that is the image", world.name);
    o.kernel_first = o.image_first + 1024u;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a start behind the image", world.name);
    o = world.options;
    o.areas = areas;
    memcpy(areas, world.areas, sizeof areas);
    areas[CARVE].pages = PAGES_OF(GIB) * (world_is_64() ? 512u * 512u : 1u);
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a carve that does not fit below the image", world.name);
    memcpy(areas, world.areas, sizeof areas);
    areas[0].pages = o.image_first - o.kernel_first;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: stacks that leave no arena", world.name);
    test_bad_areas();
    o = world.options;
    o.policy = ASHLAR_SHARING_AUTO;
    is_u(footprint_of(&o), ASHLAR_REFUSED, "%s: AUTO is no policy to lay", world.name);
    o.policy = (ashlar_sharing_policy)17;
    is_u(footprint_of(&o), ASHLAR_REFUSED, "%s: nor is a number without one", world.name);
    is_str(ashlar_sharing_text((ashlar_sharing_policy)17), "unknown", "which has no name");
    if (world_is_64()) {
        o = world.options;
        o.kernel_first = PAGES_OF(GIB);
        is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a start in the lower half", world.name);
    }
    world_ok("misuse changed nothing");
}

/* On two-level paging a large page is a top-level entry: the image's slot itself. */
static void test_large_in_the_way(const struct world_format *format)
{
    struct world_options usual = {0};
    struct ashlar_space_layout layout;
    size_t frames;
    usual = world_usual(format, &usual);
    world_power_on(format, &usual);
    world_choose(&usual, 16);
    ashlar_vpn below = world.options.image_first - 512u;
    ashlar_phys table = (ashlar_phys)BOOT_ROOT << 12;
    for (unsigned level = ashlar_paging_levels(world.paging); level > 2; level--) {
        uint64_t entry =
            ashlar_entry_load(world.paging, sim_ram_frame(table >> 12), ashlar_entry_index(world.paging, level, below));
        table = (ashlar_phys)ashlar_entry_frame(world.paging, entry) << 12;
    }
    if (ashlar_paging_levels(world.paging) == 2 || table == 0) {
        return;
    }
    ashlar_run_set_linear(world.paging, sim_ram_frame(table >> 12), ashlar_entry_index(world.paging, 2, below), 1, 0,
                          ashlar_entry_leaf_bits(world.paging, WORLD_FEATURES, 2, ASHLAR_MAP_WRITE));
    is_u(ashlar_space_footprint_frames(&world.options, &frames), ASHLAR_OK, "%s: a footprint", world.name);
    like(SIM_FATAL((void)!ashlar_space_lay(&world.options, 0x1000, frames, &layout)), "a large page at",
         "a large page of the loader below the image is fatal, and named");
}

/* One of 1% of RAM or less is taken. */
static void test_choice(const struct world_format *format)
{
    size_t frames = 0;
    world_start_usual(format);
    struct ashlar_space_options o = world.options;
    is_u(ashlar_space_footprint_frames(&o, &frames), ASHLAR_OK, "%s: PREALLOCATE's footprint", world.name);
    o.policy = ASHLAR_SHARING_AUTO;
    is_u(ashlar_sharing_choose(&o, frames * 100u), ASHLAR_SHARING_PREALLOCATE, "%s: taken at 1%% of RAM", world.name);
    is_u(ashlar_sharing_choose(&o, frames * 100u - 1u), ASHLAR_SHARING_HYBRID, "%s: HYBRID with less RAM", world.name);
    o.policy = ASHLAR_SHARING_LAZY;
    is_u(ashlar_sharing_choose(&o, 1), ASHLAR_SHARING_LAZY, "%s: any other stays", world.name);
    is_str(ashlar_sharing_text(ASHLAR_SHARING_AUTO), "AUTO", "AUTO has a name");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_sizes(format);
        test_misuse(format);
        test_large_in_the_way(format);
        test_choice(format);
    }
    return done_testing();
}
