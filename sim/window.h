/* SPDX-License-Identifier: 0BSD */
/* window.h - what becomes of windows. */
#ifndef ASHLAR_SIM_WINDOW_H
#define ASHLAR_SIM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* As sim_windows_init, without watching the host's faults. */
void sim_windows_place(bool guarded, unsigned per_cpu);
/* True if the host's address is a closed window, now backed by a page of nobody. */
bool sim_window_touched(uintptr_t host);
void sim_window_check_frame(uint64_t frame, const char *event);

#endif
