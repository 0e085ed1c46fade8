/* SPDX-License-Identifier: 0BSD */
/* visits.c - clears whose visitors change the space at random, in clears of their own as well: small and large pages come and go,
 * are hidden and not flushed, change their flags, and tables are given back under a clear's feet.
 *
 * Each call maps frames of its own, of a device, to the pages of the same number in its block of frames: so each visitor can
 * tell whether it is told of what was mapped there, of all of it once, and of nothing that a CPU still knows.
 *
 * ASHLAR_SEED=N chooses one run.
 */
#include "space/world.h"

#define DEVICE ((ashlar_pfn)0x40000)
#define FIRST ((ashlar_vpn)0x4000)
#define PAGES 2560u
#define BLOCK 3072u /* frames: a multiple of all large pages */
#define BLOCKS 240u
#define CALLS 60u
#define DEPTH 4u
#define FLAGS (ASHLAR_MAP_WRITE | ASHLAR_MAP_USER)

static struct ashlar_space space;
static uint64_t seed;
static unsigned depth;
static unsigned near; /* a page in front of what was told of last */
static struct {
    bool out[BLOCKS][PAGES]; /* mapped, or hidden, and not told of */
    uint8_t last[PAGES];     /* the block that was mapped there last */
    unsigned maps;
    size_t large;
    char problem[160];
} run;

static unsigned below(unsigned bound)
{
    return (unsigned)(tap_random(&seed) >> 33) % bound;
}

static void problem(const char *what, ashlar_vpn page)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "%s, at 0x%lx", what, (unsigned long)page);
    }
}

/* The page may have been mapped anew before its visitor is called: then the CPUs know that. */
static void take_page(size_t page, ashlar_pfn frame)
{
    size_t block = (frame - DEVICE) / BLOCK;
    if (frame < DEVICE || block >= BLOCKS || page >= PAGES || (frame - DEVICE) % BLOCK != page ||
        !run.out[block][page]) {
        problem("told of what was not mapped", FIRST + page);
        return;
    }
    run.out[block][page] = false;
    if (run.last[page] == block && sim_tlb_has(0, (uint64_t)(FIRST + page) << ASHLAR_PAGE_SHIFT)) {
        problem("a CPU knows what is told of", FIRST + page);
    }
}

static void take_back(ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    for (size_t i = 0; i < pages && run.problem[0] == '\0'; i++) {
        take_page(page - FIRST + i, frame + i);
    }
    run.large += pages > 1;
}

/* Some pages, with edges where there are those of tables. */
static size_t choose(ashlar_vpn *first)
{
    static const unsigned edges[] = {0, 1, 255, 256, 511, 512, 513, 1023, 1024, 1536, 2047, 2048, 2304, PAGES - 1u};
    unsigned from = below(2) == 0 ? below(PAGES) : edges[below(sizeof edges / sizeof edges[0])];
    from = depth > 1 && below(2) == 0 ? near : from;
    unsigned most = PAGES - from;
    unsigned pages = 1u + (below(3) == 0 ? below(8) : below(3) == 0 ? 511u : below(PAGES));
    *first = FIRST + from;
    return pages < most ? pages : most;
}

static void map_pages(ashlar_vpn first, size_t pages)
{
    unsigned flags = FLAGS | (below(2) == 0 ? ASHLAR_MAP_LARGE : 0u);
    size_t page = first - FIRST, block = run.maps % BLOCKS;
    if (ashlar_space_map_linear(&space, first, pages, DEVICE + block * BLOCK + page, flags) != ASHLAR_OK) {
        return;
    }
    run.maps++;
    for (size_t i = page; i < page + pages; i++) {
        run.out[block][i] = true;
        run.last[i] = (uint8_t)block;
        sim_tlb_fill(0, (uint64_t)(FIRST + i) << ASHLAR_PAGE_SHIFT);
    }
}

static void map_some(void)
{
    ashlar_vpn first;
    size_t pages = choose(&first);
    map_pages(first, pages);
}

