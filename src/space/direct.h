/* SPDX-License-Identifier: 0BSD */
/* direct.h - the direct map: planned, and built. */
#ifndef ASHLAR_SPACE_DIRECT_H
#define ASHLAR_SPACE_DIRECT_H

#include "arch/formats.h"
#include "space/build.h"
#include <stdbool.h>

static inline bool ashlar_direct_is_wanted(const struct ashlar_space_options *options)
{
    return sizeof(uintptr_t) > 4u && options->map != NULL && ashlar_paging_virtual_bits(options->paging) > 32u;
}

/* Addresses that the direct map takes; those of frames above the RAM in its last GiB stay empty. */
size_t ashlar_direct_pages(const struct ashlar_space_options *options);
/* Tables that it needs beside those that the policy makes ahead. Asked before anything is carved. */
size_t ashlar_direct_count_tables(const struct ashlar_space_options *options, ashlar_vpn direct_first);
void ashlar_direct_build(struct ashlar_builder *builder, ashlar_pfn carve_first, size_t carve_frames);

#endif
