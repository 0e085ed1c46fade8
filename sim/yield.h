/* SPDX-License-Identifier: 0BSD */
/* yield.h - what accesses of shared words are where the library runs on the simulated machine's scheduler (schedule.h):
 * each is a place where another CPU may go on, and a store may become visible late (buffer.c). */
#ifndef ASHLAR_SIM_YIELD_H
#define ASHLAR_SIM_YIELD_H

#include <stdint.h>

/* Another CPU may go on here, or a pending interrupt be taken. Does nothing outside of sim_schedule. */
void sim_yield(void);

/* Of 4 or 8 bytes, aligned; of a load's result the low ones count. Drained is this CPU's buffer: before a locked
 * instruction, and before plain stores that tell others of what was stored before. */
void sim_buffer_store(volatile void *pointer, unsigned bytes, uint64_t value);
uint64_t sim_buffer_load(const volatile void *pointer, unsigned bytes);
void sim_drain(void);

#define ASHLAR_YIELD() sim_yield()
#define ASHLAR_LOAD(pointer) sim_buffer_load((pointer), sizeof *(pointer))
#define ASHLAR_STORE(pointer, value) sim_buffer_store((pointer), sizeof *(pointer), (value))
#define ASHLAR_DRAIN() sim_drain()

#endif
