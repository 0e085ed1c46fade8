/* SPDX-License-Identifier: 0BSD */
/* window.c - reaching any frame through a few pages: the port's open and close.
 *
 * A 32-bit kernel cannot map all RAM, and at boot it has mapped nothing but
 * itself. So a few pages beside the image, whose table entries lie in the image,
 * are made to show whatever frame is wanted:
 *
 *      address:  | CPU 0: 0 1 ... 11 | 12 .. 15 | CPU 1: 0 1 ...
 *                  threads             interrupts, faults
 *
 * A bit in the CPU's mask says which are open, so that they close in any order.
 * The caller is pinned, hence a CPU's mask changes only on that CPU; what
 * interrupts it closes what it opened before it returns, so a mask that was
 * read before is right afterwards: no atomics. Interrupts and faults have
 * windows of their own, so that what they interrupted cannot starve them.
 *
 * Opening makes an absent entry present. That alone needs no flush, but on
 * closing the entry is cleared without one: a stale translation may stay until
 * the window opens again, so that is where INVLPG is. One INVLPG a pair.
 *
 * Cost: O(1). Misuse (none left, closing what is not open) is fatal.
 */
#include "window.h"

#include "cpu.h"
#include <ashlar/port.h>

#define WINDOW_ENTRY_FLAGS 0x63u      /* present, writable, accessed, dirty: the MMU never writes the entry */
#define WINDOW_NO_EXECUTE 0x80000000u /* in the upper half of an entry of 64 bits */
#define INTERRUPT_WINDOWS 0xf000u
#define THREAD_WINDOWS 0x0fffu

static struct {
    volatile void *entries;
    unsigned entry_bytes;
    uintptr_t address;
    uint32_t high_flags;
    uint32_t open[ASHLAR_X86_WINDOW_CPUS];
} x86_windows;

/* No frames: there is none. */
static struct {
    uintptr_t address;
    uintptr_t frames;
    uintptr_t image_address;
    uintptr_t image_first;
    uintptr_t image_frames;
} x86_direct;

void ashlar_x86_windows_init(volatile void *entries, unsigned entry_bytes, uintptr_t address, int no_execute)
{
    x86_windows.entries = entries;
    x86_windows.entry_bytes = entry_bytes;
    x86_windows.address = address;
    x86_windows.high_flags = entry_bytes == 8 && no_execute ? WINDOW_NO_EXECUTE : 0;
}

/* The library's formatter is not the port's to use: a panic here must not depend on it. */
static ASHLAR_NORETURN void fatal_at_window(const char *text, uintptr_t value)
{
    static char message[96];
    unsigned at = 0;
    while (at < 70 && text[at] != '\0') {
        message[at] = text[at];
        at++;
    }
    for (unsigned shift = sizeof value * 8; shift != 0;) {
        shift -= 4;
        message[at++] = "0123456789abcdef"[value >> shift & 15];
    }
    message[at] = '\0';
    ashlar_port_fatal(message);
}

/* 64-bit entries on a 32-bit machine: the half with the present bit is written last, and cleared first. */
static void show_in_window(unsigned index, ashlar_pfn frame)
{
    if (x86_windows.entry_bytes == 4) {
        ((volatile uint32_t *)x86_windows.entries)[index] = (uint32_t)frame << ASHLAR_PAGE_SHIFT | WINDOW_ENTRY_FLAGS;
        return;
    }
    volatile uint32_t *half = (volatile uint32_t *)x86_windows.entries + (size_t)index * 2;
    ashlar_phys entry = (ashlar_phys)frame << ASHLAR_PAGE_SHIFT | WINDOW_ENTRY_FLAGS;
    half[1] = (uint32_t)(entry >> 32) | x86_windows.high_flags;
    half[0] = (uint32_t)entry;
}

static void clear_window(unsigned index)
{
    volatile uint32_t *word = x86_windows.entries;
    if (x86_windows.entry_bytes == 4) {
        word[index] = 0;
        return;
    }
    word[(size_t)index * 2] = 0;
    word[(size_t)index * 2 + 1] = 0;
}

static uint32_t windows_of_context(void)
{
    return (ashlar_port_context() & 0xfu) == ASHLAR_CONTEXT_THREAD ? THREAD_WINDOWS : INTERRUPT_WINDOWS;
}

void ashlar_x86_direct_map(uintptr_t address, uintptr_t frames, uintptr_t image_address, uintptr_t image_first,
                           uintptr_t image_frames)
{
    x86_direct.address = address;
    x86_direct.image_address = image_address;
    x86_direct.image_first = image_first;
    x86_direct.image_frames = image_frames;
    x86_direct.frames = frames;
}

void *ashlar_port_open_frame(ashlar_pfn frame)
{
    if (frame >= x86_direct.frames) {
        return ashlar_x86_window_open(frame);
    }
    if (frame - x86_direct.image_first < x86_direct.image_frames) {
        return (void *)(x86_direct.image_address + ((frame - x86_direct.image_first) << ASHLAR_PAGE_SHIFT));
    }
    return (void *)(x86_direct.address + (frame << ASHLAR_PAGE_SHIFT));
}

void ashlar_port_close_frame(void *pointer)
{
    if (x86_direct.frames == 0 || (uintptr_t)pointer - x86_windows.address < ASHLAR_X86_WINDOWS_BYTES) {
        ashlar_x86_window_close(pointer);
    }
}

/* This CPU's number, which has windows. */
static unsigned cpu_with_windows(void)
{
    unsigned cpu = ashlar_port_cpu();
    if (cpu >= ASHLAR_X86_WINDOW_CPUS) {
        fatal_at_window("windows: ASHLAR_X86_WINDOW_CPUS is too few for CPU 0x", cpu);
    }
    return cpu;
}

void *ashlar_x86_window_open(uintptr_t frame)
{
    unsigned cpu = cpu_with_windows();
    uint32_t closed = ~x86_windows.open[cpu] & windows_of_context();
    if (closed == 0) {
        fatal_at_window("open_frame: no window is left on this CPU for frame 0x", frame);
    }
    unsigned window = (unsigned)__builtin_ctz(closed);
    unsigned index = cpu * ASHLAR_X86_WINDOWS_PER_CPU + window;
    uintptr_t address = x86_windows.address + (uintptr_t)index * ASHLAR_PAGE_BYTES;
    x86_windows.open[cpu] |= UINT32_C(1) << window;
    show_in_window(index, frame);
    x86_invlpg(address);
    return (void *)address;
}

void ashlar_x86_window_close(void *pointer)
{
    unsigned cpu = cpu_with_windows();
    uintptr_t offset = (uintptr_t)pointer - x86_windows.address;
    uintptr_t index = (offset >> ASHLAR_PAGE_SHIFT) - (uintptr_t)cpu * ASHLAR_X86_WINDOWS_PER_CPU;
    if (index >= ASHLAR_X86_WINDOWS_PER_CPU || (x86_windows.open[cpu] & UINT32_C(1) << index) == 0) {
        fatal_at_window("close_frame: no open window of this CPU at 0x", (uintptr_t)pointer);
    }
    clear_window((unsigned)(offset >> ASHLAR_PAGE_SHIFT));
    x86_windows.open[cpu] &= ~(UINT32_C(1) << index);
}

unsigned ashlar_x86_windows_open(int interrupts)
{
    uint32_t open = x86_windows.open[cpu_with_windows()] & (interrupts ? INTERRUPT_WINDOWS : THREAD_WINDOWS);
    unsigned count = 0;
    for (; open != 0; open &= open - 1) {
        count++;
    }
    return count;
}
