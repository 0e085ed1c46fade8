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
    ok(ashlar_heap_alloc(heap, 80, 0) == NULL, "both are busy: nothing");
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
         "ashlar_port_pin lets another thread run on its CPU: owner 0 is in use",
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

/* Wherever the caller's storage lies. */
static void test_lines(void)
{
    static _Alignas(64) char memory[64 * 1024];
    for (size_t offset = 0; offset < 64; offset += 16) {
        struct ashlar_heap *small = NULL;
        is_u(ashlar_heap_init_range(memory + offset, sizeof memory - 64u, &small), ASHLAR_OK, "a heap at %zu", offset);
        const struct owner *owners = small->owners;
        ok((uintptr_t)owners % 64u == 0 && sizeof *owners % 64u == 0, "owners have lines of their own");
        ok((uintptr_t)&owners[0].mailbox / 64u != (uintptr_t)&owners[0].bin[CLASS_COUNT - 1u] / 64u &&
               (uintptr_t)&owners[0].mailbox / 64u != (uintptr_t)&owners[1] / 64u,
           "and so has what others write to");
        is_str(ashlar_heap_audit(small), NULL, "sound");
    }
}

int main(void)
{
    test_lines();
    test_second_owner();
    test_pin_that_pins_nothing();
    return done_testing();
}
