/* SPDX-License-Identifier: 0BSD */
/* screen.c - text on the display that the loader left, beside the serial line.
 *
 * A VGA in its text mode, or a framebuffer of dots of 2, 3 or 4 bytes. Both are
 * reached through one page of the image, whose entry is made to show each frame of
 * the display when it is written to: that works before the library is up, and in
 * a panic, whatever windows are open. The page is under the lock of print.c.
 *
 * Nothing is read back and nothing moves: the line after the last is the first,
 * and a blank line is where the text goes on.
 */
#include "io/screen.h"

#include "cpu/feature.h"
#include "io/font.h"
#include "memory/image.h"
#include "x86/cpu.h"
#include <stddef.h>

#define TEXT_COLUMNS 80u
#define TEXT_ROWS 25u
#define TEXT_COLOUR 0x07u
#define VGA_INDEX 0x3d4
#define VGA_DATA 0x3d5
#define VGA_CURSOR_LOW 0x0f
#define CELL_WIDTH (FONT_WIDTH + 1)
#define CELL_HEIGHT (FONT_HEIGHT + 1)
#define WIDE 1000u        /* from here on each dot of a letter is two by two */
#define ENTRY_FLAGS 0x7bu /* present, writable, accessed, dirty; not cached */
#define NO_EXECUTE ((uint64_t)1 << 63)

static _Alignas(ASHLAR_PAGE_BYTES) volatile uint8_t shown[ASHLAR_PAGE_BYTES];

static struct {
    unsigned columns; /* 0: there is no screen */
    unsigned rows;
    unsigned column;
    unsigned row;
    unsigned scale; /* of dots; 0: it shows letters by itself */
    struct screen_dots dots;
} screen;

/* The byte of the display at this address, until the next call. Neighbours in its page are there as well. */
static volatile uint8_t *show(ashlar_phys address)
{
    uint64_t entry = (address & ~(ashlar_phys)(ASHLAR_PAGE_BYTES - 1)) | ENTRY_FLAGS;
    volatile uint32_t *half = image_entry((uintptr_t)shown);
    if (image_mode()->entry_bytes == 8) {
        entry |= feature_has(FEATURE_NX) ? NO_EXECUTE : 0;
        half[0] = 0;
        half[1] = (uint32_t)(entry >> 32);
    }
    half[0] = (uint32_t)entry;
    x86_invlpg((uintptr_t)shown);
    return &shown[address & (ASHLAR_PAGE_BYTES - 1)];
}

/* --- letters ------------------------------------------------------------------ */

static void put_letter(unsigned column, unsigned row, char letter)
{
    volatile uint8_t *at = show(SCREEN_TEXT_ADDRESS + (row * TEXT_COLUMNS + column) * 2);
    at[0] = (uint8_t)letter;
    at[1] = TEXT_COLOUR;
}

/* --- dots ----------------------------------------------------------------------- */

/* So many bytes of one row of dots, which may lie in several pages. */
static void fill(ashlar_phys address, uint32_t bytes, uint8_t value)
{
    while (bytes != 0) {
        uint32_t part = ASHLAR_PAGE_BYTES - (uint32_t)(address & (ASHLAR_PAGE_BYTES - 1));
        part = part < bytes ? part : bytes;
        volatile uint8_t *at = show(address);
        for (uint32_t i = 0; i < part; i++) {
            at[i] = value;
        }
        address += part;
        bytes -= part;
    }
}

static uint8_t font_row(char letter, unsigned y)
{
    unsigned index = (unsigned char)letter - (unsigned)FONT_FIRST;
    return index < FONT_LETTERS && y < FONT_HEIGHT ? font[index][y] : 0;
}

static void draw_letter(unsigned column, unsigned row, char letter)
{
    uint32_t dot_bytes = screen.dots.dot_bytes * screen.scale;
    for (unsigned y = 0; y < CELL_HEIGHT * screen.scale; y++) {
        ashlar_phys at = screen.dots.address +
                         (ashlar_phys)(row * CELL_HEIGHT * screen.scale + y) * screen.dots.pitch_bytes +
                         (ashlar_phys)column * CELL_WIDTH * dot_bytes;
        uint8_t dots = font_row(letter, y / screen.scale);
        for (unsigned x = 0; x < CELL_WIDTH; x++, at += dot_bytes) {
            fill(at, dot_bytes, x < FONT_WIDTH && (dots >> (FONT_WIDTH - 1 - x) & 1) != 0 ? 0xff : 0);
        }
    }
}

/* --- lines ------------------------------------------------------------------------ */

static void clear_row(unsigned row)
{
    if (screen.scale == 0) {
        for (unsigned column = 0; column < screen.columns; column++) {
            put_letter(column, row, ' ');
        }
        return;
    }
    unsigned height = CELL_HEIGHT * screen.scale;
    for (unsigned y = 0; y < height; y++) {
        fill(screen.dots.address + (ashlar_phys)(row * height + y) * screen.dots.pitch_bytes,
             screen.dots.width * screen.dots.dot_bytes, 0);
    }
}

static void begin_row(unsigned row)
{
    screen.row = row % screen.rows;
    screen.column = 0;
    clear_row(screen.row);
    clear_row((screen.row + 1) % screen.rows);
}

static void clear_all(void)
{
    for (unsigned row = 0; row < screen.rows; row++) {
        clear_row(row);
    }
    begin_row(0);
}

void screen_put(char character)
{
    if (screen.columns == 0) {
        return;
    }
    if (character == '\n') {
        begin_row(screen.row + 1);
    } else if (character == '\b' && screen.column != 0) {
        screen.column--;
    } else if ((unsigned char)character >= FONT_FIRST) {
        if (screen.column == screen.columns) {
            begin_row(screen.row + 1);
        }
        (screen.scale == 0 ? put_letter : draw_letter)(screen.column, screen.row, character);
        screen.column++;
    }
}

/* --- which it is -------------------------------------------------------------------- */

/* A VGA keeps where its cursor is. Memory alone would prove nothing: emulators have RAM where there is no VGA. */
static bool cursor_keeps(uint8_t value)
{
    x86_out8(VGA_INDEX, VGA_CURSOR_LOW);
    x86_out8(VGA_DATA, value);
    return x86_in8(VGA_DATA) == value;
}

static bool letters_keep(uint16_t cell)
{
    volatile uint16_t *first = (volatile uint16_t *)(volatile void *)show(SCREEN_TEXT_ADDRESS);
    *first = cell;
    return *first == cell;
}

void screen_init(void)
{
    if (cursor_keeps(0x5a) && cursor_keeps(0) && letters_keep(0x0741) && letters_keep(0x0720)) {
        screen.columns = TEXT_COLUMNS;
        screen.rows = TEXT_ROWS;
        screen.scale = 0;
        clear_all();
    }
}

bool screen_use_dots(const struct screen_dots *dots)
{
    unsigned scale = dots->width < WIDE ? 1 : 2;
    uint64_t end = dots->address + (uint64_t)dots->pitch_bytes * dots->height;
    bool is_known =
        dots->dot_bytes >= 2 && dots->dot_bytes <= 4 && end <= feature_physical_limit(image_mode()->is_wide);
    screen.columns = is_known ? dots->width / (CELL_WIDTH * scale) : 0;
    screen.rows = dots->height / (CELL_HEIGHT * scale);
    if (screen.columns == 0 || screen.rows < 2 || dots->pitch_bytes < dots->width * dots->dot_bytes) {
        screen.columns = 0;
        return false;
    }
    screen.scale = scale;
    screen.dots = *dots;
    clear_all();
    return true;
}

void screen_off(void)
{
    screen.columns = 0;
}
