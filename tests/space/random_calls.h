/* SPDX-License-Identifier: 0BSD */
/* random_calls.h - random calls against arrays of what is mapped where, under every format and policy.
 *
 * Several user spaces, and addresses of the kernel half; two CPUs that switch
 * between the spaces; takes of frames that fail. After each call the pages
 * concerned, and some others, are looked at: by query, and by loads and stores
 * on the CPUs, whose TLBs forget nothing by themselves and bring in neighbours
 * unasked. So what was not flushed is found, and so is what was flushed too late.
 *
 * A run that goes wrong is shrunk, and the calls that it takes are told.
 *
 * Who includes it says what else there is to do: the functions of more_...
 */
#ifndef ASHLAR_TESTS_SPACE_RANDOM_CALLS_H
#define ASHLAR_TESTS_SPACE_RANDOM_CALLS_H

#include "shrink.h"
#include "space/world.h"

#define STEPS 70u
#define SPACES 3u
#define AREAS 4u
#define MAGIC 0x5eed0000u
#define HOARD 4096u
#define PAGES_MAX 2300u

struct page {
    ashlar_pfn frame; /* ASHLAR_PFN_NONE: absent */
    unsigned flags;
};

/* Pages that are used: stretches of the user half, or a range of the kernel's. */
struct area {
    ashlar_vpn first;
    size_t pages;
    bool pooled; /* frames are the pool's, and go back to it */
};

struct owner {
    struct ashlar_space space;
    bool exists;
    struct page page[PAGES_MAX]; /* of all areas */
};

static struct {
    uint64_t random;
    size_t whole; /* pages of a large page */
    ashlar_pfn hoard;
    struct area area[AREAS];
    struct area kernel_area;
    struct owner owner[SPACES + 1u]; /* the last is the kernel */
    struct owner *runs[WORLD_CPUS];  /* NULL: the reference root */
    const char *doing;
    const char *wrong;
    char text[160];
} model;

static ashlar_pfn scratch[PAGES_MAX + 1u];

/* Of 100 calls these are from MORE_FROM on. */
#define MORE_FROM 77u
static bool more_exist(void);
static void more_start(void);
static void more_step(unsigned dice);
static void more_look(void);
static void more_end(void);
static size_t more_frames(void); /* that it keeps */

static unsigned below(size_t limit)
{
    return limit != 0 ? (unsigned)(tap_random(&model.random) >> 20) % (unsigned)limit : 0;
}

static bool is_kernel(const struct owner *owner)
{
    return owner == &model.owner[SPACES];
}

static struct ashlar_space *space_of(struct owner *owner)
{
    return is_kernel(owner) ? NULL : &owner->space;
}

static void wrong(const char *what, ashlar_vpn page)
{
    if (model.wrong == NULL) {
        snprintf(model.text, sizeof model.text, "%s: %s, page 0x%llx", model.doing, what, (unsigned long long)page);
        model.wrong = model.text;
    }
}

static void expect(ashlar_status got, ashlar_status want, bool may_fail)
{
    if (got != want && !(may_fail && got == ASHLAR_NO_FRAMES)) {
        snprintf(model.text, sizeof model.text, "%s: got %s, want %s", model.doing, ashlar_status_text(got),
                 ashlar_status_text(want));
        model.wrong = model.wrong != NULL ? model.wrong : model.text;
    }
}

/* --- areas ------------------------------------------------------------------------------ */

/* Where an area's pages are in an owner's array. */
static struct page *pages_of(struct owner *owner, const struct area *area)
{
    size_t at = 0;
    for (const struct area *a = model.area; !is_kernel(owner) && a != area; a++) {
        at += a->pages;
    }
    return owner->page + at;
}

static const struct area *pick_area(const struct owner *owner)
{
    return is_kernel(owner) ? &model.kernel_area : &model.area[below(AREAS)];
}

static struct owner *pick_owner(void)
{
    struct owner *owner = &model.owner[below(SPACES + 1u)];
    return is_kernel(owner) || owner->exists ? owner : &model.owner[SPACES];
}

static bool all(const struct page *page, size_t count, bool present)
{
    for (size_t i = 0; i < count; i++) {
        if ((page[i].frame != ASHLAR_PFN_NONE) != present) {
            return false;
        }
    }
    return true;
}

/* --- looking ------------------------------------------------------------------------------ */

