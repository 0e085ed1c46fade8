/* SPDX-License-Identifier: 0BSD */
/* entry_runs.c - stretches of entries of one table, worked on in one go.
 *
 * Choosing between entry widths for each entry costs as much again as the work
 * itself. So a run chooses once; its loop is written once, for an entry width
 * that is a constant wherever it is inlined:
 *
 *     run ──> narrow? ──> loop over 4-byte entries
 *                    └──> loop over 8-byte entries
 *
 * Whether an entry is there is a matter of the low 32 bits alone: one loop with
 * a stride serves both. Hiding inverts upper bits of the frame with the same
 * exclusive or, which costs nothing where a word holds the entry. Where it takes
 * two words, and the format inverts, each entry is exchanged as a whole.
 *
 * Who else writes entries? Their owner holds a lock; what is left is the MMU,
 * which sets accessed and dirty. Where both are set it writes nothing, and a
 * plain store is enough (0.3 ns an entry instead of 4 to 7). Where one is not,
 * the change is a compare-and-swap, and what the MMU wrote is kept.
 *
 * Where entries side by side need nothing out of the ordinary, one test serves
 * a group of them. Of two on a 32-bit machine: i386 has seven registers.
 *
 * Cost: O(count), one store each.
 */
#include "arch/entry_runs.h"

#include "arch/access.h"
#include "arch/entry.h"
#include "base/check.h"

#define GROUP (sizeof(uintptr_t) == 8 ? 4u : 2u)

#define LOOP static inline __attribute__((always_inline))

/* A width that is constant in each loop. */
LOOP void put_present(bool wide, void *table, unsigned index, uint64_t entry)
{
    if (wide) {
        entry_store_present_64((volatile uint64_t *)table + index, entry);
    } else {
        entry_store_32((volatile uint32_t *)table + index, (uint32_t)entry);
    }
}

/* --- set ------------------------------------------------------------------------------ */

/* A word that holds half an entry is shifted for each half: no register pair goes through memory. */
LOOP void put_frame(bool wide, void *table, unsigned index, ashlar_pfn frame, uint64_t bits)
{
    if (wide && sizeof(ashlar_pfn) == 4) {
        entry_store_present_halves((volatile uint64_t *)table + index,
                                   (uint32_t)frame << ASHLAR_PAGE_SHIFT | (uint32_t)bits,
                                   (uint32_t)frame >> (32u - ASHLAR_PAGE_SHIFT) | (uint32_t)(bits >> 32));
    } else {
        put_present(wide, table, index, (uint64_t)frame << ASHLAR_PAGE_SHIFT | bits);
    }
}

LOOP void set_loop(bool wide, void *table, unsigned count, const ashlar_pfn *frames, uint64_t bits)
{
    unsigned i = 0;
    for (; i + 2 <= count; i += 2) {
        put_frame(wide, table, i, frames[i], bits);
        put_frame(wide, table, i + 1, frames[i + 1], bits);
    }
    if (i < count) {
        put_frame(wide, table, i, frames[i], bits);
    }
}

LOOP void linear_loop(bool wide, void *table, unsigned count, uint64_t entry, uint64_t step)
{
    for (unsigned i = 0; i < count; i++, entry += step) {
        put_present(wide, table, i, entry);
    }
}

static bool is_wide(const struct ashlar_paging *paging)
{
    return paging_fold(paging)->entry_bytes == 8;
}

static void *entry_at(const struct ashlar_paging *paging, void *table, unsigned index)
{
    return (char *)table + (size_t)index * paging_fold(paging)->entry_bytes;
}

void ashlar_run_set(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                    const ashlar_pfn *frames, uint64_t bits)
{
    ASHLAR_ASSERT(ashlar_run_first_present(paging, table, index, count) == count);
    if (is_wide(paging)) {
        set_loop(true, entry_at(paging, table, index), count, frames, bits);
    } else {
        set_loop(false, entry_at(paging, table, index), count, frames, bits);
    }
}

static __attribute__((noinline)) void set_linear(const struct ashlar_paging *paging, void *first, unsigned count,
                                                 uint64_t entry, uint64_t step)
{
    if (is_wide(paging)) {
        linear_loop(true, first, count, entry, step);
    } else {
        linear_loop(false, first, count, entry, step);
    }
}

void ashlar_run_set_linear(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                           ashlar_pfn first, uint64_t bits)
{
    ASHLAR_ASSERT(ashlar_run_first_present(paging, table, index, count) == count);
    set_linear(paging, entry_at(paging, table, index), count, (uint64_t)first << ASHLAR_PAGE_SHIFT | bits,
               ASHLAR_PAGE_BYTES);
}

