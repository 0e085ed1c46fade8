/* SPDX-License-Identifier: 0BSD */
/* kva.h - kernel virtual addresses: ranges, what is behind them, stacks, device memory.
 *
 * A *range* is a run of page numbers of the kernel half, the caller's alone
 * until it is given back. Descriptors of ranges come straight from frames, never
 * from a heap. What is mapped in a range is seen in every address space.
 *
 * Where frames are short, whoever has registered with the frames floor is asked
 * for some (ashlar_frames_relieve); so a caller holds no lock and no token that
 * such a one may wait for. Ranges that wait for a purge come back by themselves.
 * Whatever is passed by pointer is resident (types.h).
 */
#ifndef ASHLAR_KVA_H
#define ASHLAR_KVA_H

#include <ashlar/space.h>

ASHLAR_BEGIN_DECLS

/* --- bringing it up: called by boot -------------------------------------- */

/* What the floor wants from ashlar_space_lay. kernel_pages: from the start of kernel space to the image; stack_pages: of
 * the arena of stacks, guards included. Pure. */
#define ASHLAR_KVA_AREAS 3
void ashlar_kva_areas(size_t kernel_pages, size_t stack_pages, struct ashlar_area *areas);

/* After ashlar_space_init. areas: the same, as lay has placed them. The pool gets a reliever: the purge. */
void ashlar_kva_init(const struct ashlar_paging *paging, struct ashlar_frames *pool, const struct ashlar_area *areas);

/* Where the floor hands out addresses, and where it keeps its descriptors. */
struct ashlar_kva_layout {
    ashlar_vpn kernel_first; /* kernel space, all of it */
    size_t kernel_pages;
    ashlar_vpn arena_first; /* general ranges: heap, MMIO, spans */
    size_t arena_pages;
    ashlar_vpn stacks_first; /* kernel stacks */
    size_t stacks_pages;
    ashlar_vpn strip_first; /* descriptors of general ranges: virtual size */
    size_t strip_pages;
};
const struct ashlar_kva_layout *ashlar_kva_layout(void);

/* --- ranges ----------------------------------------------------------------- */
/* Addresses only: nothing is mapped. name is kept, not copied: a literal, or a string
 * that outlives the range and whatever report of a fault reads it at that moment. Thread context (may take a frame for descriptors).
 * ASHLAR_NO_ADDRESSES, ASHLAR_NO_FRAMES, ASHLAR_BAD_ARGUMENT. O(1). */
ASHLAR_MUST_USE ashlar_status ashlar_kva_reserve(size_t pages, size_t align_pages, const char *name, ashlar_vpn *first);
/* Fatal if first begins no such range, or if something in it was not decommitted. O(its tables). */
void ashlar_kva_unreserve(ashlar_vpn first);

/* Or-ed to the flags of a commit: nobody is asked for relief (frames.h). For callers that hold what a reliever may wait
 * for; they let go of it, ask, and try again. */
#define ASHLAR_KVA_NO_RELIEF 0x100u

/* Back pages of a reserved range with frames of the pool, one by one: all or nothing. Contents undefined. flags:
 * ASHLAR_MAP_WRITE and so on. Fatal, here and in all that follows, if the pages are kernel addresses, but not all of one
 * reserved range. Thread context. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_commit(ashlar_vpn first, size_t pages, unsigned flags);
/* The same in large pages of 2 MiB, each a block of frames of its own: wherever a whole aligned one fits, such a block is
 * free, and no table of small pages is there from before; in single frames elsewhere, and wholly so under two-level
 * paging, where a large page is a top-level entry. For each large page a frame is kept, so that it can be split: a part
 * of it may be decommitted, unmapped or protected like any other pages, without fail, and what is left of it is small
 * pages for good. Errors as above: ASHLAR_NO_FRAMES, never for want of blocks; ASHLAR_EXISTS. Thread context. Cost: of a
 * large page about that of a frame that is zeroed. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_commit_large(ashlar_vpn first, size_t pages, unsigned flags);
/* The frames behind pages of a reserved range come to lie behind as many others, of the same one or another, and nothing is
 * behind the former: no byte is copied. Mapped as flags say, in small pages: a large page of which they are a part is
 * split for good. All or nothing: ASHLAR_EXISTS where something is mapped at `to`, ASHLAR_ABSENT where not all of `from`
 * is, ASHLAR_NO_FRAMES for tables; nobody is asked for relief. Both are the caller's, and nobody uses the pages
 * meanwhile. Thread context. O(pages), and one flush. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_move(ashlar_vpn to, ashlar_vpn from, size_t pages, unsigned flags);
/* The frames go back to the pool once every CPU has let go: those of a large page that is whole as the block that they
 * were. Fatal if one is not mapped. Fails for no other reason. */
