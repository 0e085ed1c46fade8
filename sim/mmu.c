/* SPDX-License-Identifier: 0BSD */
/* mmu.c - the MMU and the TLBs of each simulated CPU, as bad as the manual allows (Intel SDM, vol. 3, 4.10).
 *
 *     address ──> cached page? ──────────────────────────> physical
 *                   │ no
 *                   └─> deepest cached upper entry, or the root (PAE: its registers)
 *                         └─> read entries downward, set accessed and dirty, cache each
 *
 * Kept until flushed: pages, global ones apart; upper entries, with the
 * permissions down to them. What is kept is believed: the tables are not looked
 * at again. A page fault forgets what was cached for its address (4.10.4.1), so
 * that permission that was added without a flush costs one fault at most. A
 * flush of one page forgets all upper entries; a new root all but global pages.
 *
 * With PCIDs (4.10.1) a CPU has caches for each of them, and uses those of the
 * one that was loaded with the root; pages that are global belong to all. What
 * lies in the others may be as wrong as it likes, so nothing is said of it until
 * a root is loaded that keeps it.
 *
 * An accessed or dirty bit is set by a compare-and-swap of the entry that was
 * read; if it changed meanwhile the walk begins anew. Not modelled:
 * protection keys, PSE-36, SMEP and SMAP. Walks see memory, not what waits in store
 * buffers; flushes, loads of the root and accesses drain their CPU's (buffer.c).
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESSED 0x20u
#define DIRTY 0x40u

struct cpu {
    struct cache local[SIM_PCIDS]; /* pages that a new root forgets */
    struct cache global;
    struct cache tables[SIM_PCIDS];  /* upper entries */
    uint64_t filled_from[SIM_PCIDS]; /* the root that these come from */
    unsigned pcid;
    uint64_t root;
    bool has_root;
    bool absent; /* takes no part */
    uint64_t pdpte[4];
    uint64_t random;
};

static struct {
    struct shape shape;
    struct sim_mmu_options options;
    unsigned cpu_count;
    uint64_t reference;
    struct cpu cpus[SIM_CPUS_MAX];
} machine;

static bool is_pae(void)
{
    return machine.shape.format == SIM_PAE;
}

static uint64_t number_of(uint64_t address, unsigned level)
{
    return address >> sim_level_shift(&machine.shape, level);
}

static uint64_t page_bytes(unsigned level)
{
    return UINT64_C(1) << sim_level_shift(&machine.shape, level);
}

/* --- root and flushes -------------------------------------------------------------------- */

static struct shape shape_of(enum sim_format format, const struct sim_mmu_options *options)
{
    static const struct shape shapes[] = {
        [SIM_TWO_LEVEL] = {.levels = 2, .entry_bytes = 4, .address_bits = 32, .physical_bits = 32},
        [SIM_PAE] = {.levels = 3, .entry_bytes = 8, .address_bits = 32, .physical_bits = 36},
        [SIM_FOUR_LEVEL] = {.levels = 4, .entry_bytes = 8, .address_bits = 48, .physical_bits = 46},
        [SIM_FIVE_LEVEL] = {.levels = 5, .entry_bytes = 8, .address_bits = 57, .physical_bits = 46},
    };
    struct shape shape = shapes[format];
    shape.format = format;
    shape.features = options->features;
    if (options->physical_bits != 0) {
        shape.physical_bits = options->physical_bits;
    }
    return shape;
}

static void free_cache(struct cache *cache)
{
    free(cache->entries);
    free(cache->buckets);
}

