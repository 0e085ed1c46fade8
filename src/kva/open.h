/* SPDX-License-Identifier: 0BSD */
/* open.h - a range with its guards, and a cursor over it that cannot fail any more. */
#ifndef ASHLAR_KVA_OPEN_H
#define ASHLAR_KVA_OPEN_H

#include "kva/arena.h"

struct arena *ashlar_range_arena(enum range_kind kind);
/* For pages of this kind, guards added. */
static inline struct range_request range_request_for(enum range_kind kind, size_t pages, const char *name)
{
    size_t guards = ashlar_range_guards_below((uint32_t)kind) + ashlar_range_guards_above((uint32_t)kind);
    return (struct range_request){pages + guards, 1, kind, name};
}

/* Addresses with their guards, and a cursor over all of them that has passed the guard below; or nothing at all. */
ashlar_status ashlar_range_open(const struct range_request *request, struct ashlar_range_info *range,
                                struct ashlar_cursor *cursor);
/* What is left for the cursor is the guard above. */
void ashlar_range_close(struct ashlar_cursor *cursor, const struct ashlar_range_info *range);

#endif
