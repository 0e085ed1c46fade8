/* SPDX-License-Identifier: 0BSD */
/* space.h - address spaces: page tables, the shared kernel half, and what every CPU remembers of them.
 *
 * There is one kernel half, seen by every address space, and any number of user halves. Mappings change through a *cursor*,
 * a transaction over a range of pages: begin reserves whatever the change can need and is the only step that fails. What
 * was unmapped is released only after a *gather* has flushed it from every TLB. Who holds which kernel addresses is
 * kva.h's subject.
 *
 * Addresses are numbers here, pages as first and count. "NULL space" means the kernel half. Whatever is passed by pointer is
 * resident (types.h).
 */
#ifndef ASHLAR_SPACE_H
#define ASHLAR_SPACE_H

#include <ashlar/config.h>
#include <ashlar/frames.h>
#include <ashlar/paging.h>
#include <ashlar/private.h>

ASHLAR_BEGIN_DECLS

/* --- how the kernel half is shared --------------------------------------- */

/* Every root points at the same tables; only the entries of the roots themselves, one for each top-level slot, have to
 * come into all of them. docs/choosing-a-policy.md has the figures. */
typedef enum ashlar_sharing_policy {
    ASHLAR_SHARING_AUTO = 0,        /* PREALLOCATE while its tables take at most 1% of RAM, else HYBRID */
    ASHLAR_SHARING_PREALLOCATE = 1, /* every entry exists from boot: no root ever changes */
    ASHLAR_SHARING_EAGER = 2,       /* whoever adds one writes it into all roots */
    ASHLAR_SHARING_LAZY = 3,        /* the page-fault handler copies it when it is missed */
    ASHLAR_SHARING_HYBRID = 4,      /* EAGER, a cache line of entries at a time */
    ASHLAR_SHARING_SEQ = 5          /* copied when a CPU switches to the root; LAZY for those that run on */
} ashlar_sharing_policy;

const char *ashlar_sharing_text(ashlar_sharing_policy policy);

/* A change that takes something away is told to every CPU that may remember it, and awaited: a shootdown. The kernel's
 * part is an interrupt from CPU to CPU: the kick hook sends it, its handler calls ashlar_space_answer.
 *
 * cpus: bit n % 32 of word n / 32 is CPU n; never the caller's own. Returns without waiting. Called pinned, in any
 * context in which mappings may be taken away, on several CPUs at once. A kick may come late, but not be lost,
 * and not before the stores that the caller made before it. */
typedef void (*ashlar_kick)(const uint32_t *cpus, unsigned words);

/* --- bringing it up: called by boot -------------------------------------- */

/* A part of the kernel half that somebody wants to have from boot on. All of its tables exist, so no fault ever brings it
 * in. */
struct ashlar_area {
    const char *name;    /* for people */
    size_t pages;        /* addresses */
    size_t backed_pages; /* of them, from the first on: mapped, writable */
    ashlar_pfn frame; /* the first frame behind them, the others follow; ASHLAR_PFN_NONE: lay takes them from its own */
    ashlar_vpn first; /* where it lies: lay fills this in */
};

struct ashlar_space_options {
    const struct ashlar_paging *paging; /* the format that the CPU runs with */
    unsigned features;                  /* ASHLAR_FEATURE_... of paging.h */
    unsigned max_cpus;
    ashlar_sharing_policy policy; /* not AUTO: see ashlar_sharing_choose */
    ashlar_vpn kernel_first;      /* start of kernel space; a multiple of 4 MiB */
    /* The image; the port's windows (0 pages: not told); and the home, both of them with what else there is around, from one
     * multiple of 4 MiB to another. It lies within kernel space or below 1 GiB, stays as the root in use maps it, and is
     * in every root from the first moment on. */
    ashlar_vpn image_first, windows_first, home_first;
    size_t image_pages, windows_pages, home_pages;
    struct ashlar_area *areas; /* the caller's, for good: they are named when somebody asks what an address is */
    unsigned area_count;
    ashlar_kick kick; /* NULL with one CPU only */
    /* Finalized. Where addresses have more than 32 bits, all of its usable RAM is mapped directly, what was carved of it
     * included, in the largest pages. NULL: nothing is. */
    const struct ashlar_memmap *map;
};

