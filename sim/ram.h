/* SPDX-License-Identifier: 0BSD */
/* ram.h - the file behind physical memory, and which frames are free. */
#ifndef ASHLAR_SIM_RAM_H
#define ASHLAR_SIM_RAM_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_BYTES 4096u

/* The file behind physical memory. */
int sim_ram_file(void);
void *sim_host_reserve(uint64_t bytes);

/* Of a frame that the machine has. */
void sim_ram_set_free(uint64_t frame, bool is_free);

#endif
