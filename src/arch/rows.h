/* SPDX-License-Identifier: 0BSD */
/* rows.h - a paging format as data, and the four formats of x86, one of them twice.
 *
 * Sources: Intel SDM vol. 3, 4.3 (two-level), 4.4 (PAE), 4.5 (4-level and 5-level); 4.9.2 (PAT); 4.10.1 (PCIDs).
 */
#ifndef ASHLAR_ARCH_ROWS_H
#define ASHLAR_ARCH_ROWS_H

#include <ashlar/paging.h>
#include <stdbool.h>

#define PAGING_LEVELS_MAX 5u

struct paging_level {
    uint8_t shift;      /* an entry covers 2^shift pages */
    uint8_t index_bits; /* a table has 2^index_bits entries */
    bool may_be_leaf;   /* an entry may map a (large) page */
};

struct ashlar_paging {
    const char *name;
    uint8_t levels; /* of tables; level 1 maps 4 KiB pages, the root is the highest */
    uint8_t entry_bytes;
    uint8_t virtual_bits;
    uint8_t physical_bits; /* where the kernel names none */
    uint8_t physical_bits_max;
    bool root_needs_reload; /* the CPU keeps the root's entries: a change is seen when the root is loaded again */
    struct paging_level level[PAGING_LEVELS_MAX + 1]; /* by level; [0] is not used */

    /* Bits of an entry. */
    uint64_t frame_mask;
    uint64_t no_execute;  /* 0: the format has none */
    uint64_t absent_flip; /* inverted while an entry is absent, so that it names no RAM; 0: there is no room */
    uint16_t present;
    uint16_t writable;
    uint16_t user;
    uint16_t write_through;
    uint16_t cache_disable;
    uint16_t accessed;
    uint16_t dirty;
    uint16_t large; /* from level 2 on: maps a page */
    uint16_t global;
    uint16_t pat_small; /* third bit of the caching type at level 1 */
    uint16_t pat_large; /* the same in a large page, where it is the lowest bit of the frame number otherwise */
    uint16_t link;      /* whatever names a table has these, and user as wanted */
    uint16_t root_link; /* the same in the root */
    uint16_t root_user; /* user as wanted, in the root; 0: it has no permissions */

    /* Bits that the CPU ignores. */
    uint16_t hidden;          /* absent, the frame number kept */
    uint16_t deposited;       /* in the kernel half: a large page for whose split a table is kept */
    uint16_t said_no_execute; /* in a user half: not to be executed, whatever the CPU can refuse */
    uint16_t no_access; /* in a user half, without the user bit: the user's, and nobody may touch it. Both bits above */

    ashlar_vpn page_mask;   /* all page numbers lie within */
    ashlar_vpn sign_page;   /* this bit of a page number is repeated in all higher bits of an address; 0: in none */
    unsigned kernel_slot;   /* first slot of the root that can be the kernel's; 0: any */
    ashlar_pfn start_limit; /* the root with which a CPU turns paging on lies in a frame below */
    ashlar_pfn root_limit;  /* all other roots; 0: anywhere */
    ashlar_pfn table_limit; /* all other tables */
    unsigned root_bytes;    /* size and alignment of the root */
    uint64_t root_keep; /* this bit of a root that is loaded keeps what its ASID, the lowest bits, knows; 0: no ASIDs */
};

/* All x86 formats have these in common. A and D of a link: the CPU need not write what is set already. */
#define PAGING_X86_BITS                                                                                                \
    .present = 0x001, .writable = 0x002, .user = 0x004, .write_through = 0x008, .cache_disable = 0x010,                \
    .accessed = 0x020, .dirty = 0x040, .large = 0x080, .global = 0x100, .pat_small = 0x080, .pat_large = 0x1000,       \
    .link = 0x023, .hidden = 0x200, .said_no_execute = 0x400, .deposited = 0x800, .no_access = 0xc00

/* Those with entries of 64 bits. What is inverted while they are absent is more than 4 GiB: no format needs more for RAM
 * that lies in the lower half of what the CPU can name. */
