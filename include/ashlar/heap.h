/* SPDX-License-Identifier: 0BSD */
/* heap.h - objects: size classes, large blocks, object caches.
 *
 * A heap hands out objects from one range of addresses. It gets memory by
 * asking a *source* to back pages of that range, gives pages back above a
 * watermark, and needs no source at all over a plain range of memory. Each CPU
 * allocates from slabs of its own without a lock; what another CPU frees comes
 * back through a mailbox. All bookkeeping lies apart from the objects.
 *
 * Alignment: the largest power of two that divides the rounded size, up to
 * 4096: 64 bytes lie on a multiple of 64, a page on a page boundary; 16 at least.
 * Size 0 gives an object of the smallest size, as unique as any other.
 *
 * Context: any, unless a function says otherwise. Only a thread (the context
 * hook says exactly ASHLAR_CONTEXT_THREAD; after boot, as long as one CPU takes
 * part, with interrupts off, too) grows the heap or gives pages back, and only
 * with interrupts on it waits; others get what is there, or NULL. In an NMI nothing takes a lock.
 * Locks: one spin lock, for runs of pages, never held across the source, and
 * with interrupts off for a bounded number of steps. Whatever is passed by pointer is resident (types.h).
 *
 * Who would get NULL takes home all that was sent to his CPU first, and then an
 * object of his size or cache that is on its way to another CPU. What else other
 * CPUs have - objects of other sizes on their way, free objects in slabs, slabs
 * that they keep empty - is reached by a kick alone (options), with NO_GROW or
 * outside of threads not at all. An interrupt may also be told NULL while somebody
 * else looks through the mail that has what it wants: it does not wait for him.
 *
 * Fatal, with address, object and caller: freeing what is not a live object's
 * first byte, in whatever way it is not.
 */
#ifndef ASHLAR_HEAP_H
#define ASHLAR_HEAP_H

#include <ashlar/source.h>

ASHLAR_BEGIN_DECLS

struct ashlar_heap;  /* lives in storage that the caller supplies */
struct ashlar_cache; /* objects of one size, with a name */

/* --- bringing it up ------------------------------------------------------ */

struct ashlar_heap_options {
    unsigned max_cpus; /* numbers that ashlar_port_cpu can return; 0: one CPU */
    size_t keep_bytes; /* empty pages that the heap keeps; 0: 256 KiB. Above this plus a quarter it gives back */
    size_t grow_bytes; /* least that it asks for at once; 0: 64 KiB */
    /* A power of two, or 0: where it can, it asks for memory from a multiple of it on, and gives back whole multiples: for
     * sources that back those better, by large pages. */
    size_t grow_align_bytes;
    /* Makes CPU `cpu` call ashlar_heap_answer, by an interrupt; zero: it takes no part (it is offline), and nobody waits for
     * it. Called pinned, in a thread with interrupts on that would fail otherwise; must not sleep. NULL: nobody is asked. */
    int (*kick)(void *context, unsigned cpu);
    void *kick_context;
};

/* Storage for the heap's own structure, with owners for each CPU. Pure. options may be NULL.
 * source_pages: of the range. */
size_t ashlar_heap_footprint_bytes(const struct ashlar_heap_options *options, size_t source_pages);

/* Nothing is committed yet. The source's structure is copied. storage: 16-byte aligned. Thread context.
 * ASHLAR_NO_STORAGE, ASHLAR_BAD_ARGUMENT (a range that wraps, is not page-aligned, below 64 KiB or above 1 TiB). */
ASHLAR_MUST_USE ashlar_status ashlar_heap_init(void *storage, size_t storage_bytes,
                                               const struct ashlar_heap_options *options,
                                               const struct ashlar_heap_source *source, struct ashlar_heap **heap);

/* A heap within [memory, memory + bytes), bookkeeping included, that neither grows nor gives back; for CPU 0 alone.
 * Any alignment; it may end at the last address. Pages are units of 512 bytes up to 64 KiB, 1 KiB up to 1 MiB. ASHLAR_NO_STORAGE below some 16 KiB. */