/* --- split ------------------------------------------------------------------------------ */

/* A large page's bits, as an entry one level below has them. */
COLD static uint64_t split_bits(const struct ashlar_paging *paging, unsigned level, uint64_t large)
{
    bool pat = ((uint32_t)large & paging->pat_large) != 0;
    uint64_t bits = large & ~paging->frame_mask & ~(uint64_t)paging->large;
    bits |= (uint32_t)paging->accessed | paging->dirty;
    if (level - 1u == 1) {
        return bits | (pat ? paging->pat_small : 0u);
    }
    return bits | paging->large | (pat ? paging->pat_large : 0u);
}

COLD void ashlar_split_fill(const struct ashlar_paging *paging, unsigned level, uint64_t large, void *table)
{
    const struct ashlar_paging *p = paging_fold(paging);
    uint64_t entry = (uint64_t)ashlar_entry_leaf_frame(p, level, large) << ASHLAR_PAGE_SHIFT;
    ASHLAR_ASSERT(level > 1 && ashlar_entry_is_leaf(p, level, large));
    set_linear(p, table, ashlar_table_entries(p, level - 1u), entry | split_bits(p, level, large),
               (uint64_t)ASHLAR_PAGE_BYTES << ashlar_entry_shift(p, level - 1u));
}

/* --- hide, collect, change ---------------------------------------------------------------- */

static volatile uint32_t *low_half(const struct ashlar_paging *paging, void *table, unsigned index)
{
    return (volatile uint32_t *)entry_at(paging, table, index);
}

/* The bits that a loop tests: read once, since the compiler must assume that any store to a table changes a row. */
struct tested {
    uint32_t present;
    uint32_t hidden;
    uint32_t settled; /* present, and the MMU has nothing left to write */
};

static inline struct tested tested_bits(const struct ashlar_paging *paging)
{
    uint32_t present = paging->present;
    return (struct tested){present, paging->hidden, present | paging->accessed | paging->dirty};
}

/* Do absent entries differ in a half that no word of this machine holds together with the other? */
static inline bool flips_high_half(const struct ashlar_paging *paging)
{
    return sizeof(uintptr_t) == 4 && paging->absent_flip != 0;
}

/* What a word has to be changed by, where it holds all that differs. */
LOOP uintptr_t flip_of_word(bool wide, const struct ashlar_paging *paging)
{
    return wide && sizeof(uintptr_t) == 8 ? (uintptr_t)paging->absent_flip : 0u;
}

LOOP volatile uint64_t *whole(volatile uint32_t *low)
{
    return (volatile uint64_t *)(volatile void *)low;
}

/* What a machine's word holds of an entry: all, or on a 32-bit machine the low half. */
LOOP uintptr_t load_word(bool wide, volatile uint32_t *low)
{
    return wide && sizeof(uintptr_t) == 8 ? (uintptr_t)entry_load_64(whole(low)) : entry_load_32(low);
}

LOOP void store_word(bool wide, volatile uint32_t *low, uintptr_t word)
{
    if (wide && sizeof(uintptr_t) == 8) {
        entry_store_absent_64(whole(low), word);
    } else {
        entry_store_32(low, (uint32_t)word);
    }
}

LOOP bool cas_word(bool wide, volatile uint32_t *low, uintptr_t old, uintptr_t word)
{
    if (wide && sizeof(uintptr_t) == 8) {
        return entry_cas_64(whole(low), old, word);
    }
    return entry_cas_32(low, (uint32_t)old, (uint32_t)word);
}

/* An entry that the MMU writes meanwhile, or of which two words change. False if it was not present. */
static __attribute__((noinline)) bool hide_atomically(const struct ashlar_paging *paging, void *entry)
{
    uint64_t old;
    do {
        old = ashlar_entry_load(paging, entry, 0);
    } while (ashlar_entry_is_present(old) && !ashlar_entry_cas(paging, entry, 0, old, ashlar_entry_hide(paging, old)));
    return ashlar_entry_is_present(old);
}

/* So many entries side by side, if the MMU writes none of them. */
LOOP bool hide_group(bool wide, volatile uint32_t *low, uint32_t settled, uintptr_t toggle)
{
    const size_t stride = wide ? 2 : 1;
    uintptr_t old[GROUP];
    uint32_t all = settled;
#pragma GCC unroll 4
    for (unsigned i = 0; i < GROUP; i++) {
        old[i] = load_word(wide, low + i * stride);
        all &= (uint32_t)old[i];
    }
    if (all != settled) {
        return false;
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < GROUP; i++) {
        store_word(wide, low + i * stride, old[i] ^ toggle);
    }
    return true;
}

