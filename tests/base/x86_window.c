/* SPDX-License-Identifier: 0BSD */
/* x86_window.c - the windows of port/x86, of which each CPU has as many as the port was built for: a CPU beyond is named before
 * anything is written. What follows after that check needs a privileged instruction, and is tested on the machine. */
/* NOLINTNEXTLINE(bugprone-suspicious-include): the port is built for the kernel alone; here for the host. */
#include "../../port/x86/window.c"

#include "sim.h"
#include "tap.h"

#define PAGES (ASHLAR_X86_WINDOW_CPUS * ASHLAR_X86_WINDOWS_PER_CPU)

static uint64_t entries[PAGES + ASHLAR_X86_WINDOWS_PER_CPU];

int main(void)
{
    ashlar_x86_windows_init(entries, sizeof entries[0], 0x400000, 0);
    for (volatile unsigned cpu = ASHLAR_X86_WINDOW_CPUS; cpu < 4u * ASHLAR_X86_WINDOW_CPUS;
         cpu += ASHLAR_X86_WINDOW_CPUS) {
        sim_set_cpu(cpu);
        like(SIM_FATAL((void)ashlar_x86_window_open(1)), "ASHLAR_X86_WINDOW_CPUS is too few for CPU 0x",
             "a CPU that has no windows is fatal, and named [fault 115]");
        like(SIM_FATAL(ashlar_x86_window_close((void *)0x400000)), "too few for CPU 0x", "  when it closes one, too");
        like(SIM_FATAL((void)ashlar_x86_windows_open(0)), "too few for CPU 0x", "  or asks");
    }
    unsigned written = 0;
    for (unsigned i = 0; i < sizeof entries / sizeof *entries; i++) {
        written += entries[i] != 0;
    }
    is_u(written, 0, "  before an entry is written");
    sim_set_cpu(ASHLAR_X86_WINDOW_CPUS - 1u);
    is_u(ashlar_x86_windows_open(0), 0, "the last one has windows");
    return done_testing();
}
