/* SPDX-License-Identifier: 0BSD */
/* mmio.c - device memory in kernel addresses.
 *
 * The frames are the device's: nobody collects them. Giving back flushes at
 * once, since a device may not be touched through an old translation.
 */
#include "base/alone.h"
#include "base/check.h"
#include "base/contexts.h"
#include "kva/open.h"
#include "space/leaves.h"
#include "space/mapping.h"

COLD static size_t pages_spanned(ashlar_phys base, size_t bytes)
{
    size_t offset = (size_t)(base & (ASHLAR_PAGE_BYTES - 1u));
    return (bytes >> ASHLAR_PAGE_SHIFT) +
           (((bytes & (ASHLAR_PAGE_BYTES - 1u)) + offset + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT);
}

COLD ashlar_status ashlar_kva_map_mmio(ashlar_phys base, size_t bytes, unsigned flags, const char *name,
                                       uintptr_t *address)
{
    CONTEXTS(yes, yes, no, no, no);
    struct ashlar_cursor cursor;
    struct ashlar_range_info range;
    size_t pages = pages_spanned(base, bytes);
    ashlar_pfn frame = (ashlar_pfn)(base >> ASHLAR_PAGE_SHIFT);
    const struct range_request request = range_request_for(RANGE_DEVICE, pages, name);
    if (bytes == 0 || base + bytes < base || frame != base >> ASHLAR_PAGE_SHIFT) {
        return ASHLAR_BAD_ARGUMENT;
    }
    ashlar_status status = ashlar_linear_status(NULL, pages, frame, flags);
    if (status == ASHLAR_OK) {
        status = ashlar_range_open(&request, &range, &cursor);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    ashlar_cursor_map_linear(&cursor, frame, pages, flags & ~ASHLAR_MAP_LARGE);
    ashlar_range_close(&cursor, &range);
    *address = ashlar_kva_address(range.first) + (uintptr_t)(base & (ASHLAR_PAGE_BYTES - 1u));
    return ASHLAR_OK;
}

COLD void ashlar_kva_unmap_mmio(uintptr_t address)
{
    CONTEXTS(yes, yes, no, no, no);
    ASHLAR_CHECK(ashlar_paging_address_is_valid(ashlar_kva.paging, address),
                 "kva: device memory unmapped at %p, a non-canonical address, by %p", (void *)address, ASHLAR_CALLER());
    struct ashlar_range_info range =
        ashlar_arena_claim(ashlar_paging_page(ashlar_kva.paging, address), 1u << RANGE_DEVICE, ASHLAR_CALLER());
    struct ashlar_gather gather;
    (void)ashlar_alone_enter();
    ashlar_gather_init(&gather, NULL);
    ashlar_gather_add(&gather, ashlar_range_first(&range), ashlar_range_pages(&range));
    ashlar_port_pin();
    ashlar_range_check_missing(&range, ashlar_leaves_hide(ashlar_range_first(&range), ashlar_range_pages(&range)),
                               ASHLAR_CALLER());
    ashlar_port_unpin();
    ashlar_gather_finish(&gather);
    ashlar_alone_exit();
    ashlar_port_pin();
    ashlar_leaves_clear(range.first, range.pages);
    ashlar_port_unpin();
    ashlar_arena_give(&ashlar_kva.general, range.first, ASHLAR_CALLER());
}