/* Present entries have the hidden bit clear: one exclusive or changes all. */
LOOP unsigned hide_loop(bool wide, const struct ashlar_paging *paging, volatile uint32_t *low, unsigned count)
{
    const struct tested bits = tested_bits(paging);
    const uintptr_t toggle = (bits.present | bits.hidden) ^ flip_of_word(wide, paging);
    const size_t stride = wide ? 2 : 1;
    unsigned hidden = count;
    while (count >= GROUP && hide_group(wide, low, bits.settled, toggle)) {
        count -= GROUP;
        low += GROUP * stride;
    }
    for (; count != 0; count--, low += stride) {
        uintptr_t old = load_word(wide, low);
        if (((uint32_t)old & bits.settled) == bits.settled) {
            store_word(wide, low, old ^ toggle);
        } else if (((uint32_t)old & bits.present) == 0 || !cas_word(wide, low, old, old ^ toggle)) {
            hidden -= !hide_atomically(paging, (void *)(uintptr_t)low); /* the MMU may still write it */
        }
    }
    return hidden;
}

/* Two words of each entry change: at once. */
COLD static unsigned hide_by_halves(const struct ashlar_paging *paging, volatile uint32_t *low, unsigned count)
{
    const struct tested bits = tested_bits(paging);
    const uint64_t toggle = (bits.present | bits.hidden) ^ paging->absent_flip;
    unsigned hidden = 0;
    for (; count != 0; count--, low += 2) {
        uint64_t old = (uint64_t)entry_load_32(low + 1) << 32 | entry_load_32(low);
        bool is_plain = ((uint32_t)old & bits.present) != 0 && entry_cas_64(whole(low), old, old ^ toggle);
        hidden += is_plain || hide_atomically(paging, (void *)(uintptr_t)low);
    }
    return hidden;
}

unsigned ashlar_run_hide(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count)
{
    const struct ashlar_paging *p = paging_fold(paging);
    volatile uint32_t *low = low_half(p, table, index);
    if (flips_high_half(p)) {
        return hide_by_halves(p, low, count);
    }
    return is_wide(p) ? hide_loop(true, p, low, count) : hide_loop(false, p, low, count);
}

/* The frame of the entry whose word this is. */
LOOP ashlar_pfn frame_of(bool wide, volatile uint32_t *low, uintptr_t word, uint64_t frame_mask)
{
    if (wide && sizeof(uintptr_t) == 8) {
        return (ashlar_pfn)((word & frame_mask) >> ASHLAR_PAGE_SHIFT);
    }
    ashlar_pfn frame = (uint32_t)word >> ASHLAR_PAGE_SHIFT;
    return wide ? frame | (entry_load_32(low + 1) & (uint32_t)(frame_mask >> 32)) << (32u - ASHLAR_PAGE_SHIFT) : frame;
}

LOOP void store_empty(bool wide, volatile uint32_t *low)
{
    if (wide) {
        entry_store_absent_64(whole(low), 0);
    } else {
        entry_store_32(low, 0);
    }
}

LOOP unsigned collect_loop(bool wide, const struct ashlar_paging *paging, volatile uint32_t *low, unsigned count,
                           ashlar_pfn *frames)
{
    const struct tested bits = tested_bits(paging);
    const uint32_t usual = bits.hidden | bits.present;
    const uintptr_t flip = bits.hidden ^ flip_of_word(wide, paging);
    const uint64_t mask = paging->frame_mask;
    const ashlar_pfn *first = frames;
    const size_t stride = wide ? 2 : 1;
    for (; sizeof(uintptr_t) == 8 && count >= 2; count -= 2, low += 2 * stride, frames += 2) {
        uintptr_t a = load_word(wide, low) ^ flip, b = load_word(wide, low + stride) ^ flip;
        if (((uint32_t)a & usual) != 0 || ((uint32_t)b & usual) != 0) {
            break;
        }
        frames[0] = frame_of(wide, low, a, mask);
        frames[1] = frame_of(wide, low + stride, b, mask);
        store_empty(wide, low);
        store_empty(wide, low + stride);
    }
    for (; count != 0; count--, low += stride) {
        uintptr_t word = load_word(wide, low) ^ flip;
        if (((uint32_t)word & usual) != 0) {
            continue;
        }
        ashlar_pfn frame = frame_of(wide, low, word, mask);
        store_empty(wide, low);
        *frames++ = frame;
    }
    return (unsigned)(frames - first);
}

