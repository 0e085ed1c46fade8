/* SPDX-License-Identifier: 0BSD */
/* decode.c - page tables in memory, read as the manual says.
 *
 * Written from the Intel SDM, vol. 3, chapter 4 (tables 4-4 to 4-20), format by
 * format, and apart from the library's own formats on purpose: two readers of
 * one manual find each other's mistakes; one shared table would hide them.
 */
#include "decode.h"

#include "ram.h"

#define BIT(n) (UINT64_C(1) << (n))
/* Bits high to low, both included. */
#define BITS(high, low) ((BIT((high) - (low)) * 2u - 1u) << (low))

unsigned sim_level_shift(const struct shape *shape, unsigned level)
{
    static const unsigned two_level[] = {0, 12, 22};
    static const unsigned others[] = {0, 12, 21, 30, 39, 48};
    return shape->format == SIM_TWO_LEVEL ? two_level[level] : others[level];
}

uint64_t sim_entry_address(const struct shape *shape, unsigned level, uint64_t table, uint64_t address)
{
    uint64_t index = address >> sim_level_shift(shape, level);
    switch (shape->format) {
    case SIM_TWO_LEVEL:
        return table + (index & 1023u) * 4u;
    case SIM_PAE:
        return table + (level == 3 ? index & 3u : index & 511u) * 8u;
    case SIM_FOUR_LEVEL:
    case SIM_FIVE_LEVEL:
    default:
        return table + (index & 511u) * 8u;
    }
}

bool sim_address_is_canonical(const struct shape *shape, uint64_t address)
{
    if (shape->address_bits == 32) {
        return address >> 32 == 0;
    }
    uint64_t above = address >> (shape->address_bits - 1u);
    return above == 0 || above == BITS(64u - shape->address_bits, 0);
}

uint64_t sim_entry_read(const struct shape *shape, uint64_t entry_address)
{
    char *frame = sim_ram_frame(entry_address / FRAME_BYTES);
    if (frame == NULL) {
        return 0;
    }
    void *at = frame + entry_address % FRAME_BYTES;
    return shape->entry_bytes == 4 ? __atomic_load_n((uint32_t *)at, __ATOMIC_SEQ_CST)
                                   : __atomic_load_n((uint64_t *)at, __ATOMIC_SEQ_CST);
}

bool sim_entry_mark(const struct shape *shape, uint64_t entry_address, uint64_t raw, uint64_t bits)
{
    char *frame = sim_ram_frame(entry_address / FRAME_BYTES);
    if (frame == NULL) {
        return false;
    }
    void *at = frame + entry_address % FRAME_BYTES;
    if (shape->entry_bytes == 4) {
        return __sync_bool_compare_and_swap((uint32_t *)at, (uint32_t)raw, (uint32_t)(raw | bits));
    }
    return __sync_bool_compare_and_swap((uint64_t *)at, raw, raw | bits);
}

/* Tables 4-4 to 4-6. Large pages only with CR4.PSE; without PSE-36, bits 13 to 21 of one are reserved. */
static struct decoded decode_two_level(const struct shape *shape, unsigned level, uint64_t raw)
{
    struct decoded d = {0};
    d.leaf = level == 1 || ((raw & BIT(7)) != 0 && (shape->features & SIM_CPU_PSE) != 0);
    d.executable = true;
    d.target = raw & BITS(31, 12);
    if (d.leaf && level == 2) {
        d.target = raw & BITS(31, 22);
        d.reserved = (raw & BITS(21, 13)) != 0;
    }
    return d;
}

/* Tables 4-8 to 4-11: the directory-pointer table has neither permissions nor large pages. */
static struct decoded decode_pae(const struct shape *shape, unsigned level, uint64_t raw)
{
    struct decoded d = {0};
    uint64_t beyond = BITS(62, 52) | (BITS(51, 12) & ~(BIT(shape->physical_bits) - 1u));
    d.target = raw & BITS(51, 12);
    d.executable = true;
    if (level == 3) {
        d.reserved = (raw & (BITS(2, 1) | BITS(8, 5) | beyond | BIT(63))) != 0;
        return d;
    }
    d.leaf = level == 1 || (raw & BIT(7)) != 0;
    d.reserved = (raw & beyond) != 0 || ((raw & BIT(63)) != 0 && (shape->features & SIM_CPU_NXE) == 0);
    d.executable = (raw & BIT(63)) == 0;
    if (d.leaf && level == 2) {
        d.target = raw & BITS(51, 21);
        d.reserved |= (raw & BITS(20, 13)) != 0;
    }
    return d;
}

/* Tables 4-14 to 4-20. */
static struct decoded decode_long(const struct shape *shape, unsigned level, uint64_t raw)
{
    struct decoded d = {0};
    bool size_bit = (raw & BIT(7)) != 0;
    d.leaf = level == 1 || (size_bit && level <= 3);
    d.target = raw & BITS(51, 12);
    d.executable = (raw & BIT(63)) == 0;
    d.reserved = (raw & BITS(51, 12) & ~(BIT(shape->physical_bits) - 1u)) != 0;
    d.reserved |= (raw & BIT(63)) != 0 && (shape->features & SIM_CPU_NXE) == 0;
    d.reserved |= size_bit && (level > 3 || (level == 3 && (shape->features & SIM_CPU_GIB) == 0));
    if (d.leaf && level == 2) {
        d.target = raw & BITS(51, 21);
        d.reserved |= (raw & BITS(20, 13)) != 0;
    } else if (d.leaf && level == 3) {
        d.target = raw & BITS(51, 30);
        d.reserved |= (raw & BITS(29, 13)) != 0;
    }
    return d;
}

uint64_t sim_entry_named(const struct shape *shape, uint64_t raw)
{
    return raw & BITS(51, 12) & (BIT(shape->physical_bits) - 1u);
}

struct decoded sim_entry_decode(const struct shape *shape, unsigned level, uint64_t raw)
{
    struct decoded d = shape->format == SIM_TWO_LEVEL ? decode_two_level(shape, level, raw)
                       : shape->format == SIM_PAE     ? decode_pae(shape, level, raw)
                                                      : decode_long(shape, level, raw);
    bool no_permissions = shape->format == SIM_PAE && level == 3;
    d.present = (raw & BIT(0)) != 0;
    d.writable = no_permissions || (raw & BIT(1)) != 0;
    d.user = no_permissions || (raw & BIT(2)) != 0;
    d.accessed = no_permissions || (raw & BIT(5)) != 0;
    if (d.leaf) {
        uint64_t pat = level == 1 ? raw >> 7 : raw >> 12;
        d.dirty = (raw & BIT(6)) != 0;
        d.global = (raw & BIT(8)) != 0 && (shape->features & SIM_CPU_PGE) != 0;
        d.pat_index = (unsigned)((raw >> 3 & 3u) | (pat & 1u) << 2);
    }
    return d;
}