/* Where everything lies, for people and for the fault path. */
struct ashlar_space_layout {
    ashlar_vpn user_first; /* the user half; 0, unless the home is low: then it begins behind it */
    size_t user_pages;
    ashlar_vpn kernel_first; /* kernel space, all of it */
    size_t kernel_pages;
    ashlar_vpn direct_first; /* frame n is page direct_first + n, if it is RAM; 0 pages: no direct map */
    size_t direct_pages;
    ashlar_vpn arena_first; /* what is left for ranges (kva.h) */
    size_t arena_pages;
    ashlar_vpn fixed_first; /* areas and array, above the home or below */
    size_t fixed_pages;
    ashlar_vpn array_first; /* the kernel's own page tables, one behind the other; 0 pages where all RAM is mapped */
    size_t array_pages;
    const struct ashlar_area *areas; /* as asked for, in their places */
    size_t area_count;
    size_t table_frames; /* frames of page tables made by lay */
    size_t area_frames;  /* frames that lay put behind areas */
};

/* What AUTO means with so much RAM. Pure. Other policies are returned as they are. */
ashlar_sharing_policy ashlar_sharing_choose(const struct ashlar_space_options *options, size_t ram_frames);

/* Frames that lay takes for tables, and behind areas that bring none. Pure.
 * ASHLAR_BAD_ARGUMENT: no multiple of 4 MiB, a home elsewhere, areas that do not fit on either side of it, or one with more
 * behind it than it has pages; ASHLAR_REFUSED: the policy is not built in, or is AUTO. */
ASHLAR_MUST_USE ashlar_status ashlar_space_footprint_frames(const struct ashlar_space_options *options, size_t *frames);

/* Build the kernel half in the first frames of [carve_first, carve_first + carve_frames), which boot has carved; map all
 * areas, and load the new root. Uses arch and port only. Fatal if the carve is smaller than the footprint. */
ASHLAR_MUST_USE ashlar_status ashlar_space_lay(const struct ashlar_space_options *options, ashlar_pfn carve_first,
                                               size_t carve_frames, struct ashlar_space_layout *layout);

/* From here on tables come from this pool. */
void ashlar_space_init(struct ashlar_frames *pool);

const struct ashlar_space_layout *ashlar_space_layout(void);

/* The address of a page, as the format extends it; and 2 to this power pages lie in a top-level slot. */
uintptr_t ashlar_space_address(ashlar_vpn page);
unsigned ashlar_space_slot_shift(void);

/* --- address spaces ------------------------------------------------------ */

/* The caller's storage; the fields are the floor's own. Its size depends on ASHLAR_MAX_CPUS: kernel and library have to agree,
 * or do not link. */
struct ashlar_space {
    struct ashlar_link link; /* in the list of spaces */
    struct ashlar_lock lock;
    struct ashlar_token changing; /* of whoever changes its mappings */
    uintptr_t cursors;            /* that callers began */
    unsigned flags;               /* ASHLAR_SPACE_... */
    ashlar_phys root;
    size_t table_frames;         /* user tables, the root not counted */
    size_t mapped_pages;         /* user pages mapped, of 4 KiB */
    uint32_t generation, visits; /* of the kernel slots that its root has (SEQ); clears that tell a visitor */
    volatile uintptr_t epoch;    /* of its translations (ASIDs): another one after each flush */
    volatile uint32_t cpus[(ASHLAR_MAX_CPUS + 31) / 32]; /* that may hold translations of it */
};

/* An empty user half under the shared kernel half. Thread context.
 * ASHLAR_NO_FRAMES. Cost: one frame and a copy of the kernel's slots. */
ASHLAR_MUST_USE ashlar_status ashlar_space_create(struct ashlar_space *space)
    ASHLAR_NAMED_BY_CPUS("ashlar_space_create");

/* The same, with flags, for good: pages may be writable and executable at once. ASHLAR_BAD_ARGUMENT: unknown bits. */
#define ASHLAR_SPACE_WRITE_EXEC 1u
ASHLAR_MUST_USE ashlar_status ashlar_space_create_with(struct ashlar_space *space, unsigned flags);