ASHLAR_MUST_USE ashlar_status ashlar_heap_init_range(void *memory, size_t bytes, struct ashlar_heap **heap);
/* The same for options->max_cpus CPUs. */
ASHLAR_MUST_USE ashlar_status ashlar_heap_init_range_with(void *memory, size_t bytes,
                                                          const struct ashlar_heap_options *options,
                                                          struct ashlar_heap **heap);

/* --- objects ------------------------------------------------------------- */

#define ASHLAR_HEAP_ZERO 1u    /* every usable byte reads as zero */
#define ASHLAR_HEAP_NO_GROW 2u /* only what is there already, whatever the context */

/* NULL: nothing there, and no growth possible or allowed; bytes over PTRDIFF_MAX. O(1) up to 32 KiB, plus the block's pages
 * above, as long as there is memory; where it is short, plus the mail that has to be gone through. */
ASHLAR_MUST_USE void *ashlar_heap_alloc(struct ashlar_heap *heap, size_t bytes, unsigned flags);
/* count * bytes, zeroed. NULL also where that overflows. */
ASHLAR_MUST_USE void *ashlar_heap_calloc(struct ashlar_heap *heap, size_t count, size_t bytes, unsigned flags);
/* align_bytes: a power of two. NULL also for one that is not, or that is larger than the range. */
ASHLAR_MUST_USE void *ashlar_heap_alloc_aligned(struct ashlar_heap *heap, size_t align_bytes, size_t bytes,
                                                unsigned flags);
/* Keeps the contents up to the lesser size. NULL: the old object is as it was. object NULL: an allocation; bytes 0: the
 * smallest object. Aligned as ashlar_heap_alloc aligns the new size: what ashlar_heap_alloc_aligned has promised beyond
 * that is dropped. With ASHLAR_HEAP_ZERO the added bytes are zero if the object had been allocated so. Not for objects
 * of caches (fatal). */
ASHLAR_MUST_USE void *ashlar_heap_realloc(struct ashlar_heap *heap, void *object, size_t bytes, unsigned flags);
/* NULL is ignored. Never fails, never allocates. An object of a cache may be freed so, too. */
void ashlar_heap_free(struct ashlar_heap *heap, void *object);
/* bytes is what was asked for when it was allocated (or last reallocated); fatal if it cannot have been. An object of a larger
 * class that served as there was no other (borrows) may be freed with any size up to its own. */
void ashlar_heap_free_sized(struct ashlar_heap *heap, void *object, size_t bytes);
/* Bytes that may be used: at least what was asked for. NULL: 0. */
size_t ashlar_heap_usable_size(struct ashlar_heap *heap, const void *object);
/* What an allocation of so many bytes would hold: ask before, not after. 0: no such size. Pure. */
size_t ashlar_heap_size_roundup(const struct ashlar_heap *heap, size_t bytes);

/* Make the next `count` allocations of this size on this CPU certain, in threads and, as many again, in interrupts,
 * until something else on this CPU takes objects of the size. Thread context.
 * ASHLAR_BAD_ARGUMENT over 32 KiB, ASHLAR_MAY_NOT_WAIT, ASHLAR_NO_FRAMES: all is as before. O(count). */
ASHLAR_MUST_USE ashlar_status ashlar_heap_prefill(struct ashlar_heap *heap, size_t bytes, size_t count);

/* --- giving back, and work that others left ------------------------------ */

/* Give back empty pages until at most target_bytes of them are kept. Returns bytes given back. Thread context: does
 * nothing elsewhere. What other CPUs keep empty they give back when they next come to ashlar_heap_work (or ashlar_work): an
 * idle loop does. */
size_t ashlar_heap_shrink(struct ashlar_heap *heap, size_t target_bytes);

/* This CPU runs nothing any more: it was taken offline. On another one: what lies in its mailboxes goes back to its slabs,
 * and those that are empty to the runs, for whoever wants them. Objects that are live in its slabs stay good; those freed
 * later wait until this is called again, or the CPU is back. Fatal for the caller's own CPU. A thread's to call. */
