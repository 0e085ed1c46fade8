/* SPDX-License-Identifier: 0BSD */
/* tries.c - one place is compared with entries as they come. None is kept, so that any number of them can come. */
#include "memmap/tries.h"

void ashlar_memmap_try_at(struct memmap_try *a_try, ashlar_phys base)
{
    *a_try = (struct memmap_try){.base = base, .bytes = a_try->bytes, .next = ~(ashlar_phys)0};
}

/* Does [first, last] reach into the place? */
static bool touches(const struct memmap_try *a_try, ashlar_phys first, ashlar_phys last)
{
    return first <= a_try->base + (a_try->bytes - 1u) && last >= a_try->base;
}

void ashlar_memmap_try_entry(struct memmap_try *a_try, const struct ashlar_memmap_entry *entry)
{
    ashlar_phys first = entry->base;
    ashlar_phys last = entry->length - 1u <= ~first ? first + (entry->length - 1u) : ~(ashlar_phys)0;
    a_try->entries++;
    if (entry->length == 0) {
        return;
    }
    if (entry->type != ASHLAR_MEMMAP_USABLE) {
        if (touches(a_try, first, last)) {
            a_try->blocked = a_try->is_blocked && a_try->blocked > last ? a_try->blocked : last;
            a_try->is_blocked = true;
        }
    } else if (first > a_try->base) {
        a_try->next = first < a_try->next ? first : a_try->next;
    } else {
        a_try->is_ram |= last >= a_try->base + (a_try->bytes - 1u);
    }
}
