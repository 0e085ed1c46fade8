/* SPDX-License-Identifier: 0BSD */
/* place.h - filling in what a place is. */
#ifndef ASHLAR_SPACE_PLACE_H
#define ASHLAR_SPACE_PLACE_H

#include <ashlar/space.h>

static inline void ashlar_place_set(struct ashlar_place *place, ashlar_place_kind kind, const char *name,
                                    ashlar_vpn first, size_t pages)
{
    place->kind = kind;
    place->name = name;
    place->first = first;
    place->pages = pages;
}

#endif
