/* SPDX-License-Identifier: 0BSD */
/* formats.c - the paging formats, and what needs more than a field of them.
 *
 * Differences between machines are data: one row a format (rows.h), read by
 * code that knows none of them by name. A row says what the manual's tables
 * say; what is a peculiarity of one format is a field that all have:
 *
 *                  two-level  PAE           4-level    5-level
 *   entry          4          8             8          8 bytes
 *   index bits     10 10      2 9 9         9 9 9 9    9 9 9 9 9   root first
 *   large pages    4 MiB      2 MiB         2 MiB, 1 GiB
 *   root           4 KiB      32 bytes, read when it is loaded, no permission bits
 *   no-execute     none       bit 63
 *
 * The caching type is an index into the CPU's page attribute table, made of
 * three bits of the entry; the third has another place in large pages, where
 * it is also the lowest bit that could be the frame number's: whoever collects a large page rounds down. The table after
 * reset holds WB, WT, UC-, UC, and the same again; ASHLAR_PAT_* put
 * write-combining into its entry 4. Entry 2, UC-, is write-combining where the
 * MTRRs say so, and stands for it where the table cannot be changed.
 *
 * Cost: a few instructions each; with a fixed format (mode.h) mostly none.
 */
#include "arch/formats.h"

#include "base/bits.h"
#include "base/check.h"

const struct ashlar_paging ashlar_paging_two_level = PAGING_ROW_TWO_LEVEL;
const struct ashlar_paging ashlar_paging_pae = PAGING_ROW_PAE;
const struct ashlar_paging ashlar_paging_pae_l1tf = PAGING_ROW_PAE_L1TF;
const struct ashlar_paging ashlar_paging_4level = PAGING_ROW_4LEVEL;
const struct ashlar_paging ashlar_paging_5level = PAGING_ROW_5LEVEL;

/* Entries of the page attribute table. */
#define PAT_WT 1u
#define PAT_UC_MINUS 2u
#define PAT_UC 3u
#define PAT_WC 4u

const char *ashlar_paging_name(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->name;
}

unsigned ashlar_paging_large_level(const struct ashlar_paging *paging, unsigned features)
{
    const struct ashlar_paging *p = paging_fold(paging);
    if (p->entry_bytes == 4) {
        return (features & ASHLAR_FEATURE_LARGE) != 0 ? 2 : 1;
    }
    return (features & ASHLAR_FEATURE_GIB) != 0 && p->level[3].may_be_leaf ? 3 : 2;
}

bool ashlar_paging_range_is_valid(const struct ashlar_paging *paging, ashlar_vpn first, size_t pages)
{
    const struct ashlar_paging *p = paging_fold(paging);
    if (pages == 0 || first > p->page_mask || pages - 1u > p->page_mask - first) {
        return false;
    }
    return ((first ^ (first + (pages - 1u))) & p->sign_page) == 0;
}

COLD ashlar_pfn ashlar_paging_frame_limit(const struct ashlar_paging *paging, unsigned features)
{
    const struct ashlar_paging *p = paging_fold(paging);
    unsigned bits = features >> 24;
    if (bits == 0) {
        bits = p->physical_bits;
    }
    if (bits > p->physical_bits_max) {
        bits = p->physical_bits_max;
    }
    return word_mask(bits - ASHLAR_PAGE_SHIFT) == ~(uintptr_t)0 ? ASHLAR_PFN_NONE
                                                                : (ashlar_pfn)1 << (bits - ASHLAR_PAGE_SHIFT);
}

/* --- leaves -------------------------------------------------------------------- */

static uint32_t pat_bit(const struct ashlar_paging *paging, unsigned level)
{
    return level == 1 ? paging->pat_small : paging->pat_large;
}

ashlar_pfn ashlar_entry_leaf_frame(const struct ashlar_paging *paging, unsigned level, uint64_t entry)
{
    const struct ashlar_paging *p = paging_fold(paging);
    uint64_t plain = ashlar_entry_is_present(entry) ? entry : ashlar_entry_flip_absent(p, entry);
    return ashlar_entry_frame(p, plain) & ~(((ashlar_pfn)1 << p->level[level].shift) - 1u);
}

