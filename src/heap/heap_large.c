/* SPDX-License-Identifier: 0BSD */
/* heap_large.c - blocks over 32 KiB, or aligned to more than 4 KiB: a run is had for each, grown for if need be. */
#include "heap/heap_large.h"

#include "base/alone.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/relaxed.h"
#include "heap/blocks.h"
#include "heap/inject.h"
#include "heap/marks.h"
#include "heap/others.h"
#include "heap/owner.h"
#include "heap/room.h"
#include "heap/size.h"
#include "runs/runs.h"
#include "runs/shrink.h"

COLD struct run *ashlar_heap_run_obtain(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags)
{
    unsigned turns = 0;
    uint32_t next_cpu = 0;
    if (bytes > heap->runs.range_bytes || align_bytes > heap->runs.range_bytes || align_bytes > UINT32_MAX / 2u ||
        ashlar_heap_is_nmi()) {
        return NULL;
    }
    uint32_t units = units_for(heap, bytes);
    struct run *run;
    do {
        run = ashlar_runs_take(&heap->runs, &heap->runs.empty, units, (uint32_t)align_bytes);
    } while (run == NULL && (ashlar_heap_make_room(heap, bytes, units, (uint32_t)align_bytes, flags, &turns) ||
                             ashlar_heap_ask_next(heap, flags, &next_cpu)));
    return run;
}

COLD void *ashlar_heap_take_large(struct ashlar_heap *heap, size_t bytes, size_t align_bytes, unsigned flags)
{
    size_t rounded = bytes > ALIGN_MOST_BYTES ? ashlar_heap_size_roundup(heap, bytes) : bytes;
    uint32_t natural = natural_align((uint32_t)rounded);
    align_bytes = align_bytes > natural ? align_bytes : natural;
    if (ashlar_heap_fail_now(heap)) {
        return NULL;
    }
    struct run *run = ashlar_heap_run_obtain(heap, bytes != 0 ? bytes : 1u, align_bytes, flags);
    if (run == NULL) {
        count_up(&heap->failures);
        ashlar_tell_context(&heap->told, "heap: memory refused");
        return NULL;
    }
    bool clean = run->clean != 0;
    ashlar_heap_block_lay(heap, run);
    if ((flags & ASHLAR_HEAP_ZERO) != 0 && !clean) {
        memset((void *)run->base, 0, run_bytes(&heap->runs, run));
    }
    uintptr_t interrupts = ashlar_lock_take(&heap->runs.lock);
    ashlar_heap_block_open_locked(heap, run);
    ashlar_lock_give(&heap->runs.lock, interrupts);
    return (void *)run->base;
}

COLD bool ashlar_heap_resize_large(struct ashlar_heap *heap, struct run *run, uint32_t units)
{
    if (ashlar_heap_is_nmi()) {
        return false;
    }
    bool done = ashlar_heap_block_resize(heap, run, units);
    if (done) {
        ashlar_runs_settle(&heap->runs);
    }
    return done;
}
