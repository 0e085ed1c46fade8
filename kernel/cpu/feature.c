/* SPDX-License-Identifier: 0BSD */
/* feature.c - what CPUID says, and turning it on.
 *
 * A bit of CR4 that the CPU does not have is a general protection fault, or
 * worse: each is set only where its feature is found. The table says where.
 */
#include "cpu/feature.h"

#include "io/print.h"
#include "width.h"
#include <ashlar/paging.h>

#define MSR_EFER 0xc0000080u
#define MSR_PAT 0x277u
#define MSR_MICROCODE 0x8bu
#define MSR_ARCH_CAPABILITIES 0x10au
#define CAPABILITIES_RDCL_NO 1u
#define CAPABILITIES_ARE_TOLD 0x20000000u /* in EDX of leaf 7 */
#define EFER_NXE 0x800u
#define LEAF_EXTENDED 0x80000000u
#define LEAF_WIDTHS 0x80000008u
#define PHYSICAL_BITS_USUAL 36u

enum { EBX, ECX, EDX };

static const struct {
    const char *name;
    uint32_t leaf;
    unsigned word; /* register of the answer */
    unsigned bit;
    uintptr_t cr4;   /* turns it on */
    unsigned ashlar; /* what the library calls it */
} features[FEATURES] = {
    [FEATURE_PSE] = {"PSE", 1, EDX, 3, X86_CR4_PSE, ASHLAR_FEATURE_LARGE},
    [FEATURE_TSC] = {"TSC", 1, EDX, 4, 0, 0},
    [FEATURE_PAE] = {"PAE", 1, EDX, 6, 0, 0},
    [FEATURE_PGE] = {"PGE", 1, EDX, 13, X86_CR4_PGE, ASHLAR_FEATURE_GLOBAL},
    [FEATURE_PAT] = {"PAT", 1, EDX, 16, 0, ASHLAR_FEATURE_PAT},
    [FEATURE_NX] = {"NX", 0x80000001u, EDX, 20, 0, ASHLAR_FEATURE_NX},
    [FEATURE_GIB] = {"1G pages", 0x80000001u, EDX, 26, 0, ASHLAR_FEATURE_GIB},
    [FEATURE_SMEP] = {"SMEP", 7, EBX, 7, X86_CR4_SMEP, 0},
    [FEATURE_SMAP] = {"SMAP", 7, EBX, 20, X86_CR4_SMAP, 0},
    [FEATURE_UMIP] = {"UMIP", 7, ECX, 2, X86_CR4_UMIP, 0},
    [FEATURE_PCID] = {"PCID", 1, ECX, 17, X86_CR4_PCIDE, ASHLAR_FEATURE_PCID},
    [FEATURE_LA57] = {"LA57", 7, ECX, 16, 0, 0},
};

bool feature_has(feature which)
{
    uint32_t leaf = features[which].leaf;
    if (leaf > x86_cpuid(leaf & LEAF_EXTENDED).eax || (which == FEATURE_PCID && KERNEL_WIDTH_BITS == 32u)) {
        return false; /* CR4.PCIDE is for 64-bit mode alone */
    }
    struct x86_cpuid_leaf answer = x86_cpuid(leaf);
    const uint32_t words[] = {[EBX] = answer.ebx, [ECX] = answer.ecx, [EDX] = answer.edx};
    return (words[features[which].word] >> features[which].bit & 1) != 0;
}

const char *feature_name(feature which)
{
    return features[which].name;
}

void feature_enable_nx(void)
{
    if (feature_has(FEATURE_NX)) {
        x86_wrmsr(MSR_EFER, x86_rdmsr(MSR_EFER) | EFER_NXE);
    }
}

void feature_enable(void)
{
    uintptr_t wanted = 0;
    for (unsigned i = 0; i < FEATURES; i++) {
        wanted |= feature_has((feature)i) ? features[i].cr4 : 0;
    }
    if (wanted != 0) { /* a 486 may have no CR4 */
        x86_write_cr4(x86_read_cr4() | wanted);
    }
    if (feature_has(FEATURE_PAT)) {
        x86_wrmsr(MSR_PAT, (uint64_t)ASHLAR_PAT_HIGH << 32 | ASHLAR_PAT_LOW);
    }
}

static unsigned physical_bits(void)
{
    return x86_cpuid(LEAF_EXTENDED).eax >= LEAF_WIDTHS ? x86_cpuid(LEAF_WIDTHS).eax & 0xff : PHYSICAL_BITS_USUAL;
}

static unsigned family_of(uint32_t signature)
{
    return (signature >> 8 & 15) + (signature >> 20 & 0xff);
}

static unsigned model_of(uint32_t signature)
{
    return (signature >> 4 & 15) | (signature >> 12 & 0xf0);
}

