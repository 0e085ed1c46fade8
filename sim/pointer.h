/* SPDX-License-Identifier: 0BSD */
/* pointer.h - which pages of the kernel range are mapped on the host, and what happens to a TLB happens to them. */
#ifndef ASHLAR_SIM_POINTER_H
#define ASHLAR_SIM_POINTER_H

#include "machine.h"

void sim_pointer_init(const struct sim_mmu_options *options);
void sim_pointer_flush_page(uint64_t address);
void sim_pointer_flush(bool globals);
void sim_pointer_check_frame(uint64_t frame, const char *event);

/* Is this one of the host's addresses for the kernel range? How far into it. */
bool sim_pointer_has(uintptr_t host, size_t *offset);
uint64_t sim_pointer_address_at(size_t offset);
/* This page shows the frame from here on, one of nobody's where the machine has no such frame. */
void sim_pointer_map(size_t page, uint64_t frame, bool writable, bool global);
/* Of a page that is mapped. */
uint64_t sim_pointer_frame(size_t page);

#endif
