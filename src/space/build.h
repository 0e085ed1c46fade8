/* SPDX-License-Identifier: 0BSD */
/* build.h - the kernel half while there is no frame pool yet. */
#ifndef ASHLAR_SPACE_BUILD_H
#define ASHLAR_SPACE_BUILD_H

#include <ashlar/space.h>

/* Frames that were given for tables and areas, from the first one upward. */
struct ashlar_builder {
    ashlar_pfn next;
    size_t left;
};

ashlar_pfn ashlar_build_take(struct ashlar_builder *builder);
ashlar_pfn ashlar_build_take_zeroed(struct ashlar_builder *builder);

/* Link tables down to this level for these pages of the kernel half. */
void ashlar_build_tables(struct ashlar_builder *builder, ashlar_vpn first, size_t pages, unsigned level);

/* Map consecutive frames, writable, where all tables exist. */
void ashlar_build_map(ashlar_vpn first, size_t pages, ashlar_pfn frame);

#endif
