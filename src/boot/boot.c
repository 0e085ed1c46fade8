/* SPDX-License-Identifier: 0BSD */
/* boot.c - from a memory map to kmalloc, in one call.
 *
 * The order is the answer to the chicken and the egg:
 *
 *     reserve   image, stack, tables in use      (reserve.c)
 *     finalize  the map is sane; RAM is known, and with it the size of kernel space
 *     ask       each floor for its footprint: pure functions of the map and the options
 *     carve     all of that out of the map, at once; it is written and read back: is there RAM?
 *     lay       tables of the kernel half, the carve mapped at its final address
 *     init      frames, space, kva, heap: upward, each in its part of the carve
 *     seal      no second time
 *
 *     carve, physical:  | root, tables, strip pages | frames' storage | heap's |
 *                         reached by number only      mapped in one piece
 *
 * Whatever is wrong here is fatal with its reason: nothing can run without RAM.
 *
 * Cost: O(entries of the map + frames / 32 + tables).
 */
#include <ashlar/boot.h>

#include "arch/formats.h"
#include "base/check.h"
#include "base/contexts.h"
#include "boot/fields.h"
#include "boot/kernel_read.h"
#include "boot/readback.h"
#include "boot/reserve.h"
#include "boot/sizes.h"
#include "boot/unseal.h"
#include "boot/up.h"
#include "boot/windows_tried.h"
#include "frames/relief.h"
#include <ashlar/kmalloc.h>

#define TIB_SHIFT 28u /* of pages; more than a 32-bit machine has */
#define LOW_END_PFN ((ashlar_pfn)0x100)

static bool sealed;

/* The heap, and its address range for its source; and how that is backed. */
static struct {
    struct ashlar_heap *heap; /* NULL until it is up */
    const struct ashlar_paging *paging;
    uintptr_t address; /* of the range */
    uintptr_t pointer; /* the same, as its users see it */
    size_t bytes;
} heap_range;
static ashlar_vpn heap_first;
static ashlar_status (*heap_commit)(ashlar_vpn first, size_t pages, unsigned flags);
static bool commit_is_tried; /* the first time it was looked at what it did */

/* --- the map -------------------------------------------------------------------- */

static void finish_map(struct boot_plan *plan)
{
    struct ashlar_memmap *map = plan->boot->map;
    ashlar_boot_reserve(plan->boot);
    ashlar_status status = ashlar_memmap_finalize(map);
    ASHLAR_CHECK(status == ASHLAR_OK, "boot: memory map: %s", ashlar_memmap_problem(map));
    plan->booted->ram_frames = ashlar_memmap_usable_frames(map);
}

/* --- carve and lay ------------------------------------------------------------------ */

/* Is it where it may be, and RAM? */
static void check_carve(const struct boot_plan *plan)
{
    const struct ashlar_booted *booted = plan->booted;
    ashlar_pfn bad;
    ASHLAR_CHECK(plan->boot->keeps_low == 0 || booted->carve_first >= LOW_END_PFN,
                 "boot: no room for the bookkeeping, %zu frames (%zu KiB), above 1 MiB: keeps_low is set",
                 booted->carve_frames, booted->carve_frames << (ASHLAR_PAGE_SHIFT - 10u));
    ashlar_boot_try_windows(booted->carve_first);
    ASHLAR_CHECK(ashlar_boot_reads_back(booted->carve_first, booted->carve_frames, &bad),
                 "boot: memory map: 0x%llx is listed as RAM, but does not keep what is written to it",
                 (unsigned long long)bad << ASHLAR_PAGE_SHIFT);
}

static void carve_bookkeeping(struct boot_plan *plan)
{
    struct ashlar_booted *booted = plan->booted;
    ashlar_pfn limit = ashlar_paging_start_limit(plan->boot->paging);
    booted->carve_frames = plan->table_frames + plan->areas[CARVE_AREA].pages;
    ashlar_status status = ashlar_memmap_carve(plan->boot->map, booted->carve_frames, 1, limit, &booted->carve_first);
    ASHLAR_CHECK(status == ASHLAR_OK, "boot: no room for the bookkeeping: %s", ashlar_memmap_problem(plan->boot->map));
    check_carve(plan);
    plan->areas[CARVE_AREA].frame = booted->carve_first + plan->table_frames;
}

