/* SPDX-License-Identifier: 0BSD */
/* bitmap.h - runs of bits [first, first + count), and blocks of them. */
#ifndef ASHLAR_FRAMES_BITMAP_H
#define ASHLAR_FRAMES_BITMAP_H

#include <stddef.h>
#include <stdint.h>

void ashlar_frames_bits_flip(uintptr_t *words, size_t first, size_t count);
/* The lowest bit of the run that is set (wanted: all ones: that is clear), or first + count. */
size_t ashlar_frames_bits_find(const uintptr_t *words, size_t first, size_t count, uintptr_t flip);
/* One past the highest clear bit of the run, or first. */
size_t ashlar_frames_bits_last_clear(const uintptr_t *words, size_t first, size_t count);
/* The first aligned block of 2^order set bits within [first, end) of a chunk, or CHUNK_FRAMES. */
unsigned ashlar_frames_bits_block(const uintptr_t *words, unsigned order, unsigned first, unsigned end);

#endif
