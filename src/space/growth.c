/* SPDX-License-Identifier: 0BSD */
/* growth.c - one kernel half in every address space.
 *
 * The question of every kernel with processes: a mapping that the kernel adds
 * while one process runs, how do the others get it? Below the top level the
 * answer is nothing at all, since all roots point to the same tables. What is
 * left are the entries of the roots themselves. A policy says when they are
 * made, as a row of data; five operations are where it can matter:
 *
 *     grow    top-level entries are missing      push: into every root, the reference last
 *     join    an address space is created        copies the reference's slots, and what is pending
 *     leave   it is destroyed                    its kernel slots are not walked
 *     switch  a CPU loads another root           pull: what the root lacks, if it is behind
 *     fault   a CPU found something absent       pull: the one entry
 *
 *                  step   push  pull on fault  pull on switch
 *     PREALLOCATE  all    -     -              -
 *     EAGER        1      yes   -              -
 *     LAZY         1      -     yes            -
 *     HYBRID       line   yes   -              -
 *     SEQ          1      -     yes            yes
 *
 * Invariants: a kernel slot, once set, is never cleared or repointed; the
 * reference's entry is written last, and before an address below it is
 * published; joining copies the slots and enters the list in one critical
 * section. One thread grows at a time, and others wait for it without a lock.
 * Pushing lets go of the lock every PUSH_BATCH roots: a marker keeps the place in
 * the list, and who joins meanwhile finds the entries in `pending`.
 *
 * Pulling takes no lock: it only adds what the reference already has, and two
 * CPUs that do so write the same. Where the CPU keeps the root's entries (PAE),
 * an entry in memory may still be unknown to it: the fault loads the root again.
 */
#include "space/internal.h"

#include "arch/entry.h"
#include "base/atomic.h"

#define PUSH_BATCH 256u
#define CACHE_LINE_BYTES 64u

/* The error code of x86's page faults (Intel SDM vol. 3, 4.7). */
#define ERROR_PRESENT 1u
#define ERROR_WRITE 2u
#define ERROR_USER 4u
#define ERROR_RESERVED 8u
#define ERROR_FETCH 16u

const struct ashlar_sharing ashlar_sharing_rows[] = {
    [ASHLAR_SHARING_PREALLOCATE] = {"PREALLOCATE", SHARING_ALL, false, false, false},
    [ASHLAR_SHARING_EAGER] = {"EAGER", SHARING_ONE, true, false, false},
    [ASHLAR_SHARING_LAZY] = {"LAZY", SHARING_ONE, false, true, false},
    [ASHLAR_SHARING_HYBRID] = {"HYBRID", SHARING_LINE, true, false, false},
    [ASHLAR_SHARING_SEQ] = {"SEQ", SHARING_ONE, false, true, true},
};

#define ROWS (sizeof ashlar_sharing_rows / sizeof ashlar_sharing_rows[0])

bool ashlar_sharing_is_built(ashlar_sharing_policy policy)
{
    return (size_t)policy < ROWS && (ASHLAR_SHARING_BUILT >> (unsigned)policy & 1) != 0;
}

const char *ashlar_sharing_text(ashlar_sharing_policy policy)
{
    if (policy == ASHLAR_SHARING_AUTO) {
        return "AUTO";
    }
    return (size_t)policy < ROWS ? ashlar_sharing_rows[policy].name : "unknown";
}

ashlar_phys ashlar_space_root(const struct ashlar_space *space)
{
    return space != NULL ? space->root : ashlar_half.root;
}

size_t ashlar_user_pages(void)
{
    unsigned shift = ashlar_slot_shift(ashlar_half.paging);
    size_t below = round_down(ashlar_half.layout.kernel_first, (size_t)1 << shift);
    size_t lower_half = (size_t)ashlar_paging_kernel_slot(ashlar_half.paging) << shift;
    return lower_half != 0 && lower_half < below ? lower_half : below;
}

/* --- slots of a root ---------------------------------------------------------- */

static unsigned slot_of(ashlar_vpn page)
{
    return ashlar_entry_index(ashlar_half.paging, ashlar_paging_levels(ashlar_half.paging), page);
}

static ashlar_vpn slot_page(unsigned slot)
{
    return (ashlar_vpn)slot << ashlar_slot_shift(ashlar_half.paging);
}

static unsigned slots_end(void)
{
    return ashlar_table_entries(ashlar_half.paging, ashlar_paging_levels(ashlar_half.paging));
}

