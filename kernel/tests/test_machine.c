/* SPDX-License-Identifier: 0BSD */
/* test_machine.c - what this CPU and its paging format promise: who may write and execute what. */
#include "cpu/feature.h"
#include "cpu/timer.h"
#include "cpu/trap.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "tests/tap.h"
#include <ashlar/kmalloc.h>
#include <ashlar/port.h>

#define RETURN 0xc3 /* the instruction */

static uint8_t data[] = {RETURN};
static const uint8_t constant[] = {RETURN};

static bool has_no_execute(void)
{
    return feature_has(FEATURE_NX) && image_mode()->entry_bytes == 8;
}

static void test_execution(void)
{
    uint8_t on_stack[] = {RETURN};
    uint8_t *on_heap = ashlar_kmalloc(64);
    ashlar_port_pin();
    uint8_t *window = ashlar_port_open_frame(kernel_memory.booted.carve_first);
    bool forbidden = has_no_execute();
    const char *word = forbidden ? "can not be" : "can be, for want of NX:";
    ok(trap_probe_execute((uintptr_t)data) != forbidden, "data %s executed", word);
    ok(trap_probe_execute((uintptr_t)constant) != forbidden, "constants %s executed", word);
    ok(trap_probe_execute((uintptr_t)on_stack) != forbidden, "a stack %s executed", word);
    if (on_heap != NULL) {
        *on_heap = RETURN;
        ok(trap_probe_execute((uintptr_t)on_heap) != forbidden, "the heap %s executed", word);
    }
    if (forbidden) {
        ok(!trap_probe_execute((uintptr_t)window), "nor can a window");
    }
    ashlar_port_close_frame(window);
    ashlar_port_unpin();
    ashlar_kfree(on_heap);
}

static void test_models(void)
{
    ok(feature_invlpg_leaves_global(0x90672, 0x2d) && !feature_invlpg_leaves_global(0x90672, 0x2e),
       "Alder Lake leaves global translations, until its microcode is new");
    ok(feature_invlpg_leaves_global(0xb06a2, 0x4116) && !feature_invlpg_leaves_global(0x806c1, 0) &&
           !feature_invlpg_leaves_global(0xa20f10, 0),
       "so does Raptor Lake; Tiger Lake and others do not");
    ok(feature_large_pages_race(0x106c2, 0x20d) && !feature_large_pages_race(0x106c2, 0x20e),
       "[fault 198] an early Atom does not bear large pages that change, until its microcode is new");
    ok(feature_large_pages_race(0x106c0, 0) && !feature_large_pages_race(0x106ca, 0) &&
           !feature_large_pages_race(0x106d2, 0) && !feature_large_pages_race(0x206c2, 0),
       "[fault 198] later steppings and other models do");
    ok(feature_l1tf(0x306c3, 0) && feature_l1tf(0x50654, 2) && feature_l1tf(0xf64, 0),
       "[fault 156] Haswell, Skylake and Pentium 4 read where absent entries point");
    ok(!feature_l1tf(0x50657, 1) && !feature_l1tf(0x506c9, 0) && !feature_l1tf(0x543, 0),
       "Cascade Lake says that it does not; an Atom and a Pentium never did");
}

static int count_writable_code(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    unsigned both = ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    (void)first;
    *(size_t *)context += (mapping->flags & both) == both ? pages : 0;
    return 0;
}

static void test_rights(void)
{
    uint32_t word;
    size_t pages = 0;
    ok(probe_read((uintptr_t)image_start, &word) && !probe_write((uintptr_t)image_start, word),
       "text can be read, and not be written");
    ok(probe_read((uintptr_t)image_text_end, &word) && !probe_write((uintptr_t)image_text_end, word),
       "constants can be read, and not be written");
    ok(!probe_read((uintptr_t)boot_stack_guard, &word), "the boot stack has a guard page");
    test_models();
    test_execution();
    ashlar_space_walk_mappings(NULL, count_writable_code, &pages);
    ok(pages == 0 || !has_no_execute(), "no page of the kernel half is writable and executable (%zu are)", pages);
}

/* What an interrupt says of the port while a thread has its windows open. */
static struct {
    const char *said;
    volatile uint32_t ticks;
} from_tick;

static void try_port_in_tick(void)
{
    if (from_tick.said == NULL) {
        from_tick.said = ashlar_selftest();
    }
    from_tick.ticks++;
}

static void test_port(void)
{
    uint32_t *window[8];
    const char *said = ashlar_selftest();
    ok(said == NULL, "in a thread the port does what port.h says%s%s", said != NULL ? ": " : "",
       said != NULL ? said : "");
    ashlar_port_pin();
    for (unsigned i = 0; i < 8; i++) {
        window[i] = ashlar_port_open_frame(kernel_memory.booted.carve_first + i);
    }
    timer_set_hook(try_port_in_tick);
    while (from_tick.ticks < 3) {
        ashlar_port_relax();
    }
    timer_set_hook(NULL);
    for (unsigned i = 0; i < 8; i++) {
        ashlar_port_close_frame(window[i]);
    }
    ashlar_port_unpin();
    ok(from_tick.said == NULL, "and in an interrupt, with eight windows of a thread open%s%s",
       from_tick.said != NULL ? ": " : "", from_tick.said != NULL ? from_tick.said : "");
    ok_audit("the port's self-test");
}

const struct test tests_machine[] = {
    {"port", "the port's hooks do what port.h says, in a thread and in an interrupt", test_port},
    {"rights", "text, constants, data: who may write and execute what", test_rights},
    {NULL, NULL, NULL},
};
