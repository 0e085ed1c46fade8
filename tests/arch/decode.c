/* SPDX-License-Identifier: 0BSD */
/* decode.c - tables that arch builds, read by the simulated machine's own decoder: both must say the same.
 *
 * Random pages, frames, flags and sizes, in all formats; then large pages that
 * are split, and must translate as before.
 */
#include "world.h"

#include <ashlar/port.h>

/* The walker asks the port for frames. */
void *ashlar_port_open_frame(ashlar_pfn frame)
{
    return sim_window_open(0, frame);
}

void ashlar_port_close_frame(void *pointer)
{
    sim_window_close(0, pointer);
}

static unsigned caching_of(unsigned pat_index)
{
    static const unsigned types[8] = {ASHLAR_MAP_CACHE_WB, ASHLAR_MAP_CACHE_WT, ASHLAR_MAP_CACHE_WC,
                                      ASHLAR_MAP_CACHE_UC, ASHLAR_MAP_CACHE_WC, ASHLAR_MAP_CACHE_WT,
                                      ASHLAR_MAP_CACHE_WC, ASHLAR_MAP_CACHE_UC};
    return types[pat_index];
}

static unsigned flags_of(const struct sim_translation *found)
{
    return (found->writable ? ASHLAR_MAP_WRITE : 0u) | (found->user ? ASHLAR_MAP_USER | ASHLAR_MAP_READ : 0u) |
           (found->executable ? ASHLAR_MAP_EXEC : 0u) | (found->global ? ASHLAR_MAP_GLOBAL : 0u) |
           caching_of(found->pat_index);
}

/* The walker, the looker without a trace and the MMU agree about this page. */
static bool all_agree(ashlar_vpn page)
{
    struct ashlar_walk walked;
    struct sim_translation seen;
    uint64_t translated;
    uintptr_t address = ashlar_paging_address(world.paging, page) + 0x123;
    ashlar_phys physical = 0;
    ashlar_walk(world.paging, world.root, page, &walked);
    sim_mmu_inspect(0, address, &seen);
    unsigned fault = sim_mmu_translate(0, address, SIM_READ, &translated);
    bool translates = ashlar_walk_translate(world.paging, world.root, address, &physical);
    if (walked.frame == ASHLAR_PFN_NONE) {
        return seen.fault != 0 && fault != 0 && !translates && walked.flags == 0;
    }
    return seen.fault == 0 && fault == 0 && translates && physical == translated && physical == seen.physical &&
           physical == ((uint64_t)walked.frame << 12 | 0x123) && walked.flags == flags_of(&seen) &&
           walked.page_pages == seen.page_bytes >> 12;
}

static unsigned random_level(uint64_t *seed)
{
    unsigned level = 1u + (unsigned)tap_random(seed) % 3u;
    unsigned highest = ashlar_paging_large_level(world.paging, WORLD_FEATURES);
    return level <= highest ? level : 1;
}

struct mapped {
    ashlar_vpn page;
    ashlar_pfn frame;
    unsigned level;
    unsigned flags;
};

/* One random mapping; false if its place was not free, or would hide smaller pages. */
static bool map_random(uint64_t *seed, unsigned physical_bits, struct mapped *made)
{
    const struct ashlar_paging *p = world.paging;
    unsigned level = random_level(seed);
    ashlar_vpn mask = ((ashlar_vpn)1 << ashlar_entry_shift(p, level)) - 1u;
    ashlar_pfn limit = ashlar_paging_frame_limit(p, ASHLAR_FEATURE_PHYSICAL_BITS(physical_bits));
    /* clustered, so that tables are shared */
    ashlar_vpn page = world_page(tap_random(seed) & ~UINT64_C(0xfff0));
    struct ashlar_walk walked;
    ashlar_walk(p, world.root, page, &walked);
    if (walked.frame != ASHLAR_PFN_NONE || walked.level < level || (walked.level == level && walked.entry != 0)) {
        return false;
    }
    *made = (struct mapped){page & ~mask, ((ashlar_pfn)tap_random(seed) % limit) & ~(ashlar_pfn)mask, level,
                            (unsigned)tap_random(seed) & 0x3fu};
    world_map(made->page, made->frame, level, made->flags);
    return true;
}

static bool as_mapped(const struct mapped *made, uint64_t random)
{
    struct ashlar_walk walked;
    ashlar_pfn inside = (ashlar_pfn)random & (((ashlar_pfn)1 << ashlar_entry_shift(world.paging, made->level)) - 1u);
    ashlar_walk(world.paging, world.root, made->page + inside, &walked);
    unsigned more = world.paging == &ashlar_paging_two_level ? ASHLAR_MAP_EXEC : 0u;
    more |= (made->flags & ASHLAR_MAP_USER) != 0 ? ASHLAR_MAP_READ : 0u;
    return walked.frame == made->frame + inside && walked.flags == (made->flags | more) &&
           walked.level == made->level && all_agree(made->page + inside);
}

static unsigned run_seed(const struct world_format *format, uint64_t seed)
{
    static struct mapped made[400];
    unsigned count = 0, bad = 0;
    world_init(format);
    sim_mmu_set_root(0, world.root);
    for (unsigned i = 0; i < 400; i++) {
        count += map_random(&seed, format->physical_bits, &made[count]);
        if (format->sim == SIM_PAE) {
            sim_mmu_set_root(0, world.root);
        }
        bad += !all_agree(world_page(tap_random(&seed)));
    }
    for (unsigned i = 0; i < count; i++) {
        bad += !as_mapped(&made[i], tap_random(&seed));
    }
    if (count < 50) {
        printf("# only %u pages were mapped\n", count);
        bad++;
    }
    return bad;
}

