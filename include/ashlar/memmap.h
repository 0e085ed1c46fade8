/* SPDX-License-Identifier: 0BSD */
/* memmap.h - the firmware's memory map, made sane.
 *
 * Input may be unsorted, overlapping, unaligned, wrapping, empty. After
 * ashlar_memmap_finalize the map is a sorted list of entries that do not
 * overlap, on frame boundaries, neighbours of one type merged; the most
 * restrictive type has won wherever two overlapped; usable was rounded inward
 * and everything else outward; frame 0 is never usable, nor is what a PC has
 * between 640 KiB and 1 MiB.
 *
 * Context: boot, one CPU. Locks: none. The caller owns all storage. To use a map
 * before it is finalized, or to add to one that is, is a caller's bug: fatal.
 * Whatever is passed by pointer is resident (types.h).
 */
#ifndef ASHLAR_MEMMAP_H
#define ASHLAR_MEMMAP_H

#include <ashlar/status.h>

ASHLAR_BEGIN_DECLS

/* Least restrictive first: where two overlap, the higher number wins. */
typedef enum ashlar_memmap_type {
    ASHLAR_MEMMAP_USABLE = 1,
    ASHLAR_MEMMAP_LOADER = 2, /* the loader's tables, strings, code: usable after an explicit reclaim */
    ASHLAR_MEMMAP_ACPI = 3,   /* ACPI tables: usable once the kernel says that it has read them */
    ASHLAR_MEMMAP_MODULE = 4, /* boot modules */
    ASHLAR_MEMMAP_KERNEL = 5, /* the kernel's image, stack, tables, and what boot carves */
    ASHLAR_MEMMAP_FRAMEBUFFER = 6,
    ASHLAR_MEMMAP_NVS = 7,      /* ACPI NVS, EFI runtime: never RAM for us, may be mapped */
    ASHLAR_MEMMAP_RESERVED = 8, /* and every type that we do not know */
    ASHLAR_MEMMAP_BAD = 9
} ashlar_memmap_type;

struct ashlar_memmap_entry {
    ashlar_phys base;
    ashlar_phys length; /* bytes; never zero in a finalized map */
    uint32_t type;      /* an ashlar_memmap_type */
    uint32_t origin;    /* 1: at least a part was given by ashlar_memmap_reserve; 0: all by the firmware */
};

/* Why an entry was changed; told to the reporter, in the order of the work. */
typedef enum ashlar_memmap_decision {
    ASHLAR_MEMMAP_IGNORED_EMPTY, /* zero length */
    ASHLAR_MEMMAP_CLAMPED_WRAP,  /* base + length passed 2^64: the entry as it was given */
    ASHLAR_MEMMAP_CLAMPED_WIDTH, /* the part above the physical limit: dropped */
    ASHLAR_MEMMAP_UNKNOWN_TYPE,  /* taken as reserved */
    ASHLAR_MEMMAP_MERGED,        /* what `entries` neighbouring or overlapping entries of one type became */
    ASHLAR_MEMMAP_OVERRIDDEN,    /* a part lost to the more restrictive type `winner` */
    ASHLAR_MEMMAP_NOT_RAM,       /* loader, ACPI or module where the firmware lists no RAM: reserved for good */
    ASHLAR_MEMMAP_ROUNDED,       /* usable: bytes lost with a partial frame; else: a frame taken whole */
    ASHLAR_MEMMAP_PAGE_ZERO,     /* frame 0 taken out */
    ASHLAR_MEMMAP_PC_HOLE        /* 640 KiB to 1 MiB: usable is taken out; loader, ACPI or module: reserved for good */
} ashlar_memmap_decision;

/* One decision. base and length are the part concerned, type what it was. */
struct ashlar_memmap_event {
    ashlar_memmap_decision decision;
    ashlar_phys base;
    ashlar_phys length;
    uint32_t type;
    uint32_t winner; /* type that won, for OVERRIDDEN; else 0 */
    size_t entries;  /* how many were joined, for MERGED; else 0 */
};
typedef void (*ashlar_memmap_reporter)(void *context, const struct ashlar_memmap_event *event);

#define ASHLAR_MEMMAP_PROBLEM_BYTES 120

/* All fields but the first two are the floor's own: read only. */
struct ashlar_memmap {
    struct ashlar_memmap_entry *entries;
    size_t capacity;
    size_t count;
    size_t wanted;     /* entries given; after finalize, those that it needed: over capacity, too small */
    ashlar_phys limit; /* first physical address that cannot be used */
    ashlar_memmap_reporter reporter;
    void *reporter_context;
    int finalized;
    int is_pc;                /* see ashlar_memmap_set_pc */
    struct memmap_try *a_try; /* no map to be kept: a place is tried (ashlar_memmap_find_storage) */
    char problem[ASHLAR_MEMMAP_PROBLEM_BYTES];
};

/* storage: capacity entries, the caller's; all work is done in it. As many as
 * are given (reservations counted) suffice where nothing overlaps; twice as many
 * where loader, ACPI and module parts lie within RAM that the firmware lists,
 * whatever else overlaps; four times as many always; two more where an entry reaches across a PC's 640 KiB. A carve
 * wants two more. How many a loader will give, and where to put them, ashlar_memmap_find_storage says.
 * physical_limit: first address beyond the CPU's width (or 4 GiB without PAE),
 * rounded down to a frame; 0 means as far as it goes: 2^52, and 2^44 - 4096 where
 * frame numbers have 32 bits. reporter may be NULL. */
