/* SPDX-License-Identifier: 0BSD */
/* selftest.c - does the kernel's port do what port.h says?
 *
 * Each hook is tried for what can be seen of it from inside, and what is wrong
 * is said in terms of the hook: a port that fails here would corrupt memory much
 * later, far from the cause.
 *
 *     any context but NMI    interrupts, pin, windows
 *     the reference root     root
 *     where waiting is fine  kick, mark
 *     where mappings change  pointer, flush_page, flush_all
 *
 * What was taken is given back, whatever comes out. Changes of an entry are made
 * here without the library's own flush, so that the port's is all there is.
 */
#include <ashlar/boot.h>

#include "base/alone.h"
#include "base/check.h"
#include "base/contexts.h"
#include "base/format.h"
#include "base/wait.h"
#include "space/leaves.h"
#include "tables/flush.h"
#include "tables/half.h"

#define TRIED_IN_THREADS 8u
#define TRIED_IN_INTERRUPTS 4u
#define PAGE_WORDS (ASHLAR_PAGE_BYTES / sizeof(uint32_t))
#ifndef ANSWER_TURNS                   /* its own test is less patient */
#define ANSWER_TURNS ((size_t)1 << 26) /* of a spin loop: seconds */
#endif

static char wrong_hook[160];

/* False, so that whoever found it can return it. */
COLD ASHLAR_PRINTF(1, 2) static bool tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)ashlar_format_list(wrong_hook, sizeof wrong_hook, format, arguments);
    va_end(arguments);
    return false;
}

/* --- what any context may do ------------------------------------------------------- */

static bool interrupts_are_off(void)
{
    return (ashlar_port_context() & ASHLAR_CONTEXT_IRQS_OFF) != 0;
}

COLD static bool try_interrupts(void)
{
    bool before = interrupts_are_off();
    uintptr_t outer = ashlar_port_irq_save();
    bool saved = interrupts_are_off();
    uintptr_t inner = ashlar_port_irq_save();
    ashlar_port_irq_restore(inner);
    bool nested = interrupts_are_off();
    ashlar_port_irq_restore(outer);
    if (!saved) {
        return tell("irq_save: by the context hook interrupts are on after it");
    }
    if (!nested) {
        return tell("irq_restore: of an inner irq_save, it has turned interrupts on within the outer one");
    }
    if (interrupts_are_off() != before) {
        return tell("irq_restore: interrupts were %s before irq_save, and are %s after it", before ? "off" : "on",
                    before ? "on" : "off");
    }
    return true;
}

COLD static bool try_pin(void)
{
    unsigned outer = ashlar_port_pin();
    unsigned inner = ashlar_port_pin();
    ashlar_port_unpin();
    unsigned cpu = ashlar_port_cpu();
    ashlar_port_unpin();
    if (outer != inner) {
        return tell("pin: says CPU %u, and pinned once more CPU %u", outer, inner);
    }
    if (outer != cpu) {
        return tell("pin: says CPU %u, and cpu says %u", outer, cpu);
    }
    if (cpu >= ashlar_half.options.max_cpus) {
        return tell("cpu: says %u, and boot named %u CPUs at most", cpu, ashlar_half.options.max_cpus);
    }
    return true;
}

/* --- windows ------------------------------------------------------------------------- */

static void mark_frame(uint32_t *window, uint32_t mark)
{
    window[0] = window[PAGE_WORDS - 1u] = mark;
}

static bool has_mark(const uint32_t *window, uint32_t mark)
{
    return window[0] == mark && window[PAGE_WORDS - 1u] == mark;
}

/* Pinned. */
COLD static bool open_each(const ashlar_pfn *frames, unsigned count, uint32_t **window)
{
    for (unsigned i = 0; i < count; i++) {
        window[i] = ashlar_port_open_frame(frames[i]);
        mark_frame(window[i], (uint32_t)frames[i] ^ 0x5a5a5a5au);
    }
    bool good = true;
    for (unsigned i = 0; i < count && good; i++) {
        good = has_mark(window[i], (uint32_t)frames[i] ^ 0x5a5a5a5au) ||
               tell("open_frame: with %u open, frame 0x%zx at %p shows what was written to another one", count,
                    frames[i], (void *)window[i]);
    }
    return good;
}

/* Two ways to one frame, one of them opened while another frame's was closed. Pinned. */
COLD static bool look_twice(const ashlar_pfn *frames)
{
    uint32_t *one = ashlar_port_open_frame(frames[0]);
    ashlar_port_close_frame(ashlar_port_open_frame(frames[1]));
    uint32_t *other = ashlar_port_open_frame(frames[0]);
    mark_frame(one, 0x0ddba11u);
    bool good =
        has_mark(other, 0x0ddba11u) || tell("open_frame: frame 0x%zx, opened at %p and at %p, shows two contents",
                                            frames[0], (void *)one, (void *)other);
    ashlar_port_close_frame(one);
    ashlar_port_close_frame(other);
    return good;
}

COLD static bool try_windows_of(const ashlar_pfn *frames, unsigned count)
{
    static const uint8_t order[TRIED_IN_THREADS] = {3, 0, 7, 5, 1, 6, 4, 2};
    uint32_t *window[TRIED_IN_THREADS];
    ashlar_port_pin();
    bool good = open_each(frames, count, window);
    for (unsigned i = 0; i < TRIED_IN_THREADS; i++) {
        if (order[i] < count) {
            ashlar_port_close_frame(window[order[i]]);
        }
    }
    good = good && look_twice(frames);
    ashlar_port_unpin();
    return good;
}

