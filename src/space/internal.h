/* SPDX-License-Identifier: 0BSD */
/* internal.h - what the files of the space floor share.
 *
 * There is one kernel half on a machine, and so one `ashlar_half`. Lock letters:
 *   b  set by boot, constant afterwards
 *   k  half.lock (rank KERNEL)
 *   r  the arena's own lock (rank RANGES)
 *   s  the address space's lock (rank SPACE)
 *   n  counters for people: approximate on several CPUs
 */
#ifndef ASHLAR_SPACE_INTERNAL_H
#define ASHLAR_SPACE_INTERNAL_H

#include "arch/paging.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/mem.h"
#include "kva/ranges.h"
#include <ashlar/space.h>

/* Addresses of a strip, at most: their tables exist from boot. */
#define STRIP_PAGES_MAX ((size_t)16384)

#define CPU_WORDS ((ASHLAR_MAX_CPUS + 31u) / 32u)

/* What a range is for: its note in the arena. The tag is its name. */
enum range_kind { RANGE_RESERVED = 1, RANGE_PAGES, RANGE_STACK, RANGE_DEVICE, RANGE_DEMAND, RANGE_LARGE };

#define RANGE_KIND_MASK 0x3fu
#define RANGE_KEPT 0x40u  /* in a magazine: the tag is the next one's index */
#define RANGE_GIVEN 0x80u /* given back; while it waits for a purge the tag is the next one's index */

/* Ranges of fewer pages than this, guards included, are kept in magazines by their size. */
#define KEPT_SIZES 33u

struct arena {
    struct ashlar_ranges ranges; /* r */
    struct ashlar_lock lock;
    ashlar_vpn strip_first;             /* b */
    size_t strip_pages;                 /* b: addresses */
    uint32_t given;                     /* r: chain of ranges that wait for a purge */
    size_t given_pages;                 /* r: in it */
    volatile uint32_t kept[KEPT_SIZES]; /* r: chains of ranges without pages, by size */
    size_t kept_pages;                  /* r: in all of them */
    size_t kept_count;                  /* r */
};

/* A sharing policy: when entries come into roots. */
struct ashlar_sharing {
    const char *name;
    uint8_t step; /* slots that one growth adds: SHARING_... */
    bool push;    /* written into all roots */
    bool pull_on_fault;
    bool pull_on_switch;
};

#define SHARING_ALL 0u /* at boot: no growth */
#define SHARING_ONE 1u
#define SHARING_LINE 2u /* as many entries as a cache line holds */

/* Is any policy with this property built in? Folds to a constant. */
#define BUILT_PUSH ((ASHLAR_SHARING_BUILT & (1 << ASHLAR_SHARING_EAGER | 1 << ASHLAR_SHARING_HYBRID)) != 0)
#define BUILT_PULL ((ASHLAR_SHARING_BUILT & (1 << ASHLAR_SHARING_LAZY | 1 << ASHLAR_SHARING_SEQ)) != 0)
#define BUILT_SEQ ((ASHLAR_SHARING_BUILT & 1 << ASHLAR_SHARING_SEQ) != 0)
#define BUILT_GROWTH (ASHLAR_SHARING_BUILT != 1)

/* Flags that make a difference to a page of level 1. */
#define LEAF_FLAGS (ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL | ASHLAR_MAP_CACHE_MASK)

#define GROWTH_SLOTS_MAX 16u

/* Entries on their way into the roots: whoever joins meanwhile gets them, too. */
struct growth {
    unsigned first; /* slot */
    unsigned count;
    uint64_t entry[GROWTH_SLOTS_MAX];
};

/* Translations that a CPU keeps under this ASID: of which space, and as of when. */
struct asid {
    const struct ashlar_space *space; /* compared only: it may be gone */
    uintptr_t epoch;
};

/* Of each CPU; 0 is the reference root's. Where the formats have none one keeps the arrays legal. */
#define ASIDS (sizeof(uintptr_t) > 4u ? 8u : 1u)
struct asids {
    struct asid asid[ASIDS]; /* number 1 and on */
    unsigned next;           /* to be taken over by a space that has none here */
};

