/* SPDX-License-Identifier: 0BSD */
/* formats.c - what the rows say: sizes, addresses, ranges, limits; bits of leaves, links and notes. */
#include "world.h"

static void test_shapes(void)
{
    static const struct {
        unsigned levels, entries, shift2, slot_shift, root_entries, large, large_gib;
    } want[] = {{2, 1024, 10, 10, 1024, 2, 2},
                {3, 512, 9, 18, 4, 2, 2},
                {4, 512, 9, 27, 512, 2, 3},
                {5, 512, 9, 36, 512, 2, 3},
                {3, 512, 9, 18, 4, 2, 2}};
    for (unsigned i = 0; i < WORLD_FORMATS; i++) {
        const struct ashlar_paging *p = world_formats[i].paging;
        const char *name = ashlar_paging_name(p);
        is_u(ashlar_paging_levels(p), want[i].levels, "%s: levels", name);
        is_u(ashlar_table_entries(p, 1), want[i].entries, "%s: entries of a table", name);
        is_u(ashlar_entry_shift(p, 2), want[i].shift2, "%s: pages of a large page", name);
        is_u(ashlar_slot_shift(p), want[i].slot_shift, "%s: pages of a slot", name);
        is_u(ashlar_table_entries(p, want[i].levels), want[i].root_entries, "%s: slots", name);
        is_u(ashlar_paging_large_level(p, ASHLAR_FEATURE_LARGE), want[i].large, "%s: large pages", name);
        is_u(ashlar_paging_large_level(p, WORLD_FEATURES), want[i].large_gib, "%s: with 1 GiB pages", name);
        bool is_long = world_formats[i].sim >= SIM_FOUR_LEVEL;
        is_u(ashlar_paging_root_needs_reload(p), i % 3 == 1, "%s: is the root kept in registers?", name);
        is_u(ashlar_paging_kernel_slot(p), is_long ? 256 : 0, "%s: first kernel slot", name);
        is_u(ashlar_paging_start_limit(p), 0x100000, "%s: the root that CPUs start on lies below 4 GiB", name);
        is_u(ashlar_paging_root_limit(p), is_long ? 0 : 0x100000, "%s: others, where the format can name them", name);
        is_u(ashlar_paging_table_limit(p), is_long ? 0 : 0x100000, "%s: other tables", name);
    }
    is_u(ashlar_paging_large_level(&ashlar_paging_two_level, 0), 1, "two-level without CR4.PSE has no large pages");
    is_u(ashlar_paging_fits(&ashlar_paging_pae), 1, "PAE fits any build");
    is_u(ashlar_paging_fits(&ashlar_paging_4level), sizeof(uintptr_t) == 8, "4-level fits a 64-bit build");
}

/* [fault 37] wraps, [fault 38] not canonical, [fault 39] across the hole, [fault 57] no pages. */
static void test_ranges(void)
{
    FOR_EACH_FORMAT(format)
    {
        const struct ashlar_paging *p = format->paging;
        const char *name = ashlar_paging_name(p);
        ashlar_vpn last = ashlar_paging_page(p, ~(uintptr_t)0);
        ashlar_vpn hole = last / 2;
        bool canonical = ashlar_paging_kernel_slot(p) != 0;
        ok(ashlar_paging_range_is_valid(p, 0, 1), "%s: the first page", name);
        ok(ashlar_paging_range_is_valid(p, last, 1), "%s: the last page", name);
        ok(!ashlar_paging_range_is_valid(p, 5, 0), "%s: [fault 57] no pages", name);
        ok(!ashlar_paging_range_is_valid(p, last, 2), "%s: [fault 37] one page too many", name);
        ok(!ashlar_paging_range_is_valid(p, 2, SIZE_MAX), "%s: [fault 37] a count that wraps", name);
        ok(!ashlar_paging_range_is_valid(p, last + 1u, 1), "%s: [fault 38] a page number beyond the last", name);
        ok(!ashlar_paging_range_is_valid(p, ~(ashlar_vpn)0, 1), "%s: [fault 38] the highest number there is", name);
        is_u(ashlar_paging_range_is_valid(p, hole, 2), !canonical, "%s: [fault 39] across the middle", name);
        is_u(ashlar_paging_range_is_valid(p, 0, last + 1u), !canonical, "%s: [fault 39] everything", name);
        ok(ashlar_paging_range_is_valid(p, 0, hole + 1u), "%s: the lower half", name);
        ok(ashlar_paging_range_is_valid(p, hole + 1u, hole + 1u), "%s: the upper half", name);
        is_u(ashlar_paging_address(p, hole), hole << 12, "%s: no sign below the middle", name);
        if (canonical) {
            is_u(ashlar_paging_address(p, last), ~(uintptr_t)0xfff, "%s: sign of the last page", name);
            ok(!ashlar_paging_address_is_valid(p, (hole + 1u) << 12), "%s: an address in the hole", name);
        }
        ok(ashlar_paging_address_is_valid(p, ashlar_paging_address(p, hole + 1u) + 0xfff), "%s: address above", name);
    }
}

