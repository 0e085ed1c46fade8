/* SPDX-License-Identifier: 0BSD */
/* selftest.c - the self-test of the port: nothing to say of a right one, and each wrong hook is named with what it did.
 *
 * The source is compiled once more here, with hooks that can be broken; what it calls of the library has the right ones.
 */
#include "boot/world.h"

#include "boot/joining.h"
#include <ashlar/port.h>

static enum broken {
    NOTHING,
    SAVE_LEAVES_ON,
    RESTORE_TURNS_ON,
    RESTORE_DOES_NOTHING,
    PIN_NAMES_ANOTHER,
    PINS_DIFFER,
    CPU_IS_TOO_HIGH,
    WINDOWS_ARE_ONE,
    WINDOWS_DIFFER,
    ROOT_IS_NOT_SET,
    POINTER_IS_ELSEWHERE,
    PAGE_IS_NOT_FLUSHED,
    NOTHING_IS_FLUSHED,
    KICK_IS_LOST,
    MARK_IS_SET
} broken;

static uintptr_t state_on;
static unsigned pins, opens, roots;
static ashlar_pfn first_frame;
static uint32_t elsewhere = 77;

static uintptr_t hook_irq_save(void)
{
    return broken == SAVE_LEAVES_ON ? state_on : ashlar_port_irq_save();
}

static void hook_irq_restore(uintptr_t saved)
{
    if (broken != RESTORE_DOES_NOTHING && broken != SAVE_LEAVES_ON) {
        ashlar_port_irq_restore(broken == RESTORE_TURNS_ON ? state_on : saved);
    }
}

static unsigned hook_pin(void)
{
    unsigned cpu = ashlar_port_pin();
    pins++;
    cpu += broken == PIN_NAMES_ANOTHER || (broken == PINS_DIFFER && pins % 2u == 0);
    return broken == CPU_IS_TOO_HIGH ? WORLD_CPUS : cpu;
}

static unsigned hook_cpu(void)
{
    return broken == CPU_IS_TOO_HIGH ? WORLD_CPUS : ashlar_port_cpu();
}

static void *hook_open_frame(ashlar_pfn frame)
{
    if (opens++ == 0) {
        first_frame = frame;
    }
    bool other = (broken == WINDOWS_ARE_ONE && opens == 4) || (broken == WINDOWS_DIFFER && opens == 11);
    return ashlar_port_open_frame(other ? first_frame ^ (broken == WINDOWS_DIFFER) : frame);
}

static ashlar_phys hook_get_root(void)
{
    return ashlar_port_get_root() + (broken == ROOT_IS_NOT_SET && roots++ != 0 ? ASHLAR_PAGE_BYTES : 0);
}

static void *hook_pointer(uintptr_t address)
{
    return broken == POINTER_IS_ELSEWHERE ? &elsewhere : ashlar_port_pointer(address);
}

static void hook_flush_page(uintptr_t address)
{
    joining_now();
    if (broken != PAGE_IS_NOT_FLUSHED) {
        ashlar_port_flush_page(address);
    }
}

static void hook_flush_all(void)
{
    if (broken != NOTHING_IS_FLUSHED) {
        ashlar_port_flush_all();
    }
}

#define ashlar_port_irq_save hook_irq_save
#define ashlar_port_irq_restore hook_irq_restore
#define ashlar_port_pin hook_pin
#define ashlar_port_cpu hook_cpu
#define ashlar_port_open_frame hook_open_frame
#define ashlar_port_get_root hook_get_root
#define ashlar_port_pointer hook_pointer
#define ashlar_port_flush_page hook_flush_page
#define ashlar_port_flush_all hook_flush_all
const char *selftest_of_hooks(void);
#define ANSWER_TURNS ((size_t)100)
#define ashlar_selftest selftest_of_hooks
/* NOLINTNEXTLINE(bugprone-suspicious-include): another build of it. */
#include "../../src/boot/selftest.c"
#undef ashlar_port_irq_save
#undef ashlar_port_irq_restore
#undef ashlar_port_flush_all
#undef ashlar_selftest

static void kick(const uint32_t *cpus, unsigned words)
{
    if (broken != KICK_IS_LOST) {
        world_kick(cpus, words);
    }
}

