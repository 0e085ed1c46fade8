/* SPDX-License-Identifier: 0BSD */
/* Maps by the thousand against the definition of what a frame becomes (reference.h): every small one, and random ones,
 * crowded into few frames or spread over all 2^64 addresses. Each is finalized in plenty of storage, in exactly what it
 * then asks for, and in one entry less. */
#include "reference.h"
#include "tap.h"

/* What reports added up to, in bytes, and the same by definition. */
struct sums {
    ashlar_phys overridden[10];
    ashlar_phys lost; /* usable, for a partial frame */
    ashlar_phys hole; /* usable, or so after a reclaim, but for a PC's 640 KiB to 1 MiB */
    size_t page_zero;
    bool is_sane;
};

static void add_up(void *context, const struct ashlar_memmap_event *event)
{
    struct sums *sums = context;
    sums->is_sane &= event->decision == ASHLAR_MEMMAP_IGNORED_EMPTY || event->length != 0;
    sums->is_sane &= (event->winner != 0) == (event->decision == ASHLAR_MEMMAP_OVERRIDDEN);
    sums->is_sane &= event->winner == 0 || event->winner > event->type;
    sums->is_sane &= event->decision == ASHLAR_MEMMAP_MERGED ? event->entries > 1 : event->entries == 0;
    if (event->decision == ASHLAR_MEMMAP_OVERRIDDEN) {
        sums->overridden[event->type] += event->length;
    }
    if (event->decision == ASHLAR_MEMMAP_ROUNDED && event->type == ASHLAR_MEMMAP_USABLE) {
        sums->lost += event->length;
    }
    if (event->decision == ASHLAR_MEMMAP_PC_HOLE) {
        sums->hole += event->length;
    }
    sums->page_zero += event->decision == ASHLAR_MEMMAP_PAGE_ZERO;
}

/* Does a reservation of this type reach into the entry? */
static bool holds_ours(const struct reference *reference, const struct ashlar_memmap_entry *entry)
{
    for (size_t i = 0; i < reference->count; i++) {
        const struct given *given = &reference->given[i];
        if (given->ours && given->type == entry->type &&
            (covers(given, entry->base) ||
             (given->length != 0 && given->base >= entry->base && given->base - entry->base < entry->length))) {
            return true;
        }
    }
    return false;
}

static bool any_ours(const struct reference *reference)
{
    bool found = false;
    for (size_t i = 0; i < reference->count; i++) {
        found |= reference->given[i].ours;
    }
    return found;
}

static const char *compare_frames(const struct ashlar_memmap *map, const struct reference *reference,
                                  const ashlar_phys *frames, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (type_at(map, frames[i]) != reference_frame(reference, frames[i])) {
            return "a frame has another type than by definition";
        }
    }
    for (size_t i = 0; i < map->count; i++) {
        bool ours = map->entries[i].origin != 0;
        if (!ours && holds_ours(reference, &map->entries[i]) && map->entries[i].type != ASHLAR_MEMMAP_RESERVED) {
            return "an entry forgot that it was reserved by us";
        }
        if (ours && !any_ours(reference)) {
            return "an entry claims to be reserved by us";
        }
    }
    return NULL;
}

static bool same_result(const struct ashlar_memmap *a, const struct ashlar_memmap *b)
{
    return a->count == b->count && memcmp(a->entries, b->entries, a->count * sizeof a->entries[0]) == 0;
}

/* The same map in other amounts of storage. */
static const char *check_storage(const struct reference *reference, const struct ashlar_memmap *plenty,
                                 ashlar_status status)
{
    const char *problem = NULL;
    for (size_t less = 0; less < 2 && less < plenty->wanted; less++) {
        struct ashlar_memmap map;
        struct ashlar_memmap_entry *storage = fill_map(&map, reference, plenty->wanted - less, NULL, NULL);
        ashlar_status again = ashlar_memmap_finalize(&map);
        size_t wanted = map.capacity < reference->count ? 2 * reference->count : plenty->wanted;
        if (!guard_is_whole(&map)) {
            problem = "wrote behind its storage";
        } else if (less == 0 ? again != status || (status == ASHLAR_OK && !same_result(&map, plenty))
                             : again != ASHLAR_NO_STORAGE || map.wanted != wanted || map.finalized) {
            problem = less == 0 ? "fails or differs in the storage that it asked for" : "one entry less does as well";
        }
        free(storage);
    }
    return problem;
}

static bool has_reclaimable(const struct reference *reference)
{
    bool found = false;
    for (size_t i = 0; i < reference->count; i++) {
        found |= could_be_reclaimed(reference->given[i].type);
    }
    return found;
}

