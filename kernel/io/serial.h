/* SPDX-License-Identifier: 0BSD */
/* serial.h - COM1, polled. Any context. */
#ifndef KERNEL_SERIAL_H
#define KERNEL_SERIAL_H

void serial_init(void);
void serial_put(char character);
/* The next character, or -1 if none has arrived. */
int serial_get(void);

#endif
