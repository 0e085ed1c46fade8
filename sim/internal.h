/* SPDX-License-Identifier: 0BSD */
/* internal.h - what the files of the simulated machine share: memory, caches, the walk, the watched pointers, the store
 * buffers. */
#ifndef ASHLAR_SIM_INTERNAL_H
#define ASHLAR_SIM_INTERNAL_H

#include "machine.h"

#define FRAME_BYTES 4096u
#define LEVELS_MAX 5u

/* The next one of a sequence that its first state, not 0, decides. xorshift64* (Vigna, "An experimental exploration of
 * Marsaglia's xorshift generators, scrambled"). */
static inline uint64_t sim_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717) >> 16;
}

/* --- ram.c ---------------------------------------------------------------------- */

/* The file behind physical memory. */
int sim_ram_file(void);
void *sim_host_reserve(uint64_t bytes);

/* --- cache.c: a set of translations, found by page number and level ---------------- */

struct cached {
    uint64_t number; /* address >> shift of its level */
    uint64_t target; /* physical address of the page, or of the table below */
    unsigned level;  /* of the entry that it came from */
    bool table;      /* an upper entry: target is a table */
    bool writable;   /* all levels down to this one together */
    bool user;
    bool executable;
    bool global;
    bool dirty;
    bool gone; /* its frame has changed hands while the PCID was not in use */
    unsigned pat_index;
    uint32_t next; /* in its bucket, + 1 */
};

struct cache {
    struct cached *entries;
    size_t count;
    size_t capacity;
    uint32_t *buckets; /* index + 1 */
    size_t bucket_count;
    size_t large; /* entries that map more than a frame */
};

void sim_cache_clear(struct cache *cache);
struct cached *sim_cache_find(struct cache *cache, uint64_t number, unsigned level);
/* Replaces what is there under the same number and level. */
void sim_cache_put(struct cache *cache, const struct cached *entry);
void sim_cache_drop(struct cache *cache, struct cached *entry);
/* How many entries of all caches name this frame, large pages not counted. */
unsigned sim_cache_references(uint64_t frame);
void sim_cache_forget_all(void);

/* --- decode.c: tables in memory, as the manual has them ------------------------------ */

/* One entry, decoded. */
struct decoded {
    bool present;
    bool leaf;
    bool reserved; /* a reserved bit is set */
    bool writable;
    bool user;
    bool executable;
    bool global;
    bool accessed;
    bool dirty;
    unsigned pat_index;
    uint64_t target; /* page or table */
};

struct shape {
    unsigned levels;
    unsigned entry_bytes;
    unsigned address_bits;
    unsigned physical_bits;
    unsigned features;
    enum sim_format format;
};

/* Address bits below the part that this level's entries tell apart. */
unsigned sim_level_shift(const struct shape *shape, unsigned level);
uint64_t sim_entry_address(const struct shape *shape, unsigned level, uint64_t table, uint64_t address);
uint64_t sim_entry_read(const struct shape *shape, uint64_t entry_address);
/* Sets bits unless the entry has changed since it was read as raw. */
bool sim_entry_mark(const struct shape *shape, uint64_t entry_address, uint64_t raw, uint64_t bits);
struct decoded sim_entry_decode(const struct shape *shape, unsigned level, uint64_t raw);
bool sim_address_is_canonical(const struct shape *shape, uint64_t address);

/* --- mmu.c --------------------------------------------------------------------------- */

/* Violations if any CPU still knows this frame. */
void sim_mmu_check_frame(uint64_t frame, const char *event);

/* --- pointer.c: addresses of the host that are watched -------------------------------- */

void sim_pointer_init(const struct sim_mmu_options *options);
/* The same that happens to a TLB. */
void sim_pointer_flush_page(uint64_t address);
void sim_pointer_flush(bool globals);
void sim_pointer_check_frame(uint64_t frame, const char *event);
/* What a kernel pointer reaches now, translated as a read or a write would be; any other pointer as it is. */
void *sim_pointer_resolve(const volatile void *pointer, bool write);
/* Take the host's faults: windows and kernel pointers. */
void sim_watch_faults(void);
/* True if the host's address is a closed window, now backed by a page of nobody. */
bool sim_window_touched(uintptr_t host);
void sim_window_check_frame(uint64_t frame, const char *event);

/* --- buffer.c: stores that are not visible yet ------------------------------------------ */

/* Stores of these CPUs wait from here on; one_in as in struct sim_schedule_options. */
void sim_buffer_begin(unsigned cpus, unsigned drain_one_in, uint64_t seed);
/* All drained, and stores visible at once. */
void sim_buffer_end(void);
/* Time passes: some buffer may drain. */
void sim_buffer_tick(void);
/* All that this CPU has stored becomes visible. */
void sim_buffer_drain(unsigned cpu);

#endif
