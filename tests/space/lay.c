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

#define PARTS 6u

static int by_address(const void *a, const void *b)
{
    const struct part *left = a, *right = b;
    return left->first < right->first ? -1 : left->first > right->first;
}

/* None reaches into another, and between two of them is an unmapped page, unless one is the arena. */
static bool are_apart(struct part *parts, size_t count)
{
    qsort(parts, count, sizeof parts[0], by_address);
    for (size_t i = 0; i + 1u < count; i++) {
        size_t gap = strcmp(parts[i].name, "arena") == 0 || strcmp(parts[i + 1u].name, "arena") == 0 ? 0 : 1;
        if (parts[i].pages != 0 && parts[i].first + parts[i].pages + gap > parts[i + 1u].first) {
            printf("# %s reaches into %s\n", parts[i].name, parts[i + 1u].name);
            return false;
        }
    }
    return true;
}

/* The fixed part is in one piece, above the home where it fits, else below; the arena is the larger one of what is left. */
static void check_pieces(const char *name, enum world_site site)
{
    const struct ashlar_space_layout *l = &world.layout;
    ashlar_vpn home = world.options.home_first, last_page = ashlar_paging_last_page(world.paging);
    size_t above = site != WORLD_LOW && home + HOME_PAGES < last_page ? last_page - home - HOME_PAGES : 0;
    bool is_above = l->fixed_first > home && site != WORLD_LOW;
    is_u(is_above, l->fixed_pages + 1u < above, "%s: the fixed part lies above the home where it fits", name);
    ashlar_vpn end = site == WORLD_LOW ? last_page : home;
    size_t below = end - l->kernel_first - (is_above ? 0 : l->fixed_pages);
    above -= is_above ? l->fixed_pages + 1u : 0;
    is_u(l->arena_pages, below >= above ? below : above, "%s: the arena is the larger piece of what is left", name);
    ok(is_above ? l->fixed_first == home + HOME_PAGES + 1u : l->fixed_first + l->fixed_pages == end,
       "%s: beside the home", name);
    ok(l->array_first + l->array_pages + 1u == l->fixed_first + l->fixed_pages, "%s: the array is its last", name);
    ok(l->areas[CARVE].first == l->fixed_first, "%s: the carve its first", name);
    is_u(l->user_first, site == WORLD_LOW ? HOME_PAGES : 0, "%s: user addresses begin behind a low home", name);
}

static void check_layout(const char *name, enum world_site site)
{
    const struct ashlar_space_layout *l = &world.layout;
    const struct ashlar_area *first = &l->areas[0], *second = &l->areas[1], *carve = &l->areas[CARVE];
    struct part parts[PARTS] = {
        {"arena", l->arena_first, l->arena_pages},       {"carve", carve->first, carve->pages},
        {"second area", second->first, second->pages},   {"first area", first->first, first->pages},
        {"page tables", l->array_first, l->array_pages}, {"home", world.options.home_first, HOME_PAGES},
    };
    ok(are_apart(parts, PARTS), "%s: no part reaches into another", name);
    ok(l->kernel_first == world.options.kernel_first && l->arena_first >= l->kernel_first, "%s: the arena is within it",
       name);
    is_u(l->kernel_first + l->kernel_pages - 1u, ashlar_paging_last_page(world.paging),
         "%s: it ends with the last page", name);
    check_pieces(name, site);
    ok(l->areas == world.areas && l->area_count == WORLD_AREAS + 1u, "%s: all areas are told", name);
    ok((l->array_pages == 0) == world_is_64(), "%s: a linear array on 32-bit machines only", name);
    is_u(l->area_frames, WORLD_BACKED_PAGES, "%s: frames are put behind the area that brings none", name);
    is_u(l->table_frames + l->area_frames, world.table_frames, "%s: the footprint is exact", name);
    ok(memcmp(l, ashlar_space_layout(), sizeof *l) == 0, "%s: and told again", name);
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
    is_u(world_absent(ashlar_paging_last_page(world.paging), 1), 1, "%s: nor is the last page", name);
    check_backed(name);
    is_u(wrong, 0, "%s: nothing between the parts", name);
    *world_word(IMAGE_FRAME + 5u) = 0x1234567u;
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        is_u(world_read(cpu, world.options.image_first + 5u, 0), 0x1234567u, "%s: CPU %u sees the image", name, cpu);
        is_u(world_read(cpu, world.options.image_first + STACK_OFFSET_PAGES, 0), *world_word(STACK_FRAME),
             "%s: CPU %u sees the stack", name, cpu);
        is_u(sim_mmu_root(cpu), ashlar_space_root(NULL), "%s: CPU %u is on the reference root", name, cpu);
    }
    ok(ashlar_space_root(NULL) >> 12 == world.carve_first, "%s: the root is the carve's first frame", name);
}

static void test_size(const struct world_format *format, uint64_t kernel_bytes, ashlar_sharing_policy policy,
                      enum world_site site)
{
    const struct world_options options = {.kernel_bytes = kernel_bytes,
                                          .policy = policy,
                                          .site = site,
                                          .guarded = kernel_bytes <= 256u * MIB};
    char name[100];
    world_start(format, &options);
    snprintf(name, sizeof name, "%s, %llu MiB, image %s, %s", world.name, (unsigned long long)(kernel_bytes >> 20),
             world_site_names[site], ashlar_sharing_text(policy));
    check_layout(name, site);
    check_mapped(name);
    world_ok("%s", name);
}

