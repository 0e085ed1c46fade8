/* SPDX-License-Identifier: 0BSD */
/* visitors.c - who is told of frames that a clear took away may do what he likes: change the space, and be short of memory. */
#include "space/world.h"

#include "base/wait.h"
#include "frames/obtain.h"

#define PAGES 40u
#define FIRST ((ashlar_vpn)8192)
#define HOLE ((ashlar_vpn)(PAGES / 2u)) /* within the range, not mapped at first */
#define READ (ASHLAR_MAP_READ | ASHLAR_MAP_USER)

static struct ashlar_space space;
static ashlar_pfn run;
static struct {
    size_t count, known; /* visits; frames that a CPU still knew */
    bool right;
    void (*act)(void);
    ashlar_status acted;
    size_t relieved; /* frames that the reliever had, and how often it was asked */
    unsigned asked;
} told;

static void never(void)
{
    ashlar_port_fatal("it waits for itself");
}

static void visit(void *context, ashlar_vpn page, ashlar_pfn frame, size_t pages)
{
    (void)context;
    told.right = told.right && frame - run == page - FIRST && pages == 1;
    told.known +=
        sim_tlb_has(0, (uint64_t)page << ASHLAR_PAGE_SHIFT) + sim_tlb_has(1, (uint64_t)page << ASHLAR_PAGE_SHIFT);
    if (told.count++ == 0 && told.act != NULL) {
        told.act();
    }
}

static ashlar_status map_page(size_t page)
{
    return ashlar_space_map_linear(&space, FIRST + page, 1, run + page, READ);
}

/* The other CPU runs in the space, too, or nowhere. */
static void run_on_both(struct ashlar_space *other)
{
    sim_set_cpu(1);
    ashlar_space_switch(other);
    sim_set_cpu(0);
}

static void touch(ashlar_vpn page)
{
    char byte;
    (void)sim_load(0, (uint64_t)page << ASHLAR_PAGE_SHIFT, &byte, 1, SIM_USER);
    (void)sim_load(1, (uint64_t)page << ASHLAR_PAGE_SHIFT, &byte, 1, SIM_USER);
}

/* All but the hole. */
static void map_all(void)
{
    ashlar_status status = ASHLAR_OK;
    for (size_t i = 0; i < PAGES && status == ASHLAR_OK; i++) {
        status = i != HOLE ? map_page(i) : ASHLAR_OK;
        touch(FIRST + i);
    }
    is_u(status, ASHLAR_OK, "%s: pages, and a hole", world.name);
}

static const char *clear_with(void (*act)(void), ashlar_status *status)
{
    told.act = act;
    told.count = told.known = 0;
    told.right = true;
    told.acted = ASHLAR_BAD_ARGUMENT;
    return SIM_FATAL(*status = ashlar_space_clear(&space, FIRST, PAGES, visit, NULL));
}

#define CLEARS(act, what)                                                                                              \
    do {                                                                                                               \
        ashlar_status status_ = ASHLAR_OK;                                                                             \
        ok(clear_with((act), &status_) == NULL, "%s: [fault 164] %s: nobody waits for itself", world.name, what);      \
        is_u(status_, ASHLAR_OK, "%s: clear", world.name);                                                             \
        is_u(told.acted, ASHLAR_OK, "%s: [fault 164] %s", world.name, what);                                           \
        ok(told.right &&told.known == 0, "%s: [fault 48] what is told of no CPU knows", world.name);                   \
    } while (0)

static void finish(void)
{
    is_u(ashlar_space_empty(&space, NULL, NULL), ASHLAR_OK, "%s: empty", world.name);
    is_u(space.mapped_pages + space.table_frames, 0, "%s: nothing is left", world.name);
    world_ok("visitors");
}

/* --- what a visitor does ------------------------------------------------------------ */

static void change_elsewhere(void)
{
    told.acted = map_page(PAGES + 3u);
    if (told.acted == ASHLAR_OK) {
        told.acted = ashlar_space_unmap(&space, FIRST + PAGES + 3u, 1, &(ashlar_pfn){0});
    }
}

static void map_in_hole(void)
{
    told.acted = map_page(HOLE);
}

static void touch_what_waits(void)
{
    told.acted = map_page(PAGES - 1u) == ASHLAR_EXISTS &&
                         ashlar_space_unmap(&space, FIRST + PAGES - 1u, 1, NULL) == ASHLAR_ABSENT
                     ? ASHLAR_OK
                     : ASHLAR_REFUSED;
}

static void clear_rest(void)
{
    told.acted = ashlar_space_clear(&space, FIRST, PAGES, visit, NULL);
}

/* A page comes, the CPU learns of it, and it is hidden: the gather is somebody's who has not finished it. */
static void hide_in_hole(void)
{
    struct ashlar_cursor cursor;
    struct ashlar_gather gather;
    told.acted = map_page(HOLE);
    touch(FIRST + HOLE);
    if (told.acted == ASHLAR_OK) {
        told.acted = ashlar_cursor_begin(&cursor, &space, FIRST + HOLE, 1, ASHLAR_INTENT_CHANGE);
    }
    if (told.acted == ASHLAR_OK) {
        ashlar_gather_init(&gather, &space);
        (void)ashlar_cursor_hide(&cursor, 1, &gather);
        ashlar_cursor_end(&cursor);
    }
}