void sim_mmu_init(enum sim_format format, unsigned cpus, const struct sim_mmu_options *options)
{
    machine.shape = shape_of(format, options);
    machine.options = *options;
    machine.cpu_count = cpus <= SIM_CPUS_MAX ? cpus : SIM_CPUS_MAX;
    machine.reference = 0;
    for (unsigned i = 0; i < SIM_CPUS_MAX; i++) {
        struct cpu *cpu = &machine.cpus[i];
        for (unsigned pcid = 0; pcid < SIM_PCIDS; pcid++) {
            free_cache(&cpu->local[pcid]);
            free_cache(&cpu->tables[pcid]);
        }
        free_cache(&cpu->global);
        memset(cpu, 0, sizeof *cpu);
        cpu->random = (options->seed + i + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    }
    sim_cache_forget_all();
    sim_violations_clear();
    sim_pointer_init(options);
}

/* A load of CR3 reads the four entries (4.4.1), and faults on reserved bits. */
static void load_registers(struct cpu *cpu, uint64_t root)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t raw = sim_entry_read(&machine.shape, root + UINT64_C(8) * i);
        struct decoded d = sim_entry_decode(&machine.shape, 3, raw);
        if (d.present && d.reserved) {
            sim_violate(SIM_BAD_ROOT, "PDPTE %u of root 0x%llx is 0x%llx", i, (unsigned long long)root,
                        (unsigned long long)raw);
        }
        cpu->pdpte[i] = raw;
    }
}

void sim_mmu_set_reference(uint64_t root)
{
    machine.reference = root;
}

static size_t count_gone(const struct cache *cache)
{
    size_t gone = 0;
    for (size_t i = 0; i < cache->count; i++) {
        gone += cache->entries[i].gone;
    }
    return gone;
}

/* The root goes on with what this PCID knows. */
static void keep(unsigned cpu_index, unsigned pcid, uint64_t root)
{
    const struct cpu *cpu = &machine.cpus[cpu_index];
    size_t gone = count_gone(&cpu->local[pcid]) + count_gone(&cpu->tables[pcid]);
    if (gone != 0 || (cpu->filled_from[pcid] != root && cpu->local[pcid].count + cpu->tables[pcid].count != 0)) {
        sim_violate(SIM_STALE_PCID, "CPU %u keeps PCID %u for root 0x%llx: filled from root 0x%llx, %zu of it gone",
                    cpu_index, pcid, (unsigned long long)root, (unsigned long long)cpu->filled_from[pcid], gone);
    }
}

static void enter_pcid(unsigned cpu_index, unsigned pcid, uint64_t root, bool keeps)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    if (keeps) {
        keep(cpu_index, pcid, root);
    } else {
        sim_cache_clear(&cpu->local[pcid]);
        sim_cache_clear(&cpu->tables[pcid]);
    }
    cpu->filled_from[pcid] = root;
    cpu->pcid = pcid;
}

void sim_mmu_set_root(unsigned cpu_index, uint64_t value)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    bool tagged = (machine.shape.features & SIM_CPU_PCIDE) != 0 && machine.shape.address_bits != 32;
    unsigned pcid = tagged ? (unsigned)value & 0xfffu : 0;
    uint64_t root = tagged ? value & ~(SIM_KEEP | 0xfffu) : value;
    uint64_t align = is_pae() ? 32 : FRAME_BYTES;
    uint64_t limit = machine.shape.address_bits == 32 ? UINT64_C(1) << 32 : UINT64_C(1) << machine.shape.physical_bits;
    if (root % align != 0 || root >= limit || !sim_ram_has(root / FRAME_BYTES) || pcid >= SIM_PCIDS) {
        sim_violate(SIM_BAD_ROOT, "root 0x%llx", (unsigned long long)value);
        return;
    }
    if (sim_frame_is_free(root / FRAME_BYTES)) {
        sim_violate(SIM_FREED_ACCESS, "CPU %u loads root 0x%llx", cpu_index, (unsigned long long)root);
    }
    sim_buffer_drain(cpu_index);
    enter_pcid(cpu_index, pcid, root, tagged && (value & SIM_KEEP) != 0);
    sim_pointer_flush(false);
    cpu->root = root;
    cpu->has_root = true;
    if (is_pae()) {
        load_registers(cpu, root);
    }
}

