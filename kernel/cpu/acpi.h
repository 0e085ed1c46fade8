/* SPDX-License-Identifier: 0BSD */
/* acpi.h - which CPUs there are, and where a timer is, from the firmware's tables. */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include <ashlar/types.h>

struct acpi_cpus {
    ashlar_phys local_apic; /* its registers, the same address on each CPU */
    uint32_t *apic_ids;     /* the caller's, room for `most`: no two are the same */
    unsigned most;
    uint32_t highest_id; /* the caller's: that its local APIC can name */
    unsigned count;      /* of CPUs that can be used; 0: there is no table */
    unsigned left_out;   /* with higher IDs */
    unsigned too_many;   /* for which there was no room */
};

/* rsdp: where the loader says that the root pointer lies; 0: it is searched for. Tables are read through windows. */
void acpi_find_cpus(ashlar_phys rsdp, struct acpi_cpus *found);
/* The port of ACPI's timer, or 0. rsdp likewise. */
uint16_t acpi_find_timer(ashlar_phys rsdp);

#endif
