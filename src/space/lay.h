/* SPDX-License-Identifier: 0BSD */
/* lay.h - where everything lies in the kernel half. */
#ifndef ASHLAR_SPACE_LAY_H
#define ASHLAR_SPACE_LAY_H

#include <ashlar/space.h>

/* Pages of the larger piece of kernel space, below the image's home or above: more than the arena can have. Pure. */
size_t ashlar_lay_room_pages(const struct ashlar_space_options *options);

/* Pages of the arena that would be laid; 0: what is asked for cannot be. Pure. */
size_t ashlar_lay_arena_pages(const struct ashlar_space_options *options);

#endif