/* What others ask a CPU to forget. */
struct shootdown {
    struct ashlar_lock lock;
    struct ashlar_gather pending; /* under its lock */
    int online;                   /* under its lock */
    volatile uint32_t asked;      /* under its lock: requests so far */
    volatile uint32_t answered;   /* the CPU's own: requests that it has met */
};

/* Of the one thread that purges. */
#define PURGE_FRAMES 128u /* given back at once, with interrupts off */
#define PURGE_RANGES 16u
struct purge {
    volatile uint32_t busy;
    unsigned range_count;
    size_t frame_count;
    ashlar_pfn frames[PURGE_FRAMES]; /* on their way to the pool */
    ashlar_vpn span_first;           /* pages side by side that are to be collected */
    size_t span_pages;
    struct ashlar_range_info ranges[PURGE_RANGES]; /* in the span, or collected */
};

/* Tables of level 1 that are remembered, where a word has room for it. */
#define LEAF_TABLES (sizeof(uintptr_t) > 4u ? 64u : 1u)

struct ashlar_half {
    const struct ashlar_paging *paging;   /* b */
    const struct ashlar_sharing *sharing; /* b */
    struct ashlar_space_options options;  /* b */
    struct ashlar_space_layout layout;    /* b */
    struct ashlar_frames *pool;           /* b; NULL until ashlar_space_init */
    ashlar_phys root;                     /* b: the reference root */
    ashlar_pfn frame_limit;               /* b: no frame from here on can be mapped */
    uint64_t root_keep;                   /* b: 0 without ASIDs */
    uint64_t leaf_bits[LEAF_FLAGS + 1u];  /* b: of entries of level 1, by what they allow */
    char *array;                          /* b: the linear array; NULL where all RAM is mapped */
    char *directory;                      /* b: level-2 tables of the kernel half behind the array */
    ashlar_vpn directory_page;            /* b: where they are shown */
    void *root_page;                      /* b: the reference root behind them */
    ashlar_vpn directory_first;           /* b: first page that they cover */
    struct ashlar_lock lock;
    volatile uintptr_t leaf_tables[LEAF_TABLES]; /* where all RAM is mapped: tables of level 1, by slot (reach.c) */
    struct ashlar_link spaces;                   /* k */
    size_t space_count;                          /* k */
    struct growth pending;                       /* k */
    struct growth prepared;                      /* the grower\'s own */
    volatile uint32_t growing;                   /* 1 while a thread adds top-level slots */
    volatile uint32_t generation;                /* counts growths; written by the grower, after the reference */
    uint64_t pulls;                              /* n */
    uint64_t purges;                             /* n */
    struct purge purge;
    size_t purge_pages; /* b: so many wait at most */
    struct arena general;
    struct arena stacks;
    struct ashlar_space *volatile current[ASHLAR_MAX_CPUS]; /* each CPU writes its own */
    struct asids asids[ASHLAR_MAX_CPUS];                    /* the same */
    volatile uintptr_t epochs;                              /* given out so far */
    struct shootdown cpus[ASHLAR_MAX_CPUS];
    volatile uint32_t online[CPU_WORDS]; /* CPUs that take part: those that may hold kernel translations */
    size_t table_frames;                 /* k: kernel tables made after boot */
    ashlar_pfn deposits;                 /* k: tables kept for splits, chained through their first word; 0: the end */
    size_t deposit_count;                /* k: of them, and of large pages that are marked so */
    uint64_t flush_pages;                /* n */
    uint64_t flush_alls;                 /* n */
    uint64_t kicks;                      /* n: CPUs that were asked */
    uint64_t root_writes;                /* k */
    uint64_t root_keeps;                 /* n */
};

extern struct ashlar_half ashlar_half;

/* --- addresses ------------------------------------------------------------- */

