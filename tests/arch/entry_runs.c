/* SPDX-License-Identifier: 0BSD */
/* entry_runs.c - runs against the same done entry by entry; order and atomicity of what others see. */
#include "world.h"

#include <pthread.h>

/* Two tables: one is worked on by runs, the other by the model below, an array of plain numbers. */
static _Alignas(4096) unsigned char table[4096];
static uint64_t model[1024];
static ashlar_pfn frames[1024];

static uint64_t entry_at(const struct ashlar_paging *p, unsigned index)
{
    return p == &ashlar_paging_two_level ? ((uint32_t *)(void *)table)[index] : ((uint64_t *)(void *)table)[index];
}

static bool same(const struct ashlar_paging *p)
{
    for (unsigned i = 0; i < ashlar_table_entries(p, 1); i++) {
        if (entry_at(p, i) != model[i] || ashlar_entry_load(p, table, i) != model[i]) {
            printf("# entry %u: 0x%" PRIx64 ", want 0x%" PRIx64 "\n", i, entry_at(p, i), model[i]);
            return false;
        }
    }
    return true;
}

static unsigned first_by_hand(unsigned index, unsigned count, bool (*is)(uint64_t))
{
    unsigned i = 0;
    while (i < count && !is(model[index + i])) {
        i++;
    }
    return i;
}

static bool is_nonempty(uint64_t entry)
{
    return entry != 0;
}

static bool is_absent(uint64_t entry)
{
    return (entry & 1u) == 0;
}

static bool is_present(uint64_t entry)
{
    return (entry & 1u) != 0;
}

static bool find_agrees(const struct ashlar_paging *p, unsigned index, unsigned count)
{
    return ashlar_run_first_nonempty(p, table, index, count) == first_by_hand(index, count, is_nonempty) &&
           ashlar_run_first_absent(p, table, index, count) == first_by_hand(index, count, is_absent) &&
           ashlar_run_first_present(p, table, index, count) == first_by_hand(index, count, is_present);
}

/* Map the absent entries of a stretch: runs may only be set where nothing is. */
static void set_some(const struct ashlar_paging *p, uint64_t *seed, unsigned index, unsigned count)
{
    uint64_t limit = ashlar_paging_frame_limit(p, ASHLAR_FEATURE_PHYSICAL_BITS(52));
    unsigned flags = (unsigned)tap_random(seed) & 0x3fu;
    uint64_t bits = ashlar_entry_leaf_bits(p, WORLD_FEATURES, 1, flags);
    bool linear = tap_random(seed) % 2 == 0;
    ashlar_pfn first = (ashlar_pfn)(tap_random(seed) % (limit - 1024u));
    count = first_by_hand(index, count, is_present);
    for (unsigned i = 0; i < count; i++) {
        frames[i] = linear ? first + i : (ashlar_pfn)(tap_random(seed) % limit);
        model[index + i] = (uint64_t)frames[i] << 12 | bits;
    }
    if (linear) {
        ashlar_run_set_linear(p, table, index, count, first, bits);
    } else {
        ashlar_run_set(p, table, index, count, frames, bits);
    }
}

/* [fault 156] Of an absent entry. */
static uint64_t flip(const struct ashlar_paging *p)
{
    return p == &ashlar_paging_two_level || p == &ashlar_paging_pae ? 0 : UINT64_C(0xfffff00000000);
}

static bool hide_some(const struct ashlar_paging *p, unsigned index, unsigned count)
{
    unsigned want = 0;
    for (unsigned i = index; i < index + count; i++) {
        if (is_present(model[i])) {
            model[i] = ((model[i] & ~UINT64_C(1)) | 0x200u) ^ flip(p);
            want++;
        }
    }
    return ashlar_run_hide(p, table, index, count) == want;
}

static bool collect_some(const struct ashlar_paging *p, unsigned index, unsigned count)
{
    unsigned want = 0, got = ashlar_run_collect(p, table, index, count, frames);
    for (unsigned i = index; i < index + count; i++) {
        if ((model[i] & 0x201u) == 0x200u) {
            if (want >= got ||
                frames[want++] != (ashlar_pfn)(((model[i] ^ flip(p)) & UINT64_C(0xffffffffff000)) >> 12)) {
                return false;
            }
            model[i] = 0;
        }
    }
    return got == want;
}

