/* SPDX-License-Identifier: 0BSD */
/* size.c - which sizes there are: 16 to 1024 bytes in steps of 16, then eight to a doubling up to 32 KiB, whole units
 * above.
 *
 * An object is aligned to the largest power of two that divides its class's size, up
 * to 4096: so a class is aligned as well as any multiple in it.
 */
#include "heap/size.h"

#include "base/check.h"
#include "base/contexts.h"

COLD uint32_t ashlar_heap_class_bytes(uint32_t class)
{
    if (class < 64u) {
        return (class + 1u) << 4;
    }
    uint32_t step = class - 64u;
    return (step % 8u + 9u) << (7u + step / 8u);
}

COLD struct want ashlar_heap_want(struct ashlar_cache *cache, size_t bytes)
{
    struct want want = {cache, 0, 0, 0};
    if (cache != NULL) {
        want.stride = cache->stride;
        want.align = cache->align;
    } else {
        want.class = size_class_of(bytes);
        want.stride = ashlar_heap_class_bytes(want.class);
        want.align = natural_align(want.stride);
    }
    return want;
}

COLD size_t ashlar_heap_size_roundup(const struct ashlar_heap *heap, size_t bytes)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    if (bytes <= SMALL_MOST_BYTES) {
        return ashlar_heap_class_bytes(size_class_of(bytes != 0 ? bytes : 1u));
    }
    if (bytes > ~(size_t)0 / 2u) {
        return 0;
    }
    return (size_t)round_up(bytes, (uintptr_t)1 << heap->runs.unit_shift);
}
