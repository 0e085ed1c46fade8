/* SPDX-License-Identifier: 0BSD */
/* meter.c - how long the library keeps interrupts off: its two hooks, wrapped by the linker in build/<width>/metered.elf.
 *
 * Counted is from the call that turns them off to the call that turns them on again, by the time stamp counter: under
 * -icount these are instructions. The usual kernel is not slowed down: it has neither this file nor the wraps.
 */
#include "bench/meter.h"

#include "x86/cpu.h"

/* The names are the linker's. */
uintptr_t __real_ashlar_port_irq_save(void);
uintptr_t __wrap_ashlar_port_irq_save(void);
void __real_ashlar_port_irq_restore(uintptr_t saved);
void __wrap_ashlar_port_irq_restore(uintptr_t saved);

static struct {
    uint64_t since; /* interrupts are off */
    uint64_t longest;
    uintptr_t longest_end;
} meter;

uintptr_t __wrap_ashlar_port_irq_save(void)
{
    uintptr_t saved = __real_ashlar_port_irq_save();
    if ((saved & X86_FLAGS_IF) != 0) {
        meter.since = x86_rdtsc();
    }
    return saved;
}

void __wrap_ashlar_port_irq_restore(uintptr_t saved)
{
    if ((saved & X86_FLAGS_IF) != 0) {
        uint64_t took = x86_rdtsc() - meter.since;
        if (took > meter.longest) {
            meter.longest = took;
            meter.longest_end = (uintptr_t)__builtin_return_address(0);
        }
    }
    __real_ashlar_port_irq_restore(saved);
}

bool meter_start(void)
{
    meter.longest = 0;
    return true;
}

uint64_t meter_longest(uintptr_t *where)
{
    *where = meter.longest_end;
    return meter.longest;
}
