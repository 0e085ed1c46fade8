/* SPDX-License-Identifier: 0BSD */
/* storage.c - where the memory map lies.
 *
 * How long it is only the loader knows; where RAM is free only the map. So the
 * library is asked (ashlar_memmap_find_storage) for a place that lies behind the
 * image, in the first 4 MiB, where the image's own page table has entries to spare.
 */
#include "memory/storage.h"

#include "cpu/feature.h"
#include "io/print.h"
#include "memory/image.h"
#include <ashlar/port.h>

#define PLACES_END 0x3ff000u /* the last page of the area is never mapped */
#define ENTRY_WRITE 0x63u
#define NO_EXECUTE ((uint64_t)1 << 63)

static struct {
    ashlar_phys base;
    size_t entries;
} storage;

static size_t storage_bytes(void)
{
    return storage.entries * sizeof(struct ashlar_memmap_entry);
}

void storage_show(void)
{
    bool is_wide = image_mode()->entry_bytes == 8;
    uint64_t rights = ENTRY_WRITE | (is_wide && feature_has(FEATURE_NX) ? NO_EXECUTE : 0);
    for (ashlar_phys page = storage.base; page < storage.base + storage_bytes(); page += ASHLAR_PAGE_BYTES) {
        volatile void *entry = image_entry(IMAGE_OFFSET + (uintptr_t)page);
        if (is_wide) {
            *(volatile uint64_t *)entry = page | rights;
        } else {
            *(volatile uint32_t *)entry = (uint32_t)(page | rights);
        }
    }
}

void storage_take(ashlar_memmap_filler fill, void *context)
{
    ashlar_status status = ashlar_memmap_find_storage(fill, context, (uintptr_t)image_end - IMAGE_OFFSET, PLACES_END,
                                                      &storage.base, &storage.entries);
    if (status != ASHLAR_OK) {
        print("no %zu KiB of RAM are free between the image's end and 4 MiB, for a memory map of %zu entries\n",
              (storage_bytes() + 1023) >> 10, storage.entries);
        ashlar_port_fatal("this machine is too small for its memory map");
    }
    storage_show();
}

void storage_begin_map(struct ashlar_memmap *map, ashlar_phys limit)
{
    ashlar_memmap_init(map, ashlar_port_pointer(IMAGE_OFFSET + (uintptr_t)storage.base), storage.entries, limit, NULL,
                       NULL);
    ashlar_memmap_reserve(map, storage.base, storage_bytes(), ASHLAR_MEMMAP_KERNEL);
}
