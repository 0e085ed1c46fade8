/* SPDX-License-Identifier: 0BSD */
/* reserved.c - pages and counts that callers name wrongly, in each step that backs, moves or gives back: all are found, in every
 * build, and nothing has changed where it ends in a status. */
#include "kva/world.h"

#define PAGES 64u
#define RANGES 40u /* more than there are hints */

static ashlar_vpn mine, other; /* two reserved ranges, side by side; pages 8 to 15 of each are backed */
static ashlar_vpn taken, demand, large;
static ashlar_vpn stack, device, nobody;

enum step { COMMIT, COMMIT_LARGE, DECOMMIT, MOVE_FROM, MOVE_TO, UNRESERVE, STEPS };

static const char *const step_text[STEPS] = {"commit",   "commit in large pages", "decommit", "move from", "move to",
                                             "unreserve"};

static ashlar_status take_step(enum step step, ashlar_vpn first, size_t pages)
{
    ashlar_status status = ASHLAR_OK;
    switch (step) {
    case COMMIT:
        status = ashlar_kva_commit(first, pages, ASHLAR_MAP_WRITE);
        break;
    case COMMIT_LARGE:
        status = ashlar_kva_commit_large(first, pages, ASHLAR_MAP_WRITE);
        break;
    case DECOMMIT:
        ashlar_kva_decommit(first, pages);
        break;
    case MOVE_FROM:
        status = ashlar_kva_move(mine + 16u, first, pages, ASHLAR_MAP_WRITE);
        break;
    case MOVE_TO:
        status = ashlar_kva_move(first, mine + 8u, pages, ASHLAR_MAP_WRITE);
        break;
    case UNRESERVE:
        ashlar_kva_unreserve(first);
        break;
    case STEPS:
        break;
    }
    return status;
}

/* What is wrong, and a part of what is said of it; NULL: it is one of the errors. */
static const struct misuse {
    const char *what;
    const ashlar_vpn *first;
    ptrdiff_t from; /* pages from there */
    size_t pages;
    unsigned steps; /* a bit for each */
    const char *told;
} misuses[] = {
#define ALL_BUT_UNRESERVE ((1u << UNRESERVE) - 1u)
#define BACKING (1u << COMMIT | 1u << COMMIT_LARGE | 1u << MOVE_TO)
    {"past the end, into the next range", &mine, PAGES - 4, 8, ALL_BUT_UNRESERVE, "reserved range: there is the "},
    {"all of it, and one more", &mine, 0, PAGES + 1u, ALL_BUT_UNRESERVE, "reserved range: there is the "},
    {"so many that first + count wraps", &mine, 8, ~(size_t)0 - 7u, BACKING | 1u << MOVE_FROM, NULL},
    {"so many that first + count wraps", &mine, 8, ~(size_t)0 - 7u, 1u << DECOMMIT, "decommit of"},
    {"no pages", &mine, 8, 0, BACKING | 1u << MOVE_FROM, NULL},
    {"no pages", &mine, 8, 0, 1u << DECOMMIT, "decommit of 0 pages"},
    {"pages taken by kva_take", &taken, 1, 2, ALL_BUT_UNRESERVE, "taken pages"},
    {"pages of a demand region", &demand, 1, 2, ALL_BUT_UNRESERVE, "theirs"},
    {"pages of a range in large pages", &large, 1, 2, ALL_BUT_UNRESERVE, "mine in large"},
    {"pages of a stack", &stack, 0, 1, ALL_BUT_UNRESERVE, "worker"},
    {"pages of a device", &device, 0, 1, ALL_BUT_UNRESERVE, "board"},
    {"addresses of nobody", &nobody, 0, 1, ALL_BUT_UNRESERVE, "in no range"},
    {"pages that are backed already", &mine, 6, 4, BACKING, NULL},
    {"pages with a hole", &mine, 6, 4, 1u << MOVE_FROM, NULL},
    {"pages with a hole", &mine, 6, 4, 1u << DECOMMIT, "decommit of 4 pages"},
    {"pages that were never backed", &mine, 40, 4, 1u << DECOMMIT, "decommit of 4 pages"},
    {"a page of the user half", &taken, PTRDIFF_MIN, 1, BACKING | 1u << MOVE_FROM, NULL},
    {"a page of the user half", &taken, PTRDIFF_MIN, 1, 1u << DECOMMIT, "decommit of 1 pages"},
    {"the middle of a range", &mine, 1, 0, 1u << UNRESERVE, "no range begins"},
    {"with pages in it", &mine, 0, 0, 1u << UNRESERVE, "with something mapped in it"},
    {"what was taken otherwise", &taken, 0, 0, 1u << UNRESERVE, "taken pages"},
    {"a demand region", &demand, 0, 0, 1u << UNRESERVE, "theirs"},
    {"addresses of nobody", &nobody, 0, 0, 1u << UNRESERVE, "no range begins"},
};

