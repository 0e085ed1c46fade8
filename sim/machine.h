/* SPDX-License-Identifier: 0BSD */
/* machine.h - the simulated machine's memory, MMU and TLBs.
 *
 * Physical memory is a sparse file in memory, of any size, above 4 GiB as
 * well. Each CPU has an MMU that walks the tables in it, with a decoder of its
 * own (nothing is shared with the library's), and keeps what the manual allows
 * it to keep:
 *
 *   translations of pages, global ones across a change of the root;
 *   upper entries (paging-structure caches), so that a table is used after it was unlinked;
 *   under PAE the root's four entries, read when the root is loaded and at no other time;
 *   with PCIDs, all of that for each of them apart, until a root is loaded that does not ask to keep it.
 *
 * It forgets only what is flushed, or at random as well, and brings in
 * neighbours unasked. What a real machine would punish by silent corruption is
 * a *violation*: counted, and told on standard error. A page fault is none.
 *
 * sim_ram_init, then sim_mmu_init, before anything else. Each CPU's functions
 * are called by one thread at a time; notes of frames (taken, freed) look at
 * every CPU, and so do not run beside real threads.
 */
#ifndef ASHLAR_SIM_MACHINE_H
#define ASHLAR_SIM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- violations ------------------------------------------------------------------ */

enum sim_violation {
    SIM_STALE_FRAME,   /* a frame was freed or taken while a TLB holds a translation to it */
    SIM_STALE_TABLE,   /* a table's frame was freed or taken while a structure cache or a PDPTE register names it */
    SIM_STALE_ROOT,    /* a frame was freed or taken while it is a CPU's root */
    SIM_STALE_PCID,    /* kept translations of another root, or to frames that have changed hands meanwhile */
    SIM_STALE_USE,     /* a cached translation was used that the tables no longer give (if asked for) */
    SIM_FREED_ACCESS,  /* an access or a walk reached a frame that is free */
    SIM_MIXED_SIZES,   /* one address, two cached translations of different sizes and results */
    SIM_RESERVED_BIT,  /* an entry has a reserved bit set */
    SIM_NAMES_RAM,     /* an absent entry has the address of RAM, under a CPU that reads there speculatively (L1TF) */
    SIM_BAD_ROOT,      /* misaligned, out of reach, or PDPTEs with reserved bits: #GP on a real machine */
    SIM_BEYOND_RAM,    /* a frame that the machine does not have */
    SIM_CLOSED_WINDOW, /* a window was touched, or closed, that is not open */
    SIM_TOO_MANY_WINDOWS,
    SIM_VIOLATIONS
};

