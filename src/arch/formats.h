/* SPDX-License-Identifier: 0BSD */
/* formats.h - what a format says about addresses, tables and entries: pure functions, no state, no memory touched.
 *
 * Levels count from 1, the table whose entries map single pages, up to the
 * root. What is about one entry takes its raw value, widened to 64 bits, and
 * the level of its table. entry.h reads and writes entries.
 *
 *   an entry is   empty    0
 *                 note     absent; a number of the owner's (a guard page: whose)
 *                 hidden   absent; frame, permissions, A and D kept
 *                 leaf     present; maps a page, large above level 1
 *                 link     present; names the table one level below
 *
 * A CPU with L1TF (CVE-2018-3615, -3620, -3646) reads, speculatively and past all
 * permissions, what the L1 cache has of the address that an absent entry names.
 * So notes and hidden entries of 64 bits name none that is RAM: their address
 * bits from 32 on are inverted (notes: set). Entries of 32 bits have no room for
 * that. The empty entry names frame 0, which nobody is given.
 *
 * Context: any. Locks: none.
 */
#ifndef ASHLAR_ARCH_FORMATS_H
#define ASHLAR_ARCH_FORMATS_H

#include "arch/mode.h"
#include <ashlar/paging.h>
#include <stdbool.h>

/* --- tables ------------------------------------------------------------------ */

static inline unsigned ashlar_paging_levels(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->levels;
}

static inline unsigned ashlar_paging_entry_bytes(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->entry_bytes;
}

/* Bits of an address that are translated. */
static inline unsigned ashlar_paging_virtual_bits(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->virtual_bits;
}

/* The page with the highest number. */
static inline ashlar_vpn ashlar_paging_last_page(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->page_mask;
}

/* An entry of this level covers 2^shift pages. */
static inline unsigned ashlar_entry_shift(const struct ashlar_paging *paging, unsigned level)
{
    return paging_fold(paging)->level[level].shift;
}

/* The same of the root's entries. */
static inline unsigned ashlar_slot_shift(const struct ashlar_paging *paging)
{
    return ashlar_entry_shift(paging, ashlar_paging_levels(paging));
}

static inline unsigned ashlar_table_bits(const struct ashlar_paging *paging, unsigned level)
{
    return paging_fold(paging)->level[level].index_bits;
}

static inline unsigned ashlar_table_entries(const struct ashlar_paging *paging, unsigned level)
{
    return 1u << paging_fold(paging)->level[level].index_bits;
}

static inline unsigned ashlar_entry_index(const struct ashlar_paging *paging, unsigned level, ashlar_vpn page)
{
    return (unsigned)(page >> ashlar_entry_shift(paging, level)) & (ashlar_table_entries(paging, level) - 1u);
}

/* The root with which a CPU turns paging on lies below. */
static inline ashlar_pfn ashlar_paging_start_limit(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->start_limit;
}

/* Frames of all other roots, and of all other tables, lie below; 0: anywhere. */
static inline ashlar_pfn ashlar_paging_root_limit(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->root_limit;
}

static inline ashlar_pfn ashlar_paging_table_limit(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->table_limit;
}

/* A change of the root's entries is seen only when the root is loaded again, even absent to present. */
static inline bool ashlar_paging_root_needs_reload(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->root_needs_reload;
}

/* Or-ed to a root that is loaded, it keeps the translations of the ASID that is in its lowest bits. 0: the format has no
 * ASIDs, or the CPU does not. */
static inline uint64_t ashlar_paging_root_keep(const struct ashlar_paging *paging, unsigned features)
{
    const unsigned needed = ASHLAR_FEATURE_PCID | ASHLAR_FEATURE_GLOBAL;
    return (features & needed) == needed ? paging_fold(paging)->root_keep : 0;
}

/* The first slot of the root that can be the kernel's. 0: any. */
static inline unsigned ashlar_paging_kernel_slot(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->kernel_slot;
}

/* The highest level whose entries may map pages: 1 where there are no large ones. */
unsigned ashlar_paging_large_level(const struct ashlar_paging *paging, unsigned features);

/* --- addresses ----------------------------------------------------------------- */

/* Can this build's words hold the format's page numbers? Not those of the 64-bit formats on a 32-bit machine: nothing
 * below may be asked of them there. */
static inline bool ashlar_paging_fits(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->virtual_bits <= sizeof(uintptr_t) * 8u;
}

static inline uintptr_t ashlar_paging_address(const struct ashlar_paging *paging, ashlar_vpn page)
{
    ashlar_vpn sign = paging_fold(paging)->sign_page;
    return ((page ^ sign) - sign) << ASHLAR_PAGE_SHIFT;
}

static inline ashlar_vpn ashlar_paging_page(const struct ashlar_paging *paging, uintptr_t address)
{
    return address >> ASHLAR_PAGE_SHIFT & paging_fold(paging)->page_mask;
}

/* Neither canonical nor within the format's bits: address and page disagree. */
static inline bool ashlar_paging_address_is_valid(const struct ashlar_paging *paging, uintptr_t address)
{
    return ((ashlar_paging_address(paging, ashlar_paging_page(paging, address)) ^ address) >> ASHLAR_PAGE_SHIFT) == 0;
}

/* At least one page, within the address space, and not across the hole between its halves. */
bool ashlar_paging_range_is_valid(const struct ashlar_paging *paging, ashlar_vpn first, size_t pages);

/* All frames lie below: as many as the CPU can address, and ashlar_pfn name. */
ashlar_pfn ashlar_paging_frame_limit(const struct ashlar_paging *paging, unsigned features);