static void try_misuse(const struct misuse *misuse, enum step step)
{
    ashlar_vpn first = misuse->from == PTRDIFF_MIN ? 5u : *misuse->first + (ashlar_vpn)misuse->from;
    volatile ashlar_status status = ASHLAR_OK;
    size_t before = world_free_frames();
    const char *told = SIM_FATAL(status = take_step(step, first, misuse->pages));
    if (misuse->told == NULL) {
        ok(told == NULL && status != ASHLAR_OK, "%s: [fault 167] %s, %s: an error", world.name, step_text[step],
           misuse->what);
        ok(world_free_frames() == before && world_broken() == NULL, "%s: nothing has changed", world.name);
    } else {
        ok(told != NULL && strstr(told, misuse->told) != NULL, "%s: [fault 167] %s, %s: %s", world.name,
           step_text[step], misuse->what, told != NULL ? told : "not found");
    }
}

static ashlar_status take_ranges(void)
{
    uintptr_t top = 0, address = 0;
    ashlar_status status = ashlar_kva_reserve(PAGES, 1, "mine", &mine);
    status = status == ASHLAR_OK ? ashlar_kva_reserve(PAGES, 1, "other", &other) : status;
    status = status == ASHLAR_OK ? ashlar_kva_commit(mine + 8u, 8, ASHLAR_MAP_WRITE) : status;
    status = status == ASHLAR_OK ? ashlar_kva_commit(other, 16, ASHLAR_MAP_WRITE) : status;
    status = status == ASHLAR_OK ? ashlar_kva_take(8, ASHLAR_MAP_WRITE, "taken pages", &taken) : status;
    status = status == ASHLAR_OK ? ashlar_kva_take(1024, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "mine in large", &large)
                                 : status;
    status = status == ASHLAR_OK ? ashlar_kva_take_demand(8, ASHLAR_MAP_WRITE, "theirs", &demand) : status;
    status = status == ASHLAR_OK ? ashlar_kva_take_stack(2, "worker", &top) : status;
    status = status == ASHLAR_OK ? ashlar_kva_map_mmio(0xfee00000u, 4096, ASHLAR_MAP_WRITE, "board", &address) : status;
    stack = world_page(top) - 1u;
    device = world_page(address);
    nobody = world.layout.arena_first + world.layout.arena_pages / 2u;
    return status;
}

/* More ranges than hints: each page finds its own, whoever was asked for before. */
static void test_many(void)
{
    ashlar_vpn first[RANGES];
    ashlar_status status = ASHLAR_OK;
    for (unsigned i = 0; i < RANGES && status == ASHLAR_OK; i++) {
        status = ashlar_kva_reserve(16, 512, "one of many", &first[i]);
    }
    for (unsigned i = 0; i < 4u * RANGES && status == ASHLAR_OK; i++) {
        status = ashlar_kva_commit(first[i * 7u % RANGES] + 2u * (i / RANGES) + 1u, 2, ASHLAR_MAP_WRITE);
    }
    is_u(status, ASHLAR_OK, "%s: parts of many ranges in turn", world.name);
    for (unsigned i = 0; i < RANGES && status == ASHLAR_OK; i++) {
        ashlar_kva_decommit(first[i] + 1u, 8);
        ashlar_kva_unreserve(first[i]);
    }
    status = ashlar_kva_reserve(16, 512, "after them", &first[0]);
    is_u(ashlar_kva_commit(first[0] + 3u, 2, ASHLAR_MAP_WRITE), status, "%s: an old hint names nobody", world.name);
    ashlar_kva_decommit(first[0] + 3u, 2);
    ashlar_kva_unreserve(first[0]);
    world_ok("many ranges");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        world_start_usual(format);
        test_many();
        is_u(take_ranges(), ASHLAR_OK, "%s: ranges of all kinds", world.name);
        is_u(other, mine + PAGES, "%s: two side by side", world.name);
        for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
            for (unsigned step = 0; step < STEPS; step++) {
                if ((misuses[i].steps >> step & 1u) != 0) {
                    try_misuse(&misuses[i], (enum step)step);
                }
            }
        }
    }
    return done_testing();
}