/* NULL, or what is wrong with what finalize makes of this map. frames: those to compare. */
static const char *check_map(const struct reference *reference, const ashlar_phys *frames, size_t count,
                             struct sums *sums)
{
    struct ashlar_memmap map;
    bool any_usable = false;
    struct ashlar_memmap_entry *storage = fill_map(&map, reference, 4 * reference->count + 2, add_up, sums);
    ashlar_status status = ashlar_memmap_finalize(&map);
    const char *problem = NULL;
    for (size_t i = 0; i < count; i++) {
        any_usable |= reference_frame(reference, frames[i]) == ASHLAR_MEMMAP_USABLE;
    }
    if (status == ASHLAR_OK) {
        problem = ashlar_memmap_audit(&map);
        problem = problem != NULL ? problem : compare_frames(&map, reference, frames, count);
    } else if (status != ASHLAR_BAD_MAP || any_usable) {
        problem = "a map with usable frames is refused";
    }
    size_t cuts = reference->is_no_pc ? 0 : 1;
    if (!guard_is_whole(&map) || map.wanted > 4 * reference->count + 2 * cuts ||
        (!has_reclaimable(reference) && map.wanted > 2 * reference->count + cuts)) {
        problem = "takes more storage than the header says";
    }
    problem = problem != NULL || sums->is_sane ? problem : "a report makes no sense";
    problem = problem != NULL ? problem : check_storage(reference, &map, status);
    free(storage);
    return problem;
}

static void show(const struct reference *reference, const char *problem)
{
    printf("# %s; limit 0x%" PRIx64 "\n", problem, reference->limit);
    for (size_t i = 0; i < reference->count; i++) {
        const struct given *given = &reference->given[i];
        printf("#   0x%" PRIx64 " 0x%" PRIx64 " %s%s\n", given->base, given->length,
               ashlar_memmap_type_text(given->type), given->ours ? " (reserved)" : "");
    }
}

/* --- every map of up to three entries over three frames, in halves of a frame ------------------------------------ */

#define HALVES 6u
#define KINDS 5u
#define SPANS (HALVES * (HALVES + 1) / 2)

static struct given small_entry(unsigned index, ashlar_phys origin)
{
    static const struct given kinds[KINDS] = {{.type = ASHLAR_MEMMAP_USABLE},
                                              {.type = ASHLAR_MEMMAP_ACPI},
                                              {.type = ASHLAR_MEMMAP_LOADER, .ours = true},
                                              {.type = ASHLAR_MEMMAP_KERNEL, .ours = true},
                                              {.type = ASHLAR_MEMMAP_RESERVED}};
    struct given given = kinds[index / SPANS];
    unsigned span = index % SPANS;
    unsigned from = 0;
    while (span >= HALVES - from) {
        span -= HALVES - from;
        from++;
    }
    given.base = origin + from * 2048u;
    given.length = (span + 1) * 2048u;
    return given;
}

static void test_small(ashlar_phys origin, ashlar_phys limit, const char *name)
{
    const ashlar_phys frames[4] = {origin, origin + 4096, origin + 8192, origin + 12288};
    const char *problem = NULL;
    struct reference reference = {.limit = limit};
    unsigned long maps = 0;
    for (unsigned a = 0; a < KINDS * SPANS && problem == NULL; a++) {
        for (unsigned b = a; b < KINDS * SPANS && problem == NULL; b++) {
            for (unsigned c = b; c < KINDS * SPANS && problem == NULL; c += getenv("ASHLAR_LONG") != NULL ? 1 : 5) {
                struct sums sums = {.is_sane = true};
                reference.given[0] = small_entry(c, origin);
                reference.given[1] = small_entry(a, origin);
                reference.given[2] = small_entry(b, origin);
                reference.count = c == b ? 2 : 3;
                problem = check_map(&reference, frames, 4, &sums);
                maps++;
            }
        }
    }
    if (!ok(problem == NULL, "%s: %lu maps of two or three entries over three frames", name, maps)) {
        show(&reference, problem);
    }
}

/* --- random maps ------------------------------------------------------------------------------------------------- */

#define CROWD_FRAMES 24u

static void sum_reference(const struct reference *reference, ashlar_phys origin, struct sums *sums)
{
    for (ashlar_phys at = origin; at < origin + CROWD_FRAMES * 4096; at += 512) {
        uint32_t top = 0;
        bool covered[10] = {false};
        for (size_t i = 0; i < reference->count && at < reference->limit; i++) {
            uint32_t type = reference->given[i].type <= 9 ? reference->given[i].type : ASHLAR_MEMMAP_RESERVED;
            if (covers(&reference->given[i], at)) {
                covered[type] = true;
                top = type > top ? type : top;
            }
        }
        for (uint32_t type = 1; type < top; type++) {
            sums->overridden[type] += covered[type] ? 512 : 0;
        }
        uint32_t type = listed_byte(reference, at);
        if (is_in_hole(reference, at) && at < reference->limit) {
            sums->hole += type == ASHLAR_MEMMAP_USABLE || could_be_reclaimed(type) ? 512 : 0;
        } else if (top == ASHLAR_MEMMAP_USABLE && at >= 4096 &&
                   reference_frame(reference, at & ~(ashlar_phys)4095) != ASHLAR_MEMMAP_USABLE) {
            sums->lost += 512;
        }
    }
}

