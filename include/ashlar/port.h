/* SPDX-License-Identifier: 0BSD */
/* port.h - the only thing that the library asks of the kernel.
 *
 * Each hook is a function that the kernel defines and the linker finds. A
 * kernel that wants one inlined replaces it by a macro of the same name in a
 * header named by -DASHLAR_PORT_HEADER='"my_port.h"'. port/x86/ has ready-made
 * pieces for x86.
 */
#ifndef ASHLAR_PORT_H
#define ASHLAR_PORT_H

#include <ashlar/types.h>

ASHLAR_BEGIN_DECLS

/* --- which CPU, and what may be done on it ------------------------------- */

/* Number of this CPU, from 0, below the maximum stated at boot. Stable only
 * while pinned or with interrupts off. */
unsigned ashlar_port_cpu(void);

/* Between pin and unpin the caller is not moved to another CPU. Nests. On one
 * CPU, or where kernel code is never preempted, pin returns ashlar_port_cpu()
 * and unpin does nothing. pin returns the CPU's number. */
unsigned ashlar_port_pin(void);
void ashlar_port_unpin(void);

/* Turn interrupts off and return what restore needs. They nest.
 * x86: pushf, pop, cli; and sti where the saved IF was set. */
uintptr_t ashlar_port_irq_save(void);
void ashlar_port_irq_restore(uintptr_t saved);

/* What is running: one of the three, and whether interrupts are off. Asked on
 * slow paths only. Memory is grown, unmapped and waited for only where this
 * returns exactly ASHLAR_CONTEXT_THREAD. */
#define ASHLAR_CONTEXT_THREAD 0u
#define ASHLAR_CONTEXT_INTERRUPT 1u
#define ASHLAR_CONTEXT_NMI 2u
#define ASHLAR_CONTEXT_IRQS_OFF 0x10u /* or-ed in */
unsigned ashlar_port_context(void);

/* One turn of a spin loop. x86: pause. */
void ashlar_port_relax(void);

/* --- the MMU of this CPU ------------------------------------------------- */

/* Drop one page's translation, global ones included. x86: invlpg. */
void ashlar_port_flush_page(uintptr_t address);

/* Drop all translations, global ones and those of all PCIDs included, and whatever the CPU keeps of
 * the root. x86: toggle CR4.PGE where global pages are on, else reload CR3. */
void ashlar_port_flush_all(void);

/* Physical address of the root table in use (x86: CR3 without its flags and PCID). */
ashlar_phys ashlar_port_get_root(void);
/* x86: load CR3. With ASHLAR_FEATURE_PCID root carries what else goes there: a PCID in bits 0 to 11, and in bit 63
 * whether its translations are kept. */
void ashlar_port_set_root(ashlar_phys root);

/* --- reaching memory ----------------------------------------------------- */

/* A pointer through which one frame's 4096 bytes can be reached on this CPU
 * until it is closed: a window, or an addition where all RAM is mapped. At
 * least eight may be open at once on each CPU, closed in any order; the caller
 * stays pinned. Works from the first line of C. Any context: interrupts have
 * windows of their own. */
void *ashlar_port_open_frame(ashlar_pfn frame);
void ashlar_port_close_frame(void *pointer);

/* The pointer behind a mapped kernel address: a cast in a real kernel. */
void *ashlar_port_pointer(uintptr_t address);

/* --- telling people ------------------------------------------------------ */

/* Report and stop. message names the check, the address, the object and the
 * caller; no newline at its end. */
ASHLAR_NORETURN void ashlar_port_fatal(const char *message);

/* One line for the log, without newline. */
void ashlar_port_log(const char *message);

ASHLAR_END_DECLS

#ifdef ASHLAR_PORT_HEADER
#include ASHLAR_PORT_HEADER
#endif

#endif