uint64_t sim_mmu_root(unsigned cpu_index)
{
    return machine.cpus[cpu_index].root;
}

void sim_mmu_take_part(unsigned cpu_index, bool part)
{
    machine.cpus[cpu_index].absent = !part;
}

static struct cache *local_of(struct cpu *cpu)
{
    return &cpu->local[cpu->pcid];
}

static struct cache *tables_of(struct cpu *cpu)
{
    return &cpu->tables[cpu->pcid];
}

static void drop_page(struct cpu *cpu, uint64_t address)
{
    for (unsigned level = 1; level <= 3 && level <= machine.shape.levels; level++) {
        struct cache *caches[2] = {local_of(cpu), &cpu->global};
        for (unsigned i = 0; i < 2; i++) {
            struct cached *entry = sim_cache_find(caches[i], number_of(address, level), level);
            if (entry != NULL) {
                sim_cache_drop(caches[i], entry);
            }
        }
    }
}

void sim_mmu_flush_page(unsigned cpu_index, uint64_t address)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    sim_buffer_drain(cpu_index);
    drop_page(cpu, address);
    sim_cache_clear(tables_of(cpu));
    sim_pointer_flush_page(address);
}

/* As by changing CR4.PGE: for all PCIDs. It is no load of CR3: PDPTE registers stay. Under PAE a change of PGE loads them, too (4.4.1). */
void sim_mmu_flush_all(unsigned cpu_index)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    sim_buffer_drain(cpu_index);
    for (unsigned pcid = 0; pcid < SIM_PCIDS; pcid++) {
        sim_cache_clear(&cpu->local[pcid]);
        sim_cache_clear(&cpu->tables[pcid]);
    }
    sim_cache_clear(&cpu->global);
    sim_pointer_flush(true);
    if (is_pae() && cpu->has_root) {
        load_registers(cpu, cpu->root);
    }
}

/* --- the walk ------------------------------------------------------------------------------- */

/* Where a walk has come to: the next table, and what all levels above it allow. */
struct position {
    unsigned level; /* of the table */
    uint64_t table;
    bool writable;
    bool user;
    bool executable;
    bool leaf; /* the end: table is the page */
};

static struct position from_root(uint64_t root)
{
    return (struct position){machine.shape.levels, root, true, true, true, false};
}

static void descend(struct position *at, const struct decoded *d)
{
    at->writable = at->writable && d->writable;
    at->user = at->user && d->user;
    at->executable = at->executable && d->executable;
    at->table = d->target;
    at->leaf = d->leaf;
    at->level--;
}

/* The deepest upper entry that is cached for this address. */
static struct position start(struct cpu *cpu, uint64_t address)
{
    for (unsigned level = 2; level <= machine.shape.levels; level++) {
        const struct cached *entry = sim_cache_find(tables_of(cpu), number_of(address, level), level);
        if (entry != NULL) {
            return (struct position){level - 1u, entry->target, entry->writable, entry->user, entry->executable, false};
        }
    }
    return from_root(cpu->root);
}

static void keep_table(struct cpu *cpu, uint64_t address, const struct position *below)
{
    struct cached entry = {.number = number_of(address, below->level + 1u),
                           .level = below->level + 1u,
                           .table = true,
                           .target = below->table,
                           .writable = below->writable,
                           .user = below->user,
                           .executable = below->executable};
    sim_cache_put(tables_of(cpu), &entry);
}

static unsigned fault_of(unsigned access, unsigned why)
{
    unsigned code = SIM_FAULT | why | (access & (SIM_WRITE | SIM_USER));
    bool fetch = (access & SIM_EXEC) != 0 && (machine.shape.features & SIM_CPU_NXE) != 0;
    return fetch && machine.shape.format != SIM_TWO_LEVEL ? code | SIM_EXEC : code;
}