static const char *check_crowd(struct reference *reference, uint64_t *seed)
{
    static const ashlar_phys origins[] = {4096,    0x100000, 0xffff0000, ((ashlar_phys)1 << 44) - 0x10000,
                                          0x94000, 0xf4000};
    ashlar_phys origin = origins[tap_random(seed) % 6];
    ashlar_phys frames[CROWD_FRAMES + 2];
    struct sums sums = {.is_sane = true};
    struct sums expected = {.is_sane = true};
    reference->count = 0;
    reference->is_no_pc = tap_random(seed) % 4 == 0;
    reference->limit = (ashlar_phys)1 << 44;
    if (tap_random(seed) % 4 == 0) {
        reference->limit = origin + tap_random(seed) % CROWD_FRAMES * 4096;
    }
    if (sizeof(uintptr_t) == 4 && reference->limit >= (ashlar_phys)1 << 44) {
        reference->limit = ((ashlar_phys)1 << 44) - 4096; /* where frame numbers end */
    }
    size_t count = 1 + random_below(seed, tap_random(seed) % 8 == 0 ? 90 : 8);
    for (size_t i = 0; i < count; i++) {
        ashlar_phys unit = tap_random(seed) % (CROWD_FRAMES * 8);
        ashlar_phys units = tap_random(seed) % (tap_random(seed) % 2 == 0 ? 100 : 6);
        units = unit + units > CROWD_FRAMES * 8 ? CROWD_FRAMES * 8 - unit : units;
        uint32_t type = (uint32_t)(tap_random(seed) % 2 == 0 ? 1 : 1 + tap_random(seed) % 10);
        give(reference, origin + unit * 512, units * 512, type, type > 1 && type < 10 && tap_random(seed) % 3 == 0);
    }
    for (size_t i = 0; i < CROWD_FRAMES + 2; i++) {
        frames[i] = origin + i * 4096 - 4096;
    }
    const char *problem = check_map(reference, frames, CROWD_FRAMES + 2, &sums);
    sum_reference(reference, origin, &expected);
    if (problem == NULL && (memcmp(sums.overridden, expected.overridden, sizeof sums.overridden) != 0 ||
                            sums.lost != expected.lost || sums.hole != expected.hole || sums.page_zero != 0)) {
        problem = "reports do not add up to what was lost";
    }
    return problem;
}

/* Addresses and lengths of any number of bits: frames at and around all boundaries are compared. */
static const char *check_wide(struct reference *reference, uint64_t *seed)
{
    ashlar_phys frames[GIVEN_MOST * 6];
    size_t count = 0;
    struct sums sums = {.is_sane = true};
    reference->count = 0;
    reference->is_no_pc = tap_random(seed) % 4 == 0;
    reference->limit = (sizeof(uintptr_t) == 4 ? ((ashlar_phys)1 << 44) - 4096 : (ashlar_phys)1 << 52);
    if (tap_random(seed) % 2 == 0) {
        reference->limit = (ashlar_phys)1 << (32 + tap_random(seed) % 12);
    }
    for (size_t i = random_below(seed, 12) + 1; i != 0; i--) {
        ashlar_phys base = tap_random(seed) >> tap_random(seed) % 52;
        ashlar_phys length = tap_random(seed) >> tap_random(seed) % 64;
        length = tap_random(seed) % 8 == 0 ? 0 - base : length;
        uint32_t type = (uint32_t)(tap_random(seed) % 3 != 0 ? 1 : tap_random(seed) % 12);
        give(reference, base, length, type, false);
        for (ashlar_phys step = 0; step < 3; step++) {
            frames[count++] = (base + step * 4096 - 4096) & ~(ashlar_phys)4095;
            frames[count++] = (base + length + step * 4096 - 4096) & ~(ashlar_phys)4095;
        }
    }
    return check_map(reference, frames, count, &sums);
}

static void test_random(const char *name, const char *(*check)(struct reference *, uint64_t *), unsigned long seeds)
{
    static struct reference reference;
    const char *problem = NULL;
    unsigned long number = 0;
    while (number < seeds && problem == NULL) {
        uint64_t seed = ++number * UINT64_C(0x9e3779b97f4a7c15);
        for (unsigned i = 0; i < 20 && problem == NULL; i++) {
            problem = check(&reference, &seed);
        }
    }
    if (!ok(problem == NULL, "%s: 20 maps for each of %lu seeds", name, number)) {
        printf("# seed %lu\n", number);
        show(&reference, problem);
    }
}

int main(void)
{
    test_small(0, 0x3000, "from frame 0");
    test_small(0x100000, 0x103000, "below the limit");
    test_small(0x100000, 0x102000, "across the limit");
    test_small(0x9f000, 0x100000, "across a PC's 640 KiB");
    test_small(0xfe000, 0x110000, "across 1 MiB");
    test_random("crowded", check_crowd, tap_seeds(250));
    test_random("over all addresses", check_wide, tap_seeds(400));
    return done_testing();
}
