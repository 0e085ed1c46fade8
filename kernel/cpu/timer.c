/* SPDX-License-Identifier: 0BSD */
/* timer.c - the two PICs, moved out of the exceptions' way, and the PIT at 100 Hz. */
#include "cpu/timer.h"

#include "cpu/smp.h"
#include "x86/cpu.h"
#include <stddef.h>

#define PIC1 0x20
#define PIC2 0xa0
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_HZ 1193182u
#define END_OF_INTERRUPT 0x20
#define READ_IN_SERVICE 0x0b

static volatile uint32_t ticks;
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

void timer_init(void)
{
    uint32_t divisor = PIT_HZ / TICKS_PER_SECOND;
    pics_init();
    x86_out8(PIT_COMMAND, 0x34);
    x86_out8(PIT_CHANNEL0, (uint8_t)divisor);
    x86_out8(PIT_CHANNEL0, (uint8_t)(divisor >> 8));
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
    void (*hook)(void) = tick_hook;
    if (line == 0) {
        ticks++;
        smp_pass_tick();
        if (hook != NULL) {
            hook();
        }
    }
    bool spurious = is_spurious(line);
    if (line >= 8 && !spurious) {
        x86_out8(PIC2, END_OF_INTERRUPT);
    }
    if (!spurious || line == 15) {
        x86_out8(PIC1, END_OF_INTERRUPT);
    }
}

uint32_t timer_ticks(void)
{
    return ticks;
}

void timer_mask(bool masked)
{
    x86_out8(PIC1 + 1, masked ? 0xff : 0xfe);
}

void timer_set_hook(void (*hook)(void))
{
    tick_hook = hook;
}