static bool change_some(const struct ashlar_paging *p, uint64_t *seed, unsigned index, unsigned count)
{
    uint64_t permissions = ashlar_entry_permission_bits(p);
    uint64_t set = tap_random(seed) & permissions, clear = permissions & ~set;
    unsigned want = 0;
    for (unsigned i = index; i < index + count; i++) {
        if (is_present(model[i])) {
            model[i] = (model[i] & ~clear) | set;
            want++;
        }
    }
    return ashlar_run_change(p, table, index, count, clear, set) == want;
}

static bool single_some(const struct ashlar_paging *p, uint64_t *seed, unsigned index)
{
    uint64_t old = model[index], fresh = 0x77063u, exchanged;
    switch (tap_random(seed) % 4) {
    case 0:
        ashlar_entry_note(p, table, index, 77);
        model[index] = ashlar_entry_encode_note(p, 77);
        return true;
    case 1:
        ashlar_entry_clear(p, table, index);
        model[index] = 0;
        return true;
    case 2:
        exchanged = ashlar_entry_exchange(p, table, index, fresh);
        model[index] = fresh;
        return exchanged == old;
    default:
        if (ashlar_entry_cas(p, table, index, old ^ 0x1000u, fresh) || !ashlar_entry_cas(p, table, index, old, fresh)) {
            return false;
        }
        model[index] = fresh;
        return true;
    }
}

static bool one_step(const struct ashlar_paging *p, uint64_t *seed)
{
    unsigned entries = ashlar_table_entries(p, 1);
    unsigned index = (unsigned)tap_random(seed) % entries;
    unsigned count = (unsigned)tap_random(seed) % (entries - index + 1u);
    bool agrees = true;
    switch (tap_random(seed) % 6) {
    case 0:
    case 1:
        set_some(p, seed, index, count);
        break;
    case 2:
        agrees = hide_some(p, index, count);
        break;
    case 3:
        agrees = collect_some(p, index, count);
        break;
    case 4:
        agrees = change_some(p, seed, index, count);
        break;
    default:
        agrees = single_some(p, seed, index);
        break;
    }
    return agrees && find_agrees(p, index, count) && same(p);
}

static void test_model(void)
{
    unsigned long seeds = tap_seeds(20);
    FOR_EACH_FORMAT(format)
    {
        unsigned long bad = 0;
        for (unsigned long s = 1; s <= seeds; s++) {
            uint64_t seed = s;
            memset(table, 0, sizeof table);
            memset(model, 0, sizeof model);
            for (unsigned i = 0; i < 150; i++) {
                if (!one_step(format->paging, &seed)) {
                    printf("# seed %lu, step %u\n", s, i);
                    bad++;
                    break;
                }
            }
        }
        is_u(bad, 0, "%s: runs and single entries against plain numbers, %lu seeds", ashlar_paging_name(format->paging),
             seeds);
    }
}

/* A hidden large page gives its frame, but for the lowest bit, where its caching type may be. */
static void test_large(void)
{
    FOR_EACH_FORMAT(format)
    {
        const struct ashlar_paging *p = format->paging;
        unsigned bad = 0;
        for (unsigned flags = 0; flags < 64; flags++) {
            ashlar_pfn first = 3u << ashlar_entry_shift(p, 2), got = 0;
            memset(table, 0, sizeof table);
            ashlar_run_set_linear(p, table, 7, 1, first, ashlar_entry_leaf_bits(p, WORLD_FEATURES, 2, flags));
            bad += ashlar_entry_leaf_frame(p, 2, ashlar_entry_load(p, table, 7)) != first;
            bad += ashlar_run_hide(p, table, 7, 1) != 1;
            bad += ashlar_entry_leaf_frame(p, 2, ashlar_entry_load(p, table, 7)) != first;
            bad += ashlar_run_collect(p, table, 7, 1, &got) != 1;
            bad += (got & ~(((ashlar_pfn)1 << ashlar_entry_shift(p, 2)) - 1u)) != first;
        }
        is_u(bad, 0, "%s: large pages of any caching type, hidden and collected", ashlar_paging_name(p));
    }
}