#define PAGING_X86_WIDE .frame_mask = UINT64_C(0x000ffffffffff000), .no_execute = UINT64_C(1) << 63
#define PAGING_X86_FLIP UINT64_C(0x000fffff00000000)

#define PAGING_ROW_TWO_LEVEL                                                                                           \
    {                                                                                                                  \
        .name = "two-level", .levels = 2, .entry_bytes = 4, .virtual_bits = 32, .physical_bits = 32,                   \
        .physical_bits_max = 32, .level = {[1] = {0, 10, true}, [2] = {10, 10, true}}, PAGING_X86_BITS,                \
        .frame_mask = 0xfffff000u, .root_link = 0x023, .root_user = 0x004, .page_mask = 0xfffffu,                      \
        .start_limit = 0x100000u, .root_limit = 0x100000u, .table_limit = 0x100000u, .root_bytes = 4096                \
    }

/* The root's four entries go into registers when it is loaded; bits 1, 2, 5 to 8 of them are reserved. Its tables stay
 * below 4 GiB, too: QEMU's 32-bit machine cannot walk others. Bits 52 to 62 of each entry are reserved. */
#define PAGING_ROW_PAE_WITH(name_, flip)                                                                               \
    {                                                                                                                  \
        .name = (name_), .levels = 3, .entry_bytes = 8, .virtual_bits = 32, .physical_bits = 36,                       \
        .physical_bits_max = 52, .root_needs_reload = true,                                                            \
        .level = {[1] = {0, 9, true}, [2] = {9, 9, true}, [3] = {18, 2, false}}, PAGING_X86_BITS, PAGING_X86_WIDE,     \
        .absent_flip = (flip), .root_link = 0x001, .page_mask = 0xfffffu, .start_limit = 0x100000u,                    \
        .root_limit = 0x100000u, .table_limit = 0x100000u, .root_bytes = 32                                            \
    }
#define PAGING_ROW_PAE PAGING_ROW_PAE_WITH("PAE", 0)
/* Apart, since a 32-bit machine has two words to change where an entry becomes absent. */
#define PAGING_ROW_PAE_L1TF PAGING_ROW_PAE_WITH("PAE/L1TF", PAGING_X86_FLIP)

/* A CPU that starts loads a root of 32 bits, before it is in 64-bit mode; later ones may lie anywhere. */
#define PAGING_ROW_4LEVEL                                                                                              \
    {                                                                                                                  \
        .name = "4-level", .levels = 4, .entry_bytes = 8, .virtual_bits = 48, .physical_bits = 52,                     \
        .physical_bits_max = 52,                                                                                       \
        .level = {[1] = {0, 9, true}, [2] = {9, 9, true}, [3] = {18, 9, true}, [4] = {27, 9, false}}, PAGING_X86_BITS, \
        PAGING_X86_WIDE, .absent_flip = PAGING_X86_FLIP, .root_link = 0x023, .root_user = 0x004,                       \
        .page_mask = (ashlar_vpn)((UINT64_C(1) << 36) - 1u), .sign_page = (ashlar_vpn)(UINT64_C(1) << 35),             \
        .kernel_slot = 256, .start_limit = 0x100000u, .root_bytes = 4096, .root_keep = UINT64_C(1) << 63               \
    }

#define PAGING_ROW_5LEVEL                                                                                              \
    {                                                                                                                  \
        .name = "5-level", .levels = 5, .entry_bytes = 8, .virtual_bits = 57, .physical_bits = 52,                     \
        .physical_bits_max = 52,                                                                                       \
        .level =                                                                                                       \
            {[1] = {0, 9, true}, [2] = {9, 9, true}, [3] = {18, 9, true}, [4] = {27, 9, false}, [5] = {36, 9, false}}, \
        PAGING_X86_BITS, PAGING_X86_WIDE, .absent_flip = PAGING_X86_FLIP, .root_link = 0x023, .root_user = 0x004,      \
        .page_mask = (ashlar_vpn)((UINT64_C(1) << 45) - 1u), .sign_page = (ashlar_vpn)(UINT64_C(1) << 44),             \
        .kernel_slot = 256, .start_limit = 0x100000u, .root_bytes = 4096, .root_keep = UINT64_C(1) << 63               \
    }

#endif
