/* SPDX-License-Identifier: 0BSD */
/* paging.h - the formats of page tables, and what a mapping can ask for.
 *
 * A kernel names the format that its CPU runs with; all else about formats is
 * the library's own. Pages are numbered without sign extension.
 */
#ifndef ASHLAR_PAGING_H
#define ASHLAR_PAGING_H

#include <ashlar/types.h>

ASHLAR_BEGIN_DECLS

/* A 32-bit kernel runs with one of the first three, a 64-bit kernel with one of the others.
 *
 * A CPU with L1TF (docs/porting.md has the list) reads speculatively where absent entries point. Those of the 64-bit
 * formats point to no RAM; those of PAE do not either under pae_l1tf, which changes two words where pae changes one.
 * Two-level entries have no room for it. */
struct ashlar_paging;
extern const struct ashlar_paging ashlar_paging_two_level; /* 32-bit entries, 4 MiB large pages */
extern const struct ashlar_paging ashlar_paging_pae;       /* 32-bit addresses, 64-bit entries, 2 MiB large pages */
extern const struct ashlar_paging ashlar_paging_pae_l1tf;  /* the same, for a CPU with L1TF */
extern const struct ashlar_paging ashlar_paging_4level;    /* 48-bit addresses, large pages of 2 MiB and 1 GiB */
extern const struct ashlar_paging ashlar_paging_5level;    /* 57-bit addresses */

/* What the CPU has, and the kernel has turned on before it brings the library up. */
#define ASHLAR_FEATURE_NX 1u     /* CPUID 80000001h EDX.20, EFER.NXE set */
#define ASHLAR_FEATURE_GLOBAL 2u /* CPUID 1 EDX.13, CR4.PGE set */
#define ASHLAR_FEATURE_LARGE 4u  /* two-level: CPUID 1 EDX.3, CR4.PSE set; the other formats always have large pages */
#define ASHLAR_FEATURE_GIB 8u    /* pages of 1 GiB: CPUID 80000001h EDX.26 */
#define ASHLAR_FEATURE_PAT                                                                                             \
    16u /* CPUID 1 EDX.16, MSR 277h loaded with ASHLAR_PAT_LOW and _HIGH; without it
                                  * write-combining is left to the MTRRs (the type UC-) */
#define ASHLAR_FEATURE_PCID                                                                                            \
    32u /* 64-bit formats: CPUID 1 ECX.17, CR4.PCIDE set; it does something only
                                  * beside ASHLAR_FEATURE_GLOBAL */
/* Or-ed in: physical address bits (CPUID 80000008h EAX, bits 0 to 7), 12 to 52. Left out: 36 under PAE, 32 and 52. */
/* With PCIDs on, INVLPG may leave global translations (Intel's Alder and Raptor Lake before a microcode of 2023): pages of the
 * kernel half are never flushed singly then. */
#define ASHLAR_FEATURE_INVLPG_LEAVES_GLOBAL 64u
/* A page must not be known in two sizes (AMD family 10h and 12h, erratum 383): nothing that could be split is mapped large. */
#define ASHLAR_FEATURE_ONE_PAGE_SIZE 128u
#define ASHLAR_FEATURE_PHYSICAL_BITS(bits) ((unsigned)(bits) << 24)

/* The page attribute table as it is after reset, with write-combining in entry 4. */
#define ASHLAR_PAT_LOW 0x00070406u
#define ASHLAR_PAT_HIGH 0x00070401u

/* What a mapping allows. Write-back is the caching type where none is named.
 *
 * In the kernel half reading is always allowed, and USER refused. In a user half a page with USER is the user's: READ,
 * WRITE and EXEC are his, and either of the latter brings READ with it; with none of them the page is there, and keeps
 * its frame, but nobody may touch it. A page without USER is the kernel's alone, WRITE and EXEC are the kernel's, and READ
 * says nothing. What the CPU cannot refuse (EXEC without NX) is remembered, and told, all the same. */
#define ASHLAR_MAP_WRITE 0x01u
#define ASHLAR_MAP_EXEC 0x02u
#define ASHLAR_MAP_USER 0x04u
#define ASHLAR_MAP_GLOBAL 0x08u /* kept when the root changes */
#define ASHLAR_MAP_CACHE_WB 0x00u
#define ASHLAR_MAP_CACHE_WT 0x10u
#define ASHLAR_MAP_CACHE_UC 0x20u
#define ASHLAR_MAP_CACHE_WC 0x30u
#define ASHLAR_MAP_CACHE_MASK 0x30u
#define ASHLAR_MAP_READ 0x40u
/* In large pages wherever size and alignment allow; ignored where pages come singly, with EXEC, and under
 * ASHLAR_FEATURE_ONE_PAGE_SIZE. */
#define ASHLAR_MAP_LARGE 0x80u

/* "two-level", "PAE", "PAE/L1TF", "4-level", "5-level". */
const char *ashlar_paging_name(const struct ashlar_paging *paging);

ASHLAR_END_DECLS

#endif
