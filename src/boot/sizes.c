/* SPDX-License-Identifier: 0BSD */
/* sizes.c - how much everything takes: each floor is asked, and kernel space has to hold the sum.
 *
 * All of it is a pure function of the map and of what the caller said. So where it does not fit, it is tried again with
 * one field after the other as small as can be; the one with which it fits is to blame, and what it could be at most is
 * found by halving. Where it is none of them, kernel space is too small, and how large it has to be is found likewise.
 */
#include "boot/sizes.h"

#include "arch/formats.h"
#include "base/check.h"
#include "boot/site.h"
#include "space/lay.h"

#define MIB ((size_t)1 << 20)
#define MIB_PAGES (MIB >> ASHLAR_PAGE_SHIFT)
#define SPACE_UNIT_BYTES (4u * MIB) /* of kernel space */
#define STACK_PAGES 6u              /* four, and two guards */
#define STACKS_USUAL 128u
#define KEEP_LEAST_BYTES ((size_t)256 << 10)
#define KEEP_MOST_BYTES (8u * MIB)
#define HEAP_LEAST_BYTES (4u * MIB)
#define HEAP_SPARE_PAGES ((size_t)16)                                       /* beside its range: guards */
#define LARGE_RAM_FRAMES ((size_t)0x3c000)                                  /* 1 GiB, less what firmware keeps of it */
#define HEAP_MOST_PAGES ((size_t)1 << 20 << (sizeof(size_t) == 8u ? 8 : 0)) /* 1 TiB */

COLD static size_t to_pages(size_t bytes)
{
    return (bytes >> ASHLAR_PAGE_SHIFT) + ((bytes & (ASHLAR_PAGE_BYTES - 1u)) != 0);
}

/* --- what is wanted ---------------------------------------------------------------- */

COLD static size_t keep_bytes(const struct boot_plan *plan)
{
    size_t keep = plan->booted->ram_frames / 64u << ASHLAR_PAGE_SHIFT;
    if (plan->boot->heap_keep_bytes != 0) {
        return plan->boot->heap_keep_bytes;
    }
    keep = keep < KEEP_MOST_BYTES ? keep : KEEP_MOST_BYTES;
    return keep > KEEP_LEAST_BYTES ? keep : KEEP_LEAST_BYTES;
}

/* Where RAM is plenty, the heap grows by large pages of level 2, if those are not the root's. */
COLD static void choose_growth(struct boot_plan *plan)
{
    const struct ashlar_paging *paging = plan->boot->paging;
    if (plan->boot->heap_commit != NULL && ashlar_paging_levels(paging) > 2u &&
        plan->booted->ram_frames >= LARGE_RAM_FRAMES) {
        plan->heap_options.grow_bytes = (size_t)ASHLAR_PAGE_BYTES << ashlar_entry_shift(paging, 2);
        plan->heap_options.grow_align_bytes = plan->heap_options.grow_bytes;
    }
}

/* More than there are, rather than too few, where the product is too much for a word. */
COLD static size_t stack_pages(const struct boot_plan *plan)
{
    size_t stacks = plan->boot->stacks != 0 ? plan->boot->stacks : STACKS_USUAL;
    return stacks <= ~(size_t)0 / STACK_PAGES ? stacks * STACK_PAGES : ~(size_t)0;
}

COLD static void choose_options(struct boot_plan *plan)
{
    const struct ashlar_boot *boot = plan->boot;
    struct ashlar_space_options *space = &plan->space_options;
    plan->frames_options.max_cpus = boot->max_cpus;
    plan->frames_options.keeps_low = boot->keeps_low;
    plan->heap_options.max_cpus = boot->max_cpus;
    plan->heap_options.keep_bytes = keep_bytes(plan);
    plan->heap_options.kick = boot->heap_kick;
    choose_growth(plan);
    space->paging = boot->paging;
    space->features = boot->features;
    space->max_cpus = boot->max_cpus;
    space->policy = boot->policy;
    space->kick = boot->kick;
    space->map = boot->map;
    ashlar_boot_site(boot, plan->booted->ram_frames, space);
    space->areas = plan->areas;
    space->area_count = CARVE_AREA + 1u;
    ashlar_kva_areas(ashlar_lay_room_pages(space), stack_pages(plan), plan->areas);
}

