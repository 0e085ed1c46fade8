/* SPDX-License-Identifier: 0BSD */
/* window.h - how a kernel sets up the windows behind ashlar_port_open_frame. */
#ifndef ASHLAR_PORT_X86_WINDOW_H
#define ASHLAR_PORT_X86_WINDOW_H

#include <stdint.h>

#define ASHLAR_X86_WINDOWS_PER_CPU 16u /* of which the last 4 belong to interrupts and faults */
/* Numbers that ashlar_port_cpu may return here; whoever has more CPUs sets it for all files of the build. A CPU with a higher
 * number that opens a window is fatal, and named. */
#ifndef ASHLAR_X86_WINDOW_CPUS
#define ASHLAR_X86_WINDOW_CPUS 16u
#endif

/* Addresses that all windows take. */
#define ASHLAR_X86_WINDOWS_BYTES ((uintptr_t)ASHLAR_X86_WINDOW_CPUS * ASHLAR_X86_WINDOWS_PER_CPU * 4096u)

/* entries: page table entries, at least 16 for each CPU, that map pages from
 * `address` on and lie where the kernel can write them for good. entry_bytes:
 * 4 (two-level paging) or 8. All of them absent. no_execute: EFER.NXE is set, so
 * that windows, which can be written, need not be executable. Needs nothing but
 * memory that is zeroed: call it in the first lines of C, and again, with no
 * window open, if the tables change. */
void ashlar_x86_windows_init(volatile void *entries, unsigned entry_bytes, uintptr_t address, int no_execute);

/* Once the library has mapped all RAM directly (64-bit): frames below `frames` are at address + frame * 4096, without a
 * window, but those of the image, which are at image_address. What is no RAM has no address there: it is reached by
 * the two functions below. */
void ashlar_x86_direct_map(uintptr_t address, uintptr_t frames, uintptr_t image_address, uintptr_t image_first,
                           uintptr_t image_frames);

/* A window onto any frame, RAM or not, direct map or not. As ashlar_port_open_frame otherwise. */
void *ashlar_x86_window_open(uintptr_t frame);
void ashlar_x86_window_close(void *pointer);

/* How many of this CPU's windows are open; interrupts: those of interrupts. A
 * scheduler asks: a thread must not be switched away with one open. */
unsigned ashlar_x86_windows_open(int interrupts);

#endif
