/* SPDX-License-Identifier: 0BSD */
/* stack.c - kernel stacks, in an arena of their own whose tables exist from boot.
 *
 * A stack may never be brought in by a fault: the fault would need it. The guard
 * below catches an overflow, the one above whoever reads past the top; both name
 * the stack.
 */
#include "base/check.h"
#include "base/contexts.h"
#include "kva/fill.h"
#include "kva/guard.h"
#include "kva/purge.h"

ashlar_status ashlar_kva_take_stack(size_t pages, const char *name, uintptr_t *top)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_vpn first;
    ashlar_status status = ashlar_range_take(RANGE_STACK, pages, ASHLAR_MAP_WRITE, name, &first);
    if (status == ASHLAR_OK) {
        *top = ashlar_kva_address(first + pages);
    }
    return status;
}

void ashlar_kva_give_stack(uintptr_t top)
{
    CONTEXTS(yes, yes, no, no, no);
    struct ashlar_range_info range = {0};
    ashlar_vpn page = ashlar_paging_page(ashlar_kva.paging, top);
    bool found = top % ASHLAR_PAGE_BYTES == 0 && ashlar_paging_address_is_valid(ashlar_kva.paging, top) &&
                 ashlar_guard_range(page, &range);
    ASHLAR_CHECK(found && range.first + range.pages - 1u == page, "kva: %p is the top of no stack, given back by %p",
                 (void *)top, ASHLAR_CALLER());
    range = ashlar_arena_claim(range.first, 1u << RANGE_STACK, ASHLAR_CALLER());
    ashlar_range_check_missing(&range, ashlar_purge_give(&range), ASHLAR_CALLER());
}