COLD static bool try_windows(void)
{
    ashlar_pfn frames[TRIED_IN_THREADS];
    unsigned count = ashlar_context_kind() == ASHLAR_CONTEXT_THREAD ? TRIED_IN_THREADS : TRIED_IN_INTERRUPTS;
    if (ashlar_frames_take_bulk(ashlar_half.pool, frames, count, ASHLAR_FRAMES_MAY_USE_RESERVE) != ASHLAR_OK) {
        return tell("no %u frames are free to try windows with", count);
    }
    bool good = try_windows_of(frames, count);
    ashlar_frames_give_bulk(ashlar_half.pool, frames, count);
    return good;
}

/* --- the MMU --------------------------------------------------------------------------- */

/* Where a user half is in use, its root is not this one, and stays. */
COLD static bool try_root(void)
{
    ashlar_phys reference = ashlar_space_root(NULL);
    uintptr_t interrupts = ashlar_port_irq_save();
    ashlar_phys before = ashlar_port_get_root(), after = before;
    if (before == reference) {
        ashlar_port_set_root(reference);
        after = ashlar_port_get_root();
    }
    ashlar_port_irq_restore(interrupts);
    return before == after || tell("set_root: of 0x%llx, and get_root says 0x%llx", (unsigned long long)reference,
                                   (unsigned long long)after);
}

/* A page that shows one of two frames. */
struct shown {
    ashlar_vpn page;
    ashlar_pfn frames[2];
    volatile uint32_t *pointer;
};

/* Let it show the other one, and flush by this hook alone: pinned, so nobody else has seen the page. */
COLD static bool show_other(struct shown *shown, unsigned index, const char *hook, void (*flush)(uintptr_t))
{
    uintptr_t address = ashlar_space_address(shown->page);
    ashlar_pfn old;
    ashlar_port_pin();
    uint32_t before = *shown->pointer; /* now the CPU knows it */
    (void)ashlar_leaves_hide(shown->page, 1);
    (void)ashlar_leaves_collect(shown->page, 1, &old);
    ashlar_leaves_set(shown->page, 1, &shown->frames[index], ASHLAR_MAP_WRITE);
    flush(address);
    uint32_t after = *shown->pointer;
    ashlar_port_unpin();
    if (before != (index ^ 1u)) {
        return tell("pointer: what is mapped at 0x%zx is not what %p shows", address,
                    (const volatile void *)shown->pointer);
    }
    return after == index || tell("%s: after it, the CPU still sees what was mapped at 0x%zx before", hook, address);
}

static void flush_one(uintptr_t address)
{
    ashlar_port_flush_page(address);
}

static void flush_all(uintptr_t address)
{
    (void)address;
    ashlar_port_flush_all();
}

/* Its number, in each of them. */
COLD static void number_frames(const ashlar_pfn *frames)
{
    for (uint32_t i = 0; i < 2u; i++) {
        ashlar_port_pin();
        uint32_t *window = ashlar_port_open_frame(frames[i]);
        *window = i;
        ashlar_port_close_frame(window);
        ashlar_port_unpin();
    }
}

COLD static bool try_mapped(struct shown *shown)
{
    ashlar_pfn left;
    number_frames(shown->frames);
    if (ashlar_space_map(NULL, shown->page, 1, shown->frames, ASHLAR_MAP_WRITE) != ASHLAR_OK) {
        return tell("no memory to map a page with");
    }
    (void)ashlar_space_fault(ashlar_space_address(shown->page), 0); /* there may be no handler yet to bring it in */
    shown->pointer = ashlar_port_pointer(ashlar_space_address(shown->page));
    bool good = show_other(shown, 1, "flush_page", flush_one) && show_other(shown, 0, "flush_all", flush_all);
    ashlar_status status = ashlar_space_unmap(NULL, shown->page, 1, &left);
    return good && (status == ASHLAR_OK || tell("no context to unmap a page in"));
}

COLD static bool try_page(void)
{
    struct shown shown;
    if (ashlar_kva_reserve(1, 1, "selftest", &shown.page) != ASHLAR_OK) {
        return tell("no address to map a page at");
    }
    bool good = ashlar_frames_take_bulk(ashlar_half.pool, shown.frames, 2, 0) == ASHLAR_OK ||
                tell("no 2 frames are free to try mappings with");
    if (good) {
        good = try_mapped(&shown);
        ashlar_frames_give_bulk(ashlar_half.pool, shown.frames, 2);
    }
    ashlar_kva_unreserve(shown.page);
    return good;
}

/* What is mapped has to be unmapped: so whoever is alone stays so until the end. */
COLD static bool try_mapping(void)
{
    (void)ashlar_alone_enter();
    bool good = !ashlar_may_change() || try_page();
    ashlar_alone_exit();
    return good;
}

/* --- other CPUs and threads -------------------------------------------------------------- */

COLD static bool try_kick(void)
{
    unsigned silent;
    return !ashlar_may_wait() || ashlar_shootdown_probe(ANSWER_TURNS, &silent) ||
           tell("kick: CPU %u, which takes part, has not called ashlar_space_answer", silent);
}

COLD static bool try_mark(void)
{
    const uint32_t *mark = ashlar_may_wait() ? ashlar_wait_mark() : NULL;
    if (mark != NULL && mark != ashlar_wait_mark()) {
        return tell("mark: two words for one thread");
    }
    return mark == NULL || *mark == 0 || tell("mark: the word is %u where no reliever runs", *mark);
}

COLD const char *ashlar_selftest(void)
{
    CONTEXTS(yes, yes, yes, yes, no);
    /* A lost kick would be waited for by what changes mappings: so it is tried before. */
    static bool (*const each[])(void) = {try_interrupts, try_pin,     try_windows, try_root,
                                         try_kick,       try_mapping, try_mark};
    for (unsigned i = 0; i < sizeof each / sizeof each[0]; i++) {
        if (!each[i]()) {
            return wrong_hook;
        }
    }
    return NULL;
}
