/* SPDX-License-Identifier: 0BSD */
/* interrupts.c - an interrupt, or an NMI, at every instruction of the heap's operations.
 *
 * The CPU's own trap flag steps through an operation one instruction at a time,
 * and at every 41st an interrupt allocates and frees; 41 passes with another
 * phase each hit every instruction. So many are made of what is short; of longer
 * operations some, and all in a long run. Interrupts wait while the code has them
 * off; NMIs do not.
 */
#include "source.h"

#include <ashlar/heap.h>
#include <signal.h>
#include <ucontext.h>

#define TRAP_FLAG 0x100
#define CPUS 2u
#define VICTIMS 3u
#define PERIOD 41ul
#define TRAPS_MOST 6000ul /* in the usual run, for one operation, if it can be had */
#define BYTES 64u

#if defined(__x86_64__) || defined(__i386__)

static struct ashlar_heap *heap;
static struct test_source test;
static struct ashlar_cache *cache;
static void *victims[VICTIMS]; /* objects of the thread's that the interrupt frees */
static void *mine[48];
static unsigned context;
static volatile unsigned long traps;
static unsigned long trap_at; /* the next interrupt */
static volatile unsigned long came;
static bool promised; /* by prefill */
static const char *wrong;

static void must(bool condition, const char *what)
{
    if (!condition && wrong == NULL) {
        wrong = what;
    }
}

/* --- the interrupt ---------------------------------------------------------- */

static void interrupt(void)
{
    sim_set_context(context);
    unsigned char *first = ashlar_heap_alloc(heap, BYTES, 0);
    unsigned char *second = ashlar_heap_alloc(heap, BYTES, 0);
    must(!promised || (first != NULL && second != NULL), "an allocation that was promised to interrupts failed");
    must(first == NULL || first != second, "one object twice");
    if (first != NULL && second != NULL) {
        memset(first, 0xee, BYTES);
        memset(second, 0xdd, BYTES);
    }
    ashlar_heap_free(heap, first);
    ashlar_heap_free(heap, second);
    for (unsigned i = 0; i < VICTIMS; i++) {
        ashlar_heap_free(heap, victims[i]);
        victims[i] = NULL;
    }
    ashlar_heap_free(heap, ashlar_cache_alloc(cache, ASHLAR_HEAP_ZERO));
    ashlar_heap_free(heap, ashlar_heap_alloc(heap, 40000, 0));
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    came++;
}

static void on_trap(int number, siginfo_t *info, void *user)
{
    (void)number;
    (void)info;
    (void)user;
    traps++;
    bool masked = context == ASHLAR_CONTEXT_INTERRUPT && sim_interrupts_are_off();
    if (traps >= trap_at && !masked) {
        interrupt();
        trap_at = traps + PERIOD;
    }
}

static void on_switch(int number, siginfo_t *info, void *user)
{
    ucontext_t *state = user;
    (void)info;
    if (number == SIGUSR1) {
        state->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
    } else {
        state->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
    }
}

static void catch (int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    sigaction(number, &action, NULL);
}

/* --- the operations --------------------------------------------------------- */

static void pair(void)
{
    unsigned char *object = ashlar_heap_alloc(heap, BYTES, 0);
    must(object != NULL, "no object");
    *object = 0x11;
    ashlar_heap_free(heap, object);
}

/* New slabs, and slabs that become empty. */
static void many(void)
{
    for (unsigned i = 0; i < 4; i++) {
        mine[i] = ashlar_heap_alloc(heap, 2048, 0);
        must(mine[i] != NULL, "no object");
        *(unsigned char *)mine[i] = (unsigned char)i;
    }
    for (unsigned i = 0; i < 4; i++) {
        must(*(unsigned char *)mine[i] == i, "contents changed");
        ashlar_heap_free(heap, mine[i]);
    }
}

static void large(void)
{
    void *object = ashlar_heap_alloc(heap, 33000, 0);
    object = ashlar_heap_realloc(heap, object, 37000, 0);
    must(object != NULL, "no object");
    object = ashlar_heap_realloc(heap, object, 33000, 0);
    ashlar_heap_free(heap, object);
}

