/* SPDX-License-Identifier: 0BSD */
/* entry.c - single entries: the width is looked up, the access made.
 *
 * What a store does to an entry that was present is the caller's affair: if
 * the frame changes, a 32-bit machine would show halves of two 64-bit entries,
 * so that is what the exchange is for.
 */
#include "arch/entry.h"

#include "base/check.h"

static bool is_narrow(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->entry_bytes == 4;
}

static volatile uint32_t *narrow(void *table, unsigned index)
{
    return (volatile uint32_t *)table + index;
}

static volatile uint64_t *wide(void *table, unsigned index)
{
    return (volatile uint64_t *)table + index;
}

uint64_t ashlar_entry_load(const struct ashlar_paging *paging, const void *table, unsigned index)
{
    if (is_narrow(paging)) {
        return entry_load_32((const volatile uint32_t *)table + index);
    }
    return entry_load_64((const volatile uint64_t *)table + index);
}

void ashlar_entry_store(const struct ashlar_paging *paging, void *table, unsigned index, uint64_t entry)
{
    if (is_narrow(paging)) {
        entry_store_32(narrow(table, index), (uint32_t)entry);
    } else if (entry != 0) {
        entry_store_present_64(wide(table, index), entry);
    } else {
        entry_store_absent_64(wide(table, index), 0);
    }
}

bool ashlar_entry_cas(const struct ashlar_paging *paging, void *table, unsigned index, uint64_t expected,
                      uint64_t desired)
{
    if (is_narrow(paging)) {
        return entry_cas_32(narrow(table, index), (uint32_t)expected, (uint32_t)desired);
    }
    return entry_cas_64(wide(table, index), expected, desired);
}

uint64_t ashlar_entry_exchange(const struct ashlar_paging *paging, void *table, unsigned index, uint64_t entry)
{
    uint64_t old;
    do {
        old = ashlar_entry_load(paging, table, index);
    } while (!ashlar_entry_cas(paging, table, index, old, entry));
    return old;
}

static uint64_t link_to(const struct ashlar_paging *paging, unsigned level, ashlar_pfn frame, unsigned flags)
{
    return (uint64_t)frame << ASHLAR_PAGE_SHIFT | ashlar_entry_link_bits(paging, level, flags);
}

void ashlar_entry_set_link(const struct ashlar_paging *paging, void *table, unsigned index, unsigned level,
                           ashlar_pfn frame, unsigned flags)
{
    ASHLAR_ASSERT(!ashlar_entry_is_present(ashlar_entry_load(paging, table, index)));
    ashlar_entry_store(paging, table, index, link_to(paging, level, frame, flags));
}

uint64_t ashlar_entry_exchange_link(const struct ashlar_paging *paging, void *table, unsigned index, unsigned level,
                                    ashlar_pfn frame, unsigned flags)
{
    return ashlar_entry_exchange(paging, table, index, link_to(paging, level, frame, flags));
}