/* The caller is pinned. */
static void *open_root(ashlar_phys root)
{
    return ashlar_port_open_frame((ashlar_pfn)(root >> ASHLAR_PAGE_SHIFT));
}

static uint64_t load_slot(const void *root, unsigned slot)
{
    return ashlar_entry_load(ashlar_half.paging, root, slot);
}

/* Add the entry if the root lacks it; says whether it did. Two CPUs may both: they store the same. */
static bool add_slot(void *root, unsigned slot, uint64_t entry)
{
    if (!ashlar_entry_is_present(entry) || ashlar_entry_is_present(load_slot(root, slot))) {
        return false;
    }
    ashlar_entry_store(ashlar_half.paging, root, slot, entry);
    return true;
}

static size_t add_slots(void *root, const struct growth *growth)
{
    size_t added = 0;
    for (unsigned i = 0; i < growth->count; i++) {
        added += add_slot(root, growth->first + i, growth->entry[i]);
    }
    return added;
}

/* --- join and leave ------------------------------------------------------------ */

/* Copy the reference root's kernel slots and what is pending, and join the list, in one critical section: whoever
 * changes the reference from here on finds this root in the list. */
COLD static void join(struct ashlar_space *space, void *root)
{
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    void *reference = open_root(ashlar_half.root);
    space->generation = atomic_load_u32(&ashlar_half.generation);
    for (unsigned slot = slot_of(ashlar_half.layout.kernel_first); slot < slots_end(); slot++) {
        (void)add_slot(root, slot, load_slot(reference, slot));
    }
    (void)add_slots(root, &ashlar_half.pending);
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
    struct ashlar_frames_request request = {0, ashlar_paging_root_limit(ashlar_half.paging), ASHLAR_FRAMES_ANY_NODE, 0};
    ashlar_status status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    if (status == ASHLAR_NO_FRAMES && ashlar_purge_helps()) {
        status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    memset(space, 0, sizeof *space);
    ashlar_lock_init(&space->lock, ASHLAR_RANK_SPACE, "address space");
    space->root = (ashlar_phys)frame << ASHLAR_PAGE_SHIFT;
    if (ashlar_asids_are_used()) {
        ashlar_asid_renew(space); /* one of before may have been here */
    }
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

/* --- grow ------------------------------------------------------------------------ */

/* The first slot from this one up to the last that the reference lacks; last + 1 if it has them all. */
COLD static unsigned first_missing(unsigned slot, unsigned last)
{
    ashlar_port_pin();
    void *reference = open_root(ashlar_half.root);
    while (slot <= last && ashlar_entry_is_present(load_slot(reference, slot))) {
        slot++;
    }
    ashlar_port_close_frame(reference);
    ashlar_port_unpin();
    return slot;
}

COLD static unsigned step_slots(void)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned bytes = ashlar_half.sharing->step == SHARING_LINE ? CACHE_LINE_BYTES : 0u;
    unsigned slots = bytes / ashlar_paging_entry_bytes(paging);
    return slots == 0 || slots >= slots_end() ? 1u : slots; /* PAE's root is less than a line */
}

/* A table for this slot, zeroed; the entry that names it. */
COLD static ashlar_status make_table(unsigned slot, uint64_t *entry)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    unsigned top = ashlar_paging_levels(paging);
    ashlar_pfn frame;
    struct ashlar_frames_request request = {0, ashlar_paging_table_limit(paging), ASHLAR_FRAMES_ANY_NODE,
                                            ASHLAR_FRAMES_MAY_USE_RESERVE};
    ashlar_status status = ashlar_frames_take_request(ashlar_half.pool, &request, &frame);
    if (status != ASHLAR_OK) {
        return status;
    }
    ashlar_port_pin();
    void *table = ashlar_port_open_frame(frame);
    memset(table, 0, ASHLAR_PAGE_BYTES);
    ashlar_port_close_frame(table);
    ashlar_array_show(top - 1u, slot_page(slot), frame);
    ashlar_port_unpin();
    *entry = (uint64_t)frame << ASHLAR_PAGE_SHIFT | ashlar_entry_link_bits(paging, top, 0);
    return ASHLAR_OK;
}

