/* SPDX-License-Identifier: 0BSD */
/* screen.h - text on the display that the loader left, beside the serial line. Any context; print.c has the lock. */
#ifndef KERNEL_SCREEN_H
#define KERNEL_SCREEN_H

#include <ashlar/types.h>
#include <stdbool.h>

#define SCREEN_TEXT_ADDRESS 0xb8000u /* of a VGA's letters */

/* Rows of dots. */
struct screen_dots {
    ashlar_phys address;
    uint32_t pitch_bytes;
    uint32_t width, height;
    unsigned dot_bytes;
};

/* Once the image's tables are in use: a VGA, taken to show letters, if there is one. */
void screen_init(void);
/* The loader says that there are dots; false: they cannot be reached, or are too few. */
bool screen_use_dots(const struct screen_dots *dots);
/* What looked like a VGA is RAM. */
void screen_off(void);
void screen_put(char character);

#endif
