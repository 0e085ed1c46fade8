/* SPDX-License-Identifier: 0BSD */
/* direct.h - the direct map: planned, and built. */
#ifndef ASHLAR_SPACE_DIRECT_H
#define ASHLAR_SPACE_DIRECT_H

#include "arch/formats.h"
#include "space/build.h"
#include <stdbool.h>

#define GIB_PAGES ((size_t)1 << 18)

static inline bool ashlar_direct_is_wanted(const struct ashlar_space_options *options)
{
    return sizeof(uintptr_t) > 4u && options->map != NULL && ashlar_paging_virtual_bits(options->paging) > 32u;
}

/* Frames that were carved of RAM: they are the map's no longer, and are mapped with the rest of it. */
struct carved_frames {
    ashlar_pfn first;
    size_t frames; /* 0: nothing is carved yet */
};

/* Addresses that the direct map takes; those of frames above the RAM in its last GiB stay empty. */
size_t ashlar_direct_pages(const struct ashlar_space_options *options);
/* Tables that it needs beside those that the policy makes ahead: as many before the carve as behind it. */
size_t ashlar_direct_count_tables(const struct ashlar_space_options *options, ashlar_vpn direct_first,
                                  struct carved_frames carved);
void ashlar_direct_build(struct ashlar_builder *builder, struct carved_frames carved);

/* Map what these frames, which are no RAM of the pool yet, have of addresses there; and the reverse. In threads. Errors
 * as of ashlar_space_map_linear. */
ashlar_status ashlar_direct_add(ashlar_pfn first, size_t frames);
void ashlar_direct_remove(ashlar_pfn first, size_t frames);

#endif