/* The address of a page: page numbers have no sign extension, addresses do. */
static inline uintptr_t ashlar_page_address(ashlar_vpn page)
{
    return ashlar_paging_address(ashlar_half.paging, page);
}

static inline ashlar_vpn ashlar_address_page(uintptr_t address)
{
    return ashlar_paging_page(ashlar_half.paging, address);
}

/* --- arena.c ---------------------------------------------------------------- */

/* A kind of range: its guard pages. By kind. */
struct range_row {
    const char *text;
    uint8_t guards_below;
    uint8_t guards_above;
};
extern const struct range_row ashlar_range_rows[];

struct range_request {
    size_t pages; /* guards included */
    size_t align_pages;
    enum range_kind kind;
    const char *name;
};

void ashlar_arena_init(struct arena *arena, const char *name, ashlar_vpn first, size_t pages);
static inline struct arena *ashlar_arena_of(ashlar_vpn page)
{
    const struct ashlar_space_layout *layout = &ashlar_half.layout;
    return page - layout->stacks_first < layout->stacks_pages ? &ashlar_half.stacks : &ashlar_half.general;
}

ashlar_status ashlar_arena_take(struct arena *arena, const struct range_request *request,
                                struct ashlar_range_info *info);
/* caller: for the message where no range begins at first. */
void ashlar_arena_give(struct arena *arena, ashlar_vpn first, const void *caller);
/* The range that begins at first, marked as given back; fatal if none does, if it was given back before, or is of none of
 * these kinds (a bit for each). */
struct ashlar_range_info ashlar_arena_claim(ashlar_vpn first, unsigned kinds, const void *caller);

/* Bits above the kind, in the range's note. */
void ashlar_arena_set_flags(struct ashlar_range_info *range, uint32_t flags);
/* By a range's note. */
const char *ashlar_range_kind_text(uint32_t note);
static inline size_t ashlar_range_guards_below(uint32_t note)
{
    return ashlar_range_rows[note & RANGE_KIND_MASK].guards_below;
}

static inline size_t ashlar_range_guards_above(uint32_t note)
{
    return ashlar_range_rows[note & RANGE_KIND_MASK].guards_above;
}

/* The pages proper, without guards. */
static inline size_t ashlar_range_pages(const struct ashlar_range_info *range)
{
    return range->pages - ashlar_range_guards_below(range->note) - ashlar_range_guards_above(range->note);
}

static inline ashlar_vpn ashlar_range_first(const struct ashlar_range_info *range)
{
    return range->first + ashlar_range_guards_below(range->note);
}

/* --- backing.c ---------------------------------------------------------------- */

/* Addresses with their guards, and a cursor over all of them that has passed the guard below; or nothing at all. */
ashlar_status ashlar_range_open(enum range_kind kind, size_t pages, const char *name, struct ashlar_range_info *range,
                                struct ashlar_cursor *cursor);

/* --- large.c ---------------------------------------------------------------------- */

/* Pages of a large page of kernel ranges; 0: the format has none below the root. */
size_t ashlar_large_pages(void);
/* ashlar_space_take for ASHLAR_MAP_LARGE; pages: at least a large page. */
ashlar_status ashlar_large_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first);
/* Leave the range to the next purge. Returns how many pages were missing. */
size_t ashlar_large_give(const struct ashlar_range_info *range);

/* --- leaves.c: entries of a range that its holder knows all about ------------------ */

/* The range's pages become hidden; returns how many of them were missing. */
size_t ashlar_range_hide(const struct ashlar_range_info *range);
/* Absent pages are mapped, at most 32 of them. flags: ASHLAR_MAP_... */
void ashlar_leaves_set(ashlar_vpn first, size_t pages, const ashlar_pfn *frames, unsigned flags);
/* Hidden pages become empty entries, all others stay; returns how many frames there were: room for one a page. */
size_t ashlar_leaves_collect(ashlar_vpn first, size_t pages, ashlar_pfn *frames);
/* Whatever is in absent entries goes. */
void ashlar_leaves_clear(ashlar_vpn first, size_t pages);
/* The notes in its guards go; its pages were collected. Any context. */
void ashlar_range_clear_guards(const struct ashlar_range_info *range);