static void look_on(unsigned cpu, struct owner *owner, ashlar_vpn vpn, const struct page *want)
{
    const unsigned readable = ASHLAR_MAP_READ | ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    unsigned user = is_kernel(owner) || below(4) == 0 ? 0 : SIM_USER;
    uint32_t value = world_read(cpu, vpn, user);
    if (want->frame == ASHLAR_PFN_NONE) {
        if (value >> 16 != 0xdeadu) {
            wrong("a page that is gone can be read", vpn);
        }
        return;
    }
    if (user != 0 && ((want->flags & ASHLAR_MAP_USER) == 0 || (want->flags & readable) == 0)) {
        if (value != (0xdead0000u | SIM_PRESENT | SIM_USER)) {
            wrong("a user reads what is not his", vpn);
        }
        return;
    }
    if (value != *world_word(want->frame)) {
        wrong("a CPU reads something else", vpn);
    }
    if ((world_write(cpu, vpn, value, user) == 0) != ((want->flags & ASHLAR_MAP_WRITE) != 0)) {
        wrong("a CPU may write, or not, against the flags", vpn);
    }
}

/* As query has them: READ is the user's, and follows from WRITE and EXEC. */
static unsigned told_flags(unsigned flags)
{
    if ((flags & ASHLAR_MAP_USER) == 0) {
        return flags & ~ASHLAR_MAP_READ;
    }
    return flags | ((flags & (ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC)) != 0 ? ASHLAR_MAP_READ : 0u);
}

static void look_query(struct owner *owner, ashlar_vpn vpn, const struct page *want)
{
    const unsigned compared = is_kernel(owner) ? ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_MASK : ~0u;
    struct ashlar_mapping m = {0, 0, 0};
    ashlar_status status = ashlar_space_query(space_of(owner), vpn, &m);
    if (want->frame == ASHLAR_PFN_NONE) {
        if (status != ASHLAR_ABSENT) {
            wrong("query finds a page that is gone", vpn);
        }
    } else if (status != ASHLAR_OK || m.frame != want->frame || ((m.flags ^ told_flags(want->flags)) & compared) != 0 ||
               (m.page_pages != 1 && m.page_pages != model.whole)) {
        wrong("query says otherwise", vpn);
    }
}

static void look(struct owner *owner, const struct area *area, size_t index)
{
    const struct page *want = &pages_of(owner, area)[index];
    ashlar_vpn vpn = area->first + index;
    look_query(owner, vpn, want);
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        if (is_kernel(owner) || model.runs[cpu] == owner) {
            look_on(cpu, owner, vpn, want);
        }
    }
}

static void look_around(struct owner *owner, const struct area *area, size_t first, size_t count)
{
    look(owner, area, first);
    look(owner, area, first + count - 1u);
    look(owner, area, first == 0 ? 0 : first - 1u);
    look(owner, area, first + count < area->pages ? first + count : first);
    for (unsigned i = 0; i < 6; i++) {
        look(owner, area, first + below(count));
    }
}

static void look_elsewhere(void)
{
    for (unsigned i = 0; i < 4; i++) {
        struct owner *owner = pick_owner();
        const struct area *area = pick_area(owner);
        look(owner, area, below(area->pages));
        more_look();
    }
    if (model.wrong == NULL && sim_violations_all() != 0) {
        model.wrong = sim_violation_text();
    }
}

/* --- mapping --------------------------------------------------------------------------------- */

/* In a user half mostly the user's; some of those without access. */
static unsigned pick_flags(const struct owner *owner)
{
    static const unsigned flags[] = {0,
                                     ASHLAR_MAP_READ,
                                     ASHLAR_MAP_WRITE,
                                     ASHLAR_MAP_WRITE,
                                     ASHLAR_MAP_EXEC,
                                     ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_WT};
    return flags[below(sizeof flags / sizeof flags[0])] | (is_kernel(owner) || below(4) == 0 ? 0u : ASHLAR_MAP_USER);
}

/* Now and then a take of a frame will fail. */
static bool maybe_fail(void)
{
    bool fails = below(4) == 0;
    if (fails) {
        ashlar_frames_fail_nth(world.pool, 1u + below(4), (int)below(2));
    }
    return fails;
}

static void no_fail(void)
{
    ashlar_frames_fail_nth(world.pool, 0, 0);
}

static void pick_part(const struct area *area, size_t *first, size_t *count)
{
    *first = below(area->pages);
    *count = 1u + below(below(3) == 0 ? area->pages : 40u);
    if (area->pages >= 2u * model.whole && below(2) == 0) {
        *first = below(2) * model.whole;
        *count = model.whole;
    }
    *count = *count < area->pages - *first ? *count : area->pages - *first;
}

