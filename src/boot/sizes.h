/* SPDX-License-Identifier: 0BSD */
/* sizes.h - how much everything takes, asked before anything is taken. */
#ifndef ASHLAR_BOOT_SIZES_H
#define ASHLAR_BOOT_SIZES_H

#include <ashlar/boot.h>

/* What is decided on the way up. */
struct boot_plan {
    const struct ashlar_boot *boot;
    struct ashlar_booted *booted;
    struct ashlar_frames_options frames_options;
    struct ashlar_space_options space_options;
    struct ashlar_area areas[ASHLAR_KVA_AREAS + 1u]; /* the last one is what boot carves */
    struct ashlar_space_layout layout;
    struct ashlar_heap_options heap_options;
    size_t heap_pages;   /* of its address range */
    size_t frames_bytes; /* of the pool's storage */
    size_t frames_pages; /* the same */
    size_t heap_bytes;   /* of the heap's storage */
    size_t table_frames;
};

#define CARVE_AREA ASHLAR_KVA_AREAS

/* From boot, booted and the map's usable RAM: all else but the layout. Fatal, with the field's name and a value that would do,
 * where kernel space cannot hold it. */
void ashlar_boot_size(struct boot_plan *plan);

#endif