static bool is_intel(void)
{
    return x86_cpuid(0).ebx == 0x756e6547; /* "Genu" */
}

/* Intel's CPUs of family 6 whose INVLPG leaves global translations while PCIDs are on, up to a microcode of 2023. */
static const struct {
    uint8_t model;
    uint32_t mended; /* by this microcode */
} leaves_global[] = {
    {0x97, 0x2e},  {0x9a, 0x42c},  {0xbe, 0x11}, /* Alder Lake, its mobile kinds, Alder Lake-N */
    {0xb7, 0x118}, {0xba, 0x4117}, {0xbf, 0x2e}, /* Raptor Lake, P, S */
};

bool feature_invlpg_leaves_global(uint32_t signature, uint32_t microcode)
{
    unsigned family = family_of(signature), model = model_of(signature);
    for (unsigned i = 0; i < sizeof leaves_global / sizeof *leaves_global; i++) {
        if (family == 6 && model == leaves_global[i].model) {
            return microcode < leaves_global[i].mended;
        }
    }
    return false;
}

/* The first Atoms, errata AAE44, AAF40, AAG38 and AAH41: a large page that is invalidated races with what is fetched ahead
 * through it, unless the firmware has loaded this microcode or a later one. */
bool feature_large_pages_race(uint32_t signature, uint32_t microcode)
{
    const uint32_t model_28 = 0x106c0;
    return (signature & 0x0fff0ff0) == model_28 && (signature & 15) <= 2 && microcode < 0x20e;
}

/* Atoms and the Xeon Phi of family 6, which do not read ahead of a fault. */
static const uint8_t without_l1tf[] = {0x1c, 0x26, 0x27, 0x35, 0x36, 0x37, 0x4a, 0x4c, 0x4d, 0x57, 0x5a,
                                       0x5c, 0x5d, 0x5f, 0x65, 0x6e, 0x75, 0x7a, 0x85, 0x86, 0x96, 0x9c};

bool feature_l1tf(uint32_t signature, uint64_t capabilities)
{
    unsigned family = family_of(signature), model = model_of(signature);
    for (unsigned i = 0; i < sizeof without_l1tf; i++) {
        if (family == 6 && model == without_l1tf[i]) {
            return false;
        }
    }
    return (family == 6 || family == 15) && (capabilities & CAPABILITIES_RDCL_NO) == 0;
}

bool feature_has_l1tf(void)
{
    bool told = x86_cpuid(0).eax >= 7 && (x86_cpuid(7).edx & CAPABILITIES_ARE_TOLD) != 0;
    return is_intel() && feature_l1tf(x86_cpuid(1).eax, told ? x86_rdmsr(MSR_ARCH_CAPABILITIES) : 0);
}

/* AMD's family 10h and 12h, erratum 383: a page that the TLB knows in two sizes may be a machine check. */
static bool needs_one_page_size(void)
{
    const uint32_t amd = 0x68747541; /* "Auth" */
    unsigned family = family_of(x86_cpuid(1).eax);
    return x86_cpuid(0).ebx == amd && (family == 0x10 || family == 0x12);
}

/* Of Intel's CPUs since the Pentium Pro: the register is a hypervisor's to tell, too. */
static uint32_t microcode(void)
{
    x86_wrmsr(MSR_MICROCODE, 0);
    (void)x86_cpuid(1);
    return (uint32_t)(x86_rdmsr(MSR_MICROCODE) >> 32);
}

/* The microcode is asked for only where it decides. */
static bool invlpg_leaves_global(void)
{
    return feature_has(FEATURE_PCID) && is_intel() && feature_invlpg_leaves_global(x86_cpuid(1).eax, microcode());
}

static bool large_pages_race(void)
{
    uint32_t signature = x86_cpuid(1).eax;
    return is_intel() && feature_large_pages_race(signature, 0) && feature_large_pages_race(signature, microcode());
}

unsigned feature_flags(void)
{
    unsigned flags = ASHLAR_FEATURE_PHYSICAL_BITS(physical_bits());
    if (needs_one_page_size() || large_pages_race()) {
        print("this CPU does not bear large pages that change: the direct map alone has any\n");
        flags |= ASHLAR_FEATURE_ONE_PAGE_SIZE;
    }
    flags |= invlpg_leaves_global() ? ASHLAR_FEATURE_INVLPG_LEAVES_GLOBAL : 0;
    for (unsigned i = 0; i < FEATURES; i++) {
        flags |= feature_has((feature)i) ? features[i].ashlar : 0;
    }
    return flags;
}

uint64_t feature_physical_limit(bool is_wide)
{
    return (uint64_t)1 << (is_wide ? physical_bits() : 32);
}
