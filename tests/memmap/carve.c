/* SPDX-License-Identifier: 0BSD */
/* Carve and reclaim: by example, then random sequences against an array of types, one for each frame, with storage that
 * runs out now and then; what fails must leave the map as it was. */
#include "reference.h"
#include "sim.h"
#include "tap.h"

#define FRAMES 64u
#define ORIGIN_PFN 0x100u
#define STEPS 12u

static struct ashlar_memmap_entry storage[64];

/* 0x1000 to 0x9f000, 1 to 5 MiB, 16 to 32 MiB, the loader's 64 KiB behind; 4 to 6 GiB */
static void example(struct ashlar_memmap *map, size_t capacity)
{
    ashlar_memmap_init(map, storage, capacity, 0, NULL, NULL);
    ashlar_memmap_add(map, 0, 0x9f000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(map, 0x100000, 0x400000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(map, 0x1000000, 0x1000000, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(map, 0x2000000, 0x10000, ASHLAR_MEMMAP_LOADER);
    ashlar_memmap_add(map, (ashlar_phys)1 << 32, (ashlar_phys)1 << 31, ASHLAR_MEMMAP_USABLE);
    if (ashlar_memmap_finalize(map) != ASHLAR_OK) {
        ok(false, "finalize: %s", ashlar_memmap_problem(map));
    }
}

static ashlar_pfn carve(struct ashlar_memmap *map, size_t frames, size_t align_frames, ashlar_pfn limit_pfn)
{
    ashlar_pfn first = 0;
    ashlar_status status = ashlar_memmap_carve(map, frames, align_frames, limit_pfn, &first);
    return status == ASHLAR_OK && ashlar_memmap_audit(map) == NULL ? first : (ashlar_pfn)status;
}

static void test_places(void)
{
    struct ashlar_memmap map;
    example(&map, 64);
    is_u(ashlar_memmap_usable_frames(&map), 0x9e + 0x400 + 0x1000 + 0x80000, "usable frames");
    is_u(ashlar_memmap_end_pfn(&map), 0x180000, "end");
    is_u(carve(&map, 1, 1, 0), 0x17ffff, "the last frame of all");
    is_u(carve(&map, 2, 0, 0), 0x17fffd, "the two below: no alignment is 0, too");
    is_u(map.count, 6, "they are one entry of the kernel's");
    is_u(type_at(&map, 0x17fffdfffu), ASHLAR_MEMMAP_KERNEL, "of type kernel");
    is_u(map.entries[5].origin, 1, "and of our origin");
    is_u(carve(&map, 16, 16, 0), 0x17ffe0, "aligned");
    is_u(carve(&map, 1, 1, 0x100000), 0x1fff, "below 4 GiB");
    is_u(carve(&map, 0x1000, 1, 0x100000), ASHLAR_NO_FRAMES, "no longer 16 MiB in one piece there");
    is_u(carve(&map, 1, 1, 0x100), 0x9e, "below 1 MiB");
    is_u(carve(&map, 1, 1, 0x200), 0x1ff, "up to a limit within an entry");
    is_u(carve(&map, 1, 1, 1), ASHLAR_NO_FRAMES, "frame 0 is all that lies below frame 1");
    is_u(carve(&map, 0x400, 0x100, 0x1000), ASHLAR_NO_FRAMES, "4 MiB that are no longer there");
    is_u(carve(&map, 0x200, 0x100, 0x1000), 0x300, "2 MiB that are");
    is_u(carve(&map, ~(size_t)0, 1, 0), ASHLAR_NO_FRAMES, "more than any number");
    is_u(carve(&map, 1, 1 << 30, 0), ASHLAR_NO_FRAMES, "an alignment that only frame 0 has");
    is_u(ashlar_memmap_usable_frames(&map), 0x9e + 0x400 + 0x1000 + 0x80000 - 3 - 16 - 1 - 1 - 1 - 0x200,
         "all counted");
}

static void test_refusals(void)
{
    struct ashlar_memmap map;
    struct ashlar_memmap_entry live = {.base = 0x2008fff, .length = 1};
    example(&map, 64);
    is_u(carve(&map, 0, 1, 0), ASHLAR_BAD_ARGUMENT, "a carve of nothing");
    is_u(carve(&map, 1, 3, 0), ASHLAR_BAD_ARGUMENT, "an alignment that is no power of two");
    is_u(ashlar_memmap_reclaim(&map, 0, 0x1000, ASHLAR_MEMMAP_KERNEL, NULL, 0), ASHLAR_BAD_ARGUMENT, "reclaim: kernel");
    is_u(ashlar_memmap_reclaim(&map, 0, 0x1000, ASHLAR_MEMMAP_NVS, NULL, 0), ASHLAR_BAD_ARGUMENT, "reclaim: NVS");
    is_u(ashlar_memmap_reclaim(&map, 0, 0, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_BAD_ARGUMENT, "reclaim: no bytes");
    is_u(ashlar_memmap_reclaim(&map, 2, ~(ashlar_phys)0, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_BAD_ARGUMENT,
         "reclaim: beyond 2^64");
    is_u(ashlar_memmap_reclaim(&map, 0x2000000, 0x10000, ASHLAR_MEMMAP_LOADER, &live, 1), ASHLAR_REFUSED,
         "reclaim: a live byte within");
    like(ashlar_memmap_problem(&map), "0x2008fff + 0x1 is still in use", "it says which");
    is_u(type_at(&map, 0x2000000), ASHLAR_MEMMAP_LOADER, "nothing has changed");
    live.base = 0x1ff0000;
    live.length = 0x10001;
    is_u(ashlar_memmap_reclaim(&map, 0, ~(ashlar_phys)0, ASHLAR_MEMMAP_LOADER, &live, 1), ASHLAR_REFUSED,
         "something live that reaches in from below");
    live.length = ~(ashlar_phys)0;
    is_u(ashlar_memmap_reclaim(&map, 0, ~(ashlar_phys)0, ASHLAR_MEMMAP_LOADER, &live, 1), ASHLAR_REFUSED,
         "something live without an end");
    live.base = 0x2001000;
    live.length = 0;
    is_u(ashlar_memmap_reclaim(&map, 0x2000000, 0x2fff, ASHLAR_MEMMAP_LOADER, &live, 1), ASHLAR_OK,
         "nothing at all is not live");
    is_u(type_at(&map, 0x2001fff), ASHLAR_MEMMAP_USABLE, "whole frames of the range are usable");
    is_u(type_at(&map, 0x2002000), ASHLAR_MEMMAP_LOADER, "a partial one is not");
    live = (struct ashlar_memmap_entry){.base = 0x1000000, .length = 0x1002000};
    is_u(ashlar_memmap_reclaim(&map, 0, ~(ashlar_phys)0, ASHLAR_MEMMAP_LOADER, &live, 1), ASHLAR_OK,
         "something live up to the part, and not in it");
    ok(ashlar_memmap_audit(&map) == NULL && map.count == 4, "the loader's memory has joined its neighbour");
    is_u(ashlar_memmap_reclaim(&map, 0x2000000, 0x1000, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK,
         "nothing to turn is fine");
    is_u(ashlar_memmap_reclaim(&map, ~(ashlar_phys)0, 1, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK,
         "so is the last byte");
}

static void test_unfinished(void)
{
    struct ashlar_memmap map;
    volatile ashlar_status status = ASHLAR_EXISTS;
    ashlar_pfn first;
    size_t index = 0;
    size_t frames;
    ashlar_memmap_init(&map, storage, 64, 0, NULL, NULL);
    is_str(ashlar_memmap_problem(&map), "no problem", "a new map has no problem");
    like(SIM_FATAL(status = ashlar_memmap_carve(&map, 7, 1, 0, &first)), "carve of 7 frames",
         "carve before finalize is fatal");
    like(SIM_FATAL(status = ashlar_memmap_reclaim(&map, 0, 1, ASHLAR_MEMMAP_LOADER, NULL, 0)), "not finalized",
         "reclaim before finalize is fatal");
    like(SIM_FATAL((void)ashlar_memmap_next_usable(&map, &index, &first, &frames)), "not finalized",
         "a walk before finalize is fatal");
    example(&map, 64);
    like(SIM_FATAL(ashlar_memmap_add(&map, 0xabc000, 1, 1)), "0xabc000", "add after finalize is fatal");
    like(SIM_FATAL(ashlar_memmap_reserve(&map, 0xabc000, 1, ASHLAR_MEMMAP_KERNEL)), "0xabc000",
         "reserve after finalize is fatal");
    like(SIM_FATAL(status = ashlar_memmap_finalize(&map)), "second finalize", "a second finalize is fatal");
    is_u(status, ASHLAR_EXISTS, "none of them returned");
}

static void test_storage(void)
{
    struct ashlar_memmap map;
    struct ashlar_memmap_entry before[64];
    example(&map, 5);
    memcpy(before, storage, sizeof before);
    is_u(carve(&map, 1, 2, 0), ASHLAR_NO_STORAGE, "a carve that would split an entry in three");
    is_u(carve(&map, 2, 2, 0), ASHLAR_NO_STORAGE, "and in two");
    like(ashlar_memmap_problem(&map), "storage of 5 entries", "it says why");
    is_u(ashlar_memmap_reclaim(&map, 0x2001000, 0x2000, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_NO_STORAGE,
         "a reclaim in the middle");
    ok(map.count == 5 && memcmp(before, storage, sizeof before) == 0, "nothing has changed");
    is_u(carve(&map, 0x80000, 1, 0), 0x100000, "a whole entry needs no room");
    is_u(ashlar_memmap_reclaim(&map, 0x2000000, 0x10000, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK, "nor does this");
    is_u(map.count, 4, "and leaves one, for it joins its neighbour");
    is_u(carve(&map, 1, 1, 0x2000), ASHLAR_NO_STORAGE, "room for one is not enough to split in three");
    is_u(carve(&map, 1, 1, 0x3000), 0x200f, "but to split in two");
    is_u(map.count, 5, "and then the storage is full");
    example(&map, 5);
    is_u(ashlar_memmap_reclaim(&map, 0x2001001, 0x1ffe, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK,
         "a reclaim within two frames has none to split");
    is_u(ashlar_memmap_reclaim(&map, 0x2001001, 0xffe, ASHLAR_MEMMAP_LOADER, NULL, 0), ASHLAR_OK,
         "nor has one within a single frame");
    ashlar_memmap_init(&map, storage, 8, 0, NULL, NULL);
    ashlar_memmap_add(&map, 0x1000, 0x1000, ASHLAR_MEMMAP_KERNEL);
    ashlar_memmap_add(&map, 0x2000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_u(ashlar_memmap_finalize(&map), ASHLAR_OK, "a kernel that the firmware knows of");
    is_u(carve(&map, 1, 1, 0), 2, "a carve beside it");
    ok(map.count == 1 && storage[0].origin == 1, "joins it, and is not forgotten to be ours");
}

/* --- the model --------------------------------------------------------------------------------------------------- */

struct model {
    struct ashlar_memmap map;
    uint32_t type[FRAMES]; /* of frame ORIGIN_PFN + index */
};

static bool model_agrees(const struct model *model)
{
    for (size_t i = 0; i < FRAMES; i++) {
        if (type_at(&model->map, (ashlar_phys)(ORIGIN_PFN + i) << ASHLAR_PAGE_SHIFT) != model->type[i]) {
            return false;
        }
    }
    return true;
}

static size_t model_place(const struct model *model, size_t frames, size_t align_frames, size_t limit)
{
    for (size_t end = limit; end >= frames; end--) {
        size_t run = 0;
        while (run < frames && model->type[end - 1 - run] == ASHLAR_MEMMAP_USABLE) {
            run++;
        }
        if (run == frames && (ORIGIN_PFN + end - frames) % align_frames == 0) {
            return end - frames;
        }
    }
    return FRAMES;
}

static bool begin_model(struct model *model, uint64_t *seed)
{
    static const uint32_t types[] = {1, 1, 1, 1, ASHLAR_MEMMAP_LOADER, ASHLAR_MEMMAP_ACPI, ASHLAR_MEMMAP_RESERVED, 0};
    for (size_t i = 0; i < FRAMES;) {
        uint32_t type = types[tap_random(seed) % 8];
        for (size_t run = random_below(seed, 12) + 1; run != 0 && i < FRAMES; run--) {
            model->type[i++] = type;
        }
    }
    ashlar_memmap_init(&model->map, storage, 64, 0, NULL, NULL);
    for (size_t i = 0; i < FRAMES; i++) {
        if (model->type[i] != 0) {
            ashlar_memmap_add(&model->map, (ashlar_phys)(ORIGIN_PFN + i) << ASHLAR_PAGE_SHIFT, ASHLAR_PAGE_BYTES,
                              model->type[i]);
        }
    }
    return ashlar_memmap_finalize(&model->map) == ASHLAR_OK;
}

static bool carve_model(struct model *model, uint64_t *seed)
{
    size_t frames = 1 + random_below(seed, 8);
    size_t align_frames = (size_t)1 << tap_random(seed) % 4;
    size_t limit = tap_random(seed) % 2 == 0 ? FRAMES : random_below(seed, FRAMES + 1);
    size_t place = model_place(model, frames, align_frames, limit);
    ashlar_pfn first = 0;
    ashlar_status status =
        ashlar_memmap_carve(&model->map, frames, align_frames, limit == FRAMES ? 0 : ORIGIN_PFN + limit, &first);
    if (status == ASHLAR_NO_STORAGE) {
        return place != FRAMES && model->map.capacity - model->map.count < 2;
    }
    if (place == FRAMES || status != ASHLAR_OK) {
        return place == FRAMES && status == ASHLAR_NO_FRAMES;
    }
    for (size_t i = 0; i < frames; i++) {
        model->type[place + i] = ASHLAR_MEMMAP_KERNEL;
    }
    return first == ORIGIN_PFN + place;
}

static bool reclaim_model(struct model *model, uint64_t *seed)
{
    uint32_t type = tap_random(seed) % 2 == 0 ? ASHLAR_MEMMAP_LOADER : ASHLAR_MEMMAP_ACPI;
    size_t begin = random_below(seed, FRAMES);
    size_t end = begin + 1 + random_below(seed, FRAMES - begin);
    struct ashlar_memmap_entry live = {.base = (ashlar_phys)(ORIGIN_PFN + random_below(seed, FRAMES))
                                               << ASHLAR_PAGE_SHIFT,
                                       .length = tap_random(seed) % 3 == 0 ? 0 : 1 + tap_random(seed) % 9000};
    live.base += tap_random(seed) % 2 == 0 ? 0 : tap_random(seed) % 4096;
    bool is_live = false;
    for (size_t i = begin; i < end; i++) {
        ashlar_phys base = (ashlar_phys)(ORIGIN_PFN + i) << ASHLAR_PAGE_SHIFT;
        is_live |=
            model->type[i] == type && live.length != 0 && live.base < base + 4096 && base < live.base + live.length;
    }
    ashlar_status status =
        ashlar_memmap_reclaim(&model->map,
                              ((ashlar_phys)(ORIGIN_PFN + begin) << ASHLAR_PAGE_SHIFT) - tap_random(seed) % 4096,
                              ((ashlar_phys)(end - begin) << ASHLAR_PAGE_SHIFT) + 4095, (ashlar_memmap_type)type, &live,
                              1);
    if (is_live || status != ASHLAR_OK) {
        return is_live ? status == ASHLAR_REFUSED
                       : status == ASHLAR_NO_STORAGE && model->map.capacity - model->map.count < 2;
    }
    for (size_t i = begin; i < end; i++) {
        model->type[i] = model->type[i] == type ? (uint32_t)ASHLAR_MEMMAP_USABLE : model->type[i];
    }
    return true;
}

static void test_model(void)
{
    static struct model model;
    unsigned long seeds = tap_seeds(4000);
    unsigned long number = 0;
    bool good = true;
    while (number < seeds && good) {
        uint64_t seed = ++number * UINT64_C(0x9e3779b97f4a7c15);
        if (!begin_model(&model, &seed)) {
            continue;
        }
        model.map.capacity = model.map.count + random_below(&seed, 8);
        good = model_agrees(&model);
        for (unsigned step = 0; step < STEPS && good; step++) {
            good = tap_random(&seed) % 3 == 0 ? reclaim_model(&model, &seed) : carve_model(&model, &seed);
            good = good && model_agrees(&model) && ashlar_memmap_audit(&model.map) == NULL;
        }
    }
    if (!ok(good, "%u carves and reclaims for each of %lu seeds", STEPS, number)) {
        printf("# seed %lu\n", number);
    }
}

int main(void)
{
    test_places();
    test_refusals();
    test_unfinished();
    test_storage();
    test_model();
    return done_testing();
}