static void note_pages(struct page *page, size_t count, unsigned flags)
{
    for (size_t i = 0; i < count; i++) {
        page[i].frame = scratch[i];
        page[i].flags = flags;
    }
}

static void map(struct owner *owner, const struct area *area)
{
    size_t first, count;
    unsigned flags = pick_flags(owner);
    bool linear = !area->pooled && below(2) == 0;
    size_t skew = below(4) == 0;
    pick_part(area, &first, &count);
    struct page *page = pages_of(owner, area) + first;
    model.doing = linear ? "map linear" : "map";
    for (size_t i = 0; i < count; i++) {
        scratch[i] = model.hoard + (linear ? first + i + skew : below(HOARD));
    }
    if (area->pooled && ashlar_frames_take_bulk(world.pool, scratch, count, 0) != ASHLAR_OK) {
        return;
    }
    for (size_t i = 0; area->pooled && i < count; i++) {
        *world_word(scratch[i]) = MAGIC ^ (uint32_t)scratch[i];
    }
    bool fails = maybe_fail();
    ashlar_status status = linear ? ashlar_space_map_linear(space_of(owner), area->first + first, count, scratch[0],
                                                            flags | (below(4) != 0 ? ASHLAR_MAP_LARGE : 0u))
                                  : ashlar_space_map(space_of(owner), area->first + first, count, scratch, flags);
    no_fail();
    expect(status, all(page, count, false) ? ASHLAR_OK : ASHLAR_EXISTS, fails);
    if (status == ASHLAR_OK) {
        note_pages(page, count, flags);
    } else if (area->pooled) {
        ashlar_frames_give_bulk(world.pool, scratch, count);
    }
    look_around(owner, area, first, count);
}

static void unmap(struct owner *owner, const struct area *area)
{
    size_t first, count;
    pick_part(area, &first, &count);
    struct page *page = pages_of(owner, area) + first;
    model.doing = "unmap";
    bool fails = maybe_fail();
    ashlar_status status =
        ashlar_space_unmap(space_of(owner), area->first + first, count, area->pooled ? NULL : scratch);
    no_fail();
    expect(status, all(page, count, true) ? ASHLAR_OK : ASHLAR_ABSENT, fails);
    for (size_t i = 0; status == ASHLAR_OK && i < count; i++) {
        if (!area->pooled && scratch[i] != page[i].frame) {
            wrong("unmap returns another frame", area->first + first + i);
        }
        page[i].frame = ASHLAR_PFN_NONE;
    }
    look_around(owner, area, first, count);
}

/* No executable page is large: the first page that is absent, or large where EXEC is asked for, decides. */
static ashlar_status protect_status(struct owner *owner, const struct page *page, ashlar_vpn first, size_t count,
                                    unsigned flags)
{
    for (size_t i = 0; i < count; i++) {
        struct ashlar_mapping m = {0, 0, 0};
        if (page[i].frame == ASHLAR_PFN_NONE) {
            return ASHLAR_ABSENT;
        }
        if ((flags & ASHLAR_MAP_EXEC) != 0 && ashlar_space_query(space_of(owner), first + i, &m) == ASHLAR_OK &&
            m.page_pages > 1) {
            return ASHLAR_REFUSED;
        }
    }
    return ASHLAR_OK;
}

static void protect(struct owner *owner, const struct area *area)
{
    size_t first, count;
    unsigned flags = pick_flags(owner) & ~ASHLAR_MAP_CACHE_MASK;
    pick_part(area, &first, &count);
    struct page *page = pages_of(owner, area) + first;
    model.doing = "protect";
    ashlar_status want = protect_status(owner, page, area->first + first, count, flags);
    bool fails = maybe_fail();
    ashlar_status status = ashlar_space_protect(space_of(owner), area->first + first, count, flags);
    no_fail();
    expect(status, want, fails);
    for (size_t i = 0; status == ASHLAR_OK && i < count; i++) {
        page[i].flags = (page[i].flags & ASHLAR_MAP_CACHE_MASK) | flags;
    }
    look_around(owner, area, first, count);
}

struct cleared {
    const struct area *area;
    struct page *page; /* of the area */
    size_t left;       /* present, and not yet told */
};