static uint32_t *mark(void)
{
    static uint32_t word;
    word = broken == MARK_IS_SET;
    return &word;
}

static void is_told(enum broken what, const char *beginning)
{
    broken = what;
    pins = opens = roots = 0;
    sim_violations_echo(false);
    const char *text = selftest_of_hooks();
    broken = NOTHING;
    ok(text != NULL && strncmp(text, beginning, strlen(beginning)) == 0, "%s: [fault 210] it says \"%s...\": %s",
       world.name, beginning, text != NULL ? text : "nothing");
    ashlar_port_irq_restore(state_on);
    ashlar_port_flush_all();
    sim_violations_clear();
    sim_violations_echo(true);
}

static void check_hooks(void)
{
    is_told(SAVE_LEAVES_ON, "irq_save: ");
    is_told(RESTORE_TURNS_ON, "irq_restore: of an inner irq_save");
    is_told(RESTORE_DOES_NOTHING, "irq_restore: interrupts were on before");
    is_told(PIN_NAMES_ANOTHER, "pin: says CPU 1, and cpu says 0");
    is_told(PINS_DIFFER, "pin: says CPU 0, and pinned once more CPU 1");
    is_told(CPU_IS_TOO_HIGH, "cpu: says 2, and boot named 2 CPUs at most");
    is_told(WINDOWS_ARE_ONE, "open_frame: with 8 open, frame 0x");
    is_told(WINDOWS_DIFFER, "open_frame: frame 0x");
    is_told(ROOT_IS_NOT_SET, "set_root: of 0x");
    is_told(POINTER_IS_ELSEWHERE, "pointer: what is mapped at 0x");
    is_told(PAGE_IS_NOT_FLUSHED, "flush_page: after it, the CPU still sees");
    is_told(NOTHING_IS_FLUSHED, "flush_all: after it, the CPU still sees");
    is_told(KICK_IS_LOST, "kick: CPU 1, which takes part, has not called ashlar_space_answer");
    is_told(MARK_IS_SET, "mark: the word is 1");
}

/* Wherever it may be called, and with nothing left behind. */
static void check_contexts(void)
{
    struct ashlar_frames_stats before, after;
    static const unsigned contexts[] = {ASHLAR_CONTEXT_THREAD, ASHLAR_CONTEXT_THREAD | ASHLAR_CONTEXT_NO_SLEEP,
                                        ASHLAR_CONTEXT_INTERRUPT};
    is_str(selftest_of_hooks(), NULL, "hooks that are right");
    ashlar_frames_stats(booted.frames, &before);
    for (unsigned i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        sim_set_context(contexts[i]);
        is_str(selftest_of_hooks(), NULL, "in each context");
        is_str(ashlar_selftest(), NULL, "as a kernel has it");
    }
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    uintptr_t saved = ashlar_port_irq_save();
    is_str(selftest_of_hooks(), NULL, "with interrupts off");
    ashlar_port_irq_restore(saved);
    ashlar_frames_stats(booted.frames, &after);
    is_u(after.free_frames, before.free_frames, "%s: all frames are back", world.name);
    ashlar_frames_fail_nth(booted.frames, 1, 1);
    ok(strncmp(selftest_of_hooks(), "no 8 frames", 11) == 0, "%s: without a frame it cannot say", world.name);
    ashlar_frames_fail_nth(booted.frames, 0, 0);
    world_ok("self-test");
}

static void test_itself(void)
{
    is_str(selftest_of_hooks(), NULL, "hooks that are right, with interrupts off and alone");
}

/* What it maps it unmaps, for which a second CPU would have to be asked. */
static void check_joining(void)
{
    world_leave();
    is_str(joining_run(test_itself), NULL, "[fault 212] a CPU joins while a page is mapped: it waits");
    world_join();
    world_ok("joined in the middle");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        prepare(format, 64u * MIB);
        boot.kick = kick;
        boot.waiting.mark = mark;
        up();
        state_on = ashlar_port_irq_save();
        ashlar_port_irq_restore(state_on);
        check_contexts();
        check_joining();
        check_hooks();
        world_ok("broken hooks");
    }
    return done_testing();
}
