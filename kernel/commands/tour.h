/* SPDX-License-Identifier: 0BSD */
/* tour.h - the tour, the tests and the benches: commands of their own files. */
#ifndef KERNEL_TOUR_H
#define KERNEL_TOUR_H

int tour_run(unsigned count, char **words);
int test_run(unsigned count, char **words);
int bench_run(unsigned count, char **words);
int growth_run(unsigned count, char **words);
int ipis_run(unsigned count, char **words);

#endif
