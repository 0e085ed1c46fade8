/* SPDX-License-Identifier: 0BSD */
/* size.c - every size: how it is rounded, how an object of it is aligned, and that its usable size can be known
 * before.
 */
#include "fixture.h"

#include <ashlar/heap.h>

static size_t alignment_of(size_t rounded)
{
    size_t lowest = rounded & (0 - rounded);
    return lowest > 4096 ? 4096 : lowest;
}

static void test_sizes(void)
{
    bool enough = true;
    bool aligned = true;
    bool said = true;
    bool tight = true;
    begin();
    for (size_t bytes = 1; bytes <= 70000; bytes += bytes < 1100 ? 1 : bytes / 37) {
        size_t rounded = ashlar_heap_size_roundup(heap, bytes);
        void *object = take_one(heap, bytes);
        size_t usable = ashlar_heap_usable_size(heap, object);
        memset(object, 0xab, usable);
        enough = enough && usable >= bytes;
        said = said && usable == rounded && ashlar_heap_size_roundup(heap, rounded) == rounded;
        aligned = aligned && ((uintptr_t)object & (alignment_of(rounded) - 1u)) == 0 && rounded % 16 == 0;
        tight = tight && rounded - bytes < (bytes <= 1024 ? 16 : bytes <= 32768 ? bytes / 8 + 1 : 4096);
        ashlar_heap_free_sized(heap, object, bytes);
    }
    ok(enough, "usable size is at least what was asked for");
    ok(said, "and what roundup said before");
    ok(aligned, "aligned to the largest power of two that divides it, up to a page");
    ok(tight, "steps of 16 bytes to 1 KiB, an eighth to 32 KiB, pages above");
    is_u(ashlar_heap_size_roundup(heap, 0), 16, "size 0 rounds to the smallest object");
    is_u(ashlar_heap_size_roundup(heap, (size_t)PTRDIFF_MAX + 1u), 0, "no size over PTRDIFF_MAX");
    is_u(ashlar_heap_usable_size(heap, NULL), 0, "nothing of NULL is usable");
    ashlar_heap_free(heap, NULL);
    ashlar_heap_free_sized(heap, NULL, 10);
    end("sound after all sizes");
}

int main(void)
{
    test_sizes();
    return done_testing();
}
