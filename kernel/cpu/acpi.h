/* SPDX-License-Identifier: 0BSD */
/* acpi.h - which CPUs there are, from the firmware's tables. */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include <ashlar/types.h>

struct acpi_cpus {
    ashlar_phys local_apic; /* its registers, the same address on each CPU */
    uint32_t *apic_ids;     /* the caller's, room for `most` */
    unsigned most;
    unsigned count; /* of CPUs that can be used; 0: there is no table */
};

/* rsdp: where the loader says that the root pointer lies; 0: it is searched for. Tables are read through windows. */
void acpi_find_cpus(ashlar_phys rsdp, struct acpi_cpus *found);

#endif
