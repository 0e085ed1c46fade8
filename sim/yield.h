/* SPDX-License-Identifier: 0BSD */
/* yield.h - what ASHLAR_YIELD is where the library runs on the simulated machine's scheduler (schedule.h). */
#ifndef ASHLAR_SIM_YIELD_H
#define ASHLAR_SIM_YIELD_H

/* Another CPU may go on here, or a pending interrupt be taken. Does nothing outside of sim_schedule. */
void sim_yield(void);

#define ASHLAR_YIELD() sim_yield()

#endif