/* --- purge.c ------------------------------------------------------------------ */

void ashlar_purge_init(size_t ram_frames);
/* Hide the range's pages, in its arena's lock if they are few, and leave it to the next purge. May purge. Returns how
 * many pages were missing. */
size_t ashlar_purge_give(const struct ashlar_range_info *range);
/* The same for the range of few pages of the pool that begins at first, found and claimed in the same breath. False, and
 * nothing is done, if it is none. */
bool ashlar_purge_give_few(ashlar_vpn first, struct ashlar_range_info *range, size_t *missing);
/* The same for a range whose pages are hidden. */
void ashlar_purge_add(const struct ashlar_range_info *range);
/* Purge, if this context can: for whoever is short. True if anything came of it. */
bool ashlar_purge_helps(void);

/* --- magazine.c ----------------------------------------------------------------- */

/* A range of this size and kind, mapped to these frames; false if none is kept. */
bool ashlar_magazine_take(struct arena *arena, const struct range_request *request, const ashlar_pfn *frames,
                          unsigned flags, ashlar_vpn *first);
/* Keep the range, which has no pages any more; false if it is not wanted. The arena's lock is held. */
bool ashlar_magazine_keep_locked(struct arena *arena, const struct ashlar_range_info *range);
/* Give all kept ranges back to the arena; false if there were none. */
bool ashlar_magazines_empty(struct arena *arena);

/* --- demand.c ----------------------------------------------------------------- */

/* Bring a page of a demand region; false if it is none. The caller is pinned. */
bool ashlar_demand_fault(ashlar_vpn page);
void ashlar_demand_give(const struct ashlar_range_info *range);

/* --- reach.c ---------------------------------------------------------------- */

/* The entry that decides about a page, in a table of this level or of one above where nothing is linked further down.
 * The caller is pinned, and holds the lock of a user space. */
void ashlar_spot_find(const struct ashlar_space *space, ashlar_vpn page, unsigned lowest, struct ashlar_spot *spot);
static inline void ashlar_spot_close(struct ashlar_spot *spot)
{
    if (spot->window) {
        ashlar_port_close_frame(spot->table);
        spot->window = false;
    }
    spot->table = NULL;
}

/* Pages from this one on about which the spot's table (level 1) or entry (above) decides, at most limit. */
static inline size_t ashlar_spot_pages(const struct ashlar_spot *spot, ashlar_vpn page, size_t limit)
{
    const struct ashlar_paging *paging = ashlar_half.paging;
    size_t whole = (size_t)1 << ashlar_entry_shift(paging, spot->level == 1 ? 2 : spot->level);
    size_t pages = whole - (page & (whole - 1u));
    return pages < limit ? pages : limit;
}

/* A large page of the kernel for whose split a table is kept. Not for entries of level 1. */
static inline bool ashlar_spot_is_deposited(const struct ashlar_spot *spot)
{
    return ((uint32_t)spot->entry & ashlar_entry_deposit_bit(ashlar_half.paging)) != 0;
}

/* Entries of level 1 side by side, in an open table. */
struct leaves {
    void *table;
    unsigned index;
    unsigned count;
};

/* The table of level 1 of a slot of the kernel half, where there is no array; it is known to exist. To be closed. */
void *ashlar_leaf_table_open(size_t slot);

/* Those of kernel pages from this one on, at most limit, that lie in one table, which is known to exist: found without a
 * look at the directory. The caller is pinned. */
static inline struct leaves ashlar_leaves_open(ashlar_vpn page, size_t limit)
{
    unsigned shift = ashlar_entry_shift(ashlar_half.paging, 2);
    size_t slot = (page - ashlar_half.layout.kernel_first) >> shift;
    size_t whole = (size_t)1 << shift;
    size_t index = page & (whole - 1u), rest = whole - index;
    void *table =
        ashlar_half.array != NULL ? ashlar_half.array + slot * ASHLAR_PAGE_BYTES : ashlar_leaf_table_open(slot);
    return (struct leaves){table, (unsigned)index, (unsigned)(rest < limit ? rest : limit)};
}

