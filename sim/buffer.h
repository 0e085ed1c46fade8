/* SPDX-License-Identifier: 0BSD */
/* buffer.h - stores that are not visible yet. */
#ifndef ASHLAR_SIM_BUFFER_H
#define ASHLAR_SIM_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

/* Of 4 or 8 bytes, by the machine's own pointer. */
uint64_t sim_memory_read(const volatile void *memory, unsigned bytes);
void sim_memory_write(volatile void *memory, unsigned bytes, uint64_t value);

/* Stores of these CPUs wait from here on; one_in as in struct sim_schedule_options. */
void sim_buffer_begin(unsigned cpus, unsigned drain_one_in, uint64_t seed);
/* All drained, and stores visible at once. */
void sim_buffer_end(void);
bool sim_buffer_is_on(void);
/* Time passes: some buffer may drain. */
void sim_buffer_tick(void);
/* All that this CPU has stored becomes visible. */
void sim_buffer_drain(unsigned cpu);
void sim_buffer_put(unsigned cpu, volatile char *memory, unsigned bytes, uint64_t value);
/* What this CPU would read there: true, or false and it waits in parts of more than one store. */
bool sim_buffer_read(unsigned cpu, const volatile char *memory, unsigned bytes, uint64_t *value);

#endif
