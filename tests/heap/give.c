/* SPDX-License-Identifier: 0BSD */
/* give.c - each misuse of a pointer that is given back, with its message. */
#include "fixture.h"

#include "heap/find.h"
#include "runs/run.h"
#include <ashlar/heap.h>

static void test_double_free(void)
{
    begin();
    char *object = take_one(heap, 64);
    char *other = take_one(heap, 64);
    ashlar_heap_free(heap, object);
    const char *message = SIM_FATAL(ashlar_heap_free(heap, object));
    like(message, "not live (double free?)", "[fault 61] double free at once is fatal");
    char text[64];
    snprintf(text, sizeof text, "0 bytes into free object 0x%" PRIxPTR " of 64 bytes", (uintptr_t)object);
    like(message, text, "[fault 61] and names the object");
    like(message, "called from 0x", "[fault 61] and the caller");
    for (unsigned i = 0; i < 300; i++) {
        ashlar_heap_free(heap, take_one(heap, 64 + i));
    }
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "double free", "[fault 62] double free later");
    char *third = take_one(heap, 64);
    ashlar_heap_free(heap, other);
    like(SIM_FATAL(ashlar_heap_free(heap, other)), "double free", "[fault 63] double free with others between");
    ashlar_heap_free(heap, third);
    like(SIM_FATAL(ashlar_heap_free_sized(heap, third, 64)), "sized free of", "a sized one says so");
    end("sound after double frees");
}

static void test_remote_double_free(void)
{
    begin();
    char *object = take_one(heap, 64);
    char *second = take_one(heap, 64);
    sim_set_cpu(1);
    ashlar_heap_free(heap, object);
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "double free", "[fault 64] twice on another CPU");
    sim_set_cpu(0);
    like(SIM_FATAL(ashlar_heap_free(heap, object)), "double free", "[fault 64] on another CPU, then on its own");
    ashlar_heap_free(heap, second);
    sim_set_cpu(1);
    like(SIM_FATAL(ashlar_heap_free(heap, second)), "double free", "[fault 64] on its own, then on another");
    ok(SIM_FATAL((void)!ashlar_heap_realloc(heap, object, 10, 0)) != NULL,
       "[fault 79] realloc of what another CPU freed");
    end("sound after double frees on two CPUs");
}

/* Whatever the bits hold that are no slab's, and wherever the block's descriptor serves by then. */
static void test_bits_of_no_slab(void)
{
    begin();
    char *large = take_one(heap, 100000);
    struct run *block = ashlar_heap_find(heap, (uintptr_t)large);
    for (uint32_t i = 8u; i < block->units * 8u; i++) {
        block->bits[i].allocated = ~(uint32_t)0;
        block->bits[i].marked = 0;
    }
    like(SIM_FATAL((void)ashlar_heap_usable_size(heap, large + 8192)), "usable size of",
         "[fault 160] usable size of a large block's inside, a bit set there");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, large + 8192, 10, 0)), "interior pointer: 8192 bytes into large",
         "[fault 160] realloc of it");
    like(SIM_FATAL(ashlar_heap_free(heap, large + 8192)), "interior pointer: 8192 bytes into large",
         "[fault 160] free of it");
    ashlar_heap_free(heap, large);
    char *object = take_one(heap, 64);
    ok(ashlar_heap_find(heap, (uintptr_t)object) == block, "its descriptor serves a slab");
    ok(heap->runs.map[block->first + 2u] == (run_offset(&heap->runs, block) | MAP_NO_SLAB),
       "its old units name it still");
    like(SIM_FATAL(ashlar_heap_free(heap, large + 8192)), "in empty pages of the heap",
         "[fault 160] free of the inside of a block that is gone");
    char *small = take_one(heap, 100);
    ok(ashlar_heap_usable_size(heap, small) == 112, "a slab where bits were set has no live objects but its own");
    is_str(ashlar_heap_audit(heap), NULL, "and the audit knows it");
    ashlar_heap_free(heap, object);
    ashlar_heap_free(heap, small);
    end("sound with bits that mean nothing");
}