void ashlar_kva_decommit(ashlar_vpn first, size_t pages);

/* Reserve and commit in one, a guard page behind; give names it by its first page. With ASHLAR_MAP_LARGE, and pages for at
 * least one, it is aligned to a large page and backed as by ashlar_kva_commit_large. O(pages), or large pages. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_take(size_t pages, unsigned flags, const char *name, ashlar_vpn *first);
void ashlar_kva_give(ashlar_vpn first);

/* A region whose pages come, zeroed, when they are touched: for callers that cannot predict how much they will use. All frames are
 * promised now, so that no fault fails; the kernel's page-fault handler has to call ashlar_fault. Not for what a
 * fault itself needs, nor for memory that is touched in an NMI. Given back by ashlar_kva_give. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_take_demand(size_t pages, unsigned flags, const char *name, ashlar_vpn *first);

/* What was given back stays out of reach, frames and addresses with it, until one flush has served all of it: at
 * min(32 MiB, RAM / 64), or when something is short. Now: returns the pages that came free; 0 also where
 * another thread is at it and the caller may not wait. Thread context. */
size_t ashlar_kva_purge(void);

/* A kernel stack of so many pages with a guard page below; *top is the address
 * just past its end. name is kept, and named when the guard is hit. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_take_stack(size_t pages, const char *name, uintptr_t *top);
void ashlar_kva_give_stack(uintptr_t top);

/* Device memory: bytes from physical address base on, of any alignment; flags
 * carry the caching type (ASHLAR_MAP_CACHE_UC is usual). *address points at base itself. */
ASHLAR_MUST_USE ashlar_status ashlar_kva_map_mmio(ashlar_phys base, size_t bytes, unsigned flags, const char *name,
                                                  uintptr_t *address);
void ashlar_kva_unmap_mmio(uintptr_t address);

/* --- faults and reports ----------------------------------------------------- */

/* The floor's share of ashlar_fault (boot.h): pages of demand regions. Nonzero: try the access again. Takes no lock but
 * that of the frames. Any context but NMI. */
int ashlar_kva_fault(uintptr_t address, unsigned error);

/* The floor's share of ashlar_explain (boot.h): ranges, guards, stacks, and addresses for them that nobody holds. 0: it
 * lies elsewhere, and the place is untouched. Takes no lock; any context, on the double-fault stack as well. */
int ashlar_kva_explain(uintptr_t address, struct ashlar_place *place);

struct ashlar_kva_stats {
    size_t arena_free_pages;
    size_t arena_largest_pages;
    size_t ranges;
    size_t stacks;
    size_t strip_frames;
    uint64_t purges;    /* flushes that served ranges given back */
    size_t purge_pages; /* in ranges that wait for the next one */
};
void ashlar_kva_stats(struct ashlar_kva_stats *stats);

/* Ranges in order of address: calls visit for each; stop when it returns nonzero. Thread context. visit holds no lock, and
 * may call back; what is taken or given back meanwhile is told of or not, what stays is told of once. */
typedef int (*ashlar_kva_visitor)(void *context, const struct ashlar_place *place);
void ashlar_kva_walk_ranges(ashlar_kva_visitor visit, void *context);

/* NULL, or the first broken invariant: ranges, guards, chains, and that nothing is mapped where nobody holds the
 * addresses. O(kernel space). */
const char *ashlar_kva_audit(void);

ASHLAR_END_DECLS

#endif