static void lay_kernel_half(struct boot_plan *plan)
{
    const struct ashlar_booted *booted = plan->booted;
    ashlar_status status =
        ashlar_space_lay(&plan->space_options, booted->carve_first, booted->carve_frames, &plan->layout);
    ASHLAR_CHECK(status == ASHLAR_OK, "boot: kernel half: %s", ashlar_status_text(status));
}

/* --- the heap's source: pages of its range, backed by the pool ---------------------- */

/* A heap whose pages are not there would fault at its first object, far from the cause. */
COLD static void try_commit(size_t page)
{
    char byte;
    uintptr_t address = heap_range.address + (page << ASHLAR_PAGE_SHIFT);
    ASHLAR_CHECK(ashlar_kernel_read(heap_range.paging, address, &byte, 1),
                 "boot: heap_commit is %p: it says ok, but the heap's page at %p is not mapped; NULL would do",
                 (void *)(uintptr_t)heap_commit, (void *)address);
    commit_is_tried = true;
}

static ashlar_status commit_heap(void *context, size_t first_page, size_t pages)
{
    (void)context;
    ashlar_status status = heap_commit(heap_first + first_page, pages, ASHLAR_MAP_WRITE | ASHLAR_KVA_NO_RELIEF);
    if (status == ASHLAR_OK && !commit_is_tried) {
        try_commit(first_page);
    }
    return status;
}

static void decommit_heap(void *context, size_t first_page, size_t pages)
{
    (void)context;
    ashlar_kva_decommit(heap_first + first_page, pages);
}

static int move_heap(void *context, size_t to_page, size_t from_page, size_t pages)
{
    (void)context;
    return ashlar_kva_move(heap_first + to_page, heap_first + from_page, pages, ASHLAR_MAP_WRITE) == ASHLAR_OK;
}

static int relieve_heap(void *context)
{
    return ashlar_frames_relieve(context);
}

/* For reports: any context. */
static int peek_at_heap(void *context, uintptr_t pointer, void *to, size_t bytes)
{
    size_t offset = pointer - heap_range.pointer;
    (void)context;
    return offset < heap_range.bytes && bytes <= heap_range.bytes - offset &&
           ashlar_kernel_read(heap_range.paging, heap_range.address + offset, to, bytes);
}

struct ashlar_heap *ashlar_boot_heap_at(uintptr_t address)
{
    return address - heap_range.address < heap_range.bytes ? heap_range.heap : NULL;
}

/* --- init, upward -------------------------------------------------------------------- */

static void *storage_at(const struct boot_plan *plan, size_t page)
{
    return ashlar_port_pointer(ashlar_paging_address(plan->boot->paging, plan->areas[CARVE_AREA].first + page));
}

static void init_frames(struct boot_plan *plan)
{
    ashlar_status status = ashlar_frames_init(storage_at(plan, 0), plan->frames_bytes, plan->boot->map,
                                              &plan->frames_options, &plan->booted->frames);
    ASHLAR_CHECK(status == ASHLAR_OK, "boot: frames: %s", ashlar_status_text(status));
}

static void init_spaces(const struct boot_plan *plan)
{
    ashlar_space_init(plan->booted->frames);
    ashlar_kva_init(plan->boot->paging, plan->booted->frames, plan->areas);
}

static void init_heap(struct boot_plan *plan)
{
    struct ashlar_heap_source source = {.commit = commit_heap,
                                        .decommit = decommit_heap,
                                        .relieve = relieve_heap,
                                        .reliefs = &ashlar_frames_reliefs,
                                        .peek = peek_at_heap,
                                        .context = plan->booted->frames};
    struct ashlar_booted *booted = plan->booted;
    if (plan->heap_options.grow_align_bytes == 0) {
        source.move = move_heap; /* large pages would be split for good, here and there */
    }
    ashlar_status status =
        ashlar_kva_reserve(plan->heap_pages, plan->heap_options.grow_align_bytes >> ASHLAR_PAGE_SHIFT, "heap",
                           &heap_first);
    ASHLAR_CHECK(status == ASHLAR_OK, "boot: an address range of %zu MiB for the heap: %s", plan->heap_pages >> 8,
                 ashlar_status_text(status));
    heap_commit = plan->boot->heap_commit != NULL ? plan->boot->heap_commit : ashlar_kva_commit;
    commit_is_tried = false;
    heap_range.paging = plan->boot->paging;
    heap_range.address = ashlar_paging_address(plan->boot->paging, heap_first);
    heap_range.pointer = (uintptr_t)ashlar_port_pointer(heap_range.address);
    heap_range.bytes = plan->heap_pages << ASHLAR_PAGE_SHIFT;
    source.base = heap_range.pointer;
    source.pages = plan->heap_pages;
    status = ashlar_heap_init(storage_at(plan, plan->frames_pages), plan->heap_bytes, &plan->heap_options, &source,
                              &booted->heap);
    ASHLAR_CHECK(status == ASHLAR_OK, "boot: heap: %s", ashlar_status_text(status));
    heap_range.heap = booted->heap;
    booted->heap_first = heap_first;
    booted->heap_pages = plan->heap_pages;
    booted->policy = plan->space_options.policy;
    ashlar_kmalloc_bind(booted->heap);
}

