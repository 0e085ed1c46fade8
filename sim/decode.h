/* SPDX-License-Identifier: 0BSD */
/* decode.h - tables in memory, as the manual has them. */
#ifndef ASHLAR_SIM_DECODE_H
#define ASHLAR_SIM_DECODE_H

#include "machine.h"

/* One entry, decoded. */
struct decoded {
    bool present;
    bool leaf;
    bool reserved; /* a reserved bit is set */
    bool writable;
    bool user;
    bool executable;
    bool global;
    bool accessed;
    bool dirty;
    unsigned pat_index;
    uint64_t target; /* page or table */
};

struct shape {
    unsigned levels;
    unsigned entry_bytes;
    unsigned address_bits;
    unsigned physical_bits;
    unsigned features;
    enum sim_format format;
};

/* Address bits below the part that this level's entries tell apart. */
unsigned sim_level_shift(const struct shape *shape, unsigned level);
uint64_t sim_entry_address(const struct shape *shape, unsigned level, uint64_t table, uint64_t address);
uint64_t sim_entry_read(const struct shape *shape, uint64_t entry_address);
/* Sets bits unless the entry has changed since it was read as raw. */
bool sim_entry_mark(const struct shape *shape, uint64_t entry_address, uint64_t raw, uint64_t bits);
/* What a CPU with L1TF takes for the address of an absent entry: as many bits as it has (Intel, "L1 Terminal Fault"). */
uint64_t sim_entry_named(const struct shape *shape, uint64_t raw);
struct decoded sim_entry_decode(const struct shape *shape, unsigned level, uint64_t raw);
bool sim_address_is_canonical(const struct shape *shape, uint64_t address);

#endif
