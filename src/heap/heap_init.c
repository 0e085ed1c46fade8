/* SPDX-License-Identifier: 0BSD */
/* heap_init.c - laying out a heap over a source's range, or within a plain one.
 *
 *   source:  storage: | heap | owners |      range: | map | descriptors | bits | units ... |
 *   plain:   range:   | heap | owners | map | descriptors | bits | units ... |
 *
 * A source's bookkeeping is backed as the heap grows: nothing is committed here.
 * In a plain range everything is there at once, as one empty run. Its units
 * shrink with it, so that a small range is not used up by the first slab of a
 * few classes: 512 bytes up to 64 KiB, 1 KiB up to 1 MiB, else 4 KiB. There are
 * descriptors for three units of eight only, as slabs grow with use, and for two
 * more of eight of the first 256, where most slabs are a class's first.
 */
#include <ashlar/heap.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/lock.h"
#include "base/mem.h"
#include "heap/internal.h"
#include "heap/slab.h"
#include "runs/runs.h"

#define KEEP_BYTES_USUAL ((size_t)256 << 10)
#define GROW_BYTES_USUAL ((size_t)64 << 10)
#define SOURCE_LEAST_PAGES 16u
#define SOURCE_MOST_PAGES ((size_t)1 << 28)
#define MANY_UNITS 256u

COLD static unsigned cpus_of_options(const struct ashlar_heap_options *options)
{
    return options != NULL && options->max_cpus != 0 ? options->max_cpus : 1u;
}

COLD static size_t owners_bytes(unsigned cpus)
{
    /* Wherever the storage begins, owners do at a line's start. */
    return (size_t)round_up(sizeof(struct ashlar_heap), GRANULE_BYTES) + CACHE_LINE_BYTES - GRANULE_BYTES +
           (size_t)2 * cpus * sizeof(struct owner);
}

COLD size_t ashlar_heap_footprint_bytes(const struct ashlar_heap_options *options, size_t source_pages)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    (void)source_pages; /* what depends on the range lies in the range */
    return (size_t)round_up(owners_bytes(cpus_of_options(options)), GRANULE_BYTES);
}

COLD static size_t units_or(size_t bytes, size_t usual, uint32_t unit_shift)
{
    size_t units = (bytes != 0 ? bytes : usual) >> unit_shift;
    return units != 0 ? units : 1u;
}

COLD static uint32_t growth_align_of(const struct ashlar_heap_options *options)
{
    return options != NULL && options->grow_align_bytes != 0 ? (uint32_t)options->grow_align_bytes : 1u;
}

/* Heap and owners in storage; nothing behind them yet. */
COLD static struct ashlar_heap *lay_owners(void *storage, const struct ashlar_heap_options *options,
                                           uint32_t unit_shift)
{
    struct ashlar_heap *heap = storage;
    unsigned cpus = cpus_of_options(options);
    memset(heap, 0, owners_bytes(cpus));
    char *behind = (char *)storage + sizeof *heap;
    heap->owners = (struct owner *)(void *)(behind + (0 - (uintptr_t)behind) % CACHE_LINE_BYTES);
    heap->fast_cpus = cpus;
    heap->max_cpus = cpus;
    heap->runs.unit_shift = unit_shift;
    heap->runs.unit_granule_shift = unit_shift - GRANULE_SHIFT;
    heap->runs.grow_units = units_or(options != NULL ? options->grow_bytes : 0, GROW_BYTES_USUAL, unit_shift);
    heap->runs.grow_align_bytes = growth_align_of(options);
    heap->runs.keep_units = units_or(options != NULL ? options->keep_bytes : 0, KEEP_BYTES_USUAL, unit_shift);
    heap->runs.keep_units =
        heap->runs.keep_units > heap->runs.grow_units ? heap->runs.keep_units : heap->runs.grow_units;
    heap->kick = options != NULL ? options->kick : NULL;
    heap->kick_context = options != NULL ? options->kick_context : NULL;
    heap->runs.runs_begun = 1u; /* number 0 is nobody's */
    heap->runs.runs_backed = 1u;
    ashlar_lock_init(&heap->runs.lock, ASHLAR_RANK_HEAP, "heap");
    for (uint32_t i = 0; i < 2u * cpus; i++) {
        heap->owners[i].index = i;
        ashlar_heap_bin_init(heap->owners[i].bin, CLASS_COUNT);
    }
    return heap;
}

