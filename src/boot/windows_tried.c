/* SPDX-License-Identifier: 0BSD */
/* windows_tried.c - two frames through windows, before what is written through them matters.
 *
 * One is the root in use, which is RAM for certain, the other one a frame that nobody uses. A word is written to that
 * one; the root must not show it, neither at the same time nor when each is opened once more, in the other order:
 *
 *     root    open ....... look   close        open  look
 *     spare         write         close   open            close
 *
 * So windows that are all one are found, and windows that show what they showed before, for want of an INVLPG. The word
 * is where the root has no entry, and has no present bit itself: were it written to the root, nothing would come of it.
 * Whether the spare frame keeps the word is not asked: it may be missing (readback.c).
 *
 * Cost: O(entries of the root before its first gap).
 */
#include "boot/windows_tried.h"

#include "base/check.h"
#include <ashlar/port.h>
#include <stdbool.h>

#define WINDOW_WORDS (ASHLAR_PAGE_BYTES / sizeof(uint32_t))
#define STAMP 0x5a5a5a5au /* not present */

/* The first word of the root's frame that is no present entry's; WINDOW_WORDS: there is none. */
COLD static size_t find_gap(const volatile uint32_t *root)
{
    size_t word = 0;
    while (word < WINDOW_WORDS && (root[word] & 1u) != 0) {
        word += 2u; /* the lower halves of entries of 64 bits */
    }
    return word;
}

/* With both open: does a word written to the one show in the other? */
COLD static bool are_one(volatile uint32_t *root, volatile uint32_t *spare, size_t word)
{
    uint32_t before = root[word], spare_before = spare[word];
    spare[word] = before ^ STAMP;
    bool one = root[word] != before;
    if (one) {
        spare[word] = spare_before;
    }
    return one;
}

COLD void ashlar_boot_try_windows(ashlar_pfn spare)
{
    ashlar_pfn frame = (ashlar_pfn)(ashlar_port_get_root() >> ASHLAR_PAGE_SHIFT);
    ashlar_port_pin();
    volatile uint32_t *root = ashlar_port_open_frame(frame);
    size_t word = find_gap(root);
    volatile uint32_t *other = ashlar_port_open_frame(spare);
    uint32_t before = word < WINDOW_WORDS ? root[word] : 0;
    bool one = word < WINDOW_WORDS && are_one(root, other, word);
    ashlar_port_close_frame((void *)(uintptr_t)root);
    ashlar_port_close_frame((void *)(uintptr_t)other);
    other = ashlar_port_open_frame(spare);
    root = ashlar_port_open_frame(frame);
    bool stale = word < WINDOW_WORDS && root[word] != before;
    ashlar_port_close_frame((void *)(uintptr_t)root);
    ashlar_port_close_frame((void *)(uintptr_t)other);
    ashlar_port_unpin();
    ASHLAR_CHECK(!one, "boot: open_frame: with frames 0x%zx and 0x%zx open, what is written to one shows in the other",
                 frame, spare);
    ASHLAR_CHECK(!stale, "boot: open_frame: of frame 0x%zx, after frame 0x%zx was closed, shows what was written there",
                 frame, spare);
}