static void visit_cleared(void *context, ashlar_vpn first, ashlar_pfn frame, size_t pages)
{
    struct cleared *cleared = context;
    for (size_t i = 0; i < pages; i++) {
        size_t index = first - cleared->area->first + i;
        if (index >= cleared->area->pages || cleared->page[index].frame != frame + i || cleared->left == 0) {
            wrong("the visitor is told of another frame", first + i);
            return;
        }
        cleared->page[index].frame = ASHLAR_PFN_NONE;
        cleared->left--;
        if (cleared->area->pooled) {
            ashlar_frames_give(world.pool, frame + i, 0);
        }
    }
}

/* Whatever is there of a part, holes and all: to the pool, or to a visitor. */
static void clear_part(struct owner *owner, const struct area *area)
{
    size_t first, count;
    struct cleared cleared = {area, pages_of(owner, area), 0};
    bool visited = !area->pooled || below(2) == 0;
    pick_part(area, &first, &count);
    model.doing = "clear a part";
    for (size_t i = 0; i < count; i++) {
        cleared.left += cleared.page[first + i].frame != ASHLAR_PFN_NONE;
    }
    bool fails = maybe_fail();
    ashlar_status status =
        ashlar_space_clear(space_of(owner), area->first + first, count, visited ? visit_cleared : NULL, &cleared);
    no_fail();
    expect(status, is_kernel(owner) ? ASHLAR_REFUSED : ASHLAR_OK, fails);
    for (size_t i = 0; status == ASHLAR_OK && !visited && i < count; i++) {
        cleared.page[first + i].frame = ASHLAR_PFN_NONE;
    }
    if (status == ASHLAR_OK && visited && cleared.left != 0) {
        wrong("the visitor was not told of all frames", area->first + first);
    }
    look_around(owner, area, first, count);
}

/* Unmap what there is of an area, run by run. */
static void clear_area(struct owner *owner, const struct area *area)
{
    struct page *page = pages_of(owner, area);
    model.doing = "clear";
    for (size_t i = 0; i < area->pages; i++) {
        size_t count = 0;
        while (i + count < area->pages && page[i + count].frame != ASHLAR_PFN_NONE) {
            page[i + count++].frame = ASHLAR_PFN_NONE;
        }
        if (count != 0) {
            expect(ashlar_space_unmap(space_of(owner), area->first + i, count, area->pooled ? NULL : scratch),
                   ASHLAR_OK, false);
            i += count;
        }
    }
    look_around(owner, area, 0, area->pages);
}

/* --- spaces ------------------------------------------------------------------------------------ */

static void switch_cpu(unsigned cpu, struct owner *owner)
{
    model.doing = "switch";
    sim_set_cpu(cpu);
    ashlar_space_switch(owner != NULL ? &owner->space : NULL);
    sim_set_cpu(0);
    model.runs[cpu] = owner;
}

static void create_or_destroy(struct owner *owner)
{
    if (owner->exists) {
        for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
            if (model.runs[cpu] == owner) {
                switch_cpu(cpu, NULL);
            }
        }
        for (unsigned i = 0; i < AREAS; i++) {
            clear_area(owner, &model.area[i]);
        }
        ashlar_space_destroy(&owner->space);
        owner->exists = false;
        return;
    }
    model.doing = "create";
    bool fails = maybe_fail();
    ashlar_status status = ashlar_space_create(&owner->space);
    no_fail();
    expect(status, ASHLAR_OK, fails);
    owner->exists = status == ASHLAR_OK;
}

/* --- a run -------------------------------------------------------------------------------------------- */

static void start(const struct world_format *format, uint64_t seed)
{
    const struct world_options options = {.ram_bytes = 30u * MIB,
                                          .seed = seed,
                                          .speculate_one_in = 1u + (unsigned)(seed % 7u),
                                          .evict_one_in = seed % 3u == 0 ? 50u : 0u,
                                          .policy = (ashlar_sharing_policy)(ASHLAR_SHARING_PREALLOCATE + seed % 5u),
                                          .site = (enum world_site)(seed / 5u % WORLD_SITES)};
    memset(&model, 0, sizeof model);
    model.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
    world_start(format, &options);
    model.whole = (size_t)1 << ashlar_entry_shift(world.paging, 2);
    model.hoard = world_frames(HOARD, 1024);
    for (size_t i = 0; i < HOARD; i++) {
        *world_word(model.hoard + i) = MAGIC ^ (uint32_t)(model.hoard + i);
    }
    size_t slot = (size_t)1 << ashlar_slot_shift(world.paging);
    ashlar_vpn user = world.layout.user_first;
    model.area[0] = (struct area){(user < slot ? slot : 2u * slot) - 30u, 64, true};
    model.area[1] = (struct area){user + 1u, 40, false};
    model.area[2] = (struct area){ashlar_user_end() - 33u, 33, false};
    model.area[3] = (struct area){8u * model.whole, 2u * model.whole, false};
    model.kernel_area = (struct area){0, 2u * model.whole + 5u, false};
    model.kernel_area.first = world_addresses(model.kernel_area.pages, model.whole);
    expect(model.kernel_area.first != ASHLAR_PFN_NONE ? ASHLAR_OK : ASHLAR_NO_ADDRESSES, ASHLAR_OK, false);
    more_start();
    for (unsigned i = 0; i <= SPACES; i++) {
        for (size_t j = 0; j < PAGES_MAX; j++) {
            model.owner[i].page[j].frame = ASHLAR_PFN_NONE;
        }
    }
}

