/* SPDX-License-Identifier: 0BSD */
/* buffer.c - store buffers: what a CPU has stored others may see late, as x86 allows it and no more.
 *
 *     CPU ──store──> │ newest ... oldest │ ──drain──> memory <── other CPUs, every walk of a page table
 *      └──load────── found here, else ────────────────┘
 *
 * The stores of one CPU reach memory in their order, one at a time, when the
 * buffer likes; its own loads see them at once. So the one thing that can go
 * wrong is a load that overtakes an older store of its own CPU (Intel SDM,
 * vol. 3, 8.2.3.4). Locked and serializing instructions, exceptions, interrupts
 * and the return from them drain the buffer first; so does an access that the
 * CPU's own MMU translates, as a fault is told only after a new look at the tables.
 * A walk that nobody has asked for does not.
 *
 * Buffers drain by chance, at yields and while CPUs wait: sooner or later all of
 * it. An entry names memory by the machine's own pointer to the frame, since
 * kernel pointers are translated when the store is made, and another CPU may be
 * the one that runs when it drains. Windows have to be unguarded.
 *
 * Plain C stores do not come here: they are visible at once, before what waits.
 * Who tells others of something by a plain store drains first.
 *
 * Source: Sewell, Sarkar, Owens, Zappa Nardelli, Myreen, "x86-TSO: A Rigorous
 * and Usable Programmer's Model for x86 Multiprocessors" (CACM 2010).
 */
#include "buffer.h"

#include "machine.h"
#include "random.h"

#define ENTRIES 32u

struct entry {
    volatile char *pointer;
    unsigned bytes;
    uint64_t value;
};

struct buffer {
    struct entry entries[ENTRIES]; /* a ring */
    unsigned first;
    unsigned count;
};

static struct {
    unsigned cpus;
    unsigned drain_one_in;
    uint64_t random;
    struct buffer cpu[SIM_CPUS_MAX];
} buffers;

static unsigned random_below(unsigned bound)
{
    return (unsigned)(sim_random(&buffers.random) >> 17) % bound;
}

uint64_t sim_memory_read(const volatile void *memory, unsigned bytes)
{
    return bytes == 4 ? *(const volatile uint32_t *)memory : *(const volatile uint64_t *)memory;
}

void sim_memory_write(volatile void *memory, unsigned bytes, uint64_t value)
{
    if (bytes == 4) {
        *(volatile uint32_t *)memory = (uint32_t)value;
    } else {
        *(volatile uint64_t *)memory = value;
    }
}

/* --- draining ------------------------------------------------------------------------ */

static void drain(struct buffer *buffer, unsigned stores)
{
    for (; stores != 0; stores--) {
        const struct entry *oldest = &buffer->entries[buffer->first];
        sim_memory_write(oldest->pointer, oldest->bytes, oldest->value);
        buffer->first = (buffer->first + 1u) % ENTRIES;
        buffer->count--;
    }
}

void sim_buffer_drain(unsigned cpu)
{
    drain(&buffers.cpu[cpu], buffers.cpu[cpu].count);
}

void sim_buffer_tick(void)
{
    if (buffers.drain_one_in != 0 && random_below(buffers.drain_one_in) == 0) {
        struct buffer *buffer = &buffers.cpu[random_below(buffers.cpus)];
        drain(buffer, buffer->count != 0 ? 1u + random_below(buffer->count) : 0);
    }
}

void sim_buffer_begin(unsigned cpus, unsigned drain_one_in, uint64_t seed)
{
    buffers.cpus = cpus;
    buffers.drain_one_in = drain_one_in;
    buffers.random = (seed + 1u) * UINT64_C(0x9e3779b97f4a7c15);
}

bool sim_buffer_is_on(void)
{
    return buffers.drain_one_in != 0;
}

void sim_buffer_end(void)
{
    for (unsigned cpu = 0; cpu < buffers.cpus; cpu++) {
        sim_buffer_drain(cpu);
    }
    buffers.drain_one_in = 0;
}

/* --- one store, one load ----------------------------------------------------------------- */

void sim_buffer_put(unsigned cpu, volatile char *memory, unsigned bytes, uint64_t value)
{
    struct buffer *buffer = &buffers.cpu[cpu];
    if (buffer->count == ENTRIES) {
        drain(buffer, 1);
    }
    buffer->entries[(buffer->first + buffer->count++) % ENTRIES] = (struct entry){memory, bytes, value};
}

/* The newest store to any of these bytes; NULL if none waits. */
static const struct entry *find_newest(const struct buffer *buffer, const volatile char *memory, unsigned bytes)
{
    for (unsigned i = buffer->count; i != 0; i--) {
        const struct entry *entry = &buffer->entries[(buffer->first + i - 1u) % ENTRIES];
        if (memory < entry->pointer + entry->bytes && entry->pointer < memory + bytes) {
            return entry;
        }
    }
    return NULL;
}

/* A part of one store is forwarded, and the caller takes the low bytes. */
bool sim_buffer_read(unsigned cpu, const volatile char *memory, unsigned bytes, uint64_t *value)
{
    const struct entry *entry = find_newest(&buffers.cpu[cpu], memory, bytes);
    if (entry == NULL) {
        *value = sim_memory_read(memory, bytes);
        return true;
    }
    if (memory < entry->pointer || memory + bytes > entry->pointer + entry->bytes) {
        return false;
    }
    *value = entry->value >> 8u * (unsigned)(memory - entry->pointer);
    return true;
}
