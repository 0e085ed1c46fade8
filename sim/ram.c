/* SPDX-License-Identifier: 0BSD */
/* ram.c - physical memory as a sparse file in memory, and which frames of it are free.
 *
 * The file has the machine's size; pieces of 2 MiB of it are mapped when first
 * touched, so that a 32-bit host can have a machine with RAM above 4 GiB, as
 * long as it does not touch too much of it. The same file is mapped a second
 * time by windows and kernel pointers (pointer.c, window.c).
 *
 * A frame is free only if it was said to be: a machine without notes of frames
 * has none that are free.
 */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "ram.h"

#include "machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE_SHIFT 21u
#define PIECE_BYTES (1u << PIECE_SHIFT)

static struct {
    int file;
    uint64_t bytes;
    size_t piece_count;
    void **pieces;
    uint8_t *free; /* a byte for each frame */
    bool (*is_taken)(uint64_t frame);
} ram = {.file = -1};

static void give_up(const char *what)
{
    perror(what);
    abort();
}

/* On a multiple of the largest page below a GiB: what is aligned on the machine is so on the host. */
void *sim_host_reserve(uint64_t bytes)
{
    const size_t align = (size_t)4 << 20;
    char *start = bytes > SIZE_MAX - align ? MAP_FAILED
                                           : mmap(NULL, (size_t)bytes + align, PROT_NONE,
                                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        give_up("sim: no room among the host's addresses");
    }
    size_t skip = (align - 1u) & -(uintptr_t)start;
    size_t pages = ((size_t)bytes + 4095u) & ~(size_t)4095;
    if (skip != 0) {
        munmap(start, skip);
    }
    munmap(start + skip + pages, (size_t)bytes + align - skip - pages);
    return start + skip;
}

static void release(void)
{
    for (size_t i = 0; i < ram.piece_count; i++) {
        if (ram.pieces[i] != NULL) {
            munmap(ram.pieces[i], PIECE_BYTES);
        }
    }
    free(ram.pieces);
    free(ram.free);
    if (ram.file >= 0) {
        close(ram.file);
    }
}

void sim_ram_init(uint64_t bytes)
{
    release();
    ram.bytes = bytes & ~(uint64_t)(FRAME_BYTES - 1u);
    ram.piece_count = (size_t)((ram.bytes + PIECE_BYTES - 1u) >> PIECE_SHIFT);
    ram.pieces = calloc(ram.piece_count + 1u, sizeof ram.pieces[0]);
    ram.free = calloc((size_t)(ram.bytes / FRAME_BYTES) + 1u, 1);
    ram.file = memfd_create("ram", 0);
    if (ram.pieces == NULL || ram.free == NULL || ram.file < 0 ||
        ftruncate(ram.file, (off_t)ram.piece_count << PIECE_SHIFT) != 0) {
        give_up("sim: no memory for the machine");
    }
}

uint64_t sim_ram_bytes(void)
{
    return ram.bytes;
}

int sim_ram_file(void)
{
    return ram.file;
}

bool sim_ram_has(uint64_t frame)
{
    return frame < ram.bytes / FRAME_BYTES;
}

static void *map_piece(size_t piece)
{
    void *mapped = mmap(NULL, PIECE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ram.file, (off_t)piece << PIECE_SHIFT);
    void *none = NULL;
    if (mapped == MAP_FAILED) {
        give_up("sim: cannot map a piece of the machine's memory");
    }
    if (!__atomic_compare_exchange_n(&ram.pieces[piece], &none, mapped, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        munmap(mapped, PIECE_BYTES); /* another thread was faster */
        return none;
    }
    return mapped;
}

void *sim_ram_frame(uint64_t frame)
{
    if (!sim_ram_has(frame)) {
        sim_violate(SIM_BEYOND_RAM, "frame 0x%llx", (unsigned long long)frame);
        return NULL;
    }
    size_t piece = (size_t)(frame >> (PIECE_SHIFT - 12u));
    void *start = __atomic_load_n(&ram.pieces[piece], __ATOMIC_ACQUIRE);
    if (start == NULL) {
        start = map_piece(piece);
    }
    return (char *)start + (frame << 12 & (PIECE_BYTES - 1u));
}

/* --- frames that are free -------------------------------------------------------------------- */

void sim_ram_set_free(uint64_t frame, bool is_free)
{
    ram.free[frame] = is_free;
}

void sim_frames_ask(bool (*is_taken)(uint64_t frame))
{
    ram.is_taken = is_taken;
}

bool sim_frame_is_free(uint64_t frame)
{
    if (!sim_ram_has(frame) || ram.free[frame] == 0) {
        return false;
    }
    if (ram.is_taken != NULL && ram.is_taken(frame)) {
        ram.free[frame] = 0;
    }
    return ram.free[frame] != 0;
}