COLD static uint32_t encode_caching(const struct ashlar_paging *paging, unsigned features, unsigned level,
                                    unsigned flags)
{
    static const uint8_t indexes[4] = {0, PAT_WT, PAT_UC, PAT_WC};
    unsigned index = indexes[(flags & ASHLAR_MAP_CACHE_MASK) >> 4];
    if (index == PAT_WC && (features & ASHLAR_FEATURE_PAT) == 0) {
        index = PAT_UC_MINUS;
    }
    uint32_t bits = (index & 1u) != 0 ? paging->write_through : 0u;
    bits |= (index & 2u) != 0 ? paging->cache_disable : 0u;
    if ((index & 4u) != 0) {
        bits |= pat_bit(paging, level);
    }
    return bits;
}

COLD static unsigned decode_caching(const struct ashlar_paging *paging, unsigned level, uint32_t entry)
{
    bool write_through = (entry & paging->write_through) != 0;
    if ((entry & paging->cache_disable) != 0) {
        return write_through ? ASHLAR_MAP_CACHE_UC : ASHLAR_MAP_CACHE_WC;
    }
    if (write_through) {
        return ASHLAR_MAP_CACHE_WT;
    }
    return (entry & pat_bit(paging, level)) != 0 ? ASHLAR_MAP_CACHE_WC : ASHLAR_MAP_CACHE_WB;
}

COLD uint64_t ashlar_entry_leaf_bits(const struct ashlar_paging *paging, unsigned features, unsigned level,
                                     unsigned flags)
{
    const struct ashlar_paging *p = paging_fold(paging);
    uint32_t bits = p->present | encode_caching(p, features, level, flags);
    bits |= level != 1 ? p->large : 0u;
    bits |= (flags & ASHLAR_MAP_WRITE) != 0 ? p->writable : 0u;
    bits |= (flags & ASHLAR_MAP_USER) != 0 ? p->user : (uint32_t)p->accessed | p->dirty;
    if ((flags & ASHLAR_MAP_GLOBAL) != 0 && (features & ASHLAR_FEATURE_GLOBAL) != 0) {
        bits |= p->global;
    }
    bool no_execute = (flags & ASHLAR_MAP_EXEC) == 0 && (features & ASHLAR_FEATURE_NX) != 0;
    return bits | (no_execute ? p->no_execute : 0u);
}

/* In a user half no access takes the user bit away, and what the CPU does not refuse is said. */
COLD uint64_t ashlar_entry_page_bits(const struct ashlar_paging *paging, unsigned features, unsigned level,
                                     unsigned flags)
{
    const struct ashlar_paging *p = paging_fold(paging);
    const unsigned access = ASHLAR_MAP_READ | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    uint64_t bits = ashlar_entry_leaf_bits(p, features, level, flags);
    if ((flags & ASHLAR_MAP_GLOBAL) != 0) {
        return bits;
    }
    if ((flags & (access | ASHLAR_MAP_USER)) == ASHLAR_MAP_USER) {
        return bits ^ (uint32_t)(p->user | p->no_access);
    }
    return (flags & ASHLAR_MAP_EXEC) == 0 ? bits | p->said_no_execute : bits;
}

COLD unsigned ashlar_entry_flags(const struct ashlar_paging *paging, unsigned level, uint64_t entry)
{
    const struct ashlar_paging *p = paging_fold(paging);
    uint32_t low = (uint32_t)entry;
    unsigned flags = decode_caching(p, level, low);
    flags |= (low & p->writable) != 0 ? ASHLAR_MAP_WRITE : 0u;
    flags |= (low & p->user) != 0 ? ASHLAR_MAP_USER | ASHLAR_MAP_READ : 0u;
    flags |= (low & p->global) != 0 ? ASHLAR_MAP_GLOBAL : 0u;
    if ((low & (p->no_access | p->user)) == p->no_access) {
        flags |= ASHLAR_MAP_USER;
    }
    return flags | ((entry & (p->no_execute | p->said_no_execute)) == 0 ? ASHLAR_MAP_EXEC : 0u);
}

/* --- links ----------------------------------------------------------------------- */

COLD uint64_t ashlar_entry_link_bits(const struct ashlar_paging *paging, unsigned level, unsigned flags)
{
    const struct ashlar_paging *p = paging_fold(paging);
    bool root = level == p->levels;
    uint32_t user = (flags & ASHLAR_MAP_USER) != 0 ? (root ? p->root_user : p->user) : 0u;
    return user | (root ? p->root_link : p->link);
}
