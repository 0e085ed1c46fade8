/* SPDX-License-Identifier: 0BSD */
/* memory.h - what this kernel tells the library at boot, and what it learned from it. */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include <ashlar/boot.h>
#include <stdbool.h>

#define MEMORY_LINE_BYTES 512u
#define MEMORY_LINE_WORDS (MEMORY_LINE_BYTES / 2) /* as many as fit */

struct kernel_memory {
    struct ashlar_frames *frames; /* the pool of all RAM */
    struct ashlar_booted booted;
    struct ashlar_memmap map;
    struct ashlar_memmap_entry firmware[32]; /* as the firmware said, for people: the first of them */
    unsigned firmware_count;
    unsigned firmware_total;
    uint64_t boot_cycles;         /* TSC ticks from the first line of C to the end of ashlar_boot_up */
    unsigned cpus;                /* that there can be */
    char line[MEMORY_LINE_BYTES]; /* the kernel's command line */
};

extern struct kernel_memory kernel_memory;

/* From the loader's tables to kmalloc. Panics where there is no way on. */
void memory_init(uint32_t magic, uint32_t information);

/* What follows a word's beginning on the command line, such as `cpus=`; NULL: there is no such word. */
const char *memory_option(const char *beginning);

/* Copies out of physical memory through a window: what the loader left lies anywhere. */
void memory_read(void *context, ashlar_phys address, void *buffer, size_t bytes);

/* The first word of a frame, through a window. */
void memory_write_frame(ashlar_pfn frame, uint32_t value);

/* NULL, or the first broken invariant of any floor. */
const char *memory_audit(void);

size_t memory_free_frames(void);
/* Pages that back the heap, its bookkeeping counted. */
size_t memory_heap_pages(void);
/* Gives back every span of the heap that is empty, and what waits for a flush. */
void memory_heap_shrink(void);
/* Pages of kernel addresses that nobody holds. */
size_t memory_free_addresses(void);

#endif