COLD static size_t pages_for(size_t bytes)
{
    return (bytes + ASHLAR_PAGE_BYTES - 1u) >> ASHLAR_PAGE_SHIFT;
}

COLD static bool is_source_usable(const struct ashlar_heap_source *source)
{
    return source->base != 0 && source->base % ASHLAR_PAGE_BYTES == 0 && source->pages >= SOURCE_LEAST_PAGES &&
           source->pages <= SOURCE_MOST_PAGES && source->pages <= UINTPTR_MAX / ASHLAR_PAGE_BYTES &&
           source->base + (source->pages * ASHLAR_PAGE_BYTES - 1u) >= source->base;
}

COLD static uint32_t most_descriptors(size_t units)
{
    size_t most = UINT32_MAX / sizeof(struct run);
    return (uint32_t)(units + 1u < most ? units + 1u : most);
}

COLD ashlar_status ashlar_heap_init(void *storage, size_t storage_bytes, const struct ashlar_heap_options *options,
                                    const struct ashlar_heap_source *source, struct ashlar_heap **heap_out)
{
    CONTEXTS(yes, yes, no, no, no);
    if (!is_source_usable(source) || (uintptr_t)storage % GRANULE_BYTES != 0 ||
        cpus_of_options(options) > ASHLAR_MAX_CPUS || !is_power_of_two(growth_align_of(options))) {
        return ASHLAR_BAD_ARGUMENT;
    }
    if (storage_bytes < ashlar_heap_footprint_bytes(options, source->pages)) {
        return ASHLAR_NO_STORAGE;
    }
    size_t map_pages = pages_for(source->pages * sizeof(uint32_t));
    uint32_t descriptors = most_descriptors(source->pages);
    size_t slab_pages = pages_for(descriptors * sizeof(struct run));
    size_t bit_pages = pages_for(source->pages * (ASHLAR_PAGE_BYTES / GRANULE_BYTES / 4u));
    size_t metadata = map_pages + slab_pages + bit_pages;
    struct ashlar_heap *heap = lay_owners(storage, options, ASHLAR_PAGE_SHIFT);
    heap->runs.source = *source;
    heap->runs.range_base = source->base;
    heap->runs.range_bytes = source->pages * ASHLAR_PAGE_BYTES;
    heap->runs.map = (uint32_t *)source->base;
    heap->runs.descriptors = (char *)source->base + map_pages * ASHLAR_PAGE_BYTES;
    heap->runs.bits = (struct granule_bits *)(void *)(heap->runs.descriptors + slab_pages * ASHLAR_PAGE_BYTES);
    heap->runs.payload_page = (uint32_t)metadata;
    heap->runs.base = source->base + metadata * ASHLAR_PAGE_BYTES;
    heap->runs.total = (uint32_t)(source->pages - metadata);
    heap->runs.runs_most = descriptors;
    *heap_out = heap;
    return ASHLAR_OK;
}

/* --- plain ranges -------------------------------------------------------- */

COLD static uint32_t plain_unit_shift(size_t bytes)
{
    if (bytes <= (size_t)64 << 10) {
        return UNIT_SHIFT_LEAST;
    }
    return bytes <= (size_t)1 << 20 ? 10u : ASHLAR_PAGE_SHIFT;
}

COLD static uint32_t plain_descriptors(uint32_t units)
{
    return units / 8u * 3u + (units < MANY_UNITS ? units : MANY_UNITS) / 4u + 9u;
}

/* Bytes of map, descriptors and bits. */
COLD static size_t plain_metadata_bytes(uint32_t units, uint32_t unit_shift)
{
    size_t bits = (size_t)units << (unit_shift - GRANULE_SHIFT - 2u);
    return (size_t)units * sizeof(uint32_t) + GRANULE_BYTES + plain_descriptors(units) * sizeof(struct run) + bits;
}