/* Gives back the tables. Fatal if a CPU runs in it, something is still mapped (ashlar_space_empty), or another thread
 * changes it, or tells a visitor of its frames, and may not be waited for. Never walks the kernel half. */
void ashlar_space_destroy(struct ashlar_space *space);

/* Load its root on this CPU; NULL: the kernel's reference root. Called with
 * interrupts off or pinned. A switch to the space in use does nothing. */
void ashlar_space_switch(struct ashlar_space *space);

/* --- several CPUs -------------------------------------------------------- */

/* Forget what other CPUs ask this one to forget. From the kick's interrupt handler; harmless at any other time. Takes a
 * lock of its own, of the lowest rank. Interrupts off. */
void ashlar_space_answer(void);

/* This CPU, whose number is cpu, takes part from here on. On each CPU but the one that booted, on the reference root, with
 * interrupts off, before it touches anything but the image, stacks and what boot carved: so ashlar_port_cpu is not called
 * before it has joined, which may read it from a device. */
void ashlar_space_cpu_join(unsigned cpu);
/* The reverse, before it is stopped: it runs on the reference root, and afterwards touches only the like. */
void ashlar_space_cpu_leave(void);

/* Physical address of the root: NULL is the reference root (for task gates, CPUs that start). */
ashlar_phys ashlar_space_root(const struct ashlar_space *space);

/* --- cursor and gather --------------------------------------------------- */

/* What was changed and must be flushed before anything of it is used again.
 * In the caller's hands, no memory; it never blocks while it is filled. */
#define ASHLAR_GATHER_RUNS 4
struct ashlar_gather {
    struct ashlar_space *space;
    size_t pages;  /* in all runs */
    unsigned runs; /* in use; ASHLAR_GATHER_RUNS + 1: everything */
    struct {
        ashlar_vpn first;
        size_t pages;
    } run[ASHLAR_GATHER_RUNS];
};

void ashlar_gather_init(struct ashlar_gather *gather, struct ashlar_space *space);
void ashlar_gather_add(struct ashlar_gather *gather, ashlar_vpn first, size_t pages);
/* Flush on every CPU concerned; returns when each has let go. No spin lock may
 * be held. The gather is empty afterwards. */
void ashlar_gather_finish(struct ashlar_gather *gather);

typedef enum ashlar_intent {
    ASHLAR_INTENT_MAP,    /* every page absent now: ASHLAR_EXISTS otherwise */
    ASHLAR_INTENT_CHANGE, /* every page present: ASHLAR_ABSENT otherwise */
    ASHLAR_INTENT_COLLECT /* pages hidden before: nothing is checked or reserved */
} ashlar_intent;

/* An entry in an open page table. */
struct ashlar_spot {
    void *table; /* NULL: none is open */
    uint64_t entry;
    unsigned level; /* of the table: 1 maps pages */
    unsigned index;
    int window; /* to be closed */
};

/* Most pages of a cursor on a user space: whole operations go in pieces, and have no such bound. */
#define ASHLAR_CURSOR_PAGES 512u

/* The fields are the floor's own. A cursor on a user space holds its lock, with interrupts off, from begin to end, and
 * nobody else changes the space meanwhile; one on the kernel half keeps its CPU. */
struct ashlar_cursor {
    struct ashlar_space *space;
    ashlar_vpn next; /* first page not yet worked on */
    size_t pages;    /* left */
    uintptr_t interrupts;
    int is_changer;    /* it has the space's token */
    ashlar_pfn spares; /* reserved tables, chained through their first word */
    size_t spare_count;
    struct ashlar_spot spot;
    ashlar_vpn spot_page; /* for which it was found */
};

/* Reserves every table that the change can need; splits large pages at the edges of the range. The only step that fails:
 * ASHLAR_BAD_ARGUMENT (zero pages, wraps, not canonical, more than ASHLAR_CURSOR_PAGES of a user space), ASHLAR_REFUSED
 * (user pages in the kernel half, kernel pages outside of it), ASHLAR_EXISTS, ASHLAR_ABSENT, ASHLAR_NO_FRAMES;
 * ASHLAR_MAY_NOT_WAIT: another thread changes the space, and this is no place to wait for it. On failure there is no
 * cursor to end. */
