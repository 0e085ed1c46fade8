/* SPDX-License-Identifier: 0BSD */
/* recycled.c - pages are looked up while another CPU gives a neighbouring range back and takes one whose descriptor is the same:
 * between any two instructions. Whoever names his own pages is never told that they are another's.
 */
#include "kva/world.h"

#include "kva/addresses.h"
#include "kva/reserved.h"
#include "stepping.h"
#include <ucontext.h>

#define PAGES 64u

static ashlar_vpn hole, neighbour, mine, last; /* side by side, in this order; the hole is free */
static ashlar_vpn large;                       /* taken when the neighbour is given back */
static unsigned long at, stepped;              /* the instruction before which it happens; so many were counted */
static size_t recycled;

static uint32_t index_of(ashlar_vpn first)
{
    struct ashlar_range_info range = {0};
    (void)ashlar_ranges_find_locked(&ashlar_kva.general.ranges, first, &range);
    return range.index;
}

/* The hole and the neighbour become one free range, and of their descriptors one is the next that is taken. */
static void recycle(void)
{
    uint32_t index = index_of(neighbour);
    const struct range_request request = {8u * PAGES, 1, RANGE_DEVICE, "large"};
    struct ashlar_range_info range;
    ashlar_kva_unreserve(neighbour);
    if (ashlar_addresses_take(&ashlar_kva.general, &request, &range) == ASHLAR_OK) {
        large = range.first;
        recycled += range.index == index;
    }
}

/* At the first instruction, from this one on, that may be interrupted; then there is no more to count. */
static void interrupt_there(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *there = context;
    (void)signal_number;
    (void)info;
    if (++stepped >= at && !sim_interrupts_are_off()) {
        sim_set_cpu(1);
        recycle();
        sim_set_cpu(0);
        there->uc_mcontext.gregs[REG_EFL] &= ~0x100;
    }
}

static bool take_ranges(void)
{
    return ashlar_kva_reserve(PAGES, 1, "hole", &hole) == ASHLAR_OK &&
           ashlar_kva_reserve(4, 1, "neighbour", &neighbour) == ASHLAR_OK &&
           ashlar_kva_reserve(PAGES, 1, "mine", &mine) == ASHLAR_OK &&
           ashlar_kva_reserve(4, 1, "last", &last) == ASHLAR_OK;
}

static void give_ranges(void)
{
    if (large != 0) {
        ashlar_arena_give(&ashlar_kva.general, large, NULL);
        large = 0;
    } else {
        ashlar_kva_unreserve(neighbour);
    }
    ashlar_kva_unreserve(mine);
    ashlar_kva_unreserve(last);
}

/* Of the pages in the middle of my range, after others of `before` were asked for. */
static const char *look_up(ashlar_vpn before, ashlar_status *status)
{
    *status = ashlar_reserved_status(before, 1, "commit", NULL);
    stepped = 0;
    STEP_ON();
    const char *told = SIM_FATAL(*status = ashlar_reserved_status(mine + 10u, 2, "commit", NULL));
    STEP_OFF();
    return told;
}

static void test_each_step(const ashlar_vpn *before, const char *what)
{
    const char *told = NULL;
    ashlar_status status = ASHLAR_OK;
    bool happened = true;
    recycled = 0;
    for (at = 1; happened && told == NULL && status == ASHLAR_OK; at = stepped + 1u) {
        if (!take_ranges()) {
            status = ASHLAR_NO_ADDRESSES;
            break;
        }
        ashlar_kva_unreserve(hole);
        told = look_up(*before, &status);
        happened = large != 0;
        give_ranges();
    }
    ok(told == NULL, "%s: [fault 220] %s: nobody is told that his pages are another's%s%s", world.name, what,
       told != NULL ? ", but " : "", told != NULL ? told : "");
    is_u(status, ASHLAR_OK, "%s: they are found", world.name);
    ok(recycled > 10u, "%s: %zu times the descriptor was another range's in the middle", world.name, recycled);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = interrupt_there, .sa_flags = SA_SIGINFO};
    if (!stepping_works()) {
        return 0;
    }
    sigaction(SIGTRAP, &action, NULL);
    world_start_usual(&world_formats[0]);
    test_each_step(&neighbour, "where the neighbour was found last");
    test_each_step(&last, "where another one was found last");
    world_ok("recycled");
    return done_testing();
}
