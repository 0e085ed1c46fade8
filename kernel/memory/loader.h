/* SPDX-License-Identifier: 0BSD */
/* loader.h - what the loader left, whether it speaks Multiboot 1 or 2. */
#ifndef KERNEL_LOADER_H
#define KERNEL_LOADER_H

#include "io/screen.h"
#include <ashlar/memmap.h>

struct loader_module {
    ashlar_phys base;
    size_t bytes;
};

/* EAX and EBX as the kernel was entered. */
void loader_init(uint32_t magic, uint32_t information);
/* The command line, the image's name first; empty if there is none. Panics where the tables make no sense. */
void loader_command_line(char *line, size_t bytes);
/* Adds the firmware's map, and reserves what the loader left. Panics likewise. */
void loader_add_map(struct ashlar_memmap *map);
/* The first module, if there is one. */
int loader_first_module(struct loader_module *module);
/* The dots of the display, if it shows dots and says how. */
bool loader_screen(struct screen_dots *dots);
/* The ACPI root pointer that it found, or 0. */
ashlar_phys loader_rsdp(void);

#endif