static void unmap_some(void)
{
    static ashlar_pfn frames[PAGES];
    ashlar_vpn first;
    size_t pages = choose(&first);
    if (ashlar_space_unmap(&space, first, pages, frames) == ASHLAR_OK) {
        for (size_t i = 0; i < pages; i++) {
            take_back(first + i, frames[i], 1);
        }
    }
}

/* Whoever finds them hidden flushes them. */
static void hide_some(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    ashlar_vpn first;
    size_t pages = choose(&first);
    pages = pages < ASHLAR_CURSOR_PAGES ? pages : ASHLAR_CURSOR_PAGES;
    map_pages(first, pages);
    if (ashlar_cursor_begin(&cursor, &space, first, pages, ASHLAR_INTENT_CHANGE) == ASHLAR_OK) {
        ashlar_gather_init(&gather, &space);
        (void)ashlar_cursor_hide(&cursor, pages, &gather);
        ashlar_cursor_end(&cursor);
    }
}

static void protect_some(void)
{
    ashlar_vpn first;
    size_t pages = choose(&first);
    unsigned flags = below(2) == 0 ? ASHLAR_MAP_USER | ASHLAR_MAP_READ : FLAGS;
    ashlar_status status = ashlar_space_protect(&space, first, pages, flags);
    if (status != ASHLAR_OK && status != ASHLAR_ABSENT) {
        problem("not protected", first);
    }
}

static void visit(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages);

static void clear_some(void)
{
    ashlar_vpn first;
    size_t pages = choose(&first);
    if (depth < DEPTH && ashlar_space_clear(&space, first, pages, visit, NULL) != ASHLAR_OK) {
        problem("not cleared", first);
    }
}

static void act(void)
{
    static void (*const acts[])(void) = {map_some, map_some, map_some, unmap_some, hide_some, protect_some, clear_some};
    depth++;
    acts[below(sizeof acts / sizeof acts[0])]();
    depth--;
}

static void visit(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    (void)context;
    take_back(page, frame, pages);
    if (depth < DEPTH && below(60) == 0) {
        near = (unsigned)(page - FIRST + pages) + below(100);
        near = near < PAGES ? near : PAGES - 1u;
        act();
    }
}

static void settle(void)
{
    depth = DEPTH;
    if (ashlar_space_empty(&space, visit, NULL) != ASHLAR_OK) {
        problem("not emptied", 0);
    }
    depth = 0;
    for (size_t i = 0; i < BLOCKS * PAGES; i++) {
        if (run.out[i / PAGES][i % PAGES]) {
            problem("never told of", FIRST + i % PAGES);
        }
    }
    if (space.mapped_pages + space.table_frames != 0) {
        problem("counted pages or tables are left", space.mapped_pages);
    }
}

static void run_calls(void)
{
    map_pages(FIRST, 2048);
    for (unsigned call = 0; call < CALLS && run.problem[0] == '\0'; call++) {
        act();
    }
    if (run.problem[0] == '\0') {
        settle();
    }
}

static bool run_seed(unsigned long number)
{
    memset(&run, 0, sizeof run);
    seed = number;
    const char *fatal = SIM_FATAL(run_calls());
    if (fatal != NULL || run.problem[0] != '\0') {
        printf("# seed %lu: %s\n", number, fatal != NULL ? fatal : run.problem);
        return false;
    }
    return true;
}

int main(void)
{
    const char *chosen = getenv("ASHLAR_SEED");
    unsigned long first = chosen != NULL ? strtoul(chosen, NULL, 0) : 1, seeds = tap_seeds(40);
    FOR_EACH_FORMAT(format)
    {
        size_t large = 0;
        unsigned long done = 0;
        world_start_usual(format);
        is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
        ashlar_space_switch(&space);
        while (done < seeds && run_seed(first + done)) {
            large += run.large;
            done++;
        }
        ok(done == seeds, "%s: [fault 222] visitors change the space: each page is told of once, when no CPU knows it",
           world.name);
        ok(large != 0, "%s: large ones among them", world.name);
        world_ok("visits");
    }
    return done_testing();
}