static void test_agreement(void)
{
    unsigned long seeds = tap_seeds(5);
    FOR_EACH_FORMAT(format)
    {
        unsigned bad = 0;
        unsigned long violations = 0;
        for (unsigned long s = 1; s <= seeds; s++) {
            unsigned here = run_seed(format, s * 7919u);
            if (here != 0) {
                printf("# seed %lu: %u\n", s, here);
            }
            bad += here;
            violations += sim_violations_all();
        }
        is_u(bad, 0, "%s: two readers of one manual agree, %lu seeds", ashlar_paging_name(format->paging), seeds);
        is_u(violations, 0, "%s: no reserved bit, nothing out of place", ashlar_paging_name(format->paging));
        is_u(sim_windows_open(0), 0, "%s: the walker closes what it opens", ashlar_paging_name(format->paging));
        ok(sim_windows_peak(0) <= 2, "%s: and has two frames open at most", ashlar_paging_name(format->paging));
    }
}

/* --- splitting ------------------------------------------------------------------------------ */

static bool same_translation(const struct sim_translation *a, const struct sim_translation *b)
{
    return b->fault == 0 && a->physical == b->physical && flags_of(a) == flags_of(b) && a->pat_index == b->pat_index;
}

/* Split the large page of this level at page 0x80000 or so, and compare every part of it. */
static unsigned split_one(const struct world_format *format, unsigned level, unsigned flags)
{
    const struct ashlar_paging *p = format->paging;
    size_t pages = (size_t)1 << ashlar_entry_shift(p, level), part = (size_t)1 << ashlar_entry_shift(p, level - 1u);
    ashlar_vpn page = 0x40000;
    unsigned bad = 0;
    world_init(format);
    world_map(page, 0x80000, level, flags);
    sim_mmu_set_root(0, world.root);
    void *above = world_find(page, level), *below = world_table(world.next_table);
    unsigned index = ashlar_entry_index(p, level, page);
    struct sim_translation *before = calloc(pages / part, sizeof *before);
    for (size_t i = 0; i < pages / part; i++) {
        sim_mmu_inspect(0, world_address(page + i * part + part / 2u), &before[i]);
    }
    ashlar_split_fill(p, level, ashlar_entry_load(p, above, index), below);
    ashlar_entry_exchange_link(p, above, index, level, world.next_table, ASHLAR_MAP_USER);
    for (size_t i = 0; i < pages / part; i++) {
        struct sim_translation after;
        sim_mmu_inspect(0, world_address(page + i * part + part / 2u), &after);
        bad += !same_translation(&before[i], &after) || !after.accessed || !after.dirty ||
               after.page_bytes != (uint64_t)part << 12 || !all_agree(page + i * part);
    }
    free(before);
    return bad;
}

static void test_split(void)
{
    FOR_EACH_FORMAT(format)
    {
        unsigned highest = ashlar_paging_large_level(format->paging, WORLD_FEATURES);
        unsigned bad = 0;
        for (unsigned flags = 0; flags < 64; flags++) {
            for (unsigned level = 2; level <= highest; level++) {
                bad += split_one(format, level, flags);
            }
        }
        is_u(bad, 0, "%s: a split page translates as before, in any part, with any flags",
             ashlar_paging_name(format->paging));
        is_u(sim_violations_all(), 0, "%s: and no reserved bit comes of it", ashlar_paging_name(format->paging));
    }
}

/* Permissions are what all levels allow together; PAE's root has none to take away. */
static void test_combined(void)
{
    FOR_EACH_FORMAT(format)
    {
        const struct ashlar_paging *p = format->paging;
        unsigned top = ashlar_paging_levels(p);
        struct ashlar_walk walked;
        world_init(format);
        world_map(5, 0x77, 1, ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER);
        sim_mmu_set_root(0, world.root);
        void *table = world_find(5, 2);
        ashlar_entry_store(p, table, 0, ashlar_entry_load(p, table, 0) & ~UINT64_C(6));
        ashlar_walk(p, world.root, 5, &walked);
        is_u(walked.flags, ASHLAR_MAP_EXEC, "%s: a link without user and write takes both away", ashlar_paging_name(p));
        ok(all_agree(5), "%s: the MMU says so, too", ashlar_paging_name(p));
        ashlar_entry_clear(p, world_table(1), ashlar_entry_index(p, top, 5));
        ashlar_walk(p, world.root, 5, &walked);
        ok(walked.frame == ASHLAR_PFN_NONE && walked.level == top, "%s: an absent slot ends the walk at the top",
           ashlar_paging_name(p));
    }
}

/* The root of PAE is 32 bytes anywhere in a frame. */
static void test_root_in_frame(void)
{
    const struct world_format *pae = &world_formats[1];
    struct ashlar_walk walked;
    world_init(pae);
    world_map(0x12345, 0x77, 1, 0);
    memcpy((char *)world_table(1) + 0x7e0, world_table(1), 32);
    memset(world_table(1), 0, 32);
    ashlar_walk(pae->paging, 0x17e0, 0x12345, &walked);
    is_u(walked.frame, 0x77, "PAE: a root in the middle of a frame");
    ashlar_walk(pae->paging, 0x1000, 0x12345, &walked);
    is_u(walked.frame, ASHLAR_PFN_NONE, "PAE: and none at its start");
}

int main(void)
{
    test_agreement();
    test_split();
    test_combined();
    test_root_in_frame();
    return done_testing();
}
