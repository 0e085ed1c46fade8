/* SPDX-License-Identifier: 0BSD */
/* port.h - the only thing that the library asks of the kernel.
 *
 * Each hook is a function that the kernel defines and the linker finds. A
 * kernel that wants one inlined replaces it by a macro of the same name in a
 * header named by -DASHLAR_PORT_HEADER='"my_port.h"'. port/x86/ has ready-made
 * pieces for x86.
 *
 * Which floors call which hook; whoever takes some floors only needs theirs:
 *
 *   cpu                       base tables heap boot
 *   pin                       tables space kva heap boot
 *   unpin                     tables space kva heap boot
 *   irq_save, irq_restore     base tables space kva boot
 *   context                   base tables kva runs heap boot
 *   relax                     base tables heap
 *   flush_page                tables boot
 *   flush_all                 tables space boot
 *   get_root                  space boot
 *   set_root                  space boot
 *   open_frame, close_frame   arch tables space kva boot
 *   pointer                   space kva boot
 *   fatal, log                base
 *
 *   the heap alone (base, runs, heap): 9 hooks; frames alone (base, memmap, frames): 7
 */
#ifndef ASHLAR_PORT_H
#define ASHLAR_PORT_H

#include <ashlar/types.h>

ASHLAR_BEGIN_DECLS

/* --- which CPU, and what may be done on it ------------------------------- */

/* Number of this CPU, from 0, below the maximum stated at boot. Stable only
 * while pinned or with interrupts off. */
unsigned ashlar_port_cpu(void);

/* Between pin and unpin no other thread runs on this CPU; interrupts may, and
 * they return to the caller. So the caller is not moved, either, and what is the
 * CPU's own is the caller's: the heap changes it without a lock or an atomic. A
 * port that only keeps a thread on its CPU, and lets it be preempted by others,
 * is found by the heap, and fatal. Nests; a thread does not sleep or yield while
 * it is pinned. pin returns the CPU's number. Where kernel code is never
 * preempted, on one CPU or on many, it is ashlar_port_cpu() and unpin does
 * nothing; elsewhere pin turns preemption off (or interrupts), and unpin on again. */
unsigned ashlar_port_pin(void);
void ashlar_port_unpin(void);

/* Turn interrupts off and return what restore needs. They nest.
 * x86: pushf, pop, cli; and sti where the saved IF was set. */
uintptr_t ashlar_port_irq_save(void);
void ashlar_port_irq_restore(uintptr_t saved);

/* What is running: one of the three, and what keeps it from waiting. Asked on
 * slow paths only; in debug builds at the head of each function that some context
 * may not call (docs/contexts.md), too, where a lie is fatal. Memory is grown, unmapped and waited for only where this
 * returns exactly ASHLAR_CONTEXT_THREAD; grown and unmapped, without a wait, in a
 * thread with IRQS_OFF as well while one CPU takes part.
 * NO_SLEEP: a thread that may not be put to sleep, and that no other one takes
 * the CPU from: the kernel has pinned it or has turned preemption off, or it
 * holds a lock of the kernel's own. Whether the library's own pins count does not
 * matter: pinned by itself, it never waits for a thread. Whoever may not sleep
 * gets an error where others would wait: ASHLAR_MAY_NOT_WAIT, or NULL. */
#define ASHLAR_CONTEXT_THREAD 0u
#define ASHLAR_CONTEXT_INTERRUPT 1u
#define ASHLAR_CONTEXT_NMI 2u
#define ASHLAR_CONTEXT_IRQS_OFF 0x10u /* or-ed in */
#define ASHLAR_CONTEXT_NO_SLEEP 0x20u /* or-ed in */
unsigned ashlar_port_context(void);

/* One turn of a spin loop: a pause of the CPU, never a change of threads, for it
 * is called with locks held and interrupts off. x86: pause. */
void ashlar_port_relax(void);

/* --- waiting for another thread ------------------------------------------ */

/* What one thread has at a time for long (growing, purging, giving back on demand) others wait for. How, these
 * hooks say: in the boot structure, or by ashlar_wait_by for a heap or a pool that stands alone. Each may be NULL. They
 * are called in threads that may sleep, with nothing held, unless it says otherwise.
 *
 * With none, a wait is a spin with ashlar_port_relax. That ends only where whoever is waited for gets CPU time
 * meanwhile: on another CPU, or on this one because the timer switches in turn between threads of equal priority. Where
 * a thread of higher priority keeps a lower one from running, it never ends: strict priorities need block and wake.
 *
 * Waits are not fair: who is woken may find that another one was faster. And the library lends no priority, nor says who
 * is waited for: it is a thread that is ready, or waits in turn. Where one of a priority in between may run without an end,
 * the kernel sees to it that every ready thread gets turns while somebody is in block (docs/porting.md). */
struct ashlar_waiting {
    /* As futexes do: in one step, against wake, compare *word with seen and queue on the word's address; then sleep until a
     * wake. Return at once where they differ; may return at any time for no reason: the caller looks again. */
    void (*block)(const volatile uint32_t *word, uint32_t seen);
    /* Wake all who sleep on this address. It is a name only: the memory behind it may be gone, and must not be read.
     * Never sleeps; may be called in any context but NMI, with interrupts off, pinned, and with a lock of the library
     * held. It may let a woken thread run at once where the kernel allows that at the end of a handler, too. block and
     * wake: both or none. */
    void (*wake)(const volatile uint32_t *word);
    /* Without block: let other threads that are ready run on this CPU. For equal priorities only. */
    void (*yield)(void);
    /* A word of the running thread's own, zero when it begins, and the library's alone. It tells a reliever or reclaimer
     * that is short itself, and must not wait for its own end, from other threads, which wait for it. Without it nobody
     * waits for one: whoever is short while another thread's reclaimer runs is told so at once. It also names the
     * thread: a heap's source that uses the heap it serves is found by it, wherever it does so. */
    uint32_t *(*mark)(void);
};

/* The hooks are copied; NULL: none. Before a second thread uses the library, and not changed while any does. */
void ashlar_wait_by(const struct ashlar_waiting *hooks);

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
 * until it is closed: a window, or an addition where all RAM is mapped. On each
 * CPU at least eight may be open at once by threads, and four more by interrupts,
 * which have windows of their own; closed in any order; the caller stays pinned.
 * Works from the first line of C. Any context. */
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
