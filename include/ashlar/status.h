/* SPDX-License-Identifier: 0BSD */
/* status.h - errors of the world.
 *
 * A status tells of what the caller cannot know beforehand: no memory, no room,
 * a bad map. A call that returns anything but ASHLAR_OK has left everything as
 * it was, its outputs included. A caller's own bug (a double free, a foreign
 * pointer) is no status: it is fatal at once, through ashlar_port_fatal.
 */
#ifndef ASHLAR_STATUS_H
#define ASHLAR_STATUS_H

#include <ashlar/types.h>

ASHLAR_BEGIN_DECLS

typedef enum ashlar_status {
    ASHLAR_OK = 0,
    ASHLAR_NO_FRAMES,    /* no free frames that meet the request */
    ASHLAR_NO_ADDRESSES, /* kernel or user address space is exhausted */
    ASHLAR_NO_STORAGE,   /* storage that the caller supplied is too small */
    ASHLAR_BAD_ARGUMENT, /* misaligned, zero length, wraps, not canonical, over a maximum */
    ASHLAR_BAD_MAP,      /* the firmware's map is unusable */
    ASHLAR_REFUSED,      /* not allowed: W+X, a user mapping in the kernel half, live memory */
    ASHLAR_EXISTS,       /* something is mapped there already */
    ASHLAR_ABSENT,       /* nothing is mapped there */
    ASHLAR_MAY_NOT_WAIT  /* would have to grow or wait, and this context must not */
} ashlar_status;

/* "no frames", "already mapped", ...: for people; never NULL. */
const char *ashlar_status_text(ashlar_status status);

ASHLAR_END_DECLS

#endif
