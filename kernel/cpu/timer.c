/* SPDX-License-Identifier: 0BSD */
/* timer.c - 100 ticks a second: from the PIT through the PICs, or from the first CPU's local APIC.
 *
 * The PIT is asked first, for its rate is known. Its interrupt may never come:
 * because there is none, or because the firmware left the local APIC's line from
 * the PICs masked, or gated. So each source has to show a tick before it is taken:
 *
 *     the PIT -> the PIT, with the local APIC's line opened -> the local APIC's own timer -> a panic
 *
 * The last one's rate is measured, by a clock that can be read; or told by CPUID;
 * or taken for that of virtual machines, which is said. Either way one source ticks
 * for all CPUs (smp.c passes it on): there is one thing to count, and to mask.
 */
#include "cpu/timer.h"

#include "cpu/acpi.h"
#include "cpu/clock.h"
#include "cpu/lapic.h"
#include "cpu/smp.h"
#include "io/print.h"
#include "x86/cpu.h"
#include <ashlar/port.h>
#include <stddef.h>

#define PIC1 0x20
#define PIC2 0xa0
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_HZ 1193182u
#define PIT_TRIAL_HZ 10000u
#define END_OF_INTERRUPT 0x20
#define READ_IN_SERVICE 0x0b
#define PORT_DELAY 0x80 /* nobody's: about a microsecond to read */

/* How often that is read before a source is given up: a good part of a second on a machine, less in emulators, which have
 * another chance. */
#define PATIENCE 200000u
#define PATIENCE_LAST 3000000u

#define CPUID_CRYSTAL 0x15u
#define CPUID_HYPERVISOR 0x40000000u
#define CPUID_HYPERVISOR_RATES 0x40000010u
#define CPUID_ECX_HYPERVISOR (1u << 31)
#define VIRTUAL_HZ 1000000000u /* of QEMU and KVM */

static volatile uint32_t ticks;
static bool is_own; /* the local APIC's timer ticks */
static volatile bool is_masked;
static void (*volatile tick_hook)(void);

static void pics_init(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } setup[] = {
        {PIC1, 0x11},     {PIC2, 0x11},     /* initialise, four words */
        {PIC1 + 1, 0x20}, {PIC2 + 1, 0x28}, /* vectors 32 to 47 */
        {PIC1 + 1, 0x04}, {PIC2 + 1, 0x02}, /* the second one hangs on line 2 */
        {PIC1 + 1, 0x01}, {PIC2 + 1, 0x01}, /* 8086 mode */
        {PIC1 + 1, 0xfe}, {PIC2 + 1, 0xff}, /* all but the timer masked */
    };
    for (unsigned i = 0; i < sizeof setup / sizeof setup[0]; i++) {
        x86_out8(setup[i].port, setup[i].value);
    }
}

static void set_pit(uint32_t hz)
{
    uint32_t divisor = PIT_HZ / hz;
    x86_out8(PIT_COMMAND, 0x34);
    x86_out8(PIT_CHANNEL0, (uint8_t)divisor);
    x86_out8(PIT_CHANNEL0, (uint8_t)(divisor >> 8));
}

/* --- who ticks ---------------------------------------------------------------- */

static bool tick_comes(uint32_t patience)
{
    uint32_t before = ticks;
    x86_irq_enable();
    for (uint32_t i = 0; i < patience && ticks == before; i++) {
        (void)x86_in8(PORT_DELAY);
    }
    x86_irq_disable();
    return ticks != before;
}

static bool pit_ticks(uint32_t patience)
{
    set_pit(PIT_TRIAL_HZ);
    bool comes = tick_comes(patience);
    set_pit(TICKS_PER_SECOND);
    return comes;
}

/* How far the local APIC's timer counts in a tick. The shortest of three: nobody was in between. */
static uint32_t measure(const struct clock *clock)
{
    uint32_t least = UINT32_MAX;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t begin = clock->read();
        lapic_timer_run(UINT32_MAX);
        while (((clock->read() - begin) & clock->mask) < clock->hz / TICKS_PER_SECOND) {
            x86_pause();
        }
        uint32_t count = UINT32_MAX - lapic_timer_left();
        least = count < least ? count : least;
    }
    return least;
}