static void test_addresses(void)
{
    uint64_t seed = 1;
    FOR_EACH_FORMAT(format)
    {
        const struct ashlar_paging *p = format->paging;
        unsigned bad = 0;
        world.paging = p;
        for (unsigned i = 0; i < 100000; i++) {
            ashlar_vpn page = world_page(tap_random(&seed));
            uintptr_t address = ashlar_paging_address(p, page);
            ashlar_vpn again = 0;
            for (unsigned level = 1; level <= ashlar_paging_levels(p); level++) {
                again |= (ashlar_vpn)ashlar_entry_index(p, level, page) << ashlar_entry_shift(p, level);
            }
            bad += ashlar_paging_page(p, address + 123) != page || again != page ||
                   !ashlar_paging_address_is_valid(p, address);
        }
        is_u(bad, 0, "%s: page to address and back, page from its indexes", ashlar_paging_name(p));
    }
}

/* [fault 42] frames beyond the CPU's width. */
static void test_frame_limits(void)
{
    is_u(ashlar_paging_frame_limit(&ashlar_paging_two_level, 0), 0x100000, "[fault 42] two-level: 4 GiB");
    is_u(ashlar_paging_frame_limit(&ashlar_paging_two_level, ASHLAR_FEATURE_PHYSICAL_BITS(46)), 0x100000,
         "two-level: 4 GiB whatever the CPU has");
    is_u(ashlar_paging_frame_limit(&ashlar_paging_pae, WORLD_FEATURES), 0x1000000,
         "[fault 42] PAE: 36 bits if not said");
    is_u(ashlar_paging_frame_limit(&ashlar_paging_pae, ASHLAR_FEATURE_PHYSICAL_BITS(40)), 0x10000000, "PAE: 40 bits");
    uint64_t most = UINT64_C(1) << 40;
    is_u(ashlar_paging_frame_limit(&ashlar_paging_pae, ASHLAR_FEATURE_PHYSICAL_BITS(52)),
         most > ASHLAR_PFN_NONE ? ASHLAR_PFN_NONE : most, "PAE: 52 bits, or as many frames as a word can number");
    is_u(ashlar_paging_frame_limit(&ashlar_paging_pae, ASHLAR_FEATURE_PHYSICAL_BITS(63)),
         most > ASHLAR_PFN_NONE ? ASHLAR_PFN_NONE : most, "PAE: never more than 52");
    is_u(ashlar_paging_frame_limit(&ashlar_paging_4level, ASHLAR_FEATURE_PHYSICAL_BITS(39)), 1u << 27,
         "4-level: 39 bits");
}