/* So many of this kind, or of all kinds, since sim_mmu_init or sim_violations_clear. */
unsigned long sim_violations(enum sim_violation kind);
unsigned long sim_violations_all(void);
void sim_violations_clear(void);
/* The last one's text; "" if there was none. */
const char *sim_violation_text(void);
/* Tell them on standard error as well; on at first. Tests turn it off around what has to be found. */
void sim_violations_echo(bool on);
/* For other parts of the machine. */
void sim_violate(enum sim_violation kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- physical memory --------------------------------------------------------------- */

/* So many bytes of zeros, whatever was there before; host memory is used as it is touched. */
void sim_ram_init(uint64_t bytes);
uint64_t sim_ram_bytes(void);

/* The machine's own way to a frame: good for ever, not watched. NULL and a violation beyond the end. Pointers to
 * neighbouring frames need not be neighbours. */
void *sim_ram_frame(uint64_t frame);
bool sim_ram_has(uint64_t frame);

/* Free frames must not be reached by any CPU. All are taken at first. Whatever may still know the frame (any CPU's
 * TLB, structure cache, PDPTE, root) is a violation each time. */
void sim_frame_freed(uint64_t frame);
void sim_frame_taken(uint64_t frame);
bool sim_frame_is_free(uint64_t frame);
/* Asked before a frame that was freed is believed to be free still: true if somebody has taken it since. So whoever
 * watches a pool from outside need only tell what was freed. NULL: nobody is asked. */
void sim_frames_ask(bool (*is_taken)(uint64_t frame));

/* --- windows ------------------------------------------------------------------------ */

/* How open and closed windows are told apart: not at all (fast), or by a mapping of its own for each window, so that
 * whoever touches one after it was closed is found. Guarded, a frame has another pointer each time. */
void sim_windows_init(bool guarded, unsigned per_cpu);

void *sim_window_open(unsigned cpu, uint64_t frame);
void sim_window_close(unsigned cpu, void *pointer);

/* Open now on this CPU; the most that ever were. */
unsigned sim_windows_open(unsigned cpu);
unsigned sim_windows_peak(unsigned cpu);

/* --- MMU ------------------------------------------------------------------------------ */

enum sim_format { SIM_TWO_LEVEL, SIM_PAE, SIM_FOUR_LEVEL, SIM_FIVE_LEVEL };

/* What the CPUs have turned on. */
#define SIM_CPU_NXE 1u
#define SIM_CPU_PGE 2u
#define SIM_CPU_PSE 4u    /* two-level: large pages */
#define SIM_CPU_GIB 8u    /* pages of 1 GiB; reserved bit otherwise */
#define SIM_CPU_WP 16u    /* the kernel, too, may not write read-only pages */
#define SIM_CPU_PCIDE 32u /* 64-bit formats: translations are tagged */
#define SIM_CPU_USUAL (SIM_CPU_NXE | SIM_CPU_PGE | SIM_CPU_PSE | SIM_CPU_GIB | SIM_CPU_WP)

#define SIM_CPUS_MAX 64u

struct sim_mmu_options {
    unsigned features;         /* SIM_CPU_... */
    unsigned physical_bits;    /* 0: 32 for two-level, 36 for PAE, 46 else */
    uint64_t seed;             /* of what follows */
    unsigned evict_one_in;     /* each translation forgets something with this chance; 0: nothing is ever evicted */
    unsigned speculate_one_in; /* each translation brings in a neighbour with this chance; 0: never */
    bool has_l1tf;             /* absent entries are believed, as far as an address goes (frame 0 is nobody's) */
    bool find_stale_use;       /* compare each cached translation that is used with the tables */
    uint64_t kernel_first;     /* address and size of what sim_pointer reaches; 0 bytes: nothing */
    uint64_t kernel_bytes;
    uint64_t high_first; /* a second such stretch, apart from the first; 0 bytes: none */
    uint64_t high_bytes;
    uint64_t direct_first; /* address and size of a direct map: may reach frames that are free; 0 bytes: none */
    uint64_t direct_bytes;
};

/* All caches empty, no root, no violations. */
void sim_mmu_init(enum sim_format format, unsigned cpus, const struct sim_mmu_options *options);

/* With SIM_CPU_PCIDE: bits 0 to 11 are the PCID, of which there are SIM_PCIDS; bit 63 keeps its translations. */
#define SIM_PCIDS 16u
#define SIM_KEEP (UINT64_C(1) << 63)
void sim_mmu_set_root(unsigned cpu, uint64_t root);
/* Its address alone. */
uint64_t sim_mmu_root(unsigned cpu);
/* Global translations are compared with these tables instead of those of the root in use, which may lack a top-level entry
 * of theirs; 0, as it is at first: they are not. */
void sim_mmu_set_reference(uint64_t root);
/* A CPU that takes no part, not yet started or about to be stopped, may know what it likes. All do at first. */
void sim_mmu_take_part(unsigned cpu, bool part);
void sim_mmu_flush_page(unsigned cpu, uint64_t address);
void sim_mmu_flush_all(unsigned cpu);

/* Access: SIM_READ, or of SIM_WRITE or SIM_EXEC, and SIM_USER for ring 3. A fault is x86's error code with SIM_FAULT
 * set; SIM_FAULT_CANONICAL is a #GP. 0: it went well. */
#define SIM_READ 0u
#define SIM_PRESENT 1u /* in faults: refused by permissions, not for want of an entry */
#define SIM_WRITE 2u
#define SIM_USER 4u
#define SIM_RESERVED 8u
#define SIM_EXEC 16u
#define SIM_FAULT 0x80000000u
#define SIM_FAULT_CANONICAL 0x40000000u

unsigned sim_mmu_translate(unsigned cpu, uint64_t address, unsigned access, uint64_t *physical);

/* Through the MMU, page by page; stops at the first fault and returns it. user: SIM_USER or 0. */
unsigned sim_load(unsigned cpu, uint64_t address, void *to, size_t bytes, unsigned user);
unsigned sim_store(unsigned cpu, uint64_t address, const void *from, size_t bytes, unsigned user);

/* A pointer of the host for an address in the kernel range of the options. What it points at is translated when it
 * is first touched, by the MMU of the CPU that ashlar_port_cpu names, as a write where it is one; a fault in it is
 * fatal (ashlar_port_fatal). Consecutive addresses have consecutive pointers. A page is forgotten when any CPU
 * flushes it, or all, or changes its root (global ones stay). */
void *sim_pointer(uint64_t address);
/* The way back. */
uint64_t sim_pointer_address(const void *pointer);

/* --- looking at caches ------------------------------------------------------------------ */

/* Cached by this CPU: translations of pages; upper entries. */
size_t sim_tlb_pages(unsigned cpu);
size_t sim_tlb_tables(unsigned cpu);
/* Is a translation of this address cached, of whatever size? */
bool sim_tlb_has(unsigned cpu, uint64_t address);

/* Translations, upper entries and PDPTE registers of this CPU that differ from the tables in memory: 0 when nothing is
 * in flight. The first is described in text (may be NULL). */
size_t sim_tlb_stale(unsigned cpu, char *text, size_t bytes);

/* Bring a translation in, as a CPU may at any time, without an access. */
void sim_tlb_fill(unsigned cpu, uint64_t address);

/* What the tables in memory say now, without any cache and without a trace (no accessed or dirty bit). */
struct sim_translation {
    unsigned fault; /* 0, or SIM_FAULT...; the rest is valid if it is 0 */
    uint64_t physical;
    uint64_t page_bytes; /* 4 KiB, 2 MiB, 4 MiB, 1 GiB */
    bool writable;
    bool user;
    bool executable;
    bool global;
    bool accessed;
    bool dirty;
    unsigned pat_index; /* entry of the page attribute table */
};
void sim_mmu_inspect(unsigned cpu, uint64_t address, struct sim_translation *found);

#endif