static inline void ashlar_leaves_close(const struct leaves *leaves)
{
    if (ashlar_half.array == NULL) {
        ashlar_port_close_frame(leaves->table);
    }
}

/* Show a table of the kernel half, of level 1 or 2, that covers this page, in the linear array, if there is one. */
void ashlar_array_show(unsigned level, ashlar_vpn page, ashlar_pfn table);
/* Point the absent entry of a kernel page whose table exists at a frame, writable. */
void ashlar_kernel_set_page(ashlar_vpn page, ashlar_pfn frame);

/* --- cursor.c --------------------------------------------------------------- */

/* The highest level, up to limit, at which one entry can map from here on. */
unsigned ashlar_level_for(const struct ashlar_paging *paging, ashlar_vpn page, ashlar_pfn frame, size_t pages,
                          unsigned limit);
/* As ashlar_cursor_begin, for pages up to this level. */
ashlar_status ashlar_cursor_open(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first,
                                 size_t pages, ashlar_intent intent, unsigned large_level);
/* As ashlar_cursor_begin to collect: nothing is checked or reserved, nothing fails, nobody is asked for memory. */
void ashlar_cursor_enter(struct ashlar_cursor *cursor, struct ashlar_space *space, ashlar_vpn first, size_t pages);
/* The highest level of page with which these frames can be mapped there. In the kernel half it may be the root's: but its
 * entries there are tables, made before anything is mapped, and where a table is the pages are smaller. */
unsigned ashlar_large_level(ashlar_vpn first, ashlar_pfn frame, unsigned flags);
/* A large page of level 2, marked. The cursor is on the kernel half, began with a table for it, and stands where nothing
 * is linked at that level. */
void ashlar_cursor_map_deposited(struct ashlar_cursor *cursor, ashlar_pfn first, unsigned flags);
/* Leave a number in the next page's entry, which is absent, or empty it (0). */
void ashlar_cursor_note(struct ashlar_cursor *cursor, uintptr_t note);

struct collected {
    size_t frames; /* single ones, in the caller's array */
    ashlar_pfn large_first;
    size_t large_pages; /* or one large page */
};
/* Collect from at most one table; returns the pages that were passed. */
size_t ashlar_cursor_collect_step(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t pages,
                                  struct collected *out);

/* --- tables.c --------------------------------------------------------------- */

/* Spares for the cursor: all of them, or ASHLAR_NO_FRAMES and none. */
ashlar_status ashlar_tables_reserve(struct ashlar_cursor *cursor, size_t tables);
/* Those that are left over, if any. */
void ashlar_tables_give_spares(struct ashlar_cursor *cursor);
static inline void ashlar_tables_release(struct ashlar_cursor *cursor)
{
    if (cursor->spare_count != 0) {
        ashlar_tables_give_spares(cursor);
    }
}
/* Keep one of the cursor's spares for the split of a page that is about to be marked; give one back for a marked page
 * that is gone. */
void ashlar_tables_deposit(struct ashlar_cursor *cursor);
void ashlar_tables_give_deposit(void);
/* Link a spare at this spot, whose entry is empty. */
void ashlar_tables_link(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot);
void ashlar_tables_split(struct ashlar_cursor *cursor, ashlar_vpn page, struct ashlar_spot *spot,
                         struct ashlar_gather *gather);
/* Give back the empty tables of a user half that cover these pages. Thread context. */
void ashlar_tables_prune(struct ashlar_space *space, ashlar_vpn first, size_t pages);

/* --- lay.c, direct.c ------------------------------------------------------------ */

/* Frames that were given for tables and strips, from the first one upward. */
struct ashlar_builder {
    ashlar_pfn next;
    size_t left;
};

