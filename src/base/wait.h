/* SPDX-License-Identifier: 0BSD */
/* wait.h - may the caller wait? And how that is done. */
#ifndef ASHLAR_BASE_WAIT_H
#define ASHLAR_BASE_WAIT_H

#include <ashlar/port.h>
#include <stdbool.h>
#include <stdint.h>

/* A thread that may sleep, with interrupts on, on a CPU that holds no lock (debug builds know; others believe it): it may
 * wait for other threads and CPUs. Exact where the caller itself holds none. Any context. */
bool ashlar_may_wait(void);

/* While the word is what was seen: sleep, or let others run, or pause. May return for no reason. Who may wait, and is not
 * pinned. */
void ashlar_wait_while(const volatile uint32_t *word, uint32_t seen);
/* All who wait on this address look again. Any context but NMI; the memory behind it may be gone. */
void ashlar_wait_end(const volatile uint32_t *word);

/* How deep the running thread is in relievers and reclaimers; NULL: nobody knows. */
uint32_t *ashlar_wait_mark(void);

/* A thread, an interrupt or an NMI: whatever else the context says. */
static inline unsigned ashlar_context_kind(void)
{
    return ashlar_port_context() & ~(ASHLAR_CONTEXT_IRQS_OFF | ASHLAR_CONTEXT_NO_SLEEP);
}
#endif