/* --- telling where everything went --------------------------------------------------- */

static void add_part(struct boot_plan *plan, const char *floor, const char *what, ashlar_vpn page, size_t bytes)
{
    struct ashlar_booted *booted = plan->booted;
    uintptr_t address = page != 0 ? ashlar_paging_address(plan->boot->paging, page) : 0;
    unsigned part = booted->parts++;
    booted->part[part].floor = floor;
    booted->part[part].what = what;
    booted->part[part].address = address;
    booted->part[part].bytes = bytes;
    ashlar_log("boot: %-6s %-26s %7zu bytes at %p", floor, what, bytes, (void *)address);
}

static void log_layout(struct boot_plan *plan)
{
    const struct ashlar_space_layout *layout = &plan->layout;
    const struct ashlar_area *carve_area = &plan->areas[CARVE_AREA];
    bool vast = layout->kernel_pages >> TIB_SHIFT != 0;
    ashlar_log("boot: %zu MiB of RAM; %s paging, %zu %s of kernel space from %p, sharing by %s",
               plan->booted->ram_frames >> 8, ashlar_paging_name(plan->boot->paging),
               layout->kernel_pages >> (vast ? TIB_SHIFT : 8u), vast ? "TiB" : "MiB",
               (void *)ashlar_paging_address(plan->boot->paging, layout->kernel_first),
               ashlar_sharing_text(plan->space_options.policy));
    add_part(plan, "space", "page tables", layout->array_pages != 0 ? layout->array_first : 0,
             layout->table_frames * ASHLAR_PAGE_BYTES);
    for (unsigned i = 0; i < ASHLAR_KVA_AREAS; i++) {
        const struct ashlar_area *area = &plan->areas[i];
        if (area->backed_pages != 0) {
            add_part(plan, "kva", area->name, area->first, area->backed_pages * ASHLAR_PAGE_BYTES);
        }
    }
    add_part(plan, "frames", "bitmap and counters", carve_area->first, plan->frames_bytes);
    add_part(plan, "heap", "owners of each CPU", carve_area->first + plan->frames_pages, plan->heap_bytes);
}

void ashlar_boot_up(const struct ashlar_boot *boot, struct ashlar_booted *booted)
{
    CONTEXTS(yes, no, no, no, no);
    static struct boot_plan plan; /* once: not on a stack that may be small */
    ASHLAR_CHECK(!sealed, "boot: ashlar_boot_up a second time, by %p", ASHLAR_CALLER());
    ashlar_boot_check_fields(boot);
    plan = (struct boot_plan){.boot = boot, .booted = booted};
    *booted = (struct ashlar_booted){0};
    if (boot->waiting.block != NULL || boot->waiting.yield != NULL || boot->waiting.mark != NULL) {
        ashlar_wait_by(&boot->waiting);
    }
    finish_map(&plan);
    ashlar_boot_size(&plan);
    carve_bookkeeping(&plan);
    lay_kernel_half(&plan);
    init_frames(&plan);
    init_spaces(&plan);
    init_heap(&plan);
    log_layout(&plan);
    if (ASHLAR_DEBUG) {
        const char *wrong = ashlar_selftest();
        ASHLAR_CHECK(wrong == NULL, "boot: the port's %s", wrong);
    }
    sealed = true;
}

void ashlar_boot_unseal(void)
{
    sealed = false;
    heap_range.heap = NULL;
    ashlar_kmalloc_bind(NULL);
}