/* The heap's range is three quarters of what the general arena can be at most; what else there is takes a part of the
 * rest. */
COLD static void choose_heap(struct boot_plan *plan)
{
    size_t arena = ashlar_lay_room_pages(&plan->space_options);
    size_t pages = to_pages(plan->boot->heap_bytes);
    if (pages == 0) {
        pages = (arena - arena / 16u) / 4u * 3u;
        pages = pages < HEAP_MOST_PAGES ? pages : HEAP_MOST_PAGES;
    }
    plan->heap_pages = pages;
    plan->heap_bytes = ashlar_heap_footprint_bytes(&plan->heap_options, pages);
}

COLD static bool heap_fits(const struct boot_plan *plan)
{
    size_t arena = ashlar_lay_arena_pages(&plan->space_options);
    size_t beside = HEAP_SPARE_PAGES + to_pages(plan->heap_options.grow_align_bytes);
    return plan->heap_pages <= HEAP_MOST_PAGES && arena > beside && plan->heap_pages <= arena - beside;
}

/* Ask all floors. False: kernel space cannot hold it. */
COLD static bool ask_floors(struct boot_plan *plan)
{
    choose_options(plan);
    choose_heap(plan);
    plan->frames_bytes = ashlar_frames_footprint_bytes(plan->boot->map, &plan->frames_options);
    plan->frames_pages = to_pages(plan->frames_bytes);
    size_t carve_pages = plan->frames_pages + to_pages(plan->heap_bytes);
    plan->areas[CARVE_AREA] = (struct ashlar_area){"boot's bookkeeping", carve_pages, carve_pages, 0, 0};
    plan->space_options.policy = ashlar_sharing_choose(&plan->space_options, plan->booted->ram_frames);
    return ashlar_space_footprint_frames(&plan->space_options, &plan->table_frames) == ASHLAR_OK && heap_fits(plan);
}

COLD static size_t bookkeeping_frames(const struct boot_plan *plan)
{
    return plan->table_frames + plan->areas[CARVE_AREA].pages;
}

/* --- who is to blame ----------------------------------------------------------------- */

/* The same boot with one field changed. It fits if half of RAM holds its bookkeeping, whatever pieces RAM comes in. */
struct trial {
    struct ashlar_boot boot;
    struct boot_plan plan;
};

COLD static bool fits_with(struct trial *trial, const struct boot_plan *plan, size_t *field, size_t value)
{
    trial->plan = (struct boot_plan){.boot = &trial->boot, .booted = plan->booted};
    *field = value;
    return ask_floors(&trial->plan) && bookkeeping_frames(&trial->plan) <= plan->booted->ram_frames / 2u;
}