static void test_sizes(const struct world_format *format)
{
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    const uint64_t *sizes = wide ? sizes_64 : sizes_32;
    size_t count = wide ? sizeof sizes_64 / sizeof sizes_64[0] : sizeof sizes_32 / sizeof sizes_32[0];
    for (size_t i = 0; i < count; i++) {
        for (unsigned site = 0; site < WORLD_SITES; site++) {
            test_size(format, sizes[i], ASHLAR_SHARING_PREALLOCATE, (enum world_site)site);
            test_size(format, sizes[i], (ashlar_sharing_policy)(ASHLAR_SHARING_EAGER + (i + site) % 4u),
                      (enum world_site)site);
        }
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

/* Not in pieces of 4 MiB, nowhere, or neither within kernel space nor low in slots of its own. */
static void test_bad_homes(void)
{
    struct ashlar_space_options o = world.options;
    const ashlar_vpn last_page = ashlar_paging_last_page(world.paging);
    o.home_first += 512;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: [fault 183] a home that is no multiple of 4 MiB", world.name);
    o = world.options;
    o.home_pages += 512;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: or as large as no multiple", world.name);
    o.home_pages = 0;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: none at all", world.name);
    o.home_pages = last_page - o.home_first + 1u + 1024u;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: one that passes the end", world.name);
    o.home_first = last_page + 1u;
    o.home_pages = 1024;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: one behind it", world.name);
    o.home_first = o.kernel_first - 1024u;
    o.home_pages = 2048;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: one that begins below kernel space", world.name);
    o.home_first = 0;
    o.home_pages = PAGES_OF(GIB);
    is_u(footprint_of(&o), ASHLAR_OK, "%s: a low one of 1 GiB", world.name);
    o.home_pages += 1024u;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a larger one", world.name);
    o.home_pages = 1024;
    o.kernel_first = 2048;
    is_u(footprint_of(&o), world.format->sim == SIM_TWO_LEVEL ? ASHLAR_OK : ASHLAR_BAD_ARGUMENT,
         "%s: kernel space in the slot of a low one", world.name);
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
    o.kernel_first = o.image_first + 1024u;
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a start behind the image", world.name);
    test_bad_homes();
    o = world.options;
    o.areas = areas;
    memcpy(areas, world.areas, sizeof areas);
    areas[CARVE].pages = PAGES_OF(GIB) * (world_is_64() ? 512u * 512u : 1u);
    is_u(footprint_of(&o), ASHLAR_BAD_ARGUMENT, "%s: a carve that fits nowhere", world.name);
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

/* The loader's table of this level, on the way to the image. */
static void *boot_table(unsigned wanted)
{
    ashlar_pfn frame = BOOT_ROOT;
    for (unsigned level = ashlar_paging_levels(world.paging); level > wanted; level--) {
        unsigned index = ashlar_entry_index(world.paging, level, world_page(world.image_address));
        frame = ashlar_entry_frame(world.paging, ashlar_entry_load(world.paging, sim_ram_frame(frame), index));
    }
    return sim_ram_frame(frame);
}

/* Frames from 0 on in large pages of this level, from the home on: more than the home. */
static void map_home_large(unsigned level)
{
    const struct ashlar_paging *p = world.paging;
    uint64_t bits = ashlar_entry_leaf_bits(p, WORLD_FEATURES, level, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
    unsigned index = ashlar_entry_index(p, level, world_page(world.home_address));
    unsigned count = ashlar_table_entries(p, level) - index;
    for (unsigned i = 0; i < count && i < 4u; i++) {
        ashlar_pfn frame = (ashlar_pfn)i << ashlar_entry_shift(p, level);
        ashlar_entry_store(p, boot_table(level), index + i, (uint64_t)frame << ASHLAR_PAGE_SHIFT | bits);
    }
}

/* The image in large pages, in those of a level where each is many pieces of the home as well; what the loader has mapped
 * beside the home is gone, though it may be the same table or the same large page. */
static void test_large_home(const struct world_format *format, enum world_site site, unsigned level)
{
    struct world_options usual = {.site = site};
    ashlar_pfn carve = 0x1000;
    size_t frames = 0;
    usual = world_usual(format, &usual);
    world_power_on(format, &usual);
    map_home_large(level);
    world_choose(&usual, 16);
    world.options.image_first = world.options.home_first + IMAGE_FRAME;
    is_u(ashlar_space_footprint_frames(&world.options, &frames), ASHLAR_OK, "%s: a footprint", world.name);
    world.areas[CARVE].frame = carve + frames;
    is_u(ashlar_space_lay(&world.options, carve, frames, &world.layout), ASHLAR_OK,
         "%s: an image %s, in large pages of level %u", world.name, world_site_names[site], level);
    *world_word(IMAGE_FRAME + 7u) = 0x7777u;
    uint32_t value = 0;
    is_u(sim_load(0, world_address(world.options.image_first + 7u), &value, sizeof value, 0), 0, "%s: it is there",
         world.name);
    is_u(value, 0x7777u, "%s: the right frame", world.name);
    ok(sim_load(0, world_address(world.options.image_first + 7u), &value, sizeof value, SIM_USER) != 0,
       "%s: the kernel's alone, whatever the loader said", world.name);
    is_u(world_absent(world.options.home_first + HOME_PAGES, 1), 1, "%s: and nothing behind the home", world.name);
}

static void test_large_homes(const struct world_format *format)
{
    for (unsigned site = 0; site < WORLD_SITES; site++) {
        if (site == WORLD_MIDDLE && ashlar_paging_virtual_bits(format->paging) == 32u) {
            continue; /* not on a multiple of a large page of every level */
        }
        test_large_home(format, (enum world_site)site, 2);
        if (ashlar_paging_large_level(format->paging, WORLD_FEATURES) == 3u) {
            test_large_home(format, (enum world_site)site, 3);
        }
    }
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
        test_large_homes(format);
        test_choice(format);
    }
    return done_testing();
}