/* --- entries -------------------------------------------------------------------- */

static inline bool ashlar_entry_is_present(uint64_t entry)
{
    return ((uint32_t)entry & 1u) != 0; /* in every format */
}

static inline bool ashlar_entry_is_leaf(const struct ashlar_paging *paging, unsigned level, uint64_t entry)
{
    const struct ashlar_paging *p = paging_fold(paging);
    return ashlar_entry_is_present(entry) && (level == 1 || ((uint32_t)entry & p->large) != 0);
}

static inline bool ashlar_entry_is_link(const struct ashlar_paging *paging, unsigned level, uint64_t entry)
{
    const struct ashlar_paging *p = paging_fold(paging);
    return ashlar_entry_is_present(entry) && level != 1 && ((uint32_t)entry & p->large) == 0;
}

static inline bool ashlar_entry_is_hidden(const struct ashlar_paging *paging, uint64_t entry)
{
    uint32_t hidden = paging_fold(paging)->hidden;
    return ((uint32_t)entry & (hidden | 1u)) == hidden;
}

/* The frame of the table that a link names. */
static inline ashlar_pfn ashlar_entry_frame(const struct ashlar_paging *paging, uint64_t entry)
{
    return (ashlar_pfn)((entry & paging_fold(paging)->frame_mask) >> ASHLAR_PAGE_SHIFT);
}

/* An absent entry, but the empty one, as it would be if it were present; or the way back. What is in the low 32 bits stays. */
static inline uint64_t ashlar_entry_flip_absent(const struct ashlar_paging *paging, uint64_t entry)
{
    return entry ^ paging_fold(paging)->absent_flip;
}

/* A leaf, hidden. */
static inline uint64_t ashlar_entry_hide(const struct ashlar_paging *paging, uint64_t leaf)
{
    const struct ashlar_paging *p = paging_fold(paging);
    return ashlar_entry_flip_absent(p, leaf ^ (uint32_t)(p->present | p->hidden));
}

/* The first frame of a page, present or hidden. */
ashlar_pfn ashlar_entry_leaf_frame(const struct ashlar_paging *paging, unsigned level, uint64_t entry);

/* What a leaf, present or hidden, allows by itself: ASHLAR_MAP_... For pages of the kernel half EXEC wherever the CPU
 * would execute: always, where the format has no NX or the CPU does not. For pages of a user half what was asked for, and
 * READ with whatever implies it. */
unsigned ashlar_entry_flags(const struct ashlar_paging *paging, unsigned level, uint64_t entry);

/* All bits of a leaf but its frame. Leaves of the kernel are born accessed and dirty: the MMU never writes them. */
uint64_t ashlar_entry_leaf_bits(const struct ashlar_paging *paging, unsigned features, unsigned level, unsigned flags);

/* The same for a page of the kernel half, with GLOBAL, or of a user half, without. */
uint64_t ashlar_entry_page_bits(const struct ashlar_paging *paging, unsigned features, unsigned level, unsigned flags);

/* The bits that permissions change: writable, user, no-execute. */
static inline uint64_t ashlar_entry_permission_bits(const struct ashlar_paging *paging)
{
    const struct ashlar_paging *p = paging_fold(paging);
    return p->no_execute | p->writable | p->user;
}

/* In a user half also what is only said. */
static inline uint64_t ashlar_entry_user_permission_bits(const struct ashlar_paging *paging)
{
    return ashlar_entry_permission_bits(paging) | paging_fold(paging)->no_access;
}

/* The bits that the MMU writes by itself. */
static inline uint64_t ashlar_entry_mmu_bits(const struct ashlar_paging *paging)
{
    const struct ashlar_paging *p = paging_fold(paging);
    return (uint64_t)p->accessed | p->dirty;
}

/* The owner's mark on a large page of the kernel half, which the CPU ignores: a table is kept for its split. */
static inline uint32_t ashlar_entry_deposit_bit(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->deposited;
}

/* Has it the mark? In a user half the bit says something else, with another one. */
static inline bool ashlar_entry_is_deposited(const struct ashlar_paging *paging, uint64_t entry)
{
    const struct ashlar_paging *p = paging_fold(paging);
    return ((uint32_t)entry & p->no_access) == p->deposited;
}

/* A link to a table, for an entry of this level. flags: 0 or ASHLAR_MAP_USER. Writable and executable always: the
 * leaves below decide. */
uint64_t ashlar_entry_link_bits(const struct ashlar_paging *paging, unsigned level, unsigned flags);

/* Notes are numbers from 1 to this; 0 is the empty entry. */
#define ASHLAR_ENTRY_NOTE_MAX 0x3fffffffu

/* Absent for every CPU, never hidden. The number is in the low 32 bits: those around present (0) and hidden (9). */
static inline uint64_t ashlar_entry_encode_note(const struct ashlar_paging *paging, uintptr_t note)
{
    uint32_t low = (uint32_t)((note & 0xffu) << 1 | (note & ~(uintptr_t)0xff) << 2);
    return note != 0 ? ashlar_entry_flip_absent(paging, low) : 0;
}

/* 0 if the entry is no note. */
static inline uintptr_t ashlar_entry_note_of(const struct ashlar_paging *paging, uint64_t entry)
{
    if (ashlar_entry_is_present(entry) || ashlar_entry_is_hidden(paging, entry)) {
        return 0;
    }
    return ((uint32_t)entry >> 1 & 0xffu) | ((uint32_t)entry >> 2 & ~(uint32_t)0xff);
}

#endif