/* Link tables down to this level for these pages of the kernel half. */
void ashlar_build_tables(struct ashlar_builder *builder, ashlar_vpn first, size_t pages, unsigned level);

static inline bool ashlar_direct_is_wanted(const struct ashlar_space_options *options)
{
    return sizeof(uintptr_t) > 4u && options->map != NULL && ashlar_paging_virtual_bits(options->paging) > 32u;
}

/* Addresses that the direct map takes; those of frames above the RAM in its last GiB stay empty. */
size_t ashlar_direct_pages(const struct ashlar_space_options *options);
/* Tables that it needs beside those that the policy makes ahead. Asked before anything is carved. */
size_t ashlar_direct_count_tables(const struct ashlar_space_options *options, ashlar_vpn direct_first);
void ashlar_direct_build(struct ashlar_builder *builder, ashlar_pfn carve_first, size_t carve_frames);

/* --- gather.c, shootdown.c --------------------------------------------------- */

/* On this CPU: pinned, or with interrupts off. */
void ashlar_gather_flush(const struct ashlar_gather *gather);
/* Everything. */
static inline void ashlar_gather_add_all(struct ashlar_gather *gather)
{
    gather->runs = ASHLAR_GATHER_RUNS + 1u;
}
/* The runs of one more gather. */
void ashlar_gather_merge(struct ashlar_gather *gather, const struct ashlar_gather *more);
void ashlar_shootdown_init(void);
/* On every CPU that may know translations of the gather's space; returns when all have let go. */
void ashlar_shootdown(const struct ashlar_gather *gather, const void *caller);

/* --- asid.c ------------------------------------------------------------------ */

/* Folds to false where no format has them. */
static inline bool ashlar_asids_are_used(void)
{
    return sizeof(uintptr_t) > 4u && ashlar_half.root_keep != 0;
}
/* What of this user half any CPU keeps is out of date, where it does not run now. Before the flush. */
void ashlar_asid_renew(struct ashlar_space *space);
/* What to load so that this CPU goes on with the space (NULL: the reference root). Interrupts off until it is loaded. */
ashlar_phys ashlar_asid_root(const struct ashlar_space *space, unsigned cpu);

/* --- guard.c ---------------------------------------------------------------- */

/* The number that guards of a range hold, and the range that it names. */
uintptr_t ashlar_guard_note(const struct ashlar_range_info *range);
bool ashlar_note_range(uintptr_t note, struct ashlar_range_info *range);
/* The range whose guard page this is, found without a search or a lock; false if it is none. Any context. */
bool ashlar_guard_range(ashlar_vpn page, struct ashlar_range_info *range);

/* --- mapping.c -------------------------------------------------------------- */

/* Out of reach of every CPU, the frame numbers kept in the entries. Fails as a cursor that changes. */
ashlar_status ashlar_pages_withdraw(struct ashlar_space *space, ashlar_vpn first, size_t pages);
/* Then: their frames go to the pool. */
void ashlar_pages_collect(struct ashlar_space *space, ashlar_vpn first, size_t pages);
/* ashlar_map_flags_status, and whether they go with this space (NULL: the kernel half). */
ashlar_status ashlar_flags_status(const struct ashlar_space *space, unsigned flags);
/* May these frames be mapped so? */
ashlar_status ashlar_linear_status(const struct ashlar_space *space, size_t pages, ashlar_pfn frame, unsigned flags);

/* --- sharing.c -------------------------------------------------------------- */

extern const struct ashlar_sharing ashlar_sharing_rows[];
/* Top-level entries for these pages of the kernel half, in the reference root and as the policy has it.
 * ASHLAR_NO_FRAMES, ASHLAR_MAY_NOT_WAIT. */
ashlar_status ashlar_kernel_grow(ashlar_vpn first, size_t pages);
bool ashlar_sharing_is_built(ashlar_sharing_policy policy);
/* Pages of the user half: all below the kernel's first top-level slot, and below the canonical hole. */
size_t ashlar_user_pages(void);

#endif
