/* SPDX-License-Identifier: 0BSD */
/* machine.h - what boot.S and i386.ld define, and how the machine ends. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include <ashlar/types.h>
#include <stdbool.h>

#define IMAGE_OFFSET 0xFFC00000u
#define IMAGE_SLOT_ADDRESS 0xFFC00000u
#define IMAGE_ADDRESS 0xFFD00000u

extern char image_start[], image_text_end[], image_rodata_end[], image_end[];
extern volatile uint32_t boot_page_directory[1024], boot_page_table[1024];
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];

/* Windows, write protection of text and constants, the boot stack's guard page. */
void image_init(void);
const char *image_place(uintptr_t address);

/* Exit statuses, as the shell sees them behind tools/qemu-run. */
#define EXIT_GOOD 0
#define EXIT_PANIC 1
#define EXIT_FAILED 2
ASHLAR_NORETURN void machine_exit(unsigned status);

#endif