static bool is_allowed(unsigned access, bool writable, bool user, bool executable)
{
    if ((access & SIM_USER) != 0 && !user) {
        return false;
    }
    if ((access & SIM_EXEC) != 0 && !executable) {
        return false;
    }
    bool obeys = (access & SIM_USER) != 0 || (machine.shape.features & SIM_CPU_WP) != 0;
    return (access & SIM_WRITE) == 0 || writable || !obeys;
}

static bool reaches_direct_map(uint64_t address)
{
    return address - machine.options.direct_first < machine.options.direct_bytes;
}

static void check_table(const struct position *at, uint64_t address)
{
    if (sim_frame_is_free(at->table / FRAME_BYTES)) {
        sim_violate(SIM_FREED_ACCESS, "walk of 0x%llx in table 0x%llx of level %u", (unsigned long long)address,
                    (unsigned long long)at->table, at->level);
    }
}

#define AGAIN 1u /* an entry changed under the walk */

/* One level: reads the entry, marks it, and goes down or ends with found. */
static unsigned step(struct cpu *cpu, struct position *at, uint64_t address, unsigned access, struct cached *found)
{
    const struct shape *shape = &machine.shape;
    bool in_register = is_pae() && at->level == 3;
    uint64_t where = sim_entry_address(shape, at->level, at->table, address);
    uint64_t raw = in_register ? cpu->pdpte[address >> 30 & 3u] : sim_entry_read(shape, where);
    struct decoded d = sim_entry_decode(shape, at->level, raw);
    if (!d.present) {
        return fault_of(access, 0);
    }
    if (d.reserved) {
        sim_violate(SIM_RESERVED_BIT, "entry 0x%llx of level %u for 0x%llx", (unsigned long long)raw, at->level,
                    (unsigned long long)address);
        return fault_of(access, SIM_PRESENT | SIM_RESERVED);
    }
    if (d.leaf && !is_allowed(access, at->writable && d.writable, at->user && d.user, at->executable && d.executable)) {
        return fault_of(access, SIM_PRESENT);
    }
    bool writes = d.leaf && (access & SIM_WRITE) != 0;
    uint64_t marks = ACCESSED | (writes ? DIRTY : 0u);
    if (!in_register && (raw & marks) != marks && !sim_entry_mark(shape, where, raw, marks)) {
        return AGAIN;
    }
    found->dirty = d.dirty || writes;
    found->global = d.global;
    found->pat_index = d.pat_index;
    descend(at, &d);
    return 0;
}

/* Walk down to the page, and cache each upper entry on the way. PDPTE registers are a cache by themselves. */
static unsigned walk(struct cpu *cpu, uint64_t address, unsigned access, struct cached *found)
{
    struct position at = start(cpu, address);
    do {
        check_table(&at, address);
        unsigned outcome = step(cpu, &at, address, access, found);
        if (outcome == AGAIN) {
            at = start(cpu, address);
        } else if (outcome != 0) {
            return outcome;
        } else if (!at.leaf && !(is_pae() && at.level == 2)) {
            keep_table(cpu, address, &at);
        }
    } while (!at.leaf);
    found->level = at.level + 1u;
    found->number = number_of(address, found->level);
    found->target = at.table;
    found->writable = at.writable;
    found->user = at.user;
    found->executable = at.executable;
    return 0;
}

/* --- looking without a trace --------------------------------------------------------------------- */

/* What memory says, down to entries of this level or to a leaf above it. */
static unsigned peek(uint64_t root, uint64_t address, unsigned lowest, struct position *at, struct decoded *last)
{
    *at = from_root(root);
    memset(last, 0, sizeof *last);
    while (!at->leaf && at->level >= lowest) {
        uint64_t where = sim_entry_address(&machine.shape, at->level, at->table, address);
        *last = sim_entry_decode(&machine.shape, at->level, sim_entry_read(&machine.shape, where));
        if (!last->present || last->reserved) {
            return last->present ? SIM_FAULT | SIM_PRESENT | SIM_RESERVED : SIM_FAULT;
        }
        descend(at, last);
    }
    return 0;
}