void ashlar_heap_drain_cpu(struct ashlar_heap *heap, unsigned cpu);

/* A bounded share of what interrupts and other CPUs left to do on this CPU: for the idle loop.
 * Nonzero: there is more. */
int ashlar_heap_work(struct ashlar_heap *heap);

/* From the handler of the kick: if another CPU asked this one, it gives back a bounded share of what was freed here and
 * what it keeps empty. Harmless at any other time. Any context but NMI. */
void ashlar_heap_answer(struct ashlar_heap *heap);

/* Called in thread context, with nothing held, when growth has failed: free something, and return nonzero if it may be
 * tried again. May use the heap; is not called again from within. Other threads that are short meanwhile wait for it, if the
 * kernel marks threads (mark in ashlar/port.h); else they get NULL. ASHLAR_NO_STORAGE after four. */
typedef int (*ashlar_heap_reclaimer)(void *context, size_t wanted_bytes);
ASHLAR_MUST_USE ashlar_status ashlar_heap_on_shortage(struct ashlar_heap *heap, ashlar_heap_reclaimer reclaim,
                                                      void *context);

/* --- object caches ------------------------------------------------------- */

/* Bytes behind each object that are checked when it is freed: an overrun is fatal then. At least 8, and slower. */
#define ASHLAR_CACHE_CANARY 1u

/* name is kept, not copied. align_bytes 0: by the rule above. Thread context. ASHLAR_NO_FRAMES; ASHLAR_BAD_ARGUMENT:
 * 0 or over 32 KiB, an alignment that is no power of two or over 4096, unknown flags. */
ASHLAR_MUST_USE ashlar_status ashlar_cache_create(struct ashlar_heap *heap, const char *name, size_t object_bytes,
                                                  size_t align_bytes, unsigned flags, struct ashlar_cache **cache);
/* Fatal, with their number, if objects are live; the cache may be empty slabs poorer then. Objects that were freed on a CPU
 * other than theirs are freed. Nobody else may be using the cache, and every free of its objects has returned.
 * O(slabs of the cache + objects on their way to anywhere). ASHLAR_MAY_NOT_WAIT outside of threads. */
ASHLAR_MUST_USE ashlar_status ashlar_cache_destroy(struct ashlar_cache *cache);

ASHLAR_MUST_USE void *ashlar_cache_alloc(struct ashlar_cache *cache, unsigned flags);
/* Fatal for an object of another cache. NULL is ignored. */
void ashlar_cache_free(struct ashlar_cache *cache, void *object);
/* All or nothing: nonzero if objects[0..count) were filled in. */
ASHLAR_MUST_USE int ashlar_cache_alloc_bulk(struct ashlar_cache *cache, unsigned flags, void **objects, size_t count);
void ashlar_cache_free_bulk(struct ashlar_cache *cache, void *const *objects, size_t count);

struct ashlar_cache_info {
    const char *name;
    size_t object_bytes; /* as asked for */
    size_t stride_bytes; /* from one object to the next */
    size_t live;         /* exact while nobody uses the cache; objects on their way back count */
    size_t capacity;     /* objects in all slabs */
    size_t slabs;
    size_t slab_bytes; /* of all slabs */
};
/* Calls visit for each cache; stops when it returns nonzero. Thread context; nobody creates or destroys caches
 * meanwhile. */
typedef int (*ashlar_cache_visitor)(void *context, struct ashlar_cache *cache, const struct ashlar_cache_info *info);
void ashlar_cache_walk(struct ashlar_heap *heap, ashlar_cache_visitor visit, void *context);

/* --- reports ------------------------------------------------------------- */

