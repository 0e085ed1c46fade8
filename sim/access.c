/* SPDX-License-Identifier: 0BSD */
/* access.c - loads and stores of shared words, through the store buffer of the CPU that makes them (yield.h).
 *
 * Outside of a run with store buffers they are plain. A kernel pointer is
 * translated when the access is made, so that a fault comes where it belongs.
 */
#include "yield.h"

#include "buffer.h"
#include "fault.h"
#include <ashlar/port.h>

void sim_drain(void)
{
    sim_buffer_drain(ashlar_port_cpu());
}

void sim_buffer_store(volatile void *pointer, unsigned bytes, uint64_t value)
{
    if (!sim_buffer_is_on()) {
        sim_memory_write(pointer, bytes, value);
        return;
    }
    sim_buffer_put(ashlar_port_cpu(), sim_pointer_resolve(pointer, true), bytes, value);
}

/* What more than one store makes up waits until they are in memory. */
uint64_t sim_buffer_load(const volatile void *pointer, unsigned bytes)
{
    uint64_t value;
    if (!sim_buffer_is_on()) {
        return sim_memory_read(pointer, bytes);
    }
    const volatile char *memory = sim_pointer_resolve(pointer, false);
    if (!sim_buffer_read(ashlar_port_cpu(), memory, bytes, &value)) {
        sim_drain();
        value = sim_memory_read(memory, bytes);
    }
    return value;
}
