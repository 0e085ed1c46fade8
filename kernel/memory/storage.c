/* SPDX-License-Identifier: 0BSD */
/* storage.c - where the memory map lies.
 *
 * How long it is only the loader knows; where RAM is free only the map. So the
 * library is asked (ashlar_memmap_find_storage) for a place that lies behind the
 * image, in the first 4 MiB. It is mapped behind the windows, where the image's own
 * page table has entries to spare.
 */
#include "memory/storage.h"

#include "cpu/feature.h"
#include "io/print.h"
#include "memory/image.h"
#include "x86/window.h"
#include <ashlar/port.h>

#define PLACES_END 0x400000u /* in RAM */
#define STORAGE_ADDRESS (WINDOWS_ADDRESS + ASHLAR_X86_WINDOWS_BYTES)
#define STORAGE_ROOM (IMAGE_OFFSET + IMAGE_HOME_BYTES - ASHLAR_PAGE_BYTES - STORAGE_ADDRESS) /* the last page: never */
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
    for (size_t bytes = 0; bytes < storage_bytes(); bytes += ASHLAR_PAGE_BYTES) {
        volatile void *entry = image_entry(STORAGE_ADDRESS + bytes);
        if (is_wide) {
            *(volatile uint64_t *)entry = (storage.base + bytes) | rights;
        } else {
            *(volatile uint32_t *)entry = (uint32_t)((storage.base + bytes) | rights);
        }
    }
}

void storage_take(ashlar_memmap_filler fill, void *context)
{
    ashlar_status status = ashlar_memmap_find_storage(fill, context, (uintptr_t)image_end - IMAGE_OFFSET, PLACES_END,
                                                      &storage.base, &storage.entries);
    if (status != ASHLAR_OK || storage_bytes() > STORAGE_ROOM) {
        print("no %zu KiB of RAM are free between the image's end and 4 MiB, for a memory map of %zu entries\n",
              (storage_bytes() + 1023) >> 10, storage.entries);
        ashlar_port_fatal("this machine is too small for its memory map");
    }
    storage_show();
}

void storage_begin_map(struct ashlar_memmap *map, ashlar_phys limit)
{
    ashlar_memmap_init(map, ashlar_port_pointer(STORAGE_ADDRESS), storage.entries, limit, NULL, NULL);
    ashlar_memmap_reserve(map, storage.base, storage_bytes(), ASHLAR_MEMMAP_KERNEL);
}
