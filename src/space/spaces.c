/* SPDX-License-Identifier: 0BSD */
/* spaces.c - address spaces: made empty, and destroyed so.
 *
 * A new root gets a low image first (home.c), and the kernel's slots in the same
 * breath in which it joins the list (roots.c). One that goes gives back its tables; the kernel half is never
 * walked.
 */
#include "tables/half.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/wait.h"
#include "frames/obtain.h"
#include "tables/asid.h"
#include "tables/changer.h"
#include "tables/home.h"
#include "tables/roots.h"
#include "tables/tables.h"

/* The root, and the tables of its own that a low image takes. */
COLD static ashlar_status take_root(ashlar_pfn *frames)
{
    struct ashlar_frames_request request = {0, ashlar_paging_root_limit(ashlar_half.paging), ASHLAR_FRAMES_ANY_NODE, 0};
    for (unsigned taken = 0; taken <= ashlar_home_tables(); taken++) {
        ashlar_status status;
        FRAMES_OBTAIN(ashlar_half.pool, status, ashlar_frames_take_request(ashlar_half.pool, &request, &frames[taken]));
        if (status != ASHLAR_OK) {
            ashlar_frames_give_bulk(ashlar_half.pool, frames, taken);
            return status;
        }
        request.limit_pfn = ashlar_paging_table_limit(ashlar_half.paging);
    }
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_space_create(struct ashlar_space *space)
{
    CONTEXTS(yes, yes, no, no, no);
    return ashlar_space_create_with(space, 0);
}

COLD ashlar_status ashlar_space_create_with(struct ashlar_space *space, unsigned flags)
{
    CONTEXTS(yes, yes, no, no, no);
    ashlar_pfn frames[PAGING_LEVELS_MAX];
    if ((flags & ~ASHLAR_SPACE_WRITE_EXEC) != 0) {
        return ASHLAR_BAD_ARGUMENT;
    }
    ashlar_status status = take_root(frames);
    if (status != ASHLAR_OK) {
        return status;
    }
    memset(space, 0, sizeof *space);
    ashlar_lock_init(&space->lock, ASHLAR_RANK_SPACE, "address space");
    space->root = (ashlar_phys)frames[0] << ASHLAR_PAGE_SHIFT;
    space->flags = flags;
    (void)ashlar_changer_take(space); /* until its root is whole: an audit finds it in the list */
    if (ashlar_asids_are_used()) {
        ashlar_asid_renew(space); /* one of before may have been here */
    }
    ashlar_port_pin();
    void *root = ashlar_port_open_frame(frames[0]);
    memset(root, 0, ASHLAR_PAGE_BYTES);
    ashlar_home_join(root, &frames[1]);
    ashlar_roots_join(space, root);
    ashlar_port_close_frame(root);
    ashlar_port_unpin();
    ashlar_changer_give(space);
    return ASHLAR_OK;
}

COLD static int stop_at_first(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)pages;
    (void)mapping;
    *(ashlar_vpn *)context = first;
    return 1;
}

/* The first user page that is still mapped, or ASHLAR_PFN_NONE. */
COLD static ashlar_vpn first_user_page(struct ashlar_space *space)
{
    ashlar_vpn found = ASHLAR_PFN_NONE;
    ashlar_space_walk_mappings(space, stop_at_first, &found);
    return found;
}

/* When nobody changes it, nor comes back to it from a visitor. */
COLD static void take_for_good(struct ashlar_space *space, const void *caller)
{
    for (;;) {
        ASHLAR_CHECK(ashlar_changer_take(space) == ASHLAR_OK,
                     "space: destroyed while it is changed (root 0x%llx), by %p", (unsigned long long)space->root,
                     caller);
        uint32_t visits = space->visits;
        if (visits == 0) {
            return;
        }
        ashlar_changer_give(space);
        ASHLAR_CHECK(ashlar_may_wait(), "space: destroyed while a visitor is told of its frames (root 0x%llx), by %p",
                     (unsigned long long)space->root, caller);
        ashlar_wait_while(&space->visits, visits);
    }
}

COLD void ashlar_space_destroy(struct ashlar_space *space)
{
    CONTEXTS(yes, yes, no, no, no);
    for (unsigned i = 0; i < sizeof space->cpus / sizeof space->cpus[0]; i++) {
        uint32_t cpus = atomic_load_u32(&space->cpus[i]);
        ASHLAR_CHECK(cpus == 0, "space: destroyed while CPU %u runs in it (root 0x%llx), by %p",
                     i * 32u + (cpus != 0 ? u32_ctz(cpus) : 0), (unsigned long long)space->root, ASHLAR_CALLER());
    }
    take_for_good(space, ASHLAR_CALLER());
    if (space->table_frames != 0) {
        ashlar_tables_prune(space, ashlar_half.layout.user_first, ashlar_half.layout.user_pages);
    }
    ASHLAR_CHECK(space->table_frames == 0 || space->mapped_pages != 0,
                 "space: destroyed with hidden pages, which nobody has collected (root 0x%llx), by %p",
                 (unsigned long long)space->root, ASHLAR_CALLER());
    ASHLAR_CHECK(space->table_frames == 0, "space: destroyed with page %p still mapped (root 0x%llx), by %p",
                 (void *)ashlar_page_address(first_user_page(space)), (unsigned long long)space->root, ASHLAR_CALLER());
    ashlar_roots_leave(space);
    ashlar_port_pin();
    ashlar_home_leave(space->root);
    ashlar_port_unpin();
    ashlar_changer_give(space); /* not before: whoever has it, such as an audit, may rely on the list */
    ashlar_frames_give(ashlar_half.pool, (ashlar_pfn)(space->root >> ASHLAR_PAGE_SHIFT), 0);
    space->root = 0;
}
