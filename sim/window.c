/* SPDX-License-Identifier: 0BSD */
/* window.c - windows onto frames, and who looks through a closed one.
 *
 * Unguarded, a window is the machine's own pointer to the frame; only the count
 * is kept. Guarded, each CPU has places among the host's addresses, eight times
 * as many as windows, taken in turn: opening maps the frame there, closing
 * takes it away, so that a pointer kept too long meets nothing. Such a touch is
 * a violation; the toucher gets a page of nobody's and runs on.
 */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "window.h"

#include "machine.h"
#include "ram.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TURNS 8u
#define WINDOWS_USUAL 8u

struct window {
    char *host;
    uint64_t frame;
    bool open;
};

static struct {
    bool guarded;
    unsigned per_cpu;
    unsigned places; /* for each CPU */
    char *base;
    struct window *windows; /* places of CPU 0, then those of CPU 1, ... */
    unsigned open[SIM_CPUS_MAX];
    unsigned peak[SIM_CPUS_MAX];
    unsigned turn[SIM_CPUS_MAX];
} state;

static _Alignas(FRAME_BYTES) char nobody[FRAME_BYTES]; /* behind frames that the machine does not have */

static size_t region_bytes(void)
{
    return (size_t)SIM_CPUS_MAX * state.places * FRAME_BYTES;
}

void sim_windows_place(bool guarded, unsigned per_cpu)
{
    if (state.base != NULL) {
        munmap(state.base, region_bytes());
    }
    free(state.windows);
    memset(&state, 0, sizeof state);
    state.guarded = guarded;
    state.per_cpu = per_cpu;
    state.places = per_cpu * TURNS;
    state.windows = calloc((size_t)SIM_CPUS_MAX * state.places, sizeof state.windows[0]);
    if (state.windows == NULL) {
        abort();
    }
    if (guarded) {
        state.base = sim_host_reserve(region_bytes());
    }
}

static void map_place(char *at, int protection, const uint64_t *frame)
{
    int flags = MAP_FIXED | (frame != NULL ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    if (mmap(at, FRAME_BYTES, protection, flags, frame != NULL ? sim_ram_file() : -1,
             frame != NULL ? (off_t)(*frame << 12) : 0) == MAP_FAILED) {
        perror("sim: mmap of a window");
        abort();
    }
}

/* The next place that is not open. */
static struct window *free_place(unsigned cpu)
{
    for (unsigned i = 0; i < state.places; i++) {
        struct window *window = &state.windows[cpu * state.places + state.turn[cpu]++ % state.places];
        if (!window->open) {
            return window;
        }
    }
    fprintf(stderr, "sim: CPU %u has left %u windows open\n", cpu, state.places);
    abort();
}

void *sim_window_open(unsigned cpu, uint64_t frame)
{
    if (state.windows == NULL) {
        sim_windows_place(false, WINDOWS_USUAL);
    }
    struct window *window = free_place(cpu);
    char *direct = sim_ram_frame(frame);
    if (++state.open[cpu] > state.per_cpu) {
        sim_violate(SIM_TOO_MANY_WINDOWS, "CPU %u opens one more than %u", cpu, state.per_cpu);
    }
    state.peak[cpu] = state.open[cpu] > state.peak[cpu] ? state.open[cpu] : state.peak[cpu];
    window->open = true;
    window->frame = frame;
    window->host = direct != NULL ? direct : nobody;
    if (state.guarded) {
        window->host = state.base + (size_t)(window - state.windows) * FRAME_BYTES;
        map_place(window->host, PROT_READ | PROT_WRITE, direct != NULL ? &frame : NULL);
    }
    return window->host;
}

void sim_window_close(unsigned cpu, void *pointer)
{
    char *host = (char *)((uintptr_t)pointer & ~(uintptr_t)(FRAME_BYTES - 1u));
    for (unsigned i = 1; i <= state.places; i++) { /* the latest first */
        struct window *window = &state.windows[cpu * state.places + (state.turn[cpu] - i) % state.places];
        if (window->open && window->host == host) {
            window->open = false;
            state.open[cpu]--;
            if (state.guarded) {
                map_place(host, PROT_NONE, NULL);
            }
            return;
        }
    }
    sim_violate(SIM_CLOSED_WINDOW, "CPU %u closes %p, which is no open window of its", cpu, pointer);
}

unsigned sim_windows_open(unsigned cpu)
{
    return state.open[cpu];
}

unsigned sim_windows_peak(unsigned cpu)
{
    return state.peak[cpu];
}

bool sim_window_touched(uintptr_t host)
{
    if (state.base == NULL || host - (uintptr_t)state.base >= region_bytes()) {
        return false;
    }
    size_t index = (host - (uintptr_t)state.base) / FRAME_BYTES;
    sim_violate(SIM_CLOSED_WINDOW, "touched at %p; it was CPU %u's, onto frame 0x%llx", (const void *)host,
                (unsigned)(index / state.places), (unsigned long long)state.windows[index].frame);
    map_place(state.base + index * FRAME_BYTES, PROT_READ | PROT_WRITE, NULL);
    return true;
}

void sim_window_check_frame(uint64_t frame, const char *event)
{
    for (unsigned cpu = 0; cpu < SIM_CPUS_MAX && state.windows != NULL; cpu++) {
        for (unsigned i = 0; state.open[cpu] != 0 && i < state.places; i++) {
            const struct window *window = &state.windows[cpu * state.places + i];
            if (window->open && window->frame == frame) {
                sim_violate(SIM_STALE_FRAME, "frame 0x%llx %s while CPU %u has a window onto it",
                            (unsigned long long)frame, event, cpu);
            }
        }
    }
}
