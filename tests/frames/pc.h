/* SPDX-License-Identifier: 0BSD */
/* pc.h - one pool of a small PC's memory, for tests of what becomes of it. */
#ifndef ASHLAR_TESTS_FRAMES_PC_H
#define ASHLAR_TESTS_FRAMES_PC_H

#include "pool.h"

static struct ashlar_frames *pool;

/* 0..158 | hole | 1..8 MiB | hole | 64..72 MiB and a bit: chunks that are whole, mixed, and none. */
static const struct run pc[] = {{1, 158}, {256, 7 * 256}, {64 * 256, 8 * 256 + 77}};
#define PC_FRAMES (158u + 7u * 256u + 8u * 256u + 77u)

__attribute__((unused)) static void sound(const char *when)
{
    is_str(ashlar_frames_audit(pool), NULL, when);
}

__attribute__((unused)) static const char *give_fatal(ashlar_pfn frame, unsigned order)
{
    return POOL_FATAL(pool, ashlar_frames_give(pool, frame, order));
}

/* The message names the frame and a caller. */
__attribute__((unused)) static void names(const char *message, ashlar_pfn frame, const char *what, const char *name)
{
    char text[64];
    snprintf(text, sizeof text, "frame 0x%lx,", (unsigned long)frame);
    like(message, what, name);
    like(message, text, "  it names the frame");
    like(message, "by 0x", "  and the caller");
}

#endif
