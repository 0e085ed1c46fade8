/* SPDX-License-Identifier: 0BSD */
/* alone.c - one CPU, and others that may come.
 *
 * Whoever takes a translation away asks all CPUs that take part, and waits: so
 * interrupts must be on. While one CPU takes part there is nobody to ask, and a
 * thread may do the same with interrupts off, as kernels do before their first
 * sti. But a CPU may join in the middle of it. It waits then:
 *
 *     the one CPU, interrupts off          a CPU that joins
 *     others? then no                      others += 1
 *     inside = its number                  wait until inside is 0
 *     others? then inside = 0, no          take part
 *     work ... inside = 0
 *
 * Both sides write before they read, by read-modify-writes: so one of the two
 * sees the other. What is inside ends by itself: it waits for nobody.
 *
 * Between its two looks the one CPU may be inside for a moment after another one
 * has joined. So the word says whose it is: a CPU nests in its own, ends its own,
 * and makes nothing of another's.
 */
#include "base/alone.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/token.h"
#include "base/wait.h"

static struct {
    volatile uint32_t counted; /* somebody counts */
    volatile uint32_t others;  /* CPUs that take part, less one */
    volatile uint32_t inside;  /* whose, and how deep: 0, or the first enter's word and what nests in it */
    uint32_t max_cpus;
    bool logged;
} alone;

COLD void ashlar_alone_begin(unsigned max_cpus)
{
    alone.max_cpus = max_cpus;
    alone.logged = false;
    atomic_store_u32(&alone.others, 0);
    atomic_store_u32(&alone.inside, 0);
    atomic_store_u32(&alone.counted, 1);
}

COLD void ashlar_alone_join(void)
{
    (void)atomic_fetch_add_u32(&alone.others, 1);
    while (atomic_load_u32(&alone.inside) != 0) {
        ashlar_port_relax();
    }
}

COLD void ashlar_alone_leave(void)
{
    (void)atomic_fetch_add_u32(&alone.others, ~(uint32_t)0);
}

/* Of this CPU, which the caller does not leave: one enter. */
#define DEPTH_BITS 16u
static uint32_t first_enter(void)
{
    return ((uint32_t)ashlar_port_cpu() + 1u) << DEPTH_BITS | 1u;
}

/* How deep this CPU is inside. */
static uint32_t own_depth(void)
{
    uint32_t inside = atomic_load_u32(&alone.inside);
    return inside != 0 && inside >> DEPTH_BITS == first_enter() >> DEPTH_BITS ? inside & ((1u << DEPTH_BITS) - 1u) : 0;
}

/* With interrupts off. */
static bool is_alone(void)
{
    return atomic_load_u32(&alone.counted) != 0 && (atomic_load_u32(&alone.others) == 0 || own_depth() != 0);
}

/* A thread with interrupts off, whether it may sleep otherwise or not. */
static bool is_thread_apart(void)
{
    return (ashlar_port_context() & ~ASHLAR_CONTEXT_NO_SLEEP) == (ASHLAR_CONTEXT_THREAD | ASHLAR_CONTEXT_IRQS_OFF);
}

/* In debug builds, once: with a second CPU this will not do. */
COLD static void log_reliance(const void *caller)
{
    if (ASHLAR_DEBUG && alone.max_cpus > 1u && !alone.logged) {
        alone.logged = true;
        ashlar_log("with interrupts off, and only allowed while one CPU takes part: a call at %p", caller);
    }
}

COLD static bool enter_alone(const void *caller)
{
    if (!is_alone()) {
        return false;
    }
    if (own_depth() != 0) {
        (void)atomic_fetch_add_u32(&alone.inside, 1);
        return true;
    }
    if (!atomic_cas_u32(&alone.inside, 0, first_enter())) {
        return false;
    }
    if (atomic_load_u32(&alone.others) != 0) {
        (void)atomic_exchange_u32(&alone.inside, 0);
        return false;
    }
    log_reliance(caller);
    return true;
}

bool ashlar_alone_enter(void)
{
    return is_thread_apart() && enter_alone(ASHLAR_CALLER());
}

void ashlar_alone_exit(void)
{
    if (atomic_load_u32(&alone.inside) == 0 || !is_thread_apart()) {
        return;
    }
    uint32_t depth = own_depth();
    if (depth == 1) {
        (void)atomic_exchange_u32(&alone.inside, 0);
    } else if (depth != 0) {
        (void)atomic_fetch_add_u32(&alone.inside, ~(uint32_t)0);
    }
}

bool ashlar_may_change(void)
{
    return (ashlar_port_context() == ASHLAR_CONTEXT_THREAD || (is_thread_apart() && is_alone())) &&
           ashlar_lock_held_name() == NULL;
}

#if ASHLAR_DEBUG
bool ashlar_alone_counts(void)
{
    return atomic_load_u32(&alone.counted) != 0;
}

bool ashlar_alone_like_boot(void)
{
    return is_alone() && ashlar_may_change();
}
#endif

COLD bool ashlar_alone_take(struct ashlar_token *token)
{
    if (ashlar_port_context() == ASHLAR_CONTEXT_THREAD) {
        ashlar_token_take(token);
        return true;
    }
    bool taken = ashlar_alone_enter() && ashlar_token_try(token);
    if (!taken) {
        ashlar_alone_exit();
    }
    return taken;
}

COLD void ashlar_alone_give(struct ashlar_token *token)
{
    ashlar_token_give(token);
    ashlar_alone_exit();
}

COLD void ashlar_tell_context(bool *told, const char *what)
{
    unsigned context = ashlar_port_context();
    if (!*told && ashlar_context_kind() != ASHLAR_CONTEXT_NMI && !ashlar_may_change()) {
        *told = true;
        ashlar_log("%s: the context hook says 0x%x, and only a thread with interrupts on may wait for other CPUs", what,
                   context);
    }
}
