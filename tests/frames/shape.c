/* SPDX-License-Identifier: 0BSD */
/* shape.c - debug builds: a give in another shape, and of what is mapped. */
#include "pc.h"

#include <ashlar/config.h>

static void test_shapes(void)
{
    const struct ashlar_frames_range range = {40, 1, 0, 0, 0};
    ashlar_pfn first;
    ashlar_pfn second = 0;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take(pool, 3, &first) == ASHLAR_OK, "eight frames");
    if (!ASHLAR_DEBUG) {
        ashlar_frames_note_mapped(pool, first);
        ashlar_frames_give(pool, first, 3);
        ok(true, "release builds do not watch mappings");
        return;
    }
    names(give_fatal(first, 2), first, "taken as order 3", "[fault 25] too small an order is fatal");
    ok(ashlar_frames_take(pool, 3, &second) == ASHLAR_OK && second == first + 8, "eight more");
    names(give_fatal(first, 4), first, "taken as order 3", "[fault 25] too large an order, too");
    names(give_fatal(first + 4, 2), first + 4, "within a larger", "[fault 25] and a part of a block");
    names(POOL_FATAL(pool, ashlar_frames_give_range(pool, first, 8)), first, "order 3",
          "[fault 25] a block is no range");
    ashlar_frames_note_mapped(pool, first + 5);
    ashlar_frames_note_mapped(pool, first + 5);
    ashlar_frames_note_unmapped(pool, first + 5);
    names(give_fatal(first, 3), first + 5, "mapped 1", "[fault 32] free while mapped is fatal");
    ashlar_frames_note_unmapped(pool, first + 5);
    ok(give_fatal(first, 3) == NULL, "unmapped, it can be given");
    ashlar_frames_note_mapped(pool, 0xfffff);
    ok(true, "what the pool does not manage is not watched");
    ok(ashlar_frames_take_range(pool, &range, &first) == ASHLAR_OK, "a range");
    ashlar_frames_give_range(pool, first + 3, 30);
    ashlar_frames_give(pool, first, 0);
    ashlar_frames_give_range(pool, first + 1, 2);
    ashlar_frames_give_range(pool, first + 33, 7);
    sound("a range may be given back in parts, singly too");
    ok(ashlar_frames_take(pool, 4, &first) == ASHLAR_OK, "a block");
    ashlar_frames_note_range(pool, first, 16);
    ok(give_fatal(first, 4) == NULL, "that is noted as a range goes back as a block");
    ok(ashlar_frames_take(pool, 4, &first) == ASHLAR_OK, "another");
    ashlar_frames_note_range(pool, first, 16);
    ok(give_fatal(first + 1u, 0) == NULL && give_fatal(first, 0) == NULL && give_fatal(first + 2u, 1) == NULL,
       "or in parts");
    ashlar_frames_give_range(pool, first + 4u, 12);
    sound("sound after both");
}

static void test_many_mappings(void)
{
    ashlar_pfn frame;
    pool = pool_of(pc, 3, 0);
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK, "a frame mapped often");
    for (int i = 0; i < 20; i++) {
        ashlar_frames_note_mapped(pool, frame);
    }
    for (int i = 0; i < 20; i++) {
        ashlar_frames_note_unmapped(pool, frame);
    }
    ok(give_fatal(frame, 0) == NULL, "mapped and unmapped 20 times, it can be given");
    ok(ashlar_frames_take(pool, 0, &frame) == ASHLAR_OK && give_fatal(frame, 0) == NULL, "and taken and given again");
    sound("sound after many mappings");
}

int main(void)
{
    test_shapes();
    test_many_mappings();
    pool_drop();
    return done_testing();
}