static void test_links(void)
{
    FOR_EACH_FORMAT(format)
    {
        const struct ashlar_paging *p = format->paging;
        memset(table, 0, sizeof table);
        ashlar_entry_set_link(p, table, 3, 2, 0x12345, ASHLAR_MAP_USER);
        is_u(ashlar_entry_load(p, table, 3), 0x12345027, "%s: a link", ashlar_paging_name(p));
        is_u(ashlar_entry_exchange_link(p, table, 3, 2, 0x54321, 0), 0x12345027, "%s: exchanged",
             ashlar_paging_name(p));
        is_u(ashlar_entry_load(p, table, 3), 0x54321023, "%s: for another", ashlar_paging_name(p));
    }
}

/* --- what others see ---------------------------------------------------------------------- */

struct other {
    const struct ashlar_paging *paging;
    volatile bool stop;
    unsigned long seen;
    unsigned long torn;
};

/* A reader that sees an entry present must see all of it: both halves of one store. */
static void *read_on(void *argument)
{
    struct other *other = argument;
    while (!other->stop) {
        uint64_t entry = ashlar_entry_load(other->paging, table, 0);
        if (is_present(entry)) {
            uint64_t frame = ashlar_entry_frame(other->paging, entry);
            other->seen++;
            other->torn += (frame & 0xffffu) != frame >> 16;
        }
    }
    return NULL;
}

/* Map, hide, collect, with frames whose halves must agree. */
static void write_on(const struct ashlar_paging *p, unsigned rounds)
{
    uint64_t bits = ashlar_entry_leaf_bits(p, WORLD_FEATURES, 1, ASHLAR_MAP_WRITE);
    for (unsigned i = 0; i < rounds; i++) {
        ashlar_pfn half = i * 40503u & 0xffffu, frame = half << 16 | half, got;
        ashlar_run_set(p, table, 0, 1, &frame, bits);
        ashlar_run_change(p, table, 0, 1, 2, (i & 1u) != 0 ? ashlar_entry_permission_bits(p) & ~UINT64_C(6) : 0);
        ashlar_run_hide(p, table, 0, 1);
        ashlar_run_collect(p, table, 0, 1, &got);
    }
}

static void test_torn(void)
{
    FOR_EACH_FORMAT(format)
    {
        if (format->paging == &ashlar_paging_two_level) {
            continue;
        }
        struct other other = {.paging = format->paging};
        pthread_t thread;
        memset(table, 0, sizeof table);
        pthread_create(&thread, NULL, read_on, &other);
        write_on(format->paging, 200000);
        other.stop = true;
        pthread_join(thread, NULL);
        printf("# %lu looks\n", other.seen);
        is_u(other.torn, 0, "%s: no half of an entry is ever present", ashlar_paging_name(format->paging));
    }
}

/* Sets the dirty bit of present entries, as the MMU does; counts how often it was the one. */
static void *dirty_on(void *argument)
{
    struct other *other = argument;
    while (!other->stop) {
        for (unsigned i = 0; i < 64; i++) {
            uint64_t entry = ashlar_entry_load(other->paging, table, i);
            if (is_present(entry) && (entry & 0x40u) == 0) {
                other->seen += ashlar_entry_cas(other->paging, table, i, entry, entry | 0x60u);
            }
        }
    }
    return NULL;
}

static unsigned long count_dirty(const struct ashlar_paging *p)
{
    unsigned long dirty = 0;
    for (unsigned i = 0; i < 64; i++) {
        dirty += (ashlar_entry_load(p, table, i) & 0x40u) != 0;
    }
    return dirty;
}

static void test_dirty(void)
{
    FOR_EACH_FORMAT(format)
    {
        const struct ashlar_paging *p = format->paging;
        uint64_t bits = ashlar_entry_leaf_bits(p, WORLD_FEATURES, 1, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
        struct other other = {.paging = p};
        unsigned long found = 0;
        pthread_t thread;
        memset(table, 0, sizeof table);
        pthread_create(&thread, NULL, dirty_on, &other);
        for (unsigned round = 0; round < 20000; round++) {
            ashlar_run_set_linear(p, table, 0, 64, 0x1000, bits);
            ashlar_run_change(p, table, 0, 64, 2, 0);
            ashlar_run_hide(p, table, 0, 64);
            found += count_dirty(p);
            ashlar_run_collect(p, table, 0, 64, frames);
        }
        other.stop = true;
        pthread_join(thread, NULL);
        is_u(found, other.seen, "%s: no dirty bit is lost to a change or to hiding", ashlar_paging_name(p));
    }
}

int main(void)
{
    test_model();
    test_large();
    test_links();
    test_torn();
    test_dirty();
    return done_testing();
}
