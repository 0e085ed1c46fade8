/* SPDX-License-Identifier: 0BSD */
/* percpu.c - the CPUs, by number. */
#include "cpu/percpu.h"

struct cpu cpus[CPUS_MAX];

void cpu_load(unsigned index)
{
    struct cpu *cpu = &cpus[index];
    cpu->index = index;
    cpu->self = cpu;
    descriptors_load(&cpu->descriptors, cpu);
}