/* What was asked for is what an entry says, as far as the format and the CPU can. */
static void test_leaf_bits(void)
{
    for (unsigned i = 0; i < WORLD_FORMATS; i++) {
        const struct ashlar_paging *p = world_formats[i].paging;
        unsigned wrong = 0, unborn = 0;
        for (unsigned flags = 0; flags < 64; flags++) {
            for (unsigned level = 1; level <= ashlar_paging_large_level(p, WORLD_FEATURES); level++) {
                uint64_t bits = ashlar_entry_leaf_bits(p, WORLD_FEATURES, level, flags);
                unsigned want = p == &ashlar_paging_two_level ? flags | ASHLAR_MAP_EXEC : flags;
                want |= (flags & ASHLAR_MAP_USER) != 0 ? ASHLAR_MAP_READ : 0u;
                wrong += ashlar_entry_flags(p, level, bits) != want || !ashlar_entry_is_leaf(p, level, bits) ||
                         ashlar_entry_is_link(p, level, bits);
                unborn += (bits & 0x60u) != ((flags & ASHLAR_MAP_USER) != 0 ? 0u : 0x60u);
            }
        }
        is_u(wrong, 0, "%s: flags to bits and back", ashlar_paging_name(p));
        is_u(unborn, 0, "%s: kernel leaves are born accessed and dirty, user leaves are not", ashlar_paging_name(p));
    }
    const struct ashlar_paging *p = &ashlar_paging_4level;
    is_u(ashlar_entry_leaf_bits(p, 0, 1, ASHLAR_MAP_WRITE | ASHLAR_MAP_GLOBAL), 0x63, "a CPU without NX, PGE");
    is_u(ashlar_entry_leaf_bits(p, 0, 1, ASHLAR_MAP_EXEC | ASHLAR_MAP_CACHE_WC), 0x71, "without PAT, WC is UC-");
    is_u(ashlar_entry_flags(p, 1, 0x71), ASHLAR_MAP_EXEC | ASHLAR_MAP_CACHE_WC, "and UC- is WC");
    is_u(ashlar_entry_leaf_bits(p, ASHLAR_FEATURE_PAT, 1, ASHLAR_MAP_EXEC | ASHLAR_MAP_CACHE_WC), 0xe1,
         "PAT bit of a page");
    is_u(ashlar_entry_leaf_bits(p, ASHLAR_FEATURE_PAT, 2, ASHLAR_MAP_EXEC | ASHLAR_MAP_CACHE_WC), 0x10e1,
         "PAT bit of a large page");
    is_u(ashlar_entry_leaf_frame(p, 2, 0x345678010e1), 0x34567800, "which is no part of its frame number");
    is_u(ashlar_entry_permission_bits(p), UINT64_C(0x8000000000000006), "permissions");
    is_u(ashlar_entry_permission_bits(&ashlar_paging_two_level), 6, "permissions without NX");
}

/* In a user half all that was asked for is told, whatever the format and the CPU can refuse. */
static unsigned wrong_user_leaves(const struct ashlar_paging *p, unsigned features)
{
    const unsigned user = ASHLAR_MAP_USER, access = ASHLAR_MAP_READ | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    unsigned wrong = 0;
    for (unsigned flags = 0; flags < 128; flags++) {
        for (unsigned level = 1; level <= ashlar_paging_large_level(p, features) && (flags & ASHLAR_MAP_GLOBAL) == 0;
             level++) {
            uint64_t bits = ashlar_entry_page_bits(p, features, level, flags);
            unsigned want = (flags & user) == 0 ? flags & ~ASHLAR_MAP_READ : flags;
            want |= (flags & user) != 0 && (flags & access) != 0 ? ASHLAR_MAP_READ : 0u;
            wrong += ashlar_entry_flags(p, level, bits) != want;
            wrong += !ashlar_entry_is_leaf(p, level, bits) || ashlar_entry_is_hidden(p, bits);
            wrong += ((bits & p->user) != 0) != ((want & (user | ASHLAR_MAP_READ)) == (user | ASHLAR_MAP_READ));
            wrong += ashlar_entry_is_deposited(p, bits);
            wrong +=
                (bits & ~ashlar_entry_user_permission_bits(p)) !=
                (ashlar_entry_page_bits(p, features, level, flags ^ access) & ~ashlar_entry_user_permission_bits(p));
            wrong += ashlar_entry_flags(p, level, ashlar_entry_hide(p, bits)) != want;
        }
    }
    return wrong;
}

static void test_user_bits(void)
{
    const unsigned features[] = {WORLD_FEATURES, WORLD_FEATURES & ~ASHLAR_FEATURE_NX};
    for (unsigned i = 0; i < WORLD_FORMATS * 2u; i++) {
        const struct ashlar_paging *p = world_formats[i / 2u].paging;
        is_u(wrong_user_leaves(p, features[i % 2u]), 0, "%s: [fault 122] a user half's flags to bits and back, %s",
             ashlar_paging_name(p), i % 2u == 0 ? "with NX if there is one" : "without NX");
    }
    const struct ashlar_paging *p = &ashlar_paging_4level;
    uint64_t marked = ashlar_entry_leaf_bits(p, WORLD_FEATURES, 2, ASHLAR_MAP_WRITE) | ashlar_entry_deposit_bit(p);
    ok(ashlar_entry_is_deposited(p, marked) && (ashlar_entry_flags(p, 2, marked) & ASHLAR_MAP_USER) == 0,
       "the kernel's mark on a large page is no user's page without access");
}

