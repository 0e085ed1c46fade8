/* SPDX-License-Identifier: 0BSD */
/* kmalloc.h - the kernel's one heap, by the names that kernels know.
 *
 * Boot binds a heap once; before that every call is fatal, but that kfree of
 * NULL does nothing. Define ASHLAR_PLAIN_NAMES before the inclusion to have
 * kmalloc, kfree and so on without the prefix.
 *
 * Context, alignment, size 0, what is fatal, what is resident: as in heap.h. NULL: no memory.
 * Cost: a pair of kmalloc and kfree takes 167 instructions on i386 up to 1 KiB, calls and the kernel's hooks included.
 */
#ifndef ASHLAR_KMALLOC_H
#define ASHLAR_KMALLOC_H

#include <ashlar/heap.h>

ASHLAR_BEGIN_DECLS

/* Boot calls it. Fatal the second time; NULL unbinds (for tests). */
void ashlar_kmalloc_bind(struct ashlar_heap *heap);

ASHLAR_MUST_USE void *ashlar_kmalloc(size_t bytes);
ASHLAR_MUST_USE void *ashlar_kzalloc(size_t bytes);
/* NULL where count * bytes overflows. Zeroed. */
ASHLAR_MUST_USE void *ashlar_kcalloc(size_t count, size_t bytes);
/* NULL: the old object is as it was. bytes 0 makes it the smallest object, and does not free it. */
ASHLAR_MUST_USE void *ashlar_krealloc(void *object, size_t bytes);
/* NULL for an alignment that is no power of two. */
ASHLAR_MUST_USE void *ashlar_kmemalign(size_t align_bytes, size_t bytes);
void ashlar_kfree(void *object);
void ashlar_kfree_sized(void *object, size_t bytes);
size_t ashlar_kmalloc_usable_size(const void *object);
size_t ashlar_kmalloc_size_roundup(size_t bytes);
ASHLAR_MUST_USE ashlar_status ashlar_kmalloc_prefill(size_t bytes, size_t count);

/* For the idle loop: ashlar_heap_work on the bound heap. Does nothing before bind. */
int ashlar_work(void);
/* For the handler of the kick, where boot has heap_kick: ashlar_heap_answer on the bound heap. */
void ashlar_kmalloc_answer(void);

#ifdef ASHLAR_PLAIN_NAMES
#define kmalloc ashlar_kmalloc
#define kzalloc ashlar_kzalloc
#define kcalloc ashlar_kcalloc
#define krealloc ashlar_krealloc
#define kmemalign ashlar_kmemalign
#define kfree ashlar_kfree
#define kfree_sized ashlar_kfree_sized
#define kmalloc_usable_size ashlar_kmalloc_usable_size
#define kmalloc_size_roundup ashlar_kmalloc_size_roundup
#define kmalloc_prefill ashlar_kmalloc_prefill
#endif

ASHLAR_END_DECLS

#endif
