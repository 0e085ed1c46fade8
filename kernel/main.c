/* SPDX-License-Identifier: 0BSD */
/* main.c - the first C that runs. */
#include "machine.h"
#include "print.h"
#include "serial.h"

ASHLAR_NORETURN void kernel_main(uint32_t magic, uint32_t information);

void kernel_main(uint32_t magic, uint32_t information)
{
    serial_init();
    image_init();
    print("Ashlar: the reference kernel, magic 0x%x, boot information at 0x%x\n", magic, information);
    machine_exit(EXIT_GOOD);
}
