/* SPDX-License-Identifier: 0BSD */
/* private.h - parts of structures that the caller stores and only the library uses. */
#ifndef ASHLAR_PRIVATE_H
#define ASHLAR_PRIVATE_H

#include <ashlar/config.h>

/* For the declaration of a function through which every user of a structure goes whose size depends on ASHLAR_MAX_CPUS: the
 * number becomes a part of the symbol's name. A kernel that was compiled with another one than the library does not link. */
#if defined(__GNUC__)
#define ASHLAR_TEXT_OF(number) #number
#define ASHLAR_NAMED_BY(name, number) __asm__(name "_for_" ASHLAR_TEXT_OF(number) "_cpus")
#define ASHLAR_NAMED_BY_CPUS(name) ASHLAR_NAMED_BY(name, ASHLAR_MAX_CPUS)
#else
#define ASHLAR_NAMED_BY_CPUS(name)
#endif

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