/* So many units fit; one more, in the direction of `bad`, which does not, would not. */
COLD static size_t last_that_fits(struct trial *trial, const struct boot_plan *plan, size_t *field, size_t unit,
                                  size_t good, size_t bad)
{
    while (good > bad + 1u || bad > good + 1u) {
        size_t middle = good < bad ? good + (bad - good) / 2u : bad + (good - bad) / 2u;
        if (fits_with(trial, plan, field, middle * unit)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    return good * unit;
}

COLD static size_t kernel_space_most(const struct ashlar_paging *paging)
{
    return (ashlar_paging_last_page(paging) + 1u) / 4u * 3u << ASHLAR_PAGE_SHIFT;
}

/* How large kernel space has to be, or that no size would do. */
COLD static ASHLAR_NORETURN void blame_kernel_space(struct trial *trial, const struct boot_plan *plan)
{
    const struct ashlar_paging *paging = plan->boot->paging;
    const struct ashlar_space_options *space = &plan->space_options;
    size_t pages = ashlar_paging_last_page(paging) - space->kernel_first + 1u;
    size_t most = ashlar_paging_virtual_bits(paging) > 32u ? 0 : kernel_space_most(paging);
    trial->boot = *plan->boot;
    if (most > pages << ASHLAR_PAGE_SHIFT && fits_with(trial, plan, &trial->boot.kernel_space_bytes, most)) {
        size_t enough = last_that_fits(trial, plan, &trial->boot.kernel_space_bytes, SPACE_UNIT_BYTES,
                                       most / SPACE_UNIT_BYTES, (pages << ASHLAR_PAGE_SHIFT) / SPACE_UNIT_BYTES);
        ashlar_panic("boot: kernel_space_bytes is 0x%zx: the %zu MiB from %p on cannot hold %zu pages of bookkeeping, "
                     "%zu of stacks, %zu of the heap; 0x%zx would",
                     plan->boot->kernel_space_bytes, pages >> 8,
                     (void *)ashlar_paging_address(paging, space->kernel_first), plan->areas[CARVE_AREA].pages,
                     stack_pages(plan), plan->heap_pages, enough);
    }
    ashlar_panic("boot: kernel_space_bytes is 0x%zx: kernel space, %zu MiB from %p on, cannot hold %zu pages of "
                 "bookkeeping, %zu of stacks, %zu of the heap, however large",
                 plan->boot->kernel_space_bytes, pages >> 8, (void *)ashlar_paging_address(paging, space->kernel_first),
                 plan->areas[CARVE_AREA].pages, stack_pages(plan), plan->heap_pages);
}

/* Returns where it is nobody's fault: RAM is too small. */
COLD static void blame(const struct boot_plan *plan, bool fits_addresses)
{
    static struct trial trial; /* not on a stack that may be small */
    const struct ashlar_boot *boot = plan->boot;
    void *first = (void *)ashlar_paging_address(boot->paging, plan->space_options.kernel_first);
    trial.boot = *boot;
    if (boot->stacks > 1u && fits_with(&trial, plan, &trial.boot.stacks, 1)) {
        ashlar_panic(
            "boot: stacks is %zu: kernel space from %p on, or RAM, cannot hold so many beside all else; %zu would do",
            boot->stacks, first, last_that_fits(&trial, plan, &trial.boot.stacks, 1, 1, boot->stacks));
    }
    trial.boot = *boot;
    if (boot->heap_bytes > HEAP_LEAST_BYTES && fits_with(&trial, plan, &trial.boot.heap_bytes, HEAP_LEAST_BYTES)) {
        size_t most = last_that_fits(&trial, plan, &trial.boot.heap_bytes, MIB, HEAP_LEAST_BYTES / MIB,
                                     boot->heap_bytes / MIB + 1u);
        ashlar_panic(
            "boot: heap_bytes is 0x%zx: kernel space from %p on, or RAM, cannot hold so many beside all else; 0x%zx "
            "would do",
            boot->heap_bytes, first, most);
    }
    if (!fits_addresses) {
        blame_kernel_space(&trial, plan);
    }
}

COLD void ashlar_boot_size(struct boot_plan *plan)
{
    const struct ashlar_boot *boot = plan->boot;
    size_t ram_frames = plan->booted->ram_frames;
    ASHLAR_CHECK(boot->heap_bytes == 0 || boot->heap_bytes >= HEAP_LEAST_BYTES,
                 "boot: heap_bytes is 0x%zx: less than 0x%zx; 0 is three quarters of what there is", boot->heap_bytes,
                 HEAP_LEAST_BYTES);
    ASHLAR_CHECK(boot->heap_keep_bytes >> ASHLAR_PAGE_SHIFT <= ram_frames,
                 "boot: heap_keep_bytes is 0x%zx: more than all RAM, %zu MiB; 0 is 1/64 of it", boot->heap_keep_bytes,
                 ram_frames / MIB_PAGES);
    bool fits_addresses = ask_floors(plan);
    if (!fits_addresses || bookkeeping_frames(plan) > ram_frames) {
        blame(plan, fits_addresses);
    }
}
