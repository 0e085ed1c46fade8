/* SPDX-License-Identifier: 0BSD */
/* owner.c - the second owner of a CPU: of interrupts that come while the first is busy. */
#include "fixture.h"

#include <ashlar/heap.h>

static void *objects[1];

static void test_second_owner(void)
{
    begin();
    take_objects(heap, objects, 1, 64);
    ashlar_heap_free(heap, objects[0]);
    void *mine = ashlar_heap_alloc(heap, 64, 0);
    heap->owners[0].state |= OWNER_BUSY;
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    void *object = ashlar_heap_alloc(heap, 64, 0);
    ok(object != NULL && place_of(heap, object).owner == CPUS,
       "an interrupt that finds its CPU busy uses the second owner");
    ashlar_heap_free(heap, object);
    ok(!place_of(heap, object).live, "and frees to it at once");
    ashlar_heap_free(heap, mine);
    ok(place_of(heap, mine).pending, "what is the thread's goes to the mailbox");
    heap->owners[CPUS].state |= OWNER_BUSY;
    size_t failures = stats_of(heap).failures;
    ok(ashlar_heap_alloc(heap, 64, 0) == NULL, "both are busy: nothing");
    is_u(stats_of(heap).failures, failures + 1, "which is counted");
    ok(sim_pins() == 0, "and no pin stays");
    heap->owners[CPUS].state = 0;
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    heap->owners[0].state = 0;
    end("sound after an interrupt in between");
}

/* What a thread finds busy, another thread has, which cannot run beside one that is pinned. */
static void test_pin_that_pins_nothing(void)
{
    begin();
    void *mine = ashlar_heap_alloc(heap, 64, 0);
    heap->owners[0].state |= OWNER_BUSY;
    like(SIM_FATAL(mine = ashlar_heap_alloc(heap, 64, 0)),
         "owner 0 is found in use by a thread that is pinned: ashlar_port_pin",
         "a thread that finds its CPU's owner busy names pin [fault 113]");
    like(SIM_FATAL(ashlar_heap_free(heap, mine)), "ashlar_port_pin", "  whatever it wants");
    uintptr_t interrupts = ashlar_port_irq_save();
    void *object = ashlar_heap_alloc(heap, 64, 0);
    ok(object != NULL, "with interrupts off it may be anybody, and the second owner serves");
    ashlar_heap_free(heap, object);
    ashlar_port_irq_restore(interrupts);
    heap->owners[0].state = 0;
    heap->owners[CPUS].mailbox = 16;
    heap->owners[CPUS].state |= OWNER_BUSY;
    like(SIM_FATAL(ashlar_heap_work(heap)), "ashlar_port_pin", "the same of the second owner");
    heap->owners[CPUS].mailbox = 0;
    heap->owners[CPUS].state = 0;
    ashlar_heap_free(heap, mine);
    end("sound afterwards");
}

int main(void)
{
    test_second_owner();
    test_pin_that_pins_nothing();
    return done_testing();
}