/* Tables for the step in which this slot lies; only for itself where there are not enough frames. */
COLD static ashlar_status prepare_growth(unsigned slot)
{
    struct growth *growth = &ashlar_half.prepared;
    unsigned step = step_slots();
    unsigned first = slot & ~(step - 1u);
    unsigned kernel = slot_of(ashlar_half.layout.kernel_first);
    growth->first = slot;
    growth->count = 1;
    ashlar_status status = make_table(slot, &growth->entry[0]);
    if (status != ASHLAR_OK) {
        return status;
    }
    while (growth->first > first && growth->first > kernel &&
           first_missing(growth->first - 1u, growth->first - 1u) < growth->first) {
        uint64_t entry;
        if (make_table(growth->first - 1u, &entry) != ASHLAR_OK) {
            break;
        }
        memmove(&growth->entry[1], &growth->entry[0], growth->count * sizeof growth->entry[0]);
        growth->entry[0] = entry;
        growth->first--;
        growth->count++;
    }
    for (unsigned next = slot + 1u; next < first + step && first_missing(next, next) == next; next++) {
        if (make_table(next, &growth->entry[growth->count]) != ASHLAR_OK) {
            break;
        }
        growth->count++;
    }
    return ASHLAR_OK;
}

/* The next batch of roots behind the marker; false at the list's end. The lock is held. */
COLD static bool push_batch(struct ashlar_link *marker)
{
    for (unsigned i = 0; i < PUSH_BATCH; i++) {
        struct ashlar_link *link = marker->next;
        if (link == &ashlar_half.spaces) {
            return false;
        }
        void *root = open_root(list_member(link, struct ashlar_space, link)->root);
        ashlar_half.root_writes += add_slots(root, &ashlar_half.pending);
        ashlar_port_close_frame(root);
        list_remove(marker);
        list_append(link->next, marker);
    }
    return true;
}

/* Into every root, if the policy says so; then into the reference. */
COLD static void publish(void)
{
    const struct growth *growth = &ashlar_half.prepared;
    struct ashlar_link marker;
    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);
    ashlar_half.pending = *growth;
    if (BUILT_PUSH && ashlar_half.sharing->push) {
        list_append(ashlar_half.spaces.next, &marker);
        while (push_batch(&marker)) {
            ashlar_lock_give(&ashlar_half.lock, interrupts);
            ashlar_port_relax();
            interrupts = ashlar_lock_take(&ashlar_half.lock);
        }
        list_remove(&marker);
    }
    void *reference = open_root(ashlar_half.root);
    (void)add_slots(reference, growth);
    ashlar_port_close_frame(reference);
    ashlar_half.pending.count = 0;
    ashlar_half.table_frames += growth->count;
    atomic_store_u32(&ashlar_half.generation, ashlar_half.generation + 1u);
    ashlar_lock_give(&ashlar_half.lock, interrupts);
}

/* One thread grows at a time. False where another one does and this context cannot wait for it. */
COLD static bool begin_growth(void)
{
    while (!atomic_cas_u32(&ashlar_half.growing, 0, 1)) {
        if (ashlar_port_context() != ASHLAR_CONTEXT_THREAD || ashlar_lock_held_name() != NULL) {
            return false;
        }
        ashlar_port_relax();
    }
    return true;
}

COLD static ashlar_status grow_slots(unsigned slot, unsigned last)
{
    ashlar_status status = ASHLAR_OK;
    if (!begin_growth()) {
        return ASHLAR_MAY_NOT_WAIT;
    }
    while (status == ASHLAR_OK && (slot = first_missing(slot, last)) <= last) {
        status = prepare_growth(slot);
        if (status == ASHLAR_OK) {
            publish();
        }
    }
    atomic_store_u32(&ashlar_half.growing, 0);
    return status;
}

COLD ashlar_status ashlar_kernel_grow(ashlar_vpn first, size_t pages)
{
    unsigned last = slot_of(first + pages - 1u);
    if (first_missing(slot_of(first), last) > last) {
        return ASHLAR_OK;
    }
    return grow_slots(slot_of(first), last);
}

/* --- switch ------------------------------------------------------------------------ */

static void set_cpu(struct ashlar_space *space, unsigned cpu, bool runs)
{
    if (space != NULL && runs) {
        (void)atomic_fetch_or_u32(&space->cpus[cpu / 32u], 1u << (cpu % 32u));
    } else if (space != NULL) {
        (void)atomic_fetch_and_u32(&space->cpus[cpu / 32u], ~(1u << (cpu % 32u)));
    }
}

