/* SPDX-License-Identifier: 0BSD */
/* pointer.c - kernel addresses as pointers of the host: which pages are mapped, and until when.
 *
 * What the library keeps in kernel pages (descriptors, the linear array, its
 * bookkeeping) it reaches through plain pointers, and neighbouring pages must
 * be neighbours. So a stretch of the host's addresses stands for the kernel's:
 *
 *     kernel range   |  page  |  page  |  page  |
 *     host           |  none  | mapped |  none  |   same order, same size
 *                        │         └─ the frame's part of the memory file
 *                        └─ SIGSEGV ──> simulated MMU of this CPU ──> map, or fatal (fault.c)
 *
 * A page that was read is mapped read-only, so that the first write comes here,
 * too, and sets the dirty bit. What is mapped is forgotten when any CPU flushes
 * it. This is one TLB for all CPUs, and kinder than theirs; a frame given back
 * while it is still mapped here is a violation all the same.
 */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "pointer.h"

#include "ram.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct mapped {
    size_t page;
    uint64_t frame;
    bool global;
};

static struct {
    char *base;
    uint64_t first;
    uint64_t low_bytes; /* of the first stretch; the second one stands behind it */
    uint64_t high_first;
    size_t bytes;    /* of both */
    uint32_t *place; /* by page: its place in the list, + 1 */
    struct mapped *list;
    size_t count;
    size_t capacity;
    uint8_t *known; /* by frame: mapped here, up to 255 times */
    uint64_t frames;
} kernel;

/* False if the address is in neither stretch. */
static bool find_offset(uint64_t address, size_t *offset)
{
    if (address - kernel.first < kernel.low_bytes) {
        *offset = (size_t)(address - kernel.first);
        return true;
    }
    *offset = (size_t)(address - kernel.high_first + kernel.low_bytes);
    return address - kernel.high_first < kernel.bytes - kernel.low_bytes;
}

uint64_t sim_pointer_address_at(size_t offset)
{
    return offset < kernel.low_bytes ? kernel.first + offset : kernel.high_first + (offset - kernel.low_bytes);
}

void *sim_pointer(uint64_t address)
{
    size_t offset;
    if (!find_offset(address, &offset)) {
        fprintf(stderr, "sim: 0x%llx is not in the kernel range\n", (unsigned long long)address);
        abort();
    }
    return kernel.base + offset;
}

uint64_t sim_pointer_address(const void *pointer)
{
    return sim_pointer_address_at((size_t)((const char *)pointer - kernel.base));
}

/* --- the list of what is mapped ---------------------------------------------------------- */

static void *map_at(char *at, size_t bytes, int protection, uint64_t frame, bool has_frame)
{
    int flags = has_frame ? MAP_SHARED | MAP_FIXED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    void *mapped = mmap(at, bytes, protection, flags, has_frame ? sim_ram_file() : -1, (off_t)(frame << 12));
    if (mapped == MAP_FAILED) {
        perror("sim: mmap of a kernel page");
        abort();
    }
    return mapped;
}

static void count_frame(uint64_t frame, bool more)
{
    if (frame < kernel.frames) {
        kernel.known[frame] = (uint8_t)(kernel.known[frame] + (more ? 1 : -1));
    }
}

static void append(size_t page, uint64_t frame, bool global)
{
    if (kernel.count == kernel.capacity) {
        kernel.capacity = kernel.capacity != 0 ? kernel.capacity * 2u : 256u;
        kernel.list = realloc(kernel.list, kernel.capacity * sizeof kernel.list[0]);
        if (kernel.list == NULL) {
            abort();
        }
    }
    kernel.list[kernel.count++] = (struct mapped){page, frame, global};
    kernel.place[page] = (uint32_t)kernel.count;
    count_frame(frame, true);
}

static void drop_place(size_t place)
{
    struct mapped *gone = &kernel.list[place];
    count_frame(gone->frame, false);
    kernel.place[gone->page] = 0;
    *gone = kernel.list[--kernel.count];
    if (place != kernel.count) {
        kernel.place[gone->page] = (uint32_t)place + 1u;
    }
}

