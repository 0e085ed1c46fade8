/* SPDX-License-Identifier: 0BSD */
/* font.h - letters for a screen that has only dots. */
#ifndef KERNEL_FONT_H
#define KERNEL_FONT_H

#include <stdint.h>

#define FONT_FIRST ' '
#define FONT_LETTERS 95u /* up to the tilde */
#define FONT_WIDTH 5u
#define FONT_HEIGHT 8u

extern const uint8_t font[FONT_LETTERS][FONT_HEIGHT];

#endif
