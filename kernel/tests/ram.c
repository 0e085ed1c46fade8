/* SPDX-License-Identifier: 0BSD */
/* ram.c - all of the RAM, through windows of 4 KiB.
 *
 * Every frame that the pool has is taken and noted in a bitmap (which shows, by
 * the way, whether one is handed out twice). Then each frame is opened in turn
 * and filled; when all are full, each is opened again and read. A frame that is
 * really another one, or none at all, cannot keep its pattern.
 *
 * Frames are taken 64 at a time, then one at a time, down into the reserve.
 */
#include "tests/ram.h"

#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "task/task.h"
#include <ashlar/port.h>

#define BULK 64u
#define PAGE_WORDS (ASHLAR_PAGE_BYTES / sizeof(uint32_t))
#define STEP 0x9e3779b1u                  /* odd: no two words of a page are alike */
#define HIGH_FRAME ((ashlar_pfn)0x100000) /* 4 GiB */
#define DOT_FRAMES 8192u                  /* 32 MiB */

static bool is_taken(const struct ram_hoard *hoard, ashlar_pfn frame)
{
    return (hoard->taken[frame / 32] >> frame % 32 & 1) != 0;
}

static void note_taken(struct ram_hoard *hoard, ashlar_pfn frame)
{
    if (frame >= hoard->end_pfn || is_taken(hoard, frame)) {
        hoard->twice++;
        return;
    }
    hoard->taken[frame / 32] |= UINT32_C(1) << frame % 32;
    hoard->frames++;
}

static size_t bitmap_pages(const struct ram_hoard *hoard)
{
    return (hoard->end_pfn / 8 + ASHLAR_PAGE_BYTES) >> ASHLAR_PAGE_SHIFT;
}

bool ram_take_all(struct ram_hoard *hoard)
{
    ashlar_pfn batch[BULK];
    *hoard = (struct ram_hoard){.end_pfn = ashlar_memmap_end_pfn(&kernel_memory.map)};
    if (ashlar_kva_take(bitmap_pages(hoard), ASHLAR_MAP_WRITE, "list of frames", &hoard->taken_first) != ASHLAR_OK) {
        return false;
    }
    hoard->taken = ashlar_port_pointer(address_of_page(hoard->taken_first));
    memset(hoard->taken, 0, bitmap_pages(hoard) << ASHLAR_PAGE_SHIFT);
    for (size_t size = BULK; size != 0; size = size == BULK ? 1 : 0) {
        while (ashlar_frames_take_bulk(kernel_memory.frames, batch, size, ASHLAR_FRAMES_MAY_USE_RESERVE) == ASHLAR_OK) {
            for (size_t i = 0; i < size; i++) {
                note_taken(hoard, batch[i]);
            }
        }
    }
    return true;
}

static uint32_t pattern_of(ashlar_pfn frame)
{
    return (uint32_t)frame * 0x85ebca6bu ^ 0x5bd1e995u;
}

static void fill(ashlar_pfn frame)
{
    uint32_t value = pattern_of(frame);
    ashlar_port_pin();
    uint32_t *words = ashlar_port_open_frame(frame);
    for (size_t i = 0; i < PAGE_WORDS; i++, value += STEP) {
        words[i] = value;
    }
    ashlar_port_close_frame(words);
    ashlar_port_unpin();
}

static uint32_t count_wrong(ashlar_pfn frame)
{
    uint32_t value = pattern_of(frame);
    uint32_t wrong = 0;
    ashlar_port_pin();
    uint32_t *words = ashlar_port_open_frame(frame);
    for (size_t i = 0; i < PAGE_WORDS; i++, value += STEP) {
        wrong += words[i] != value;
    }
    ashlar_port_close_frame(words);
    ashlar_port_unpin();
    return wrong;
}

static void show_progress(size_t done)
{
    if (done % DOT_FRAMES == 0) {
        print(".");
    }
}

void ram_write(const struct ram_hoard *hoard)
{
    size_t done = 0;
    for (ashlar_pfn frame = 0; frame < hoard->end_pfn; frame++) {
        if (is_taken(hoard, frame)) {
            fill(frame);
            show_progress(++done);
        }
    }
}

uint64_t ram_verify(const struct ram_hoard *hoard)
{
    size_t done = 0;
    uint64_t wrong = 0;
    for (ashlar_pfn frame = 0; frame < hoard->end_pfn; frame++) {
        if (is_taken(hoard, frame)) {
            wrong += count_wrong(frame);
            show_progress(++done);
        }
    }
    return wrong;
}

size_t ram_high_frames(const struct ram_hoard *hoard)
{
    size_t count = 0;
    for (ashlar_pfn frame = HIGH_FRAME; frame < hoard->end_pfn; frame++) {
        count += is_taken(hoard, frame);
    }
    return count;
}

void ram_give_all(struct ram_hoard *hoard)
{
    for (ashlar_pfn frame = 0; frame < hoard->end_pfn; frame++) {
        if (is_taken(hoard, frame)) {
            ashlar_frames_give(kernel_memory.frames, frame, 0);
        }
    }
    ashlar_kva_give(hoard->taken_first);
    (void)ashlar_kva_purge();
    *hoard = (struct ram_hoard){0};
}

/* Exact while idle tasks and the worker do nothing. */
size_t ram_accounted_frames(void)
{
    struct ashlar_space_stats space;
    struct ashlar_kva_stats kva;
    struct ashlar_frames_stats pool;
    task_begin_quiet();
    memory_heap_shrink();
    ashlar_space_stats(&space);
    ashlar_kva_stats(&kva);
    ashlar_frames_stats(kernel_memory.frames, &pool);
    size_t frames = pool.free_frames + space.kernel_table_frames + kva.strip_frames + memory_heap_pages();
    task_end_quiet();
    return frames;
}
