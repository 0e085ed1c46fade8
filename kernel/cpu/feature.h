/* SPDX-License-Identifier: 0BSD */
/* feature.h - what CPUID says, and turning it on. */
#ifndef KERNEL_FEATURE_H
#define KERNEL_FEATURE_H

#include "x86/cpu.h"
#include <stdbool.h>

typedef enum feature {
    FEATURE_PSE,
    FEATURE_TSC,
    FEATURE_PAE,
    FEATURE_PGE,
    FEATURE_PAT,
    FEATURE_NX,
    FEATURE_GIB,
    FEATURE_SMEP,
    FEATURE_SMAP,
    FEATURE_UMIP,
    FEATURE_PCID,
    FEATURE_LA57,
    FEATURES
} feature;

bool feature_has(feature which);
/* By CPUID 1 EAX and the microcode of an Intel CPU. */
bool feature_invlpg_leaves_global(uint32_t signature, uint32_t microcode);
bool feature_large_pages_race(uint32_t signature, uint32_t microcode);
/* By CPUID 1 EAX and IA32_ARCH_CAPABILITIES (0: it has none) of an Intel CPU: is it told by absent entries where to read? */
bool feature_l1tf(uint32_t signature, uint64_t capabilities);
/* Is this CPU? */
bool feature_has_l1tf(void);
const char *feature_name(feature which);

/* On each CPU: EFER.NXE, without which the NX bit is a reserved one. Before the first table that has it is loaded. */
void feature_enable_nx(void);
/* On each CPU, once its tables are those of its mode: CR4 and the page attribute table. The first one decides: what it
 * has, all have. */
void feature_enable(void);

/* The library's ASHLAR_FEATURE_... of what is on. */
unsigned feature_flags(void);
/* First physical address that the CPU cannot name under this or that mode. */
uint64_t feature_physical_limit(bool is_wide);

#endif
