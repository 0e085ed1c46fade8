/* SPDX-License-Identifier: 0BSD */
/* flush.h - the boxes in which CPUs are asked to forget. */
#ifndef ASHLAR_TABLES_FLUSH_H
#define ASHLAR_TABLES_FLUSH_H

#include <ashlar/types.h>
#include <stdbool.h>

void ashlar_shootdown_init(void);

/* This CPU's number: fatal where boot named no such CPU. Interrupts off, or pinned. */
unsigned ashlar_shootdown_cpu(void);

/* This CPU can be asked from here on; and no longer, once it has answered what came before. Interrupts off. */
void ashlar_shootdown_join(unsigned cpu);
void ashlar_shootdown_leave(unsigned cpu);

/* Does each CPU that takes part answer a kick, within so many turns of a spin loop? False: the first one that does not. Who
 * may wait. */
bool ashlar_shootdown_probe(size_t turns, unsigned *silent);

#endif