struct ashlar_heap_stats {
    size_t range_bytes;    /* addresses, bookkeeping included */
    size_t backed_bytes;   /* of them backed by memory now; metadata included */
    size_t peak_bytes;     /* the most that were ever backed */
    size_t metadata_bytes; /* of them bookkeeping */
    size_t empty_bytes;    /* of them empty pages, ready for use */
    size_t slab_bytes;     /* of them in slabs */
    size_t kept_bytes;     /* of these in slabs with no live object, which CPUs keep, or which were prefilled */
    size_t large_bytes;    /* of the backed bytes in large blocks */
    size_t live_bytes;     /* in objects (rounded sizes) and large blocks; exact while nobody uses the heap */
    size_t live_objects;   /* large blocks included; objects on their way back count */
    size_t slabs;
    size_t large_blocks;
    size_t caches;
    size_t grows;    /* successful calls to commit pages for objects, since init; they wrap */
    size_t shrinks;  /* decommits of such pages */
    size_t failures; /* allocations that returned NULL for want of memory */
    size_t borrows;  /* objects given from a larger class, as there was no memory for a slab, or little */
};
/* O(slabs and blocks), without a lock. */
void ashlar_heap_stats(struct ashlar_heap *heap, struct ashlar_heap_stats *stats);

typedef enum ashlar_heap_place_kind {
    ASHLAR_HEAP_PLACE_OUTSIDE,  /* not in the heap's range */
    ASHLAR_HEAP_PLACE_METADATA, /* the heap's bookkeeping */
    ASHLAR_HEAP_PLACE_UNBACKED, /* in the range, no memory behind it */
    ASHLAR_HEAP_PLACE_EMPTY,    /* backed, in no slab or block */
    ASHLAR_HEAP_PLACE_OBJECT,   /* in an object of a slab, live or free */
    ASHLAR_HEAP_PLACE_SLACK,    /* in a slab, behind its last object */
    ASHLAR_HEAP_PLACE_LARGE,    /* in a large block */
    ASHLAR_HEAP_PLACE_UNKNOWN   /* in the range of a source without peek */
} ashlar_heap_place_kind;

struct ashlar_heap_place {
    ashlar_heap_place_kind kind;
    int live;          /* allocated (of an object or block) */
    int pending;       /* freed on another CPU, on its way back */
    uintptr_t base;    /* of the object or block */
    size_t bytes;      /* its size, rounded */
    size_t offset;     /* of the address in it */
    unsigned owner;    /* slabs: number of the CPU whose slab it is; + max_cpus: of its interrupts */
    const char *cache; /* its name; NULL: a size class */
};
/* What is this address? Takes no lock and never faults, whatever other CPUs give back meanwhile; any context, fault
 * handlers and NMIs included. What changes at that moment may be told half changed. */
void ashlar_heap_explain(struct ashlar_heap *heap, const void *address, struct ashlar_heap_place *place);
/* The same as text: "8 bytes into live object 0xc0101040 of 64 bytes, cache inode". */
void ashlar_heap_explain_text(struct ashlar_heap *heap, const void *address, char *text, size_t bytes);

/* Every live object in order of address, those on their way back left out; stops when visit returns nonzero. Exact
 * while nobody uses the heap; takes no lock, so a debugger may call it in a stopped kernel. With a peek of the source it
 * never faults, whoever gives memory back meanwhile; it may then end early. visit must not free or allocate. */
typedef int (*ashlar_heap_visitor)(void *context, const struct ashlar_heap_place *object);
void ashlar_heap_walk(struct ashlar_heap *heap, ashlar_heap_visitor visit, void *context);

/* NULL, or the first broken invariant; or ashlar_heap_audit_busy, this pointer: somebody used the heap meanwhile, or was
 * stopped in the middle of it, so that nothing can be said. Nobody creates or destroys caches meanwhile. Others run more
 * slowly, and none of them grows the heap. O(heap). */
extern const char ashlar_heap_audit_busy[];
const char *ashlar_heap_audit(struct ashlar_heap *heap);

/* For tests: the nth allocation from now on returns NULL (1: the next); 0: none. Allocations are slower while it is
 * set. */
void ashlar_heap_fail_nth(struct ashlar_heap *heap, size_t nth);

ASHLAR_END_DECLS

#endif