ASHLAR_MUST_USE ashlar_status ashlar_cursor_begin(struct ashlar_cursor *cursor, struct ashlar_space *space,
                                                  ashlar_vpn first, size_t pages, ashlar_intent intent);

/* Each of these works on the next pages and moves on. Fatal: more pages than are left, or a part of a large page that
 * begin has not split. flags: ASHLAR_MAP_..., checked by ashlar_map_flags_status beforehand. */
void ashlar_cursor_map(struct ashlar_cursor *cursor, const ashlar_pfn *frames, size_t pages, unsigned flags);
/* Consecutive frames; in large pages wherever size and alignment allow and flags has ASHLAR_MAP_LARGE. */
void ashlar_cursor_map_linear(struct ashlar_cursor *cursor, ashlar_pfn first, size_t pages, unsigned flags);
/* Present pages become hidden: not there for the MMU, their frame number kept. Returns how many were present. */
size_t ashlar_cursor_hide(struct ashlar_cursor *cursor, size_t pages, struct ashlar_gather *gather);
/* New permissions; frames and caching type stay. */
void ashlar_cursor_protect(struct ashlar_cursor *cursor, size_t pages, unsigned flags, struct ashlar_gather *gather);
/* Hidden pages become absent; their frames go to frames[], which has room for
 * `pages` of them: a large page gives as many as it has. Returns how many. */
size_t ashlar_cursor_collect(struct ashlar_cursor *cursor, ashlar_pfn *frames, size_t pages);
void ashlar_cursor_end(struct ashlar_cursor *cursor);

/* --- whole operations ---------------------------------------------------- */

/* ASHLAR_REFUSED for writable and executable at once (whether or not the
 * format has NX; a space with ASHLAR_SPACE_WRITE_EXEC takes them) or user pages
 * that are global; ASHLAR_BAD_ARGUMENT for unknown bits. */
ASHLAR_MUST_USE ashlar_status ashlar_map_flags_status(unsigned flags);

/* Of any length. In a user space they go in pieces: interrupts are on in between, and who looks meanwhile finds a part
 * done; but nobody else changes the space, and a call that fails has changed nothing. */

/* Map frames[0..pages) at first, in this user space (NULL: the kernel half, in
 * a range that the caller holds). The frames stay the caller's. Errors as for
 * a cursor, and ASHLAR_BAD_ARGUMENT for a frame beyond the CPU's width. */
ASHLAR_MUST_USE ashlar_status ashlar_space_map(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                               const ashlar_pfn *frames, unsigned flags);
ASHLAR_MUST_USE ashlar_status ashlar_space_map_linear(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                                      ashlar_pfn frame, unsigned flags);
/* Unmap, flush, and then return the frames: to frames[] if it is not NULL, else
 * to the pool. ASHLAR_ABSENT if any page is not mapped: nothing is changed then. Thread context. */
ASHLAR_MUST_USE ashlar_status ashlar_space_unmap(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                                 ashlar_pfn *frames);
/* ASHLAR_REFUSED as well for EXEC where a page is large: no executable page is (Intel's CVE-2018-12207). */
ASHLAR_MUST_USE ashlar_status ashlar_space_protect(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                                   unsigned flags);

/* Frames that are nobody's by now: the visitor's. pages: 1, or those of a large page, told as one block. It holds nothing,
 * and may call what it likes, what changes this space included, as others may meanwhile. The page, and a few after it, are free
 * by then, and may be mapped anew; those further on are neither mapped nor free. What is mapped in the range may be taken. */
typedef void (*ashlar_frames_visitor)(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages);
/* Unmap whatever is there, holes and all; the frames go to visit, in order of address, or to the pool (NULL). Errors as
 * for a cursor, ASHLAR_NO_FRAMES only for a large page at an edge; ASHLAR_REFUSED for the kernel half. Thread context. */
ASHLAR_MUST_USE ashlar_status ashlar_space_clear(struct ashlar_space *space, ashlar_vpn first, size_t pages,
                                                 ashlar_frames_visitor visit, void *context);
