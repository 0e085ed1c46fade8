/* SPDX-License-Identifier: 0BSD */
/* stale.h - what is kept, compared with the tables. */
#ifndef ASHLAR_SIM_STALE_H
#define ASHLAR_SIM_STALE_H

#include "internal.h"

/* More than the tables give, or something else, anywhere in the page. */
bool sim_page_is_stale(const struct sim_cpu *cpu, const struct cached *entry);
/* For people. */
void sim_describe(const struct cached *entry, char *text, size_t bytes);

#endif