void sim_mmu_inspect(unsigned cpu_index, uint64_t address, struct sim_translation *found)
{
    const struct cpu *cpu = &machine.cpus[cpu_index];
    struct position at;
    struct decoded leaf;
    memset(found, 0, sizeof *found);
    if (!sim_address_is_canonical(&machine.shape, address)) {
        found->fault = SIM_FAULT | SIM_FAULT_CANONICAL;
        return;
    }
    found->fault = cpu->has_root ? peek(cpu->root, address, 1, &at, &leaf) : SIM_FAULT;
    if (found->fault != 0) {
        return;
    }
    found->page_bytes = page_bytes(at.level + 1u);
    found->physical = at.table + (address & (found->page_bytes - 1u));
    found->writable = at.writable;
    found->user = at.user;
    found->executable = at.executable;
    found->global = leaf.global;
    found->accessed = leaf.accessed;
    found->dirty = leaf.dirty;
    found->pat_index = leaf.pat_index;
}

static uint64_t address_of(const struct cached *entry)
{
    return entry->number << sim_level_shift(&machine.shape, entry->level);
}

static bool table_is_stale(const struct cpu *cpu, const struct cached *entry)
{
    struct position at;
    struct decoded last;
    return peek(cpu->root, address_of(entry), entry->level, &at, &last) != 0 || at.leaf || at.table != entry->target ||
           (entry->writable && !at.writable) || (entry->user && !at.user) || (entry->executable && !at.executable);
}

/* More than the tables give, or something else, anywhere in the page. */
static bool page_is_stale(const struct cpu *cpu, const struct cached *entry)
{
    uint64_t address = address_of(entry);
    uint64_t root = entry->global && machine.reference != 0 ? machine.reference : cpu->root;
    for (uint64_t offset = 0; offset < page_bytes(entry->level);) {
        struct position at;
        struct decoded leaf;
        if (peek(root, address + offset, 1, &at, &leaf) != 0) {
            return true;
        }
        uint64_t fresh_bytes = page_bytes(at.level + 1u);
        uint64_t physical = at.table + ((address + offset) & (fresh_bytes - 1u));
        if (physical != entry->target + offset || (entry->writable && !at.writable) || (entry->user && !at.user) ||
            (entry->executable && !at.executable) || (entry->dirty && !leaf.dirty)) {
            return true;
        }
        offset += fresh_bytes;
    }
    return false;
}

static void describe(const struct cached *entry, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s of level %u for 0x%llx: 0x%llx%s%s%s", entry->table ? "table" : "page", entry->level,
             (unsigned long long)address_of(entry), (unsigned long long)entry->target, entry->writable ? " w" : "",
             entry->executable ? " x" : "", entry->user ? " user" : "");
}

static size_t stale_registers(const struct cpu *cpu, char *text, size_t bytes)
{
    size_t stale = 0;
    for (unsigned i = 0; is_pae() && i < 4; i++) {
        if ((cpu->pdpte[i] & 1u) != 0 && sim_entry_read(&machine.shape, cpu->root + UINT64_C(8) * i) != cpu->pdpte[i]) {
            snprintf(text, bytes, "PDPTE register %u: 0x%llx", i, (unsigned long long)cpu->pdpte[i]);
            stale++;
        }
    }
    return stale;
}

size_t sim_tlb_stale(unsigned cpu_index, char *text, size_t bytes)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    const struct cache *caches[3] = {local_of(cpu), &cpu->global, tables_of(cpu)};
    size_t stale = cpu->has_root ? stale_registers(cpu, text, bytes) : 0;
    for (unsigned c = 0; c < 3; c++) {
        for (size_t i = 0; i < caches[c]->count; i++) {
            const struct cached *entry = &caches[c]->entries[i];
            if (entry->table ? !table_is_stale(cpu, entry) : !page_is_stale(cpu, entry)) {
                continue;
            }
            if (stale++ == 0 && text != NULL) {
                describe(entry, text, bytes);
            }
        }
    }
    return stale;
}

