/* SPDX-License-Identifier: 0BSD */
/* smp.c - the other CPUs: none, as yet. */
#include "smp.h"

unsigned smp_count(void)
{
    return 1;
}

void smp_ask_to_leave(unsigned cpu)
{
    (void)cpu;
}
