/* SPDX-License-Identifier: 0BSD */
/* map.c - filling a map, and reading a finished one.
 *
 * Until finalize, entries lie as they were given, so that a kernel can print what
 * its firmware said. Entries for which there is no room are only counted.
 */
#include "memmap/map.h"

#include "base/bits.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/format.h"
#include "memmap/tries.h"

#define WIDEST ((ashlar_phys)1 << 52) /* of any x86 CPU */

void ashlar_memmap_init(struct ashlar_memmap *map, struct ashlar_memmap_entry *storage, size_t capacity,
                        ashlar_phys physical_limit, ashlar_memmap_reporter reporter, void *context)
{
    CONTEXTS(yes, yes, yes, no, no);
    /* Frame numbers have to fit a word, ASHLAR_PFN_NONE being none of them. */
    ashlar_phys limit = (ashlar_phys)ASHLAR_PFN_NONE << ASHLAR_PAGE_SHIFT;
    limit = limit < WIDEST ? limit : WIDEST;
    if (physical_limit != 0 && physical_limit < limit) {
        limit = phys_round_down(physical_limit, ASHLAR_PAGE_BYTES);
    }
    map->entries = storage;
    map->capacity = capacity;
    map->count = 0;
    map->wanted = 0;
    map->limit = limit;
    map->reporter = reporter;
    map->reporter_context = context;
    map->finalized = 0;
    map->is_pc = 1;
    map->a_try = NULL;
    map->problem[0] = '\0';
}

void ashlar_memmap_set_pc(struct ashlar_memmap *map, int is_pc)
{
    CONTEXTS(yes, yes, yes, no, no);
    ASHLAR_CHECK(!map->finalized, "memmap: set_pc of a finalized map, by %p", ASHLAR_CALLER());
    map->is_pc = is_pc != 0;
}

static void append_entry(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length, uint32_t type,
                         uint32_t origin)
{
    const struct ashlar_memmap_entry entry = {.base = base, .length = length, .type = type, .origin = origin};
    map->wanted++;
    if (map->a_try != NULL) {
        ashlar_memmap_try_entry(map->a_try, &entry);
    } else if (map->count < map->capacity) {
        map->entries[map->count++] = entry;
    }
}

void ashlar_memmap_add(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length, uint32_t type)
{
    CONTEXTS(yes, yes, yes, no, no);
    ASHLAR_CHECK(!map->finalized, "memmap: add of 0x%llx to a finalized map, by %p", (unsigned long long)base,
                 ASHLAR_CALLER());
    append_entry(map, base, length, type, 0);
}

void ashlar_memmap_reserve(struct ashlar_memmap *map, ashlar_phys base, ashlar_phys length, ashlar_memmap_type type)
{
    CONTEXTS(yes, yes, yes, no, no);
    ASHLAR_CHECK(!map->finalized, "memmap: reserve of 0x%llx in a finalized map, by %p", (unsigned long long)base,
                 ASHLAR_CALLER());
    append_entry(map, base, length, type, 1);
}

void ashlar_memmap_report(const struct ashlar_memmap *map, const struct ashlar_memmap_event *event)
{
    if (map->reporter != NULL) {
        map->reporter(map->reporter_context, event);
    }
}

ashlar_status ashlar_memmap_fail(struct ashlar_memmap *map, ashlar_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ashlar_format_list(map->problem, sizeof map->problem, format, arguments);
    va_end(arguments);
    return status;
}

const char *ashlar_memmap_problem(const struct ashlar_memmap *map)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return map->problem[0] != '\0' ? map->problem : "no problem";
}

int ashlar_memmap_next_usable(const struct ashlar_memmap *map, size_t *index, ashlar_pfn *first, size_t *frames)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    ASHLAR_CHECK(map->finalized, "memmap: walk of a map that is not finalized, by %p", ASHLAR_CALLER());
    for (size_t i = *index; i < map->count; i++) {
        if (map->entries[i].type == ASHLAR_MEMMAP_USABLE) {
            *first = (ashlar_pfn)(map->entries[i].base >> ASHLAR_PAGE_SHIFT);
            *frames = (size_t)(map->entries[i].length >> ASHLAR_PAGE_SHIFT);
            *index = i + 1;
            return 1;
        }
    }
    return 0;
}

size_t ashlar_memmap_usable_frames(const struct ashlar_memmap *map)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    size_t index = 0;
    size_t total_frames = 0;
    ashlar_pfn first;
    size_t frames;
    while (ashlar_memmap_next_usable(map, &index, &first, &frames)) {
        total_frames += frames;
    }
    return total_frames;
}

ashlar_pfn ashlar_memmap_end_pfn(const struct ashlar_memmap *map)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    size_t index = 0;
    ashlar_pfn end = 0;
    ashlar_pfn first;
    size_t frames;
    while (ashlar_memmap_next_usable(map, &index, &first, &frames)) {
        end = first + frames;
    }
    return end;
}

uint32_t ashlar_memmap_type_of_e820(uint32_t number)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    static const uint8_t known[] = {
        0, ASHLAR_MEMMAP_USABLE, ASHLAR_MEMMAP_RESERVED, ASHLAR_MEMMAP_ACPI, ASHLAR_MEMMAP_NVS, ASHLAR_MEMMAP_BAD};
    if (number == 0 || number >= sizeof known) {
        /* The highest numbers would wrap to types of ours. */
        return number > ~ASHLAR_MEMMAP_FOREIGN ? number : ASHLAR_MEMMAP_FOREIGN + number;
    }
    return known[number];
}

const char *ashlar_memmap_type_text(uint32_t type)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    static const char *const texts[MEMMAP_TYPES] = {"unknown", "usable",      "loader", "acpi",     "module",
                                                    "kernel",  "framebuffer", "nvs",    "reserved", "bad"};
    return texts[type < MEMMAP_TYPES ? type : 0];
}

const char *ashlar_memmap_decision_text(ashlar_memmap_decision decision)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    static const char *const texts[] = {
        "empty: ignored",
        "passes 2^64: cut there",
        "above the physical limit: dropped",
        "unknown type: taken as reserved",
        "neighbours of one type: joined",
        "overlap: the more restrictive type wins",
        "not in RAM that the firmware lists: reserved for good",
        "partial frame: rounded",
        "frame 0: never used",
        "640 KiB to 1 MiB of a PC: never used",
    };
    size_t index = (size_t)decision;
    return index < sizeof texts / sizeof texts[0] ? texts[index] : "unknown";
}
