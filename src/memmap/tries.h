/* SPDX-License-Identifier: 0BSD */
/* tries.h - one place that might serve as storage, and what entries say of it. */
#ifndef ASHLAR_MEMMAP_TRIES_H
#define ASHLAR_MEMMAP_TRIES_H

#include <ashlar/memmap.h>
#include <stdbool.h>

/* [base, base + bytes), and what the entries that came so far have said. */
struct memmap_try {
    ashlar_phys base;
    ashlar_phys bytes;
    size_t entries;      /* that came */
    bool is_ram;         /* one usable entry has all of it */
    bool is_blocked;     /* an entry of another type touches it */
    ashlar_phys blocked; /* then: the last byte of those that do */
    ashlar_phys next;    /* where the next usable entry above base begins; all ones: there is none */
};

void ashlar_memmap_try_at(struct memmap_try *a_try, ashlar_phys base);
void ashlar_memmap_try_entry(struct memmap_try *a_try, const struct ashlar_memmap_entry *entry);

#endif