COLD static unsigned collect_by_halves(const struct ashlar_paging *paging, volatile uint32_t *low, unsigned count,
                                       ashlar_pfn *frames)
{
    const struct tested bits = tested_bits(paging);
    const uint32_t mask = (uint32_t)(paging->frame_mask >> 32), flip = (uint32_t)(paging->absent_flip >> 32);
    const ashlar_pfn *first = frames;
    for (; count != 0; count--, low += 2) {
        uint32_t word = entry_load_32(low);
        if ((word & (bits.hidden | bits.present)) == bits.hidden) {
            ashlar_pfn high = (entry_load_32(low + 1) ^ flip) & mask;
            *frames++ = high << (32u - ASHLAR_PAGE_SHIFT) | word >> ASHLAR_PAGE_SHIFT;
            store_empty(true, low);
        }
    }
    return (unsigned)(frames - first);
}

unsigned ashlar_run_collect(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                            ashlar_pfn *frames)
{
    const struct ashlar_paging *p = paging_fold(paging);
    volatile uint32_t *low = low_half(p, table, index);
    if (flips_high_half(p)) {
        return collect_by_halves(p, low, count, frames);
    }
    return is_wide(p) ? collect_loop(true, p, low, count, frames) : collect_loop(false, p, low, count, frames);
}

/* Where the MMU may write as well, or two stores would be needed. */
static __attribute__((noinline)) bool change_atomically(const struct ashlar_paging *paging, void *table, unsigned index,
                                                        uint64_t clear, uint64_t set)
{
    uint64_t old;
    do {
        old = ashlar_entry_load(paging, table, index);
    } while (ashlar_entry_is_present(old) && !ashlar_entry_cas(paging, table, index, old, (old & ~clear) | set));
    return ashlar_entry_is_present(old);
}

/* One store, for an entry that the MMU does not write; false if it takes two. */
static inline bool change_plainly(volatile uint32_t *low, bool wide, uint64_t clear, uint64_t set)
{
    uint64_t old = wide ? (uint64_t)entry_load_32(low + 1) << 32 | entry_load_32(low) : entry_load_32(low);
    uint64_t new = (old & ~clear) | set;
    if (wide && sizeof(uintptr_t) == 8) {
        entry_store_present_64((volatile uint64_t *)(volatile void *)low, new);
        return true;
    }
    if ((old ^ new) >> 32 != 0) {
        return false;
    }
    entry_store_32(low, (uint32_t) new);
    return true;
}

unsigned ashlar_run_change(const struct ashlar_paging *paging, void *table, unsigned index, unsigned count,
                           uint64_t clear, uint64_t set)
{
    const struct ashlar_paging *p = paging_fold(paging);
    const struct tested bits = tested_bits(p);
    unsigned stride = p->entry_bytes / 4u;
    volatile uint32_t *low = low_half(p, table, index);
    unsigned changed = 0;
    for (unsigned i = 0; i < count; i++, low += stride) {
        uint32_t old = entry_load_32(low);
        if ((old & bits.settled) == bits.settled && change_plainly(low, stride == 2, clear, set)) {
            changed++;
        } else if ((old & bits.present) != 0) {
            changed += change_atomically(p, table, index + i, clear, set);
        }
    }
    return changed;
}

/* --- find --------------------------------------------------------------------------------- */

/* How many entries come before the first of whose low half, flipped, a bit of the mask is set. */
static unsigned first_where(const struct ashlar_paging *paging, const void *table, unsigned index, unsigned count,
                            uint32_t flip, uint32_t mask)
{
    size_t stride = paging_fold(paging)->entry_bytes / 4u;
    const volatile uint32_t *low = (const volatile uint32_t *)table + index * stride;
    unsigned i = 0;
    for (; i + 4 <= count; i += 4, low += 4 * stride) {
        uint32_t a = entry_load_32(low) ^ flip, b = entry_load_32(low + stride) ^ flip;
        uint32_t c = entry_load_32(low + 2 * stride) ^ flip, d = entry_load_32(low + 3 * stride) ^ flip;
        if (((a | b | c | d) & mask) != 0) {
            break;
        }
    }
    while (i < count && ((entry_load_32(low) ^ flip) & mask) == 0) {
        low += stride;
        i++;
    }
    return i;
}

unsigned ashlar_run_first_nonempty(const struct ashlar_paging *paging, const void *table, unsigned index,
                                   unsigned count)
{
    return first_where(paging, table, index, count, 0, ~(uint32_t)0);
}

unsigned ashlar_run_first_absent(const struct ashlar_paging *paging, const void *table, unsigned index, unsigned count)
{
    uint32_t present = paging_fold(paging)->present;
    return first_where(paging, table, index, count, present, present);
}

unsigned ashlar_run_first_present(const struct ashlar_paging *paging, const void *table, unsigned index, unsigned count)
{
    return first_where(paging, table, index, count, 0, paging_fold(paging)->present);
}