/* The rate of its clock, from CPUID; 0: it does not say. */
static uint32_t told_hz(void)
{
    if (x86_cpuid(0).eax >= CPUID_CRYSTAL && x86_cpuid(CPUID_CRYSTAL).ecx != 0) {
        return x86_cpuid(CPUID_CRYSTAL).ecx;
    }
    bool is_virtual = (x86_cpuid(1).ecx & CPUID_ECX_HYPERVISOR) != 0;
    bool has_rates = is_virtual && x86_cpuid(CPUID_HYPERVISOR).eax >= CPUID_HYPERVISOR_RATES;
    uint32_t khz = has_rates ? x86_cpuid(CPUID_HYPERVISOR_RATES).ebx : 0;
    return khz <= UINT32_MAX / 1000 ? khz * 1000 : 0;
}

static uint32_t own_count(ashlar_phys rsdp, const char **told_by)
{
    const struct clock *clock = clock_find(acpi_find_timer(rsdp));
    uint32_t hz = told_hz();
    if (clock != NULL) {
        *told_by = clock->name;
        return measure(clock);
    }
    *told_by = hz != 0 ? "CPUID" : "nobody: it is taken for 1 GHz, as in virtual machines";
    return (hz != 0 ? hz : VIRTUAL_HZ) / LAPIC_TIMER_DIVISOR / TICKS_PER_SECOND;
}

static bool own_timer_ticks(ashlar_phys rsdp)
{
    const char *told_by;
    x86_out8(PIC1 + 1, 0xff); /* lest the PIT should come to life */
    is_own = true;
    lapic_timer_start(VECTOR_TIMER, own_count(rsdp, &told_by));
    print("timer: no interrupt of the PIT comes; the local APIC's timer ticks, its rate told by %s\n", told_by);
    return tick_comes(PATIENCE_LAST);
}

void timer_init(ashlar_phys rsdp, ashlar_phys registers)
{
    pics_init();
    if (pit_ticks(PATIENCE)) {
        return;
    }
    if (!lapic_open(registers, VECTOR_SPURIOUS)) {
        if (!pit_ticks(PATIENCE_LAST)) {
            ashlar_port_fatal(
                "timer: no interrupt of the PIT comes, and there is no local APIC whose timer could tick");
        }
        return;
    }
    if (pit_ticks(PATIENCE)) {
        print("timer: the local APIC's line from the PICs was masked; the PIT ticks\n");
    } else if (!own_timer_ticks(rsdp)) {
        ashlar_port_fatal("timer: no tick comes, neither from the PIT nor from the local APIC's timer");
    }
}

/* --- ticks ---------------------------------------------------------------------- */

static void tick(void)
{
    void (*hook)(void) = tick_hook;
    ticks++;
    smp_pass_tick();
    if (hook != NULL) {
        hook();
    }
}

/* Lines 7 and 15 also carry what the PIC thought it saw: it must not be acknowledged then. */
static bool is_spurious(unsigned line)
{
    uint16_t pic = line < 8 ? PIC1 : PIC2;
    if (line != 7 && line != 15) {
        return false;
    }
    x86_out8(pic, READ_IN_SERVICE);
    return (x86_in8(pic) & 0x80) == 0;
}

void timer_interrupt(unsigned line)
{
    if (line == 0) {
        tick();
    }
    bool spurious = is_spurious(line);
    if (line >= 8 && !spurious) {
        x86_out8(PIC2, END_OF_INTERRUPT);
    }
    if (!spurious || line == 15) {
        x86_out8(PIC1, END_OF_INTERRUPT);
    }
}

void timer_own_interrupt(void)
{
    if (!is_masked) {
        tick();
    }
}

uint32_t timer_ticks(void)
{
    return ticks;
}

/* The local APIC's timer is the first CPU's to stop; where nobody takes heed of it, it may go on. */
void timer_mask(bool masked)
{
    is_masked = masked;
    if (!is_own) {
        x86_out8(PIC1 + 1, masked ? 0xff : 0xfe);
    }
}

bool timer_is_masked(void)
{
    return is_masked;
}

void timer_set_hook(void (*hook)(void))
{
    tick_hook = hook;
}
