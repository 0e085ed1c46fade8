/* SPDX-License-Identifier: 0BSD */
/* ram.h - taking all of the RAM, and seeing that it is all there. */
#ifndef KERNEL_RAM_H
#define KERNEL_RAM_H

#include <ashlar/types.h>
#include <stdbool.h>

/* All frames that nobody but the library itself has: those of the pool, the heap, the kernel's page tables and
 * descriptors. Whatever is taken and given back leaves it as it was. A thread's to call; what waits is given back first. */
size_t ram_accounted_frames(void);

struct ram_hoard {
    uint32_t *taken; /* a bit for each frame of RAM */
    ashlar_vpn taken_first;
    ashlar_pfn end_pfn;
    size_t frames;
    size_t twice; /* handed out although they were taken already */
};

/* Takes every frame that can be had. False, and nothing is taken, where there is no room for the list of them. */
bool ram_take_all(struct ram_hoard *hoard);
/* Writes every word of every frame, with a pattern that depends on its address. */
void ram_write(const struct ram_hoard *hoard);
/* Reads it all back. Returns how many words were wrong. */
uint64_t ram_verify(const struct ram_hoard *hoard);
/* Of those taken, how many lie above 4 GiB. */
size_t ram_high_frames(const struct ram_hoard *hoard);
void ram_give_all(struct ram_hoard *hoard);

#endif
