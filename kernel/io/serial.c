/* SPDX-License-Identifier: 0BSD */
/* serial.c - COM1 at 115200 8N1, polled in both directions.
 *
 * Polling needs no buffer, no interrupt and no lock, so that a panic prints
 * from wherever it happens. What arrives waits in the chip, a byte at a time; the
 * monitor looks more often than a person types, and QEMU holds back the rest.
 *
 * A machine may have no serial port: nothing is sent then, and nothing arrives.
 */
#include "io/serial.h"

#include "x86/cpu.h"
#include <stdbool.h>

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define SCRATCH (COM1 + 7)
#define STATUS_RECEIVED 0x01
#define STATUS_CAN_SEND 0x20

static bool is_there;

/* The scratch register keeps what it is given, as nothing does where there is no chip. */
static bool keeps(uint8_t value)
{
    x86_out8(SCRATCH, value);
    return x86_in8(SCRATCH) == value;
}

void serial_init(void)
{
    static const struct {
        unsigned char offset;
        unsigned char value;
    } setup[] = {
        {1, 0x00},            /* no interrupts */
        {3, 0x80},            /* the divisor follows */
        {0, 0x01},            /* 115200 */
        {1, 0x00}, {3, 0x03}, /* 8N1 */
        {2, 0x00},            /* no FIFOs: to turn them on loses what has arrived */
        {4, 0x03},            /* DTR, RTS */
    };
    is_there = keeps(0x5a) && keeps(0xa5);
    for (unsigned i = 0; i < sizeof setup / sizeof setup[0]; i++) {
        x86_out8((uint16_t)(COM1 + setup[i].offset), setup[i].value);
    }
}

static void send(char character)
{
    if (!is_there) {
        return;
    }
    while ((x86_in8(LINE_STATUS) & STATUS_CAN_SEND) == 0) {
        x86_pause();
    }
    x86_out8(COM1, (uint8_t)character);
}

void serial_put(char character)
{
    if (character == '\n') {
        send('\r');
    }
    send(character);
}

int serial_get(void)
{
    return is_there && (x86_in8(LINE_STATUS) & STATUS_RECEIVED) != 0 ? x86_in8(COM1) : -1;
}