static void unmap_page(size_t page)
{
    if (kernel.place[page] != 0) {
        drop_place(kernel.place[page] - 1u);
        (void)map_at(kernel.base + page * FRAME_BYTES, FRAME_BYTES, PROT_NONE, 0, false);
    }
}

void sim_pointer_flush_page(uint64_t address)
{
    size_t offset;
    if (find_offset(address, &offset)) {
        unmap_page(offset / FRAME_BYTES);
    }
}

static bool has_globals(void)
{
    for (size_t i = 0; i < kernel.count; i++) {
        if (kernel.list[i].global) {
            return true;
        }
    }
    return false;
}

/* Many at once are unmapped in one piece, from the lowest to the highest. */
void sim_pointer_flush(bool globals)
{
    if (kernel.count > 16 && (globals || !has_globals())) {
        size_t low = SIZE_MAX, high = 0;
        while (kernel.count != 0) {
            size_t page = kernel.list[kernel.count - 1u].page;
            low = page < low ? page : low;
            high = page > high ? page : high;
            drop_place(kernel.count - 1u);
        }
        (void)map_at(kernel.base + low * FRAME_BYTES, (high - low + 1u) * FRAME_BYTES, PROT_NONE, 0, false);
        return;
    }
    for (size_t i = kernel.count; i != 0; i--) {
        if (globals || !kernel.list[i - 1u].global) {
            unmap_page(kernel.list[i - 1u].page);
        }
    }
}

void sim_pointer_check_frame(uint64_t frame, const char *event)
{
    if (frame >= kernel.frames || kernel.known[frame] == 0) {
        return;
    }
    for (size_t i = 0; i < kernel.count; i++) {
        if (kernel.list[i].frame == frame) {
            sim_violate(SIM_STALE_FRAME, "frame 0x%llx %s while kernel page 0x%llx is still in use",
                        (unsigned long long)frame, event,
                        (unsigned long long)sim_pointer_address_at(kernel.list[i].page * FRAME_BYTES));
        }
    }
}

bool sim_pointer_has(uintptr_t host, size_t *offset)
{
    *offset = (size_t)(host - (uintptr_t)kernel.base);
    return *offset < kernel.bytes;
}

void sim_pointer_map(size_t page, uint64_t frame, bool writable, bool global)
{
    char *at = kernel.base + page * FRAME_BYTES;
    unmap_page(page);
    if (sim_ram_frame(frame) == NULL) {
        (void)map_at(at, FRAME_BYTES, PROT_READ | PROT_WRITE, 0, false);
    } else {
        (void)map_at(at, FRAME_BYTES, writable ? PROT_READ | PROT_WRITE : PROT_READ, frame, true);
    }
    append(page, frame, global);
}

uint64_t sim_pointer_frame(size_t page)
{
    return kernel.list[kernel.place[page] - 1u].frame;
}

void sim_pointer_init(const struct sim_mmu_options *options)
{
    uint64_t bytes = options->kernel_bytes + options->high_bytes;
    size_t pages = (size_t)(kernel.bytes / FRAME_BYTES);
    if (kernel.base != NULL) {
        munmap(kernel.base, kernel.bytes);
        munmap(kernel.place, pages * sizeof kernel.place[0]);
        kernel.base = NULL;
    }
    free(kernel.known);
    kernel.frames = sim_ram_bytes() / FRAME_BYTES;
    kernel.known = calloc((size_t)kernel.frames + 1u, 1);
    kernel.first = options->kernel_first;
    kernel.low_bytes = options->kernel_bytes;
    kernel.high_first = options->high_first;
    kernel.bytes = (size_t)bytes;
    kernel.count = 0;
    pages = (size_t)(bytes / FRAME_BYTES);
    if (bytes != 0) {
        kernel.base = sim_host_reserve(bytes);
        kernel.place = sim_host_reserve(pages * sizeof kernel.place[0]);
        mprotect(kernel.place, pages * sizeof kernel.place[0], PROT_READ | PROT_WRITE);
    }
}