static void test_bad_pointers(void)
{
    static char global[64];
    char local[64];
    begin();
    char *object = take_one(heap, 100);
    char *large = take_one(heap, 100000);
    char *tail = take_one(heap, 1008);
    like(SIM_FATAL(ashlar_heap_free(heap, object + 16)), "interior pointer: 16 bytes into live object",
         "[fault 65] interior pointer");
    like(SIM_FATAL(ashlar_heap_free(heap, object + 8)), "interior pointer: 8 bytes into live object",
         "[fault 65] interior, not aligned");
    like(SIM_FATAL(ashlar_heap_free(heap, object + 1)), "interior pointer: 1 bytes into live object",
         "[fault 65] by one");
    like(SIM_FATAL(ashlar_heap_free(heap, large + 4096)), "interior pointer: 4096 bytes into large block",
         "[fault 65] interior pointer of a large block");
    like(SIM_FATAL(ashlar_heap_free(heap, local)), "wild pointer: not in the heap's range", "[fault 66] the stack");
    like(SIM_FATAL(ashlar_heap_free(heap, global)), "wild pointer: not in the heap's range", "[fault 66] a global");
    like(SIM_FATAL(ashlar_heap_free(heap, (void *)(uintptr_t)4096)), "wild pointer", "[fault 66] a small number");
    like(SIM_FATAL(ashlar_heap_free(heap, (void *)(heap->runs.base + 64 * 4096u * 40u))), "in empty pages of the heap",
         "[fault 66] what nothing is behind");
    like(SIM_FATAL(ashlar_heap_free(heap, (void *)heap->runs.range_base)), "the heap's own bookkeeping",
         "[fault 66] the heap's bookkeeping");
    like(SIM_FATAL(ashlar_heap_free(heap, tail + 4 * 1008)), "behind the last object of a slab",
         "[fault 66] behind a slab's last object");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, object + 16, 200, 0)), "realloc of",
         "[fault 79] realloc of no object");
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, local, 200, 0)), "wild pointer", "[fault 79] realloc of the stack");
    like(SIM_FATAL((void)ashlar_heap_usable_size(heap, object + 16)), "usable size of", "usable size of no object");
    ashlar_heap_free(heap, object);
    like(SIM_FATAL((void)!ashlar_heap_realloc(heap, object, 200, 0)), "double free",
         "[fault 79] realloc of a freed object");
    ashlar_heap_free(heap, large);
    ashlar_heap_free(heap, tail);
    end("sound after bad pointers");
}

static void test_large_frees(void)
{
    begin();
    char *large = take_one(heap, 2000000);
    ashlar_heap_free(heap, large);
    ok(stats_of(heap).shrinks != 0, "a large block's pages went back at once");
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "one whose pages went back already",
         "[fault 67] free of a large block that is unmapped");
    large = take_one(heap, 50000);
    ashlar_heap_free(heap, large);
    like(SIM_FATAL(ashlar_heap_free(heap, large)), "not live (double free?)", "[fault 67] of one whose pages are kept");
    end("sound after double frees of large blocks");
}

static void test_sized_frees(void)
{
    begin();
    char *object = take_one(heap, 100);
    char *large = take_one(heap, 40000);
    like(SIM_FATAL(ashlar_heap_free_sized(heap, object, 64)), "with 64 bytes: the object has 112",
         "[fault 81] sized free with too little");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, object, 113)), "with 113 bytes: the object has 112",
         "[fault 81] with too much");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, object, 0)), "with 0 bytes", "[fault 81] with nothing");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, large, 36000)), "with 36000 bytes: the object has 40960",
         "[fault 81] a large block with too little");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, large, 40961)), "with 40961 bytes", "[fault 81] with too much");
    ashlar_heap_free_sized(heap, object, 97);
    ashlar_heap_free_sized(heap, large, 40960);
    end("sound after sized frees");
}

/* Where memory is short, an object of a larger class serves: it alone may be freed with a size that is not its own. */
static char *lent;
static char *again;
static void *exact;
static void *larger;
static void *many[3000];
static unsigned filled;

static void test_lent(void)
{
    begin();
    test.limit = 40;
    exact = take_one(heap, 100);
    larger = take_one(heap, 304);
    filled = take_objects(heap, many, 3000, 4096);
    size_t borrows = stats_of(heap).borrows;
    lent = ashlar_heap_alloc(heap, 240, 0);
    ok(lent != NULL && stats_of(heap).borrows == borrows + 1u && place_of(heap, lent).bytes == 304, "a loan");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, exact, 64)), "the object has 112",
         "[fault 142] others are as strict as before");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, larger, 240)), "the object has 304",
         "[fault 142] in the same slab, too");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, lent, 305)), "the object has 304", "[fault 142] it has no more");
    ashlar_heap_free_sized(heap, lent, 240);
    again = ashlar_heap_alloc(heap, 304, 0);
    ok(again == lent, "the same object for its whole size");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, again, 240)), "the object has 304",
         "[fault 142] a loan ends when it is freed");
    ashlar_heap_free(heap, again);
    lent = ashlar_heap_alloc(heap, 240, 0);
    sim_set_cpu(1);
    ashlar_heap_free(heap, lent);
    sim_set_cpu(0);
    again = ashlar_heap_alloc(heap, 304, 0);
    like(SIM_FATAL(ashlar_heap_free_sized(heap, again, 240)), "the object has 304", "[fault 142] by another CPU, too");
    ashlar_heap_free(heap, again);
    lent = ashlar_heap_alloc(heap, 240, 0);
    ok(ashlar_heap_realloc(heap, lent, 300, 0) == lent, "or when it is made as large as it is");
    like(SIM_FATAL(ashlar_heap_free_sized(heap, lent, 240)), "the object has 304", "[fault 142] then it is strict");
    ashlar_heap_fail_nth(heap, 1);
    ok(ashlar_heap_realloc(heap, larger, 240, 0) == larger, "what cannot be made smaller stays");
    ashlar_heap_fail_nth(heap, 0);
    ashlar_heap_free_sized(heap, larger, 240);
    ashlar_heap_free(heap, lent);
    give_objects(heap, many, filled);
    ashlar_heap_free(heap, exact);
    end("sound after loans");
}

int main(void)
{
    test_double_free();
    test_remote_double_free();
    test_bits_of_no_slab();
    test_bad_pointers();
    test_large_frees();
    test_sized_frees();
    test_lent();
    return done_testing();
}
