/* SPDX-License-Identifier: 0BSD */
/* sharing.c - one kernel half in every address space.
 *
 * The question of every kernel with processes: a mapping that the kernel adds
 * while one process runs, how do the others get it? Below the top level the
 * answer is nothing at all, since all roots point to the same tables. What is
 * left are the entries of the roots themselves. A policy says when they are
 * made, as a row of data; five operations are where it can matter:
 *
 *     grow    a kernel table is to be linked into a root
 *     join    an address space is created: copies the reference root's kernel slots
 *     leave   it is destroyed: its kernel slots are not walked
 *     switch  a CPU loads another root
 *     fault   a CPU found something absent in the kernel half
 *
 * PREALLOCATE makes every entry at boot. No root ever changes after that: grow
 * finds nothing to do, and no switch or fault has anything to bring.
 *
 * Invariants: a kernel slot is never cleared or repointed once a space exists;
 * the reference entry is visible before an address below it is published;
 * joining copies the slots and enters the list in one critical section.
 */
#include "space/internal.h"

#include "arch/entry.h"
#include "base/atomic.h"

const struct ashlar_sharing ashlar_sharing_rows[] = {
    [ASHLAR_SHARING_PREALLOCATE] = {"PREALLOCATE", 0},
};

const char *ashlar_sharing_text(ashlar_sharing_policy policy)
{
    size_t rows = sizeof ashlar_sharing_rows / sizeof ashlar_sharing_rows[0];
    return (size_t)policy < rows ? ashlar_sharing_rows[policy].name : "unknown";
}

ashlar_phys ashlar_space_root(const struct ashlar_space *space)
{
    return space != NULL ? space->root : ashlar_half.root;
}

size_t ashlar_user_pages(void)
{
    return round_down(ashlar_half.layout.kernel_first, (size_t)1 << ashlar_slot_shift(ashlar_half.paging));
}

/* Copy the reference root's kernel slots, and join the list, in one critical section: whoever changes the reference
 * from here on finds this root in the list. */
COLD static void join(struct ashlar_space *space, void *root)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned top = ashlar_paging_levels(paging);
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    void *reference = ashlar_port_open_frame((ashlar_pfn)(ashlar_half.root >> ASHLAR_PAGE_SHIFT));
    for (unsigned slot = ashlar_entry_index(paging, top, ashlar_half.layout.kernel_first);
         slot < ashlar_table_entries(paging, top); slot++) {
        ashlar_entry_store(paging, root, slot, ashlar_entry_load(paging, reference, slot));
    }
    ashlar_port_close_frame(reference);
    list_append(&ashlar_half.spaces, &space->link);
    ashlar_half.space_count++;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

COLD static void leave(struct ashlar_space *space)
{
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    list_remove(&space->link);
    ashlar_half.space_count--;
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

COLD ashlar_status ashlar_space_create(struct ashlar_space *space)
{
    ashlar_pfn frame;
    struct ashlar_frames_request request = {0, ashlar_paging_table_limit(ashlar_half.paging), ASHLAR_FRAMES_ANY_NODE,
                                            0};
    ashlar_status status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    if (status != ASHLAR_OK) {
        return status;
    }
    memset(space, 0, sizeof *space);
    ashlar_lock_init(&space->lock, ASHLAR_RANK_SPACE, "address space");
    space->root = (ashlar_phys)frame << ASHLAR_PAGE_SHIFT;
    ashlar_port_pin();
    void *root = ashlar_port_open_frame(frame);
    memset(root, 0, ASHLAR_PAGE_BYTES);
    join(space, root);
    ashlar_port_close_frame(root);
    ashlar_port_unpin();
    return ASHLAR_OK;
}

COLD static int note_first(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)pages;
    (void)mapping;
    *(ashlar_vpn *)context = first;
    return 1;
}

/* The first user page that is still mapped, or ASHLAR_PFN_NONE. */
COLD static ashlar_vpn first_mapped(struct ashlar_space *space)
{
    ashlar_vpn found = ASHLAR_PFN_NONE;
    ashlar_space_walk_mappings(space, note_first, &found);
    return found;
}

COLD void ashlar_space_destroy(struct ashlar_space *space)
{
    for (unsigned i = 0; i < sizeof space->cpus / sizeof space->cpus[0]; i++) {
        uint32_t cpus = atomic_load_u32(&space->cpus[i]);
        ASHLAR_CHECK(cpus == 0, "space: destroyed while CPU %u runs in it (root 0x%llx), by %p",
                     i * 32u + (cpus != 0 ? u32_ctz(cpus) : 0), (unsigned long long)space->root, ASHLAR_CALLER());
    }
    if (space->table_frames != 0) {
        ashlar_tables_prune(space, 0, ashlar_user_pages());
    }
    ASHLAR_CHECK(space->table_frames == 0, "space: destroyed with page %p still mapped (root 0x%llx), by %p",
                 (void *)ashlar_page_address(first_mapped(space)), (unsigned long long)space->root, ASHLAR_CALLER());
    leave(space);
    ashlar_frames_give(ashlar_half.pool, (ashlar_pfn)(space->root >> ASHLAR_PAGE_SHIFT), 0);
    space->root = 0;
}

static void set_cpu(struct ashlar_space *space, unsigned cpu, bool runs)
{
    if (space != NULL && runs) {
        (void)atomic_fetch_or_u32(&space->cpus[cpu / 32u], 1u << (cpu % 32u));
    } else if (space != NULL) {
        (void)atomic_fetch_and_u32(&space->cpus[cpu / 32u], ~(1u << (cpu % 32u)));
    }
}

/* The bit is set before the root is loaded, and cleared only after another one is: whoever flushes this space in between
 * counts this CPU in. */
void ashlar_space_switch(struct ashlar_space *space)
{
    unsigned cpu = ashlar_port_cpu();
    struct ashlar_space *old = ashlar_half.current[cpu];
    if (old == space) {
        return;
    }
    set_cpu(space, cpu, true);
    ashlar_port_set_root(ashlar_space_root(space));
    ashlar_half.current[cpu] = space;
    set_cpu(old, cpu, false);
}

int ashlar_space_fault(uintptr_t address, unsigned error)
{
    /* Every root has every kernel slot from its creation on: an absent kernel page is absent for all. */
    (void)address;
    (void)error;
    return 0;
}