static void test_links(void)
{
    const struct ashlar_paging *pae = &ashlar_paging_pae;
    is_u(ashlar_entry_link_bits(pae, 3, ASHLAR_MAP_USER), 1, "PAE's root has no permissions, no accessed bit");
    is_u(ashlar_entry_link_bits(pae, 2, ASHLAR_MAP_USER), 0x27, "PAE's directory has");
    is_u(ashlar_entry_link_bits(pae, 2, 0), 0x23, "kernel's link");
    is_u(ashlar_entry_link_bits(&ashlar_paging_two_level, 2, ASHLAR_MAP_USER), 0x27, "two-level: user's link");
    is_u(ashlar_entry_link_bits(&ashlar_paging_4level, 4, 0), 0x23, "4-level: kernel's link");
    is_u(ashlar_entry_frame(&ashlar_paging_4level, UINT64_C(0x80000345678a7027)), 0x345678a7, "frame of a link");
}

static void test_notes(void)
{
    uint64_t seed = 2;
    for (unsigned i = 0; i < WORLD_FORMATS; i++) {
        const struct ashlar_paging *p = world_formats[i].paging;
        unsigned bad = 0;
        for (unsigned n = 0; n < 10000; n++) {
            uintptr_t note = (uintptr_t)tap_random(&seed) & ASHLAR_ENTRY_NOTE_MAX;
            uint64_t entry = ashlar_entry_encode_note(p, note);
            bad += ashlar_entry_is_present(entry) || ashlar_entry_is_hidden(p, entry) ||
                   ashlar_entry_note_of(p, entry) != note;
        }
        is_u(bad, 0, "%s: notes are absent, never hidden, and read back", ashlar_paging_name(p));
        is_u(ashlar_entry_note_of(p, ashlar_entry_encode_note(p, ASHLAR_ENTRY_NOTE_MAX)), ASHLAR_ENTRY_NOTE_MAX,
             "%s: the largest", ashlar_paging_name(p));
        is_u(ashlar_entry_note_of(p, 0x12345063), 0, "%s: a leaf is no note", ashlar_paging_name(p));
        is_u(ashlar_entry_note_of(p, 0x12345262), 0, "%s: a hidden leaf is no note", ashlar_paging_name(p));
    }
}

/* [fault 156] An absent entry leads an Intel CPU with L1TF to what it names. */
static void test_absent(void)
{
    static const uint64_t flips[] = {0, 0, UINT64_C(0xfffff00000000), UINT64_C(0xfffff00000000),
                                     UINT64_C(0xfffff00000000)};
    for (unsigned i = 0; i < WORLD_FORMATS; i++) {
        const struct ashlar_paging *p = world_formats[i].paging;
        const char *name = ashlar_paging_name(p);
        uint64_t leaf = UINT64_C(0x12345063) | p->no_execute, hidden = UINT64_C(0x12345262) | p->no_execute;
        is_u(ashlar_entry_encode_note(p, 0), 0, "%s: no note is the empty entry", name);
        is_u(ashlar_entry_encode_note(p, 0x12345), 0x48c8au | flips[i], "%s: [fault 156] a note's upper bits", name);
        is_u(ashlar_entry_hide(p, leaf), hidden ^ flips[i], "%s: [fault 156] a hidden entry's", name);
        is_u(ashlar_entry_flip_absent(p, hidden ^ flips[i]), hidden, "%s: and back", name);
        ok(ashlar_entry_is_hidden(p, hidden ^ flips[i]), "%s: which is hidden all the same", name);
        is_u(ashlar_entry_leaf_frame(p, 1, hidden ^ flips[i]), 0x12345, "%s: with its frame", name);
    }
}

int main(void)
{
    test_shapes();
    test_ranges();
    test_addresses();
    test_frame_limits();
    test_leaf_bits();
    test_user_bits();
    test_links();
    test_notes();
    test_absent();
    return done_testing();
}