/* --- translating ------------------------------------------------------------------------------------ */

static struct cached *find_page(struct cpu *cpu, uint64_t address)
{
    for (unsigned level = 3; level != 0; level--) {
        if (level > machine.shape.levels) {
            continue;
        }
        struct cached *entry = sim_cache_find(local_of(cpu), number_of(address, level), level);
        if (entry == NULL) {
            entry = sim_cache_find(&cpu->global, number_of(address, level), level);
        }
        if (entry != NULL) {
            return entry;
        }
    }
    return NULL;
}

/* Two sizes at once are harmless only if it makes no difference which one is used. */
static void compare_sizes(const struct cached *small, const struct cached *large)
{
    uint64_t address = address_of(small);
    uint64_t offset = address - address_of(large);
    if (offset < page_bytes(large->level) &&
        (small->target != large->target + offset || small->writable != large->writable || small->user != large->user ||
         small->executable != large->executable || small->pat_index != large->pat_index)) {
        sim_violate(SIM_MIXED_SIZES, "0x%llx is cached as 0x%llx by an entry of level %u, and as 0x%llx of level %u",
                    (unsigned long long)address, (unsigned long long)small->target, small->level,
                    (unsigned long long)large->target + offset, large->level);
    }
}

/* Against the larger page that covers a new one, and against all smaller ones that a new one covers. */
static void check_sizes(struct cpu *cpu, uint64_t address, const struct cached *fresh)
{
    struct cache *caches[2] = {local_of(cpu), &cpu->global};
    for (unsigned c = 0; c < 2; c++) {
        for (unsigned level = fresh->level + 1u; level <= 3 && level <= machine.shape.levels; level++) {
            const struct cached *larger = sim_cache_find(caches[c], number_of(address, level), level);
            if (larger != NULL) {
                compare_sizes(fresh, larger);
            }
        }
        for (size_t i = 0; fresh->level != 1 && i < caches[c]->count; i++) {
            if (caches[c]->entries[i].level < fresh->level) {
                compare_sizes(&caches[c]->entries[i], fresh);
            }
        }
    }
}

/* Walk and cache. On a fault what was known of the address is forgotten. */
static unsigned fill(struct cpu *cpu, uint64_t address, unsigned access, struct cached *found)
{
    memset(found, 0, sizeof *found);
    unsigned fault = walk(cpu, address, access, found);
    if (fault == 0) {
        check_sizes(cpu, address, found);
        sim_cache_put(found->global ? &cpu->global : local_of(cpu), found);
    }
    return fault;
}

static void forget(struct cpu *cpu, uint64_t address)
{
    drop_page(cpu, address);
    for (unsigned level = 2; level <= machine.shape.levels; level++) {
        struct cached *entry = sim_cache_find(tables_of(cpu), number_of(address, level), level);
        if (entry != NULL) {
            sim_cache_drop(tables_of(cpu), entry);
        }
    }
}

void sim_tlb_fill(unsigned cpu_index, uint64_t address)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    struct cached found;
    if (cpu->has_root && sim_address_is_canonical(&machine.shape, address) && find_page(cpu, address) == NULL) {
        (void)fill(cpu, address, SIM_READ, &found);
    }
}

static void be_adverse(unsigned cpu_index, uint64_t address)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    const struct sim_mmu_options *options = &machine.options;
    if (options->evict_one_in != 0 && sim_random(&cpu->random) % options->evict_one_in == 0) {
        struct cache *caches[3] = {local_of(cpu), &cpu->global, tables_of(cpu)};
        struct cache *cache = caches[sim_random(&cpu->random) % 3u];
        if (cache->count != 0) {
            sim_cache_drop(cache, &cache->entries[sim_random(&cpu->random) % cache->count]);
        }
    }
    if (options->speculate_one_in != 0 && sim_random(&cpu->random) % options->speculate_one_in == 0) {
        sim_tlb_fill(cpu_index, address + (sim_random(&cpu->random) % 9u) * FRAME_BYTES - (uintptr_t)4 * FRAME_BYTES);
    }
}

