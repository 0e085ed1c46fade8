/* SPDX-License-Identifier: 0BSD */
/* fault.c - the host's faults become accesses of the simulated CPU: kernel pointers, and windows that are closed.
 *
 * A kernel pointer's page is translated by the MMU of the CPU that
 * ashlar_port_cpu names, as a write where it is one, and then shows the frame
 * until it is flushed (pointer.c). A fault of that CPU is fatal.
 */
#include "fault.h"

#include "machine.h"
#include "pointer.h"
#include "ram.h"
#include "window.h"
#include <ashlar/port.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>

static struct sigaction previous;

static void touch(size_t offset, bool write)
{
    char message[128];
    uint64_t physical;
    struct sim_translation now;
    unsigned cpu = ashlar_port_cpu();
    uint64_t address = sim_pointer_address_at(offset);
    unsigned fault = sim_mmu_translate(cpu, address, write ? SIM_WRITE : SIM_READ, &physical);
    if (fault != 0) {
        snprintf(message, sizeof message, "sim: page fault at 0x%llx, error 0x%x, CPU %u", (unsigned long long)address,
                 fault & ~SIM_FAULT, cpu);
        ashlar_port_fatal(message);
    }
    sim_mmu_inspect(cpu, address, &now);
    sim_pointer_map(offset / FRAME_BYTES, physical / FRAME_BYTES, write, now.global);
}

void *sim_pointer_resolve(const volatile void *pointer, bool write)
{
    size_t offset;
    volatile char *touched = (volatile char *)(uintptr_t)pointer;
    if (!sim_pointer_has((uintptr_t)pointer, &offset)) {
        return (void *)(uintptr_t)pointer;
    }
    if (write) {
        (void)__atomic_fetch_or(touched, 0, __ATOMIC_SEQ_CST);
    } else {
        (void)*touched;
    }
    char *frame = sim_ram_frame(sim_pointer_frame(offset / FRAME_BYTES));
    return frame != NULL ? frame + offset % FRAME_BYTES : (void *)(uintptr_t)pointer;
}

static void on_fault(int signal_number, siginfo_t *information, void *context)
{
    const ucontext_t *machine = context;
    uintptr_t host = (uintptr_t)information->si_addr;
    size_t offset;
    (void)signal_number;
    if (sim_pointer_has(host, &offset)) {
        touch(offset, (machine->uc_mcontext.gregs[REG_ERR] & 2) != 0);
    } else if (!sim_window_touched(host)) {
        sigaction(SIGSEGV, &previous, NULL); /* none of ours: let it happen again */
    }
}

void sim_watch_faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction now;
    sigaction(SIGSEGV, NULL, &now);
    if ((now.sa_flags & SA_SIGINFO) == 0 || now.sa_sigaction != on_fault) {
        sigaction(SIGSEGV, &action, &previous);
    }
}
