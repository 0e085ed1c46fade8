/* SPDX-License-Identifier: 0BSD */
/* canary.c - bytes behind an object that nobody may write to.
 *
 * 8 to 23 of them, written when the object is taken and looked at when it is
 * freed. Slabs of such a cache have no fast owner, so every free of theirs goes
 * the slow way, past the check.
 */
#include "heap/canary.h"

#include "base/check.h"
#include "base/mem.h"

#define CANARY_BYTE 0xa5u

COLD void ashlar_heap_canary_set(const struct ashlar_cache *cache, void *object)
{
    memset((char *)object + cache->object_bytes, CANARY_BYTE, cache->stride - cache->object_bytes);
}

COLD void ashlar_heap_canary_check(const struct run *slab, const void *object, const void *caller)
{
    const struct ashlar_cache *cache = slab->cache;
    if (cache == NULL || (cache->flags & ASHLAR_CACHE_CANARY) == 0) {
        return;
    }
    const unsigned char *bytes = object;
    for (size_t i = cache->object_bytes; i < cache->stride; i++) {
        ASHLAR_CHECK(bytes[i] == CANARY_BYTE,
                     "heap: overrun of object %p of %u bytes, cache %s: byte %zu was written; freed by %p", object,
                     cache->object_bytes, cache->name, i, caller);
    }
}
