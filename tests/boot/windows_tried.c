/* SPDX-License-Identifier: 0BSD */
/* windows_tried.c - windows that do not work are found before boot writes through them, and a root that is looked at stays as it is.
 *
 * The source is compiled once more here, with an open_frame that can be broken.
 */
#include "boot/world.h"

#include <ashlar/port.h>

#define SPARE_FRAME ((ashlar_pfn)0x500)

static enum broken { NOTHING, ALL_ARE_ONE, SHOWS_THE_LAST } broken;
static unsigned opens;

/* What is opened: the root, the spare frame, that one, the root. */
static void *hook_open_frame(ashlar_pfn frame)
{
    opens++;
    if (broken == ALL_ARE_ONE) {
        return ashlar_port_open_frame(BOOT_ROOT);
    }
    return ashlar_port_open_frame(broken == SHOWS_THE_LAST && opens == 4u ? SPARE_FRAME : frame);
}

#define ashlar_port_open_frame hook_open_frame
#define ashlar_boot_try_windows try_windows_of_hooks
/* NOLINTNEXTLINE(bugprone-suspicious-include): another build of it. */
#include "../../src/boot/windows_tried.c"
#undef ashlar_port_open_frame
#undef ashlar_boot_try_windows

static void check(enum broken what, const char *message, const char *name)
{
    static char before[4096];
    memcpy(before, sim_ram_frame(BOOT_ROOT), sizeof before);
    broken = what;
    opens = 0;
    const char *said = SIM_FATAL(try_windows_of_hooks(SPARE_FRAME));
    if (message == NULL) {
        is_str(said, NULL, name);
    } else {
        like(said, message, name);
    }
    ok(memcmp(before, sim_ram_frame(BOOT_ROOT), sizeof before) == 0, "%s: the root is as it was", world.name);
    ok(sim_pins() == 0 && sim_windows_open(0) == 0, "%s: no window is open", world.name);
}

static void test_full_root(void)
{
    static char before[4096];
    uint32_t *root = sim_ram_frame(BOOT_ROOT);
    memcpy(before, root, sizeof before);
    for (size_t i = 0; i < WINDOW_WORDS; i++) {
        root[i] |= 1u;
    }
    check(ALL_ARE_ONE, NULL, "[fault 232] a root without a gap cannot be tried with");
    memcpy(root, before, sizeof before);
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        prepare(format, 64u * MIB);
        check(NOTHING, NULL, "[fault 232] windows that are right");
        check(ALL_ARE_ONE,
              "boot: open_frame: with frames 0x102 and 0x500 open, what is written to one shows in the other",
              "[fault 232] windows that are all one");
        check(SHOWS_THE_LAST,
              "boot: open_frame: of frame 0x102, after frame 0x500 was closed, shows what was written there",
              "[fault 232] a window that shows what it showed before");
        test_full_root();
        up();
        world_ok("boot");
    }
    return done_testing();
}
