/* SPDX-License-Identifier: 0BSD */
/* textmap.h - memory maps as text: for tests, for the map of a machine that is not here.
 *
 * A line is one of
 *     ... BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
 * as Linux prints it, whatever stands in front (the last address is the last byte's; BIOS-e801:, BIOS-88: and Xen: are
 * read as well),
 *     00001000-0009fbff : System RAM
 * as in /proc/iomem, or
 *     BASE LENGTH TYPE        # a comment
 * in hex, with or without 0x; TYPE is one of usable, reserved, acpi, nvs, bad, loader, kernel, module, framebuffer, or
 * a number (decimal, or hex with 0x) of the BIOS's E820 call. Lines may end in CR LF. A line whose first character is #
 * is a comment; what stands in front of Linux's form may hold one.
 *
 * In a text with lines of the first form all lines of no form that do not begin with two numbers in 0x are left out: a whole
 * dmesg may be given. Elsewhere each line has to be a map line, a comment or blank. Lines of /proc/iomem that are no memory
 * are left out.
 *
 * Context: any. Locks: none. Nothing is kept.
 */
#ifndef ASHLAR_TEXTMAP_H
#define ASHLAR_TEXTMAP_H

#include <ashlar/memmap.h>

ASHLAR_BEGIN_DECLS

struct ashlar_textmap_line {
    size_t number;    /* counted from 1 */
    const char *text; /* the line, without its end; within the buffer that was given, not ended by a NUL */
    size_t text_bytes;
    ashlar_phys base; /* if problem is NULL: what it says, for ashlar_memmap_add */
    ashlar_phys length;
    uint32_t type;
    const char *problem; /* NULL, or why the line makes no sense */
    const char *culprit; /* then: the part of the line that does not; the whole line at worst */
    size_t culprit_bytes;
};

/* Called for each map line and each line that makes no sense; not for comments and what is left out. */
typedef void (*ashlar_textmap_visitor)(void *context, const struct ashlar_textmap_line *line);

/* Read a whole text. Returns how many lines make no sense; all others are visited all the same. O(bytes). */
size_t ashlar_textmap_read(const char *text, size_t bytes, ashlar_textmap_visitor visit, void *context);

/* The same for lines that are left out, each with its reason as its problem: what no map line is in a log, gaps, devices, and
 * comments that hold a line of Linux's. Returns how many. */
size_t ashlar_textmap_left_out(const char *text, size_t bytes, ashlar_textmap_visitor visit, void *context);

/* Read a text into a map. ASHLAR_BAD_MAP: a line makes no sense; the first such is in *bad, all others were added. */
ASHLAR_MUST_USE ashlar_status ashlar_textmap_add(struct ashlar_memmap *map, const char *text, size_t bytes,
                                                 struct ashlar_textmap_line *bad);

ASHLAR_END_DECLS

#endif
