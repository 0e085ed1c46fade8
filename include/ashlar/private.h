/* SPDX-License-Identifier: 0BSD */
/* private.h - parts of structures that the caller stores and only the library uses. */
#ifndef ASHLAR_PRIVATE_H
#define ASHLAR_PRIVATE_H

#include <ashlar/types.h>

/* A spin lock (src/base/lock.h). */
struct ashlar_lock {
    volatile uint32_t held;  /* 0, or 1 + the holder's CPU */
    volatile uint32_t claim; /* 0, or 1 + a CPU that has waited for long: the others let it pass */
    uint32_t rank;
    const char *name;
};

/* A right that one thread at a time has (src/base/token.h). Zeroed, it is free. */
struct ashlar_token {
    volatile uint32_t taken; /* 0: free; 1: somebody has it; 2: and somebody waits for it */
};

/* A node of a circular, doubly linked list, or its head (src/base/list.h). */
struct ashlar_link {
    struct ashlar_link *next;
    struct ashlar_link *previous;
};

#endif
