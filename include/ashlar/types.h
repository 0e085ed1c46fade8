/* SPDX-License-Identifier: 0BSD */
/* types.h - the values that every floor speaks of.
 *
 * A *page* is virtual, a *frame* is physical; both are 4 KiB. Above the arch
 * floor nothing speaks of bytes of address where a number will do, and ranges
 * are a first number and a count, never an end: so the last page of the
 * address space needs no special case.
 *
 * Memory is *resident* if it is mapped for as long as somebody may use it, and no
 * access to it faults: neither a user's, nor in a demand region (kva.h), nor what
 * a pager may take away. What a caller passes by pointer (arrays of frames,
 * requests, results, structures, names) is read and written with locks held and
 * interrupts off, where a fault handler would wait for the same lock for ever.
 *
 * Valid C89, C11 and C++98.
 */
#ifndef ASHLAR_TYPES_H
#define ASHLAR_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t ashlar_phys; /* physical address, in bytes: 64 bits on every machine */
typedef uintptr_t ashlar_pfn; /* frame number: physical address / 4096 */
typedef uintptr_t ashlar_vpn; /* page number: virtual address / 4096, without sign extension */

#define ASHLAR_PAGE_SHIFT 12
#define ASHLAR_PAGE_BYTES 4096u

/* No frame has this number. */
#define ASHLAR_PFN_NONE (~(ashlar_pfn)0)

#if defined(__GNUC__)
#define ASHLAR_MUST_USE __attribute__((warn_unused_result))
#define ASHLAR_NORETURN __attribute__((noreturn))
#define ASHLAR_PRINTF(text_at, first_at) __attribute__((__format__(__printf__, text_at, first_at)))
#define ASHLAR_MALLOC __attribute__((malloc))
#else
#define ASHLAR_MUST_USE
#define ASHLAR_NORETURN
#define ASHLAR_PRINTF(text_at, first_at)
#define ASHLAR_MALLOC
#endif

/* A compile-time assertion that C89 and C++98 accept. */
#define ASHLAR_STATIC_ASSERT(name, condition) typedef char ashlar_static_assert_##name[(condition) ? 1 : -1]

#ifdef __cplusplus
#define ASHLAR_BEGIN_DECLS extern "C" {
#define ASHLAR_END_DECLS }
#else
#define ASHLAR_BEGIN_DECLS
#define ASHLAR_END_DECLS
#endif

#endif
