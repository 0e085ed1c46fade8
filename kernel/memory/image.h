/* SPDX-License-Identifier: 0BSD */
/* image.h - the image and its tables. */
#ifndef KERNEL_IMAGE_H
#define KERNEL_IMAGE_H

#include "cpu/mode.h"
#include "width.h"

/* Addresses of the image are so far from where it is in RAM; the 4 MiB from there on are its home (image.ld). */
#define IMAGE_OFFSET ((uintptr_t)image_offset)
#define IMAGE_HOME_BYTES ((size_t)4 << 20)
#define WINDOWS_ADDRESS ((uintptr_t)image_end)

extern char image_offset[]; /* a number, not an object */
extern char image_start[], image_text_end[], image_rodata_end[], image_end[];
extern char boot_stack_guard[], boot_stack[], boot_stack_top[];

/* Tables of the image in this mode, in which each part has its rights, the boot stack a guard page, and frames windows;
 * the CPU runs with them. No window may be open. This CPU has to be loaded again afterwards (percpu.h). */
void image_enter(const struct paging_mode *mode);
/* The mode in use. */
const struct paging_mode *image_mode(void);

/* The root of the image's own tables, which CPUs that start go through, and whether it maps the image low as well. */
uintptr_t image_root(void);
void image_show_low(bool show);

/* Where the entry of a page of the home lies: 4 or 8 bytes. */
volatile void *image_entry(uintptr_t address);
const char *image_place(uintptr_t address);

/* Pages have no sign extension, addresses do. */
uintptr_t address_of_page(ashlar_vpn page);

#endif
