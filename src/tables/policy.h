/* SPDX-License-Identifier: 0BSD */
/* policy.h - sharing policies as data. */
#ifndef ASHLAR_TABLES_POLICY_H
#define ASHLAR_TABLES_POLICY_H

#include <ashlar/space.h>
#include <stdbool.h>

/* A sharing policy: when entries come into roots. */
struct ashlar_sharing {
    const char *name;
    uint8_t step; /* slots that one growth adds: SHARING_... */
    bool push;    /* written into all roots */
    bool pull_on_fault;
    bool pull_on_switch;
};

#define SHARING_ALL 0u /* at boot: no growth */
#define SHARING_ONE 1u
#define SHARING_LINE 2u /* as many entries as a cache line holds */

/* Is this policy built in, or any with this property? Folds to a constant. AUTO, 0, stands for one of them, and is none. */
#define SHARING_IS_BUILT(policy) (((ASHLAR_SHARING_BUILT << 1) >> (policy)&1) != 0)
#define BUILT_PUSH (SHARING_IS_BUILT(ASHLAR_SHARING_EAGER) || SHARING_IS_BUILT(ASHLAR_SHARING_HYBRID))
#define BUILT_PULL (SHARING_IS_BUILT(ASHLAR_SHARING_LAZY) || SHARING_IS_BUILT(ASHLAR_SHARING_SEQ))
#define BUILT_SEQ SHARING_IS_BUILT(ASHLAR_SHARING_SEQ)
#define BUILT_GROWTH (ASHLAR_SHARING_BUILT != 1)

extern const struct ashlar_sharing ashlar_sharing_rows[];

bool ashlar_sharing_is_built(ashlar_sharing_policy policy);

#endif