static void be_short(void)
{
    ashlar_pfn frame;
    ashlar_frames_fail_nth(world.pool, 1, 0);
    FRAMES_OBTAIN(world.pool, told.acted, ashlar_frames_take(world.pool, 0, &frame));
    if (told.acted == ASHLAR_OK) {
        ashlar_frames_give(world.pool, frame, 0);
    }
}

static void find_busy(void)
{
    told.acted = map_page(PAGES + 3u);
}

static size_t relieve(void *context)
{
    size_t before = told.count;
    (void)context;
    told.asked++;
    return ashlar_space_clear(&space, FIRST, PAGES, visit, NULL) == ASHLAR_OK ? told.count - before : 0;
}

/* Whoever may wait does; this one is the visitor itself, and would wait for ever. */
static const char *fatal;
static bool waited;

static void destroy_it(void)
{
    fatal = SIM_FATAL(ashlar_space_destroy(&space));
    waited = fatal != NULL && strstr(fatal, "it waits for itself") != NULL;
    uintptr_t interrupts = world_begin_alone();
    fatal = SIM_FATAL(ashlar_space_destroy(&space));
    world_end_alone(interrupts);
}

/* Where it is told of one page, none is left in the tables: but the clear comes back to them. */
static void test_destroy(size_t pages)
{
    ashlar_status status = ASHLAR_OK;
    is_u(ashlar_space_map_linear(&space, FIRST, pages, run, READ), ASHLAR_OK, "%s: %zu pages", world.name, pages);
    ashlar_space_switch(NULL);
    ok(clear_with(destroy_it, &status) == NULL && status == ASHLAR_OK, "%s: cleared all the same", world.name);
    ok(waited, "%s: [fault 176] a space is not destroyed while a visitor is told of its frames", world.name);
    like(fatal, "destroyed while a visitor is told of its frames", "[fault 176] where that may not be waited for");
    is_u(told.count, pages, "%s: all are told of", world.name);
    finish();
}

static void test_changes(void)
{
    map_all();
    CLEARS(change_elsewhere, "a visitor maps and unmaps elsewhere");
    is_u(told.count, PAGES - 1u, "%s: all are told of", world.name);
    map_all();
    CLEARS(touch_what_waits, "what it has not been told of is neither there nor free");
    is_u(told.count, PAGES - 1u, "%s: all are told of", world.name);
    map_all();
    CLEARS(map_in_hole, "a visitor maps what is in the range");
    is_u(told.count + space.mapped_pages, PAGES, "%s: it stays, or is taken as well", world.name);
    (void)clear_with(NULL, &told.acted);
    map_all();
    CLEARS(clear_rest, "a visitor clears the rest itself");
    is_u(told.count, PAGES - 1u, "%s: each is told of once", world.name);
    map_all();
    CLEARS(hide_in_hole, "a visitor hides a page, and flushes nothing");
    is_u(told.count, PAGES, "%s: it is told of as well, flushed", world.name);
    finish();
}

static void test_relief(void)
{
    static struct ashlar_reliever reliever;
    reliever = (struct ashlar_reliever){.relieve = relieve, .takes_memory = 1};
    ashlar_frames_add_reliever(world.pool, &reliever);
    told.asked = 0;
    map_all();
    CLEARS(be_short, "a visitor is short, and the reliever clears the same space");
    is_u(told.asked, 1, "%s: [fault 164] it was asked", world.name);
    is_u(told.count, PAGES - 1u, "%s: each is told of once", world.name);
    finish();
}

/* Who could not wait to go on keeps the space to himself. */
static void test_no_wait(void)
{
    ashlar_status status = ASHLAR_OK;
    map_all();
    uintptr_t interrupts = ashlar_port_irq_save();
    ok(clear_with(find_busy, &status) == NULL, "%s: with interrupts off", world.name);
    ashlar_port_irq_restore(interrupts);
    is_u(status, ASHLAR_OK, "%s: clear", world.name);
    is_u(told.acted, ASHLAR_MAY_NOT_WAIT, "%s: [fault 164] a visitor that changes the space is told so", world.name);
    is_u(told.count, PAGES - 1u, "%s: all are told of", world.name);
    finish();
}

int main(void)
{
    static const struct ashlar_waiting waiting = {.yield = never};
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        ashlar_wait_by(&waiting);
        is_u(ashlar_space_create(&space), ASHLAR_OK, "%s: a space", world.name);
        ashlar_space_switch(&space);
        run = world_frames(128, 1);
        run_on_both(&space);
        test_changes();
        test_relief();
        run_on_both(NULL);
        test_no_wait();
        test_destroy(1);
        test_destroy(PAGES);
        ashlar_space_destroy(&space);
    }
    return done_testing();
}