static void step(void)
{
    struct owner *owner = pick_owner();
    unsigned dice = below(more_exist() ? 100u : MORE_FROM);
    if (dice < 30) {
        map(owner, pick_area(owner));
    } else if (dice < 45) {
        unmap(owner, pick_area(owner));
    } else if (dice < 53) {
        protect(owner, pick_area(owner));
    } else if (dice < 56) {
        clear_area(owner, pick_area(owner));
    } else if (dice < 60) {
        clear_part(owner, pick_area(owner));
    } else if (dice < 65) {
        create_or_destroy(&model.owner[below(SPACES)]);
    } else if (dice < MORE_FROM) {
        switch_cpu(below(WORLD_CPUS), is_kernel(owner) ? NULL : owner);
    } else {
        more_step(dice);
    }
    look_elsewhere();
}

static void end(size_t free_before)
{
    more_end();
    for (unsigned i = 0; i < SPACES; i++) {
        if (model.owner[i].exists) {
            create_or_destroy(&model.owner[i]);
        }
    }
    clear_area(&model.owner[SPACES], &model.kernel_area);
    size_t free_frames = world_free_frames();
    struct ashlar_space_stats stats = world_stats();
    if (free_frames + stats.kernel_table_frames + more_frames() != free_before || stats.large_pages != 0) {
        model.doing = "end";
        wrong("frames are lost", 0);
    }
}

struct run {
    const struct world_format *format;
    uint64_t seed;
    bool told; /* each step */
};

/* A fatal report is as wrong as anything. */
static void step_in_run(const struct run *run, unsigned number)
{
    model.random = shrink_random(run->seed, number);
    const char *fatal = SIM_FATAL(step());
    if (fatal != NULL && model.wrong == NULL) {
        snprintf(model.text, sizeof model.text, "fatal: %s", fatal);
        model.wrong = model.text;
    }
    if (run->told) {
        printf("#   step %u: %s\n", number, model.doing);
    }
}

static bool fails(const void *context)
{
    const struct run *run = context;
    start(run->format, run->seed);
    size_t free_frames = world_free_frames();
    struct ashlar_space_stats stats = world_stats();
    unsigned i = 0;
    while (i < STEPS && model.wrong == NULL) {
        if (shrink_wants(i)) {
            step_in_run(run, i);
        }
        if (++i % 8u == 0 && model.wrong == NULL) {
            model.wrong = i % 16u == 0 ? world_broken() : world_audit();
        }
    }
    if (model.wrong == NULL) {
        end(free_frames + stats.kernel_table_frames + more_frames());
        model.wrong = model.wrong != NULL ? model.wrong : world_broken();
    }
    return model.wrong != NULL;
}

static void tell(struct run *run)
{
    printf("# %s, seed %llu, after %s: %s\n", world.name, (unsigned long long)run->seed, model.doing, model.wrong);
    sim_violations_echo(false);
    printf("# it takes %u of %u steps:\n", shrink_run(fails, run), STEPS);
    run->told = true;
    (void)fails(run);
    sim_violations_echo(true);
    printf("# %s: %s\n", model.doing, model.wrong != NULL ? model.wrong : "nothing wrong this time");
}

static int model_main(void)
{
    unsigned long seeds = tap_seeds(50);
    FOR_EACH_FORMAT(format)
    {
        unsigned long failed = 0;
        for (unsigned long seed = 0; seed < seeds && failed < 5; seed++) {
            struct run run = {format, seed, false};
            shrink_begin(STEPS);
            if (fails(&run)) {
                failed++;
                tell(&run);
            }
        }
        is_u(failed, 0, "%s: %lu seeds of random calls agree with the model", ashlar_paging_name(format->paging),
             seeds);
    }
    return done_testing();
}

#endif