static void cached(void)
{
    void *objects[5];
    must(ashlar_cache_alloc_bulk(cache, 0, objects, 5) != 0, "no objects");
    for (unsigned i = 0; i < 5; i++) {
        *(unsigned char *)objects[i] = 0x22;
    }
    ashlar_cache_free_bulk(cache, objects, 5);
}

/* Objects that another CPU freed; what is left over keeps the fast paths shut. */
static void mail(void)
{
    pair();
    pair();
    (void)ashlar_heap_work(heap);
}

static void shrink(void)
{
    (void)ashlar_heap_shrink(heap, 0);
}

static const struct {
    const char *name;
    void (*run)(void);
} operations[] = {{"a pair", pair},        {"new slabs and empty ones", many},
                  {"large blocks", large}, {"a cache's bulk", cached},
                  {"mail", mail},          {"shrinking", shrink}};

/* --- the run ---------------------------------------------------------------- */

static void set_up(bool with_mail)
{
    heap = source_heap(&test, 2048, CPUS, 64 << 10, ASHLAR_HEAP_SOURCE_ZEROED);
    must(ashlar_cache_create(heap, "cache", 200, 0, ASHLAR_CACHE_CANARY, &cache) == ASHLAR_OK, "no cache");
    must(ashlar_heap_prefill(heap, BYTES, 70) == ASHLAR_OK, "no prefill");
    victims[0] = ashlar_heap_alloc(heap, BYTES, 0);
    victims[1] = ashlar_heap_alloc(heap, 2048, 0);
    victims[2] = ashlar_heap_alloc(heap, 33000, 0);
    for (unsigned i = 0; i < 48; i++) {
        mine[i] = ashlar_heap_alloc(heap, BYTES, 0);
    }
    sim_set_cpu(with_mail ? 1 : 0);
    for (unsigned i = 0; i < 48; i++) {
        ashlar_heap_free(heap, mine[i]);
    }
    sim_set_cpu(0);
}

static void check(void)
{
    interrupt(); /* at the latest now */
    settle_all(heap, CPUS);
    const char *audit = source_audit(heap, &test);
    must(audit == NULL, audit);
    must(stats_of(heap).live_objects == 0, "objects were lost");
    must(ashlar_cache_destroy(cache) == ASHLAR_OK, "the cache has objects");
    source_free(&test);
}

/* Returns how many instructions there were. */
static unsigned long run(void (*operation)(void), unsigned long at)
{
    set_up(operation == mail);
    promised = operation != shrink; /* which gives back what interrupts have used in between */
    traps = 0;
    trap_at = at;
    raise(SIGUSR1);
    operation();
    raise(SIGUSR2);
    check();
    return traps;
}

static void try_operation(unsigned which, unsigned long most, const char *what)
{
    unsigned long length = most;
    unsigned long passes = 0;
    came = 0;
    for (; passes < PERIOD && (passes == 0 || (passes + 1u) * length <= most) && wrong == NULL; passes++) {
        length = run(operations[which].run, 1u + passes * 17u % PERIOD);
    }
    if (wrong != NULL) {
        printf("# pass %lu: %s\n", passes, wrong);
    }
    ok(wrong == NULL && length > 100, "[fault %s during %s (%lu times in %lu passes of %lu instructions)", what,
       operations[which].name, came, passes, length);
    wrong = NULL;
}

int main(void)
{
    unsigned long most = getenv("ASHLAR_LONG") != NULL ? 100ul * TRAPS_MOST : TRAPS_MOST;
    catch (SIGTRAP, on_trap);
    catch (SIGUSR1, on_switch);
    catch (SIGUSR2, on_switch);
    for (unsigned i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        context = ASHLAR_CONTEXT_INTERRUPT;
        try_operation(i, most, "83] an interrupt");
        context = ASHLAR_CONTEXT_NMI;
        try_operation(i, most, "84] an NMI");
    }
    return done_testing();
}

#else

int main(void)
{
    tap_skip("an interrupt at every instruction", "needs the trap flag of x86");
    return done_testing();
}

#endif
