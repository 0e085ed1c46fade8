/* SPDX-License-Identifier: 0BSD */
/* readback.c - is there RAM where the map lists it?
 *
 * Some firmware lists more than there is, mostly at its end: from there boot
 * carves. So frames of the carve are written, each with its own number, and read
 * when all are written. Where nothing is the bus answers with ones, or with what
 * was on it last; where address lines are not looked at, one frame shows under two
 * numbers, and has kept the later one.
 *
 * RAM is missing by chips, not by frames: a frame in each 64 KiB says as much as
 * all. A cache may hide it, where the firmware has such addresses cached: then it
 * is not found here.
 */
#include "boot/readback.h"

#include <ashlar/port.h>

#define STEP_FRAMES 16u

static uint32_t stamp_of(ashlar_pfn frame)
{
    return (uint32_t)frame * 0x9e3779b1u ^ 0x5ca1ab1eu;
}

static void write_stamp(ashlar_pfn frame)
{
    volatile uint32_t *word = ashlar_port_open_frame(frame);
    *word = stamp_of(frame);
    ashlar_port_close_frame((void *)(uintptr_t)word);
}

static bool keeps_stamp(ashlar_pfn frame)
{
    volatile uint32_t *word = ashlar_port_open_frame(frame);
    bool kept = *word == stamp_of(frame);
    ashlar_port_close_frame((void *)(uintptr_t)word);
    return kept;
}

bool ashlar_boot_reads_back(ashlar_pfn first, size_t frames, ashlar_pfn *bad)
{
    ashlar_pfn last = first + frames - 1u;
    size_t samples = (frames + STEP_FRAMES - 1u) / STEP_FRAMES;
    bool kept = true;
    ashlar_port_pin();
    for (size_t i = 0; i < samples; i++) {
        write_stamp(first + i * STEP_FRAMES);
    }
    write_stamp(last);
    for (size_t i = 0; i <= samples && kept; i++) {
        *bad = i == samples ? last : first + i * STEP_FRAMES;
        kept = keeps_stamp(*bad);
    }
    ashlar_port_unpin();
    return kept;
}
