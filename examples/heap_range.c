/* SPDX-License-Identifier: 0BSD */
/* heap_range.c - a heap over a static array: no page tables, no source, no growth.
 *
 * A kernel does the same before it has paging, or instead of it. Here the
 * simulated machine provides the port's hooks.
 */
#include <ashlar/heap.h>
#include <stdio.h>
#include <string.h>

static unsigned char memory[256 * 1024];

int main(void)
{
    struct ashlar_heap *heap;
    struct ashlar_heap_stats stats;
    if (ashlar_heap_init_range(memory, sizeof memory, &heap) != ASHLAR_OK) {
        puts("the range is too small");
        return 1;
    }
    char *text = ashlar_heap_alloc(heap, 10, ASHLAR_HEAP_ZERO);
    if (text == NULL) {
        return 1;
    }
    strcpy(text, "masonry");
    text = ashlar_heap_realloc(heap, text, 1000, 0);
    void *block = ashlar_heap_alloc(heap, 100000, 0);
    if (text == NULL || block == NULL) {
        return 1;
    }
    ashlar_heap_stats(heap, &stats);
    printf("%s: %zu objects, %zu of %zu bytes live, %zu are bookkeeping\n", text, stats.live_objects, stats.live_bytes,
           stats.range_bytes, stats.metadata_bytes);
    ashlar_heap_free_sized(heap, block, 100000);
    ashlar_heap_free(heap, text);
    ashlar_heap_stats(heap, &stats);
    const char *broken = ashlar_heap_audit(heap);
    printf("after freeing: %zu objects, audit: %s\n", stats.live_objects, broken != NULL ? broken : "sound");
    return stats.live_objects == 0 && broken == NULL ? 0 : 1;
}
