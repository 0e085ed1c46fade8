/* SPDX-License-Identifier: 0BSD */
/* serial.c - COM1 at 115200 8N1, polled in both directions.
 *
 * Polling needs no buffer, no interrupt and no lock, so that a panic prints
 * from wherever it happens. What arrives waits in the chip, a byte at a time; the
 * monitor looks more often than a person types, and QEMU holds back the rest.
 */
#include "io/serial.h"

#include "x86/cpu.h"

#define COM1 0x3f8
#define LINE_STATUS (COM1 + 5)
#define STATUS_RECEIVED 0x01
#define STATUS_CAN_SEND 0x20

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
    for (unsigned i = 0; i < sizeof setup / sizeof setup[0]; i++) {
        x86_out8((uint16_t)(COM1 + setup[i].offset), setup[i].value);
    }
}

static void send(char character)
{
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
    return (x86_in8(LINE_STATUS) & STATUS_RECEIVED) != 0 ? x86_in8(COM1) : -1;
}