/* The same of the whole user half: never fails where waiting is allowed. */
ASHLAR_MUST_USE ashlar_status ashlar_space_empty(struct ashlar_space *space, ashlar_frames_visitor visit,
                                                 void *context);

struct ashlar_mapping {
    ashlar_pfn frame;  /* of this page, within a large page as well */
    size_t page_pages; /* 1, or the pages of the large page that maps it */
    unsigned flags;    /* ASHLAR_MAP_..., as they were asked for; with WRITE and EXEC of a user's page also READ */
};
/* ASHLAR_ABSENT. Any context; of a user space not in an NMI, nor by who holds its lock. */
ASHLAR_MUST_USE ashlar_status ashlar_space_query(struct ashlar_space *space, ashlar_vpn page,
                                                 struct ashlar_mapping *mapping);

/* --- faults and reports -------------------------------------------------- */

typedef enum ashlar_place_kind {
    ASHLAR_PLACE_USER,  /* the user half */
    ASHLAR_PLACE_NULL,  /* the first page */
    ASHLAR_PLACE_FREE,  /* kernel space that nobody holds */
    ASHLAR_PLACE_RANGE, /* in a range, at offset bytes */
    ASHLAR_PLACE_GUARD, /* guard page; offset counts the bytes below the range's first byte, or past its end */
    ASHLAR_PLACE_STACK, /* in a stack */
    ASHLAR_PLACE_FIXED, /* direct map, array, strip, carve, windows */
    ASHLAR_PLACE_IMAGE,
    ASHLAR_PLACE_NOWHERE /* non-canonical: the format has no such address; offset is all of it */
} ashlar_place_kind;

struct ashlar_place {
    ashlar_place_kind kind;
    const char *name; /* of the range, stack or area; never NULL */
    ashlar_vpn first; /* its first page that is no guard, and how many */
    size_t pages;
    size_t offset; /* bytes from first; for a guard, bytes below it or past the end */
    int mapped;    /* does the kernel half translate it now? */
};

/* The floor's share of ashlar_explain (boot.h): image, user half, areas, tables. 0: it is none of these; the place says
 * that nobody holds it. Takes no lock; any context. */
int ashlar_space_explain(uintptr_t address, struct ashlar_place *place);

/* The floor's share of ashlar_fault (boot.h); error is the CPU's error code. Nonzero: try the access again. It brings in
 * what the sharing policy left out of the root in use, and sees that a page that another CPU has mapped meanwhile is
 * there. Faults in the user half must come here, too: the CPU may not have read the root's entry yet (PAE), or still
 * remember a table that another CPU is taking away. Takes no lock. Any context but NMI. */
int ashlar_space_fault(uintptr_t address, unsigned error);

struct ashlar_space_stats {
    size_t spaces;
    size_t kernel_table_frames;
    uint64_t flush_pages; /* single-page flushes, all flushes, since init */
    uint64_t flush_alls;
    uint64_t kicks;       /* CPUs that were asked to flush, since init */
    uint64_t root_writes; /* entries written into roots of spaces that existed already */
    uint64_t growths;     /* times that top-level slots were added */
    uint64_t pulls;       /* faults that brought entries into a root */
    uint64_t root_keeps;  /* loads of a root that kept its translations (PCIDs) */
    size_t large_pages;   /* of kernel ranges, for each of which a frame is kept */
};
void ashlar_space_stats(struct ashlar_space_stats *stats);

/* Runs of equal mappings of a user space, or of the kernel half. visit holds no lock, and may call back; what changes
 * meanwhile is told of as it was or as it is. The space must stay. */
typedef int (*ashlar_mapping_visitor)(void *context, ashlar_vpn first, size_t pages,
                                      const struct ashlar_mapping *mapping);
void ashlar_space_walk_mappings(struct ashlar_space *space, ashlar_mapping_visitor visit, void *context);

/* NULL, or the first broken invariant: the linear array against the tables,
 * every root's kernel slots against the reference (A and D apart); or "space: busy ..." where somebody changes a space, or
 * grows the kernel half, meanwhile. Nobody maps kernel pages meanwhile. O(kernel space). */
const char *ashlar_space_audit(void);

ASHLAR_END_DECLS

#endif