static void check_use(struct cpu *cpu, const struct cached *entry, uint64_t address)
{
    if (machine.options.find_stale_use && page_is_stale(cpu, entry)) {
        char text[128];
        describe(entry, text, sizeof text);
        sim_violate(SIM_STALE_USE, "access to 0x%llx through %s", (unsigned long long)address, text);
    }
}

/* A cached page that serves this access, or NULL. A first write through it looks at the tables again. */
static const struct cached *use_cached(struct cpu *cpu, uint64_t address, unsigned access, unsigned *fault)
{
    struct cached *entry = find_page(cpu, address);
    *fault = 0;
    if (entry == NULL) {
        return NULL;
    }
    if (!is_allowed(access, entry->writable, entry->user, entry->executable)) {
        *fault = fault_of(access, SIM_PRESENT);
        return NULL;
    }
    if ((access & SIM_WRITE) != 0 && !entry->dirty) {
        drop_page(cpu, address);
        return NULL;
    }
    check_use(cpu, entry, address);
    return entry;
}

unsigned sim_mmu_translate(unsigned cpu_index, uint64_t address, unsigned access, uint64_t *physical)
{
    struct cpu *cpu = &machine.cpus[cpu_index];
    struct cached found;
    unsigned fault;
    if (!cpu->has_root || !sim_address_is_canonical(&machine.shape, address)) {
        return SIM_FAULT | SIM_FAULT_CANONICAL;
    }
    sim_buffer_drain(cpu_index);
    be_adverse(cpu_index, address);
    const struct cached *entry = use_cached(cpu, address, access, &fault);
    if (entry == NULL && fault == 0) {
        fault = fill(cpu, address, access, &found);
        entry = &found;
    }
    if (fault != 0) {
        forget(cpu, address);
        return fault;
    }
    *physical = entry->target + (address & (page_bytes(entry->level) - 1u));
    if (sim_frame_is_free(*physical / FRAME_BYTES) && !reaches_direct_map(address)) {
        sim_violate(SIM_FREED_ACCESS, "CPU %u, 0x%llx in frame 0x%llx", cpu_index, (unsigned long long)address,
                    (unsigned long long)(*physical / FRAME_BYTES));
    }
    return 0;
}

/* One page's share of a load or store. */
static unsigned copy(unsigned cpu, uint64_t address, void *bytes, size_t count, unsigned access)
{
    uint64_t physical;
    unsigned fault = sim_mmu_translate(cpu, address, access, &physical);
    if (fault != 0) {
        return fault;
    }
    char *frame = sim_ram_frame(physical / FRAME_BYTES);
    if (frame == NULL) {
        memset(bytes, 0xff, (access & SIM_WRITE) != 0 ? 0 : count);
    } else if ((access & SIM_WRITE) != 0) {
        memcpy(frame + physical % FRAME_BYTES, bytes, count);
    } else {
        memcpy(bytes, frame + physical % FRAME_BYTES, count);
    }
    return 0;
}

static unsigned copy_all(unsigned cpu, uint64_t address, char *bytes, size_t count, unsigned access)
{
    while (count != 0) {
        size_t here = FRAME_BYTES - (size_t)(address % FRAME_BYTES);
        here = here < count ? here : count;
        unsigned fault = copy(cpu, address, bytes, here, access);
        if (fault != 0) {
            return fault;
        }
        address += here;
        bytes += here;
        count -= here;
    }
    return 0;
}

unsigned sim_load(unsigned cpu, uint64_t address, void *to, size_t bytes, unsigned user)
{
    return copy_all(cpu, address, to, bytes, SIM_READ | user);
}