/* The generation is read first: what is added meanwhile is pulled the next time. */
COLD static void pull_all(struct ashlar_space *space)
{
    uint32_t generation = atomic_load_u32(&ashlar_half.generation);
    void *reference = open_root(ashlar_half.root);
    void *root = open_root(space->root);
    for (unsigned slot = slot_of(ashlar_half.layout.kernel_first); slot < slots_end(); slot++) {
        ashlar_half.root_writes += add_slot(root, slot, load_slot(reference, slot));
    }
    ashlar_port_close_frame(root);
    ashlar_port_close_frame(reference);
    atomic_store_u32(&space->generation, generation);
}

/* With ASIDs no answer may come between the look at what is kept and the load: it would flush the space that is left. */
static void load_root(const struct ashlar_space *space, unsigned cpu)
{
    if (!ashlar_asids_are_used()) {
        ashlar_port_set_root(ashlar_space_root(space));
        return;
    }
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_port_set_root(ashlar_asid_root(space, cpu));
    ashlar_port_irq_restore(interrupts);
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
    if (BUILT_SEQ && space != NULL && ashlar_half.sharing->pull_on_switch &&
        atomic_load_u32(&space->generation) != atomic_load_u32(&ashlar_half.generation)) {
        pull_all(space);
    }
    set_cpu(space, cpu, true);
    load_root(space, cpu);
    ashlar_half.current[cpu] = space;
    set_cpu(old, cpu, false);
}

/* --- fault --------------------------------------------------------------------------- */

/* Copy the one entry that the root in use lacks. CR3 says which root that is: between setting `current` and loading the
 * root, or on a stack that is not the task's, nothing else does. */
COLD static bool pull_slot(ashlar_phys root_in_use, ashlar_vpn page)
{
    if (!BUILT_PULL || !ashlar_half.sharing->pull_on_fault || root_in_use == ashlar_half.root) {
        return false;
    }
    void *reference = open_root(ashlar_half.root);
    void *root = open_root(root_in_use);
    bool added = add_slot(root, slot_of(page), load_slot(reference, slot_of(page)));
    ashlar_port_close_frame(root);
    ashlar_port_close_frame(reference);
    if (added) {
        ashlar_half.root_writes++;
        ashlar_half.pulls++;
    }
    return added;
}

/* Do the tables allow the access by now? */
COLD static bool is_allowed(ashlar_phys root, ashlar_vpn page, unsigned error)
{
    struct ashlar_walk found;
    ashlar_walk(ashlar_half.paging, root, page, &found);
    unsigned wanted = (error & ERROR_WRITE) != 0 ? ASHLAR_MAP_WRITE : 0u;
    wanted |= (error & ERROR_FETCH) != 0 ? ASHLAR_MAP_EXEC : 0u;
    wanted |= (error & ERROR_USER) != 0 ? ASHLAR_MAP_USER : 0u;
    return found.frame != ASHLAR_PFN_NONE && (found.flags & wanted) == wanted;
}

/* Is a page of the user half mapped, while this CPU has not read the root's entry yet (PAE), or still remembers a table
 * that another CPU is taking away? What the page does not allow the next fault says. With interrupts off no table is given
 * back meanwhile: that waits for this CPU's answer. */
COLD static bool retry_user(ashlar_vpn page)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_phys root = ashlar_port_get_root();
    bool retry = is_allowed(root, page, 0);
    if (retry && ashlar_paging_root_needs_reload(ashlar_half.paging)) {
        ashlar_port_set_root(root);
    }
    ashlar_port_irq_restore(interrupts);
    return retry;
}

COLD int ashlar_space_fault(uintptr_t address, unsigned error)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    ashlar_vpn page = ashlar_paging_page(paging, address);
    if ((error & (ERROR_PRESENT | ERROR_RESERVED)) != 0 || !ashlar_paging_address_is_valid(paging, address)) {
        return 0;
    }
    if (page < ashlar_user_pages()) {
        return retry_user(page);
    }
    if ((error & ERROR_USER) != 0 || page < ashlar_half.layout.kernel_first) {
        return 0;
    }
    ashlar_port_pin();
    ashlar_phys root = ashlar_port_get_root();
    bool retry = pull_slot(root, page) || is_allowed(root, page, error) || ashlar_demand_fault(page) ||
                 is_allowed(root, page, error); /* another CPU brought it between the two */
    if (retry && ashlar_paging_root_needs_reload(paging)) {
        ashlar_port_set_root(root);
    }
    ashlar_port_unpin();
    return retry;
}
