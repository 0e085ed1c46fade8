/* SPDX-License-Identifier: 0BSD */
/* lookup_threads.c - ranges are looked up without a lock, as reports from a fault do, while another thread takes them,
 * keeps them, chains them and gives them back: what is told is never a link for a name, nor a kind that there is not.
 */
#include "kva/kinds.h"
#include "kva/lookup.h"
#include "tap.h"
#include "threads.h"

#include <string.h>

#define STRIP_PAGES 64u
#define ROUNDS 200000u
#define LOOKS 200u /* at least, however the two are scheduled */
#define HELD 8u

static const char name[] = "worker";
static struct ashlar_ranges ranges;
static uint32_t watched; /* a range's index */
static volatile uint32_t done;
static unsigned long lies, looks;

/* One range goes in and out of a magazine, and waits for a purge: its descriptor stays. */
static void keep_and_take(void)
{
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK | RANGE_KEPT, 0x300);
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK, (uintptr_t)name);
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK | RANGE_GIVEN, 0x12345);
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK, (uintptr_t)name);
}

/* Others come and go: descriptors change hands between taken and free ranges. */
static void take_and_give(ashlar_vpn *held, uint64_t random)
{
    ashlar_vpn *slot = &held[random >> 40 & (HELD - 1u)];
    if (*slot != 0) {
        (void)ashlar_ranges_give_locked(&ranges, *slot, NULL);
        *slot = 0;
        return;
    }
    struct ashlar_range_info info = {0, 1u + (size_t)(random >> 50), (uintptr_t)name, RANGE_PAGES, 0};
    if (ashlar_ranges_take_info_locked(&ranges, 1, &info) == ASHLAR_OK) {
        *slot = info.first;
    }
}

static void change(void)
{
    ashlar_vpn held[HELD] = {0};
    uint64_t seed = 5;
    for (unsigned i = 0; i < ROUNDS || __atomic_load_n(&looks, __ATOMIC_RELAXED) < LOOKS; i++) {
        keep_and_take();
        take_and_give(held, tap_random(&seed));
    }
    for (unsigned i = 0; i < HELD; i++) {
        if (held[i] != 0) {
            (void)ashlar_ranges_give_locked(&ranges, held[i], NULL);
        }
    }
}

/* As explain would print it. */
static bool is_a_lie(const struct ashlar_range_info *range)
{
    bool given = (range->note & (RANGE_KEPT | RANGE_GIVEN)) != 0;
    return !given && (range->tag != (uintptr_t)name || strcmp(ashlar_range_name(range), name) != 0);
}

static void look(uint64_t *seed)
{
    struct ashlar_range_info range;
    lies += ashlar_ranges_by_index(&ranges, watched, &range) && is_a_lie(&range);
    lies += ashlar_ranges_by_index(&ranges, (uint32_t)(tap_random(seed) >> 33) % 0x400u, &range) &&
            ashlar_range_has_kind(&range) && is_a_lie(&range);
    lies += ashlar_ranges_containing(&ranges, 1000u + (ashlar_vpn)(tap_random(seed) >> 33) % 10000u, &range) &&
            ashlar_range_has_kind(&range) && is_a_lie(&range);
    __atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED);
}

static void *work(void *argument)
{
    uint64_t seed = 7;
    if ((uintptr_t)argument == 0) {
        change();
        __atomic_store_n(&done, 1u, __ATOMIC_RELEASE);
    } else if ((uintptr_t)argument == 1) {
        while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) == 0) {
            look(&seed);
        }
    }
    return NULL;
}

/* What each word can say on its own, in turn. */
static void test_words(void)
{
    struct ashlar_range_info range = {1, 2, 0x300, RANGE_STACK, 0};
    ok(strcmp(ashlar_range_name(&range), "without a name") == 0, "[fault 129] a link is no name");
    range.tag = ASHLAR_RANGES_LINK_MAX;
    ok(strcmp(ashlar_range_name(&range), "without a name") == 0, "[fault 129] nor is the largest of them");
    range.tag = (uintptr_t)name;
    ok(ashlar_range_name(&range) == name, "a name is one");
    ok(ashlar_range_has_kind(&range), "a kind");
    range.note = (uint32_t)RANGE_LARGE | RANGE_GIVEN | 0xff00u;
    ok(ashlar_range_has_kind(&range), "the last one, with all else that a note may have");
    range.note = (uint32_t)RANGE_LARGE + 1u;
    ok(!ashlar_range_has_kind(&range), "[fault 129] an index in place of a note has none");
    range.note = 0;
    ok(!ashlar_range_has_kind(&range), "[fault 129] nor has none at all");
}

/* What a reader finds who read the note on one side of a change, and the tag on the other. */
static void test_torn(void)
{
    struct ashlar_range_info range;
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK, 0x300);
    ok(ashlar_ranges_by_index(&ranges, watched, &range) && !is_a_lie(&range),
       "[fault 129] a link beside a note that says name: given back");
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK | RANGE_KEPT, (uintptr_t)name);
    ok(ashlar_ranges_by_index(&ranges, watched, &range) && !is_a_lie(&range), "and the other way round");
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK, 0);
    ok(ashlar_ranges_by_index(&ranges, watched, &range) && range.note == (uint32_t)RANGE_STACK,
       "a range without a name is not given back for that");
    ashlar_ranges_set_at_locked(&ranges, watched, (uint32_t)RANGE_STACK, (uintptr_t)name);
}

int main(void)
{
    struct ashlar_range_info range = {0, 6, (uintptr_t)name, RANGE_STACK, 0};
    void *strip = aligned_alloc(ASHLAR_PAGE_BYTES, STRIP_PAGES * ASHLAR_PAGE_BYTES);
    test_words();
    ashlar_ranges_init(&ranges, 1000, 10000, strip, STRIP_PAGES, STRIP_PAGES);
    ok(ashlar_ranges_take_info_locked(&ranges, 1, &range) == ASHLAR_OK, "a range to be watched");
    watched = range.index;
    test_torn();
    run_threads(work);
    is_u(lies, 0, "[fault 129] no link is told as a name, whenever a range is looked up");
    is_str(ashlar_ranges_audit_locked(&ranges), NULL, "sound");
    free(strip);
    return done_testing();
}