unsigned sim_store(unsigned cpu, uint64_t address, const void *from, size_t bytes, unsigned user)
{
    return copy_all(cpu, address, (char *)(uintptr_t)from, bytes, SIM_WRITE | user);
}

/* --- frames that change hands -------------------------------------------------------------------------- */

static bool names_frame(const struct cached *entry, uint64_t frame)
{
    uint64_t frames = entry->table ? 1 : page_bytes(entry->level) / FRAME_BYTES;
    return frame - entry->target / FRAME_BYTES < frames && (entry->table || !reaches_direct_map(address_of(entry)));
}

static void check_cache(unsigned cpu, const struct cache *cache, uint64_t frame, const char *event)
{
    for (size_t i = 0; i < cache->count; i++) {
        const struct cached *entry = &cache->entries[i];
        if (names_frame(entry, frame)) {
            char text[128];
            describe(entry, text, sizeof text);
            sim_violate(entry->table ? SIM_STALE_TABLE : SIM_STALE_FRAME, "frame 0x%llx %s while CPU %u caches %s",
                        (unsigned long long)frame, event, cpu, text);
        }
    }
}

/* Nobody uses these at the moment: it matters if they are kept. */
static void mark_gone(struct cache *cache, uint64_t frame)
{
    for (size_t i = 0; i < cache->count; i++) {
        cache->entries[i].gone |= names_frame(&cache->entries[i], frame);
    }
}

/* What one CPU knows under one PCID. */
static void check_pcid(unsigned index, unsigned pcid, bool cached, uint64_t frame, const char *event)
{
    struct cpu *cpu = &machine.cpus[index];
    bool names = cached || cpu->local[pcid].large != 0;
    if (names && pcid == cpu->pcid) {
        check_cache(index, &cpu->local[pcid], frame, event);
        check_cache(index, &cpu->tables[pcid], frame, event);
    } else if (names) {
        mark_gone(&cpu->local[pcid], frame);
        mark_gone(&cpu->tables[pcid], frame);
    }
}

static void check_root(unsigned index, const struct cpu *cpu, uint64_t frame, const char *event)
{
    if (cpu->root / FRAME_BYTES == frame) {
        sim_violate(SIM_STALE_ROOT, "frame 0x%llx %s while it is CPU %u's root", (unsigned long long)frame, event,
                    index);
    }
    for (unsigned i = 0; is_pae() && i < 4; i++) {
        struct decoded d = sim_entry_decode(&machine.shape, 3, cpu->pdpte[i]);
        if (d.present && d.target / FRAME_BYTES == frame) {
            sim_violate(SIM_STALE_TABLE, "frame 0x%llx %s while CPU %u's PDPTE register %u names it",
                        (unsigned long long)frame, event, index, i);
        }
    }
}

void sim_mmu_check_frame(uint64_t frame, const char *event)
{
    bool cached = sim_cache_references(frame) != 0;
    for (unsigned i = 0; i < machine.cpu_count; i++) {
        const struct cpu *cpu = &machine.cpus[i];
        if (cpu->absent) {
            continue;
        }
        if (cpu->has_root) {
            check_root(i, cpu, frame, event);
        }
        for (unsigned pcid = 0; pcid < SIM_PCIDS; pcid++) {
            check_pcid(i, pcid, cached, frame, event);
        }
        if (cached || cpu->global.large != 0) {
            check_cache(i, &cpu->global, frame, event);
        }
    }
}

/* --- looking at caches ------------------------------------------------------------------------------------ */

size_t sim_tlb_pages(unsigned cpu)
{
    return local_of(&machine.cpus[cpu])->count + machine.cpus[cpu].global.count;
}

size_t sim_tlb_tables(unsigned cpu)
{
    return tables_of(&machine.cpus[cpu])->count;
}

bool sim_tlb_has(unsigned cpu, uint64_t address)
{
    return find_page(&machine.cpus[cpu], address) != NULL;
}