void ashlar_memmap_init(struct ashlar_memmap *map, struct ashlar_memmap_entry *storage, size_t capacity,
                        ashlar_phys physical_limit, ashlar_memmap_reporter reporter, void *context);

/* On a PC, which every map is taken for, nothing between 640 KiB and 1 MiB is ever usable, whatever the map says: the
 * screen, ROMs and shadows of ROMs lie there, and some firmware lists it as RAM. 0: this machine is none, and the map
 * holds there, too. Before finalize. */
void ashlar_memmap_set_pc(struct ashlar_memmap *map, int is_pc);

/* What the firmware says. type: any number; unknown ones become RESERVED.
 * Never fails by itself: too many entries are counted and told by finalize.
 * Until then entries[0 .. count) are as they were given. */
void ashlar_memmap_add(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length, uint32_t type);

/* What the kernel or an adapter knows to be in use. Before finalize. */
void ashlar_memmap_reserve(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length, ashlar_memmap_type type);

/* The type for a number of the BIOS's E820 call, which Multiboot shares: 1 usable,
 * 2 reserved, 3 ACPI, 4 NVS, 5 bad. For others a number that is no type of ours:
 * ASHLAR_MEMMAP_FOREIGN + number, for ashlar_memmap_add to tell of. */
#define ASHLAR_MEMMAP_FOREIGN 0x100u
uint32_t ashlar_memmap_type_of_e820(uint32_t number);

/* Adds all that it knows to the map: calls an adapter, reserves what nobody else knows of. */
typedef ashlar_status (*ashlar_memmap_filler)(void *context, struct ashlar_memmap *map);

/* Before there is a map: RAM for its storage, sized by what fill gives, in usable RAM that nothing which fill gives
 * touches, in [from, below), on a frame. *entries is a capacity that suffices always, boot's own reservations and its
 * carve counted; *base the lowest such place. The caller makes it addressable, fills a map over it, and reserves it
 * there: (*entries * sizeof(struct ashlar_memmap_entry) bytes, as KERNEL).
 * fill is called several times, each time with a map that keeps nothing, and has to give the same each time.
 * ASHLAR_NO_FRAMES: there is no such place, and *entries says how many it should hold; else what fill returns.
 * O(entries squared) at worst. */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_find_storage(ashlar_memmap_filler fill, void *context, ashlar_phys from,
                                                         ashlar_phys below, ashlar_phys *base, size_t *entries);

/* Sort, resolve, round. What a frame becomes is decided by its bytes: the most
 * restrictive type among them; usable only if all of them are usable, so that
 * neighbours of one type are joined before they are rounded. A frame of loader,
 * ACPI or module bytes that holds bytes of no RAM as well becomes RESERVED, for a
 * reclaim would hand those out. O(n log n), in place.
 * ASHLAR_NO_STORAGE: more entries than storage (map->wanted says how many would
 * do, where only splitting was too much; else twice what was given);
 * ASHLAR_BAD_MAP: empty, nothing usable, all of it reserved (the problem text
 * says which). The map is then not finalized, and must not be used further. */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_finalize(struct ashlar_memmap *map);

/* One line that says why finalize, carve or reclaim failed last; never NULL. */
const char *ashlar_memmap_problem(const struct ashlar_memmap *map);

/* After finalize: take frames * 4096 bytes of usable RAM for good, aligned to
 * align_frames (a power of two; 0 or 1: none), all of it below limit_pfn (0: no
 * limit); from the top downward, so that low memory stays for those who need it.
 * The part becomes KERNEL. It may split an entry: room for two more must be free.
 * ASHLAR_NO_FRAMES: fits nowhere (the problem text has the size);
 * ASHLAR_NO_STORAGE; ASHLAR_BAD_ARGUMENT. O(n). */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_carve(struct ashlar_memmap *map, size_t frames, size_t align_frames,
                                                  ashlar_pfn limit_pfn, ashlar_pfn *first);

/* Turn the whole frames of this type (LOADER, ACPI or MODULE) within the range into USABLE, frame 0 apart.
 * ASHLAR_REFUSED if one of them touches anything in live[0..live_count), of which only base and length count: the root
 * in use, the stack, tables still read. ASHLAR_NO_STORAGE, ASHLAR_BAD_ARGUMENT (another type; an empty range, or one
 * that passes 2^64). Nothing to turn is no error. Frames given to a pool afterwards are the caller's business:
 * ashlar_frames_add_memory. O(n * live_count). */
ASHLAR_MUST_USE ashlar_status ashlar_memmap_reclaim(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length,
                                                    ashlar_memmap_type type, const struct ashlar_memmap_entry *live,
                                                    size_t live_count);

/* Walk usable runs of a finalized map, lowest first: start with *index = 0;
 * returns 0 at the end. */
int ashlar_memmap_next_usable(const struct ashlar_memmap *map, size_t *index, ashlar_pfn *first, size_t *frames);

/* Total usable frames, and one past the highest usable frame (0: none). O(n). */
size_t ashlar_memmap_usable_frames(const struct ashlar_memmap *map);
ashlar_pfn ashlar_memmap_end_pfn(const struct ashlar_memmap *map);

/* "usable", "reserved", "acpi", "nvs", "bad", "loader", "kernel", "module",
 * "framebuffer"; "unknown" for anything else. */
const char *ashlar_memmap_type_text(uint32_t type);
const char *ashlar_memmap_decision_text(ashlar_memmap_decision decision);

/* NULL, or the first broken invariant of a finalized map. O(n). */
const char *ashlar_memmap_audit(const struct ashlar_memmap *map);

ASHLAR_END_DECLS

#endif