/* The most units whose bookkeeping fits as well. */
COLD static uint32_t plain_units(uintptr_t begin, size_t bytes, uint32_t unit_shift)
{
    uintptr_t unit = (uintptr_t)1 << unit_shift;
    size_t units = bytes >> unit_shift;
    if (units > SOURCE_MOST_PAGES) {
        units = SOURCE_MOST_PAGES;
    }
    while (units != 0) {
        size_t used = round_up(begin + plain_metadata_bytes((uint32_t)units, unit_shift), unit) - begin;
        if (used < bytes && (bytes - used) >> unit_shift >= units) {
            break;
        }
        size_t over = used < bytes ? units - ((bytes - used) >> unit_shift) : units / 2u;
        units -= over / 2u + 1u;
    }
    return (uint32_t)units;
}

COLD static void lay_plain_range(struct ashlar_heap *heap, uintptr_t begin, uint32_t units)
{
    size_t metadata = plain_metadata_bytes(units, heap->runs.unit_shift);
    memset((void *)begin, 0, metadata);
    heap->runs.map = (uint32_t *)begin;
    heap->runs.descriptors = (char *)round_up(begin + units * sizeof(uint32_t), GRANULE_BYTES);
    heap->runs.runs_most = plain_descriptors(units);
    heap->runs.runs_backed = heap->runs.runs_most;
    heap->runs.bits =
        (struct granule_bits *)(void *)(heap->runs.descriptors + heap->runs.runs_most * sizeof(struct run));
    heap->runs.base = round_up(begin + metadata, (uintptr_t)1 << heap->runs.unit_shift);
    heap->runs.total = units;
    heap->runs.limit = units;
    heap->runs.granules = (uintptr_t)units << heap->runs.unit_granule_shift;
    heap->runs.backed_units = units;
    heap->runs.peak_bytes = heap->runs.range_bytes;
    struct run *run = ashlar_runs_describe_locked(&heap->runs, 0, units);
    ashlar_runs_file_locked(&heap->runs, run, RUN_EMPTY);
}

COLD ashlar_status ashlar_heap_init_range_with(void *memory, size_t bytes, const struct ashlar_heap_options *options,
                                               struct ashlar_heap **heap_out)
{
    CONTEXTS(yes, yes, no, no, no);
    uintptr_t begin = round_up((uintptr_t)memory, GRANULE_BYTES);
    size_t skip = begin - (uintptr_t)memory;
    size_t owners = owners_bytes(cpus_of_options(options));
    if (memory == NULL || (bytes != 0 && (uintptr_t)memory + (bytes - 1u) < (uintptr_t)memory) ||
        cpus_of_options(options) > ASHLAR_MAX_CPUS) {
        return ASHLAR_BAD_ARGUMENT;
    }
    uint32_t unit_shift = plain_unit_shift(bytes);
    size_t room = bytes > skip ? bytes - skip : 0; /* the end may be 0 */
    uint32_t units = room > owners ? plain_units(begin + owners, room - owners, unit_shift) : 0;
    if (units < SLAB_MOST_UNITS) {
        return ASHLAR_NO_STORAGE;
    }
    struct ashlar_heap *heap = lay_owners((void *)begin, options, unit_shift);
    heap->runs.range_base = begin;
    heap->runs.range_bytes = room;
    heap->told = true;                  /* nothing grows, whatever the context */
    heap->runs.keep_units = units / 2u; /* nothing can be given back: what owners may keep is an eighth */
    lay_plain_range(heap, begin + owners, units);
    *heap_out = heap;
    return ASHLAR_OK;
}

COLD ashlar_status ashlar_heap_init_range(void *memory, size_t bytes, struct ashlar_heap **heap)
{
    CONTEXTS(yes, yes, no, no, no);
    return ashlar_heap_init_range_with(memory, bytes, NULL, heap);
}
