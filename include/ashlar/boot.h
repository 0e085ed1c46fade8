/* SPDX-License-Identifier: 0BSD */
/* boot.h - brings the floors up, in order, from a firmware memory map.
 *
 * The chicken and the egg: every floor's bookkeeping needs memory before there
 * is an allocator. So each floor says beforehand how much it needs for this
 * map; boot carves that once out of RAM, maps it through the port's windows at
 * its final address, and initialises upward. Nothing is moved afterwards.
 * Whatever is passed by pointer is resident (types.h).
 */
#ifndef ASHLAR_BOOT_H
#define ASHLAR_BOOT_H

#include <ashlar/heap.h>
#include <ashlar/kva.h>
#include <ashlar/port.h>

ASHLAR_BEGIN_DECLS

struct ashlar_boot {
    /* In: all fields. Zero means the default where one is named. A wrong one is fatal, by its name (docs/porting.md). */
    struct ashlar_memmap *map;          /* all adds done, not finalized; boot adds its own reservations */
    const struct ashlar_paging *paging; /* the format in use */
    unsigned features;                  /* ASHLAR_FEATURE_... */
    unsigned max_cpus;                  /* that there can ever be */
    ashlar_phys image_base;             /* the kernel image in RAM: reserved */
    size_t image_bytes;
    uintptr_t
        image_address; /* where the root in use maps it: anywhere in the upper half (on 32-bit from 1 GiB on), which
                              * is kernel space then, or below 1 GiB, where it is in the way of user addresses only */
    /* What is around it and the kernel's as well, such as windows and stack: mapped as the root in use has it, for good,
     * in every root. Multiples of 4 MiB; default: those in which image and windows lie. */
    uintptr_t home_address;
    size_t home_bytes;
    uintptr_t windows_address; /* the port's windows, within the home, to be named in reports; 0 bytes: not told */
    size_t windows_bytes;
    uintptr_t
        stack_address; /* lowest address of the stack in use, in the home: its frames are reserved; 0: all in the image */
    size_t stack_bytes;
    size_t
        kernel_space_bytes; /* at the top, a multiple of 4 MiB, 128 MiB to 3 GiB, an image from 1 GiB on within; default:
                                * 512 MiB, 128 MiB with up to 128 MiB of RAM, or from the image on, where that is more; on
                                * 64-bit all of the upper half */
    size_t heap_bytes; /* address range of the heap, 4 MiB at least; default: three quarters of the general arena */
    /* Backs pages of the heap's range; NULL: ashlar_kva_commit, in small pages. With ashlar_kva_commit_large, and from
     * about 1 GiB of RAM on, the heap grows by whole large pages, where large pages can be had at all. */
    ashlar_status (*heap_commit)(ashlar_vpn first, size_t pages, unsigned flags); /* flags have ASHLAR_KVA_NO_RELIEF */
    /* A CPU that is out of memory asks another one for what was freed there: makes it call ashlar_kmalloc_answer, as said
     * with struct ashlar_heap_options. NULL: nobody is asked. */
    int (*heap_kick)(void *context, unsigned cpu);
    size_t heap_keep_bytes; /* empty runs that the heap keeps, up to all RAM; default: 1/64 of it, 256 KiB to 8 MiB */
    size_t stacks;          /* kernel stacks of 4 pages that fit; default 128 */
    int keeps_low; /* nonzero: below 1 MiB, where a PC's firmware may write at any time, nothing is used but what is
                             * asked for by a limit of 1 MiB or less (struct ashlar_frames_options) */
    ashlar_sharing_policy policy;  /* default: AUTO */
    ashlar_kick kick;              /* asks other CPUs to call ashlar_space_answer; required if max_cpus is over 1 */
    struct ashlar_waiting waiting; /* how a thread waits for another; all NULL: what ashlar_wait_by said before */
};

/* What boot brought up, and where each floor's bookkeeping went. */
struct ashlar_booted {
    struct ashlar_frames *frames;
    struct ashlar_heap *heap;
    size_t ram_frames;      /* usable RAM, before the carve */
    ashlar_pfn carve_first; /* physical */
    size_t carve_frames;
    struct {
        const char *floor; /* "frames", "space", "kva", "heap" */
        const char *what;  /* "bitmap and counters", "page tables", ... */
        uintptr_t address; /* 0: not mapped in one piece */
        size_t bytes;
    } part[6];
    unsigned parts;
    ashlar_vpn heap_first;
    size_t heap_pages;
    ashlar_sharing_policy policy; /* in force: never AUTO */
};

/* One line of why, whatever the error; also logged through the port. Fatal, with that line, where the map is unusable:
 * nothing can run without RAM. Once: a second call is fatal. */
void ashlar_boot_up(const struct ashlar_boot *boot, struct ashlar_booted *booted);

/* --- the port ------------------------------------------------------------------ */

/* Does the kernel's port do what port.h says? NULL; or a line that names the hook and says what it did, kept until the next
 * call. What the context allows is tried: interrupts, pin and windows in any but NMI; the MMU's hooks where mappings
 * may be changed; the kick in a thread, so once more when all CPUs have joined. In an interrupt handler it tries the windows
 * of interrupts. boot_up calls it in debug builds, and what it says is fatal there. One at a time. */
const char *ashlar_selftest(void);

/* --- memory that comes later ------------------------------------------------------ */

/* More RAM, plugged in or free for another reason: [first, first + frames), which nobody uses and no pool has. Its
 * bookkeeping is taken from the heap, it is mapped directly where RAM is, and then the pool has it: all or nothing. What lies
 * beyond the GiB in which RAM ended at boot has no address in the direct map: the port opens it by windows. Threads.
 * ASHLAR_NO_FRAMES: for the bookkeeping, or for page tables; ASHLAR_EXISTS: some of it is in the pool already;
 * ASHLAR_BAD_ARGUMENT: no frames, frame 0, or more than the CPU can address; ASHLAR_MAY_NOT_WAIT. O(frames / 32). */
ASHLAR_MUST_USE ashlar_status ashlar_memory_add(ashlar_pfn first, size_t frames, unsigned node);

/* The same of what the loader left: each run of this type (LOADER, ACPI, MODULE) in boot's map becomes usable there, and the
 * pool's, frame 0 left out. live: what of it is still in use, as for ashlar_memmap_reclaim. *frames: how many came. Each run
 * comes as a whole or not; the first that does not ends it. ASHLAR_REFUSED: it is still in use; ASHLAR_NO_STORAGE; else as
 * above. */
ASHLAR_MUST_USE ashlar_status ashlar_memory_reclaim(struct ashlar_memmap *map, ashlar_memmap_type type,
                                                    const struct ashlar_memmap_entry *live, size_t live_count,
                                                    size_t *frames);

/* --- faults and reports ------------------------------------------------------------ */

/* A page fault: error is the CPU's error code (Intel SDM vol. 3, 4.7). Nonzero: try the access again. It asks each floor for
 * its share: demand regions, what the sharing policy left out of a root, what another CPU has mapped meanwhile. Takes no
 * lock but, for a demand page, that of the frames. Any context but NMI, and before boot as well: 0. */
int ashlar_fault(uintptr_t address, unsigned error);

/* What is this address? Takes no lock; may be called from any fault handler, on the double-fault stack as well, and before
 * boot. */
void ashlar_explain(uintptr_t address, struct ashlar_place *place);
/* The same as one line: "guard page of stack worker3, 24 bytes below it". */
void ashlar_explain_text(uintptr_t address, char *text, size_t bytes);

ASHLAR_END_DECLS

#endif
