/* SPDX-License-Identifier: 0BSD */
/* memmap.h - the firmware's memory map, made sane.
 *
 * Input may be unsorted, overlapping, unaligned, wrapping, empty. After
 * ashlar_memmap_finalize the map is a sorted list of entries that do not
 * overlap, on frame boundaries, neighbours of one type merged; the most
 * restrictive type has won wherever two overlapped; usable was rounded inward
 * and everything else outward; frame 0 is never usable.
 *
 * Context: boot, one CPU. Locks: none. The caller owns all storage.
 */
#ifndef ASHLAR_MEMMAP_H
#define ASHLAR_MEMMAP_H

#include <ashlar/status.h>

ASHLAR_BEGIN_DECLS

/* Least restrictive first: where two overlap, the higher number wins. */
typedef enum ashlar_memmap_type {
    ASHLAR_MEMMAP_USABLE = 1,
    ASHLAR_MEMMAP_LOADER = 2,      /* the loader's tables, strings, code: usable after an explicit reclaim */
    ASHLAR_MEMMAP_ACPI = 3,        /* ACPI tables: usable once the kernel says that it has read them */
    ASHLAR_MEMMAP_MODULE = 4,      /* boot modules */
    ASHLAR_MEMMAP_KERNEL = 5,      /* the kernel's image, stack, tables, and what boot carves */
    ASHLAR_MEMMAP_FRAMEBUFFER = 6,
    ASHLAR_MEMMAP_NVS = 7,         /* ACPI NVS, EFI runtime: never RAM for us, may be mapped */
    ASHLAR_MEMMAP_RESERVED = 8,    /* and every type that we do not know */
    ASHLAR_MEMMAP_BAD = 9
} ashlar_memmap_type;

struct ashlar_memmap_entry {
    ashlar_phys base;
    ashlar_phys length; /* bytes; never zero in a finalized map */
    uint32_t type;      /* an ashlar_memmap_type */
    uint32_t origin;    /* 1: given by ashlar_memmap_reserve; 0: by the firmware */
};

/* Why an entry was changed; told to the reporter, in the order of the work. */
typedef enum ashlar_memmap_decision {
    ASHLAR_MEMMAP_IGNORED_EMPTY,   /* zero length */
    ASHLAR_MEMMAP_CLAMPED_WRAP,    /* base + length passed 2^64 */
    ASHLAR_MEMMAP_CLAMPED_WIDTH,   /* lay, or reached, above the physical limit */
    ASHLAR_MEMMAP_UNKNOWN_TYPE,    /* taken as reserved */
    ASHLAR_MEMMAP_MERGED,          /* joined to a neighbour or an overlapping entry of its type */
    ASHLAR_MEMMAP_OVERRIDDEN,      /* lost this part to a more restrictive type */
    ASHLAR_MEMMAP_ROUNDED,         /* lost a partial frame, or gained one (not usable) */
    ASHLAR_MEMMAP_PAGE_ZERO        /* frame 0 taken out */
} ashlar_memmap_decision;

/* One decision. base and length are the part concerned; winner is the entry
 * that caused it, where there is one. */
struct ashlar_memmap_event {
    ashlar_memmap_decision decision;
    ashlar_phys base;
    ashlar_phys length;
    uint32_t type;
    uint32_t winner; /* type that won, for OVERRIDDEN; else 0 */
};
typedef void (*ashlar_memmap_reporter)(void *context, const struct ashlar_memmap_event *event);

/* All fields but the first two are the floor's own: read only. */
struct ashlar_memmap {
    struct ashlar_memmap_entry *entries;
    size_t capacity;
    size_t count;
    size_t wanted;      /* entries that would have been needed; over capacity: too small */
    ashlar_phys limit;  /* first physical address that cannot be used */
    ashlar_memmap_reporter reporter;
    void *reporter_context;
    int finalized;
};

/* storage: capacity entries, the caller's. Sorting, merging and splitting work
 * in place: give about twice as many as the firmware lists, plus the
 * reservations. physical_limit: first address beyond the CPU's width (or 4 GiB
 * without PAE), a multiple of 4096; 0 means 2^52. reporter may be NULL. */
void ashlar_memmap_init(struct ashlar_memmap *map, struct ashlar_memmap_entry *storage, size_t capacity,
                        ashlar_phys physical_limit, ashlar_memmap_reporter reporter, void *context);

/* What the firmware says. type: any number; unknown ones become RESERVED.
 * Never fails by itself: too many entries are counted and told by finalize. */
void ashlar_memmap_add(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length, uint32_t type);

/* What the kernel or an adapter knows to be in use. Before finalize. */
void ashlar_memmap_reserve(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length,
                           ashlar_memmap_type type);

/* Sort, resolve, round. O(n^2) in the worst case, n log n typically.
 * ASHLAR_NO_STORAGE: more entries than storage (map->wanted says how many);
 * ASHLAR_BAD_MAP: empty, or nothing usable is left (ashlar_memmap_problem says
 * which: the text names it). The map is then not finalized, and must not be
 * used further. */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_finalize(struct ashlar_memmap *map);

/* One line that says why finalize, carve or reclaim failed last; never NULL. */
const char *ashlar_memmap_problem(const struct ashlar_memmap *map);

/* After finalize: take frames * 4096 bytes of usable RAM for good, aligned to
 * align_frames (a power of two), all of it below limit_pfn (0: no limit); from
 * the top downward, so that low memory stays for those who need it. The part
 * becomes KERNEL. It may split an entry: two entries of storage must be free.
 * ASHLAR_NO_FRAMES: fits nowhere (the problem text has the size);
 * ASHLAR_NO_STORAGE. */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_carve(struct ashlar_memmap *map, size_t frames, size_t align_frames,
                                                  ashlar_pfn limit_pfn, ashlar_pfn *first);

/* Turn the parts of this type (LOADER, ACPI or MODULE) within the range into USABLE. ASHLAR_REFUSED
 * if the range touches anything in live[0..live_count): the root in use, the
 * stack, tables still read. Frames given to a pool afterwards are the caller's
 * business: ashlar_frames_add_memory. */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_reclaim(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length,
                                                    ashlar_memmap_type type, const struct ashlar_memmap_entry *live,
                                                    size_t live_count);

/* Walk usable runs of a finalized map, lowest first: start with *index = 0;
 * returns 0 at the end. */
int ashlar_memmap_next_usable(const struct ashlar_memmap *map, size_t *index, ashlar_pfn *first, size_t *frames);

/* Total usable frames, and one past the highest usable frame. O(n). */
size_t ashlar_memmap_usable_frames(const struct ashlar_memmap *map);
ashlar_pfn ashlar_memmap_end_pfn(const struct ashlar_memmap *map);

/* "usable", "reserved", "acpi", "nvs", "bad", "loader", "kernel", "module",
 * "framebuffer"; "unknown" for anything else. */
const char *ashlar_memmap_type_text(uint32_t type);
const char *ashlar_memmap_decision_text(ashlar_memmap_decision decision);

/* NULL, or the first broken invariant of a finalized map. */
const char *ashlar_memmap_audit(const struct ashlar_memmap *map);

ASHLAR_END_DECLS

#endif
