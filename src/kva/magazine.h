/* SPDX-License-Identifier: 0BSD */
/* magazine.h - small ranges that are kept ready. */
#ifndef ASHLAR_KVA_MAGAZINE_H
#define ASHLAR_KVA_MAGAZINE_H

#include "kva/arena.h"

/* A range of this size and kind, mapped to these frames; false if none is kept. */
bool ashlar_magazine_take(struct arena *arena, const struct range_request *request, const ashlar_pfn *frames,
                          unsigned flags, ashlar_vpn *first);
/* Keep the range, which has no pages any more; false if it is not wanted. The arena's lock is held. */
bool ashlar_magazine_keep_locked(struct arena *arena, const struct ashlar_range_info *range);
/* Give all kept ranges back to the arena; false if there were none. Whoever has the purger's token: what is on its way
 * back would be missed otherwise. */
bool ashlar_magazines_empty(struct arena *arena);

#endif
