/* SPDX-License-Identifier: 0BSD */
/* memory.c - the simulated machine's RAM, windows and kernel pointers, and who misuses them. */
#include "machine.h"
#include "sim.h"
#include "tap.h"

#define GIB (UINT64_C(1) << 30)
#define KERNEL UINT64_C(0xf0000000)

static void test_ram(void)
{
    sim_ram_init(8 * GIB);
    is_u(sim_ram_bytes(), 8 * GIB, "8 GiB, also on a 32-bit host");
    uint32_t *low = sim_ram_frame(GIB >> 12), *high = sim_ram_frame(5 * GIB >> 12);
    is_u(*high, 0, "zeros above 4 GiB");
    *high = 7;
    is_u(*(uint32_t *)sim_ram_frame(5 * GIB >> 12), 7, "which keep what is written");
    is_u(*low, 0, "and are not what lies 4 GiB below");
    ok(sim_ram_has((8 * GIB >> 12) - 1u) && !sim_ram_has(8 * GIB >> 12), "the last frame");
    sim_violations_clear();
    sim_violations_echo(false);
    ok(sim_ram_frame(8 * GIB >> 12) == NULL, "no frame beyond the end");
    is_u(sim_violations(SIM_BEYOND_RAM), 1, "and a violation");
    like(sim_violation_text(), "beyond RAM: frame 0x200000", "that names it");
    sim_violations_echo(true);
    sim_ram_init(8 * GIB);
    is_u(*(uint32_t *)sim_ram_frame(5 * GIB >> 12), 0, "a new machine begins with zeros");
}

static void test_free(void)
{
    sim_ram_init(GIB);
    ok(!sim_frame_is_free(5), "frames are taken at first");
    sim_frame_freed(5);
    ok(sim_frame_is_free(5) && !sim_frame_is_free(6), "one is freed");
    sim_frame_taken(5);
    ok(!sim_frame_is_free(5), "and taken");
}

static void test_windows(bool guarded)
{
    const char *how = guarded ? "guarded" : "unguarded";
    uint32_t *window[10];
    sim_ram_init(GIB);
    sim_windows_init(guarded, 8);
    sim_violations_clear();
    sim_violations_echo(false);
    for (unsigned i = 0; i < 8; i++) {
        window[i] = sim_window_open(i % 2, 100u + i);
        *window[i] = 1000u + i;
    }
    is_u(sim_windows_open(0), 4, "%s: four windows on a CPU", how);
    is_u(*(uint32_t *)sim_ram_frame(103), 1003, "%s: what is written there is in the frame", how);
    for (unsigned i = 8; i != 0; i--) {
        sim_window_close((i - 1u) % 2, window[i - 1u]);
    }
    is_u(sim_windows_open(0) + sim_windows_open(1), 0, "%s: closed in another order", how);
    is_u(sim_windows_peak(1), 4, "%s: four at most", how);
    is_u(sim_violations_all(), 0, "%s: all of it allowed", how);
    sim_window_close(0, window[0]);
    is_u(sim_violations(SIM_CLOSED_WINDOW), 1, "%s: closed twice", how);
    window[0] = sim_window_open(0, 5);
    sim_window_close(1, window[0]);
    is_u(sim_violations(SIM_CLOSED_WINDOW), 2, "%s: closed by another CPU", how);
    sim_frame_freed(5);
    is_u(sim_violations(SIM_STALE_FRAME), 1, "%s: a frame freed under a window", how);
    for (unsigned i = 1; i < 9; i++) {
        window[i] = sim_window_open(0, i);
    }
    is_u(sim_violations(SIM_TOO_MANY_WINDOWS), 1, "%s: the ninth", how);
    for (unsigned i = 0; i < 9; i++) {
        sim_window_close(0, window[i]);
    }
    sim_violations_echo(true);
}

static void test_closed_window(void)
{
    sim_ram_init(GIB);
    sim_windows_init(true, 8);
    sim_violations_clear();
    sim_violations_echo(false);
    volatile uint32_t *window = sim_window_open(3, 77);
    *window = 5;
    sim_window_close(3, (void *)(uintptr_t)window);
    is_u(*window, 0, "reading through a closed window finds nothing");
    is_u(sim_violations(SIM_CLOSED_WINDOW), 1, "and is told");
    like(sim_violation_text(), "CPU 3's, onto frame 0x4d", "whose it was");
    *window = 6;
    is_u(*(uint32_t *)sim_ram_frame(77), 5, "nothing reaches the frame");
    uint32_t *again = sim_window_open(3, 77);
    ok(again != window, "the next window is in another place");
    is_u(*again, 5, "and shows the frame");
    sim_window_close(3, again);
    sim_violations_echo(true);
}

/* Two-level tables: root in frame 1, a table in frame 2 for the kernel's 4 MiB from KERNEL on. */
static void kernel_start(void)
{
    struct sim_mmu_options options = {.features = SIM_CPU_USUAL, .kernel_first = KERNEL, .kernel_bytes = 1u << 22};
    sim_ram_init(GIB);
    sim_mmu_init(SIM_TWO_LEVEL, 2, &options);
    ((uint32_t *)sim_ram_frame(1))[KERNEL >> 22] = 0x2000 | 0x23;
    sim_mmu_set_root(0, 0x1000);
    sim_mmu_set_root(1, 0x1000);
    sim_set_cpu(0);
}

static void map_kernel(unsigned page, uint32_t frame, uint32_t bits)
{
    ((uint32_t *)sim_ram_frame(2))[page] = frame << 12 | bits;
}

static void test_pointers(void)
{
    kernel_start();
    map_kernel(4, 0x70, 0x103);
    map_kernel(5, 0x60, 3);
    map_kernel(6, 0x61, 1);
    volatile uint32_t *pointer = sim_pointer(KERNEL + 0x4ffc);
    pointer[0] = 11;
    pointer[1] = 12;
    is_u(*((uint32_t *)sim_ram_frame(0x70) + 1023), 11, "a store before the end of a page");
    is_u(*(uint32_t *)sim_ram_frame(0x60), 12, "and behind it, in another frame");
    is_u(((uint32_t *)sim_ram_frame(2))[5] & 0x60u, 0x60, "written: accessed and dirty");
    is_u(sim_pointer_address((const void *)(uintptr_t)pointer), KERNEL + 0x4ffc, "the way back");
    pointer = sim_pointer(KERNEL + 0x6000);
    is_u(*pointer, 0, "a page that can be read");
    is_u(((uint32_t *)sim_ram_frame(2))[6] & 0x60u, 0x20, "read: accessed only");
    like(SIM_FATAL(*pointer = 1), "page fault at 0xf0006000, error 0x3", "and not written");
    like(SIM_FATAL((void)*(volatile uint32_t *)sim_pointer(KERNEL + 0x7008)), "page fault at 0xf0007008, error 0x0",
         "a page that is not there");
    map_kernel(7, 0x62, 3);
    *(volatile uint32_t *)sim_pointer(KERNEL + 0x7008) = 5;
    is_u(((uint32_t *)sim_ram_frame(0x62))[2], 5, "mapped after all: absent to present needs no flush");
}

static void test_stale_pointers(void)
{
    kernel_start();
    map_kernel(4, 0x70, 0x103);
    map_kernel(5, 0x60, 3);
    volatile uint32_t *global = sim_pointer(KERNEL + 0x4000), *local = sim_pointer(KERNEL + 0x5000);
    *global = *local = 1;
    map_kernel(4, 0x71, 0x103);
    map_kernel(5, 0x63, 3);
    *global = *local = 2;
    is_u(*(uint32_t *)sim_ram_frame(0x70), 2, "changed without a flush: the old frame is written");
    sim_violations_echo(false);
    sim_frame_freed(0x60);
    is_u(sim_violations(SIM_STALE_FRAME), 2, "freed while it is: the TLB's and the pointer's violation");
    sim_frame_taken(0x60);
    sim_violations_echo(true);
    sim_violations_clear();
    sim_mmu_set_root(0, 0x1000);
    *global = *local = 3;
    is_u(*(uint32_t *)sim_ram_frame(0x63), 3, "a new root forgets the local page");
    is_u(*(uint32_t *)sim_ram_frame(0x70), 3, "and keeps the global one");
    sim_mmu_flush_all(0);
    *global = 4;
    is_u(*(uint32_t *)sim_ram_frame(0x71), 4, "until all are flushed");
    sim_frame_freed(0x60);
    sim_frame_freed(0x70);
    is_u(sim_violations_all(), 0, "then the old ones can be freed");
}

/* Many pages, forgotten in one piece. */
static void test_many_pointers(void)
{
    unsigned wrong = 0;
    kernel_start();
    for (unsigned page = 0; page < 1024; page++) {
        map_kernel(page, 0x1000 + (page ^ 0x155), 3);
    }
    volatile uint32_t *pointer = sim_pointer(KERNEL);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned page = 0; page < 1024; page++) {
            pointer[page * 1024u] = page + round;
        }
        for (unsigned page = 0; page < 1024; page++) {
            wrong += *(uint32_t *)sim_ram_frame(0x1000 + (page ^ 0x155)) != page + round;
        }
        sim_mmu_flush_all(0);
    }
    is_u(wrong, 0, "1024 pages out of order, flushed three times");
}

static void test_load_store(void)
{
    char text[16] = "0123456789abcde", got[16] = "";
    kernel_start();
    map_kernel(4, 0x70, 3);
    map_kernel(5, 0x60, 3);
    is_u(sim_store(1, KERNEL + 0x4ff8, text, 16, 0), 0, "a store across two pages");
    is_u(sim_load(0, KERNEL + 0x4ff8, got, 16, 0), 0, "and a load by another CPU");
    ok(memcmp(text, got, 16) == 0 && memcmp(sim_ram_frame(0x60), text + 8, 8) == 0, "bring it back");
    is_u(sim_store(1, KERNEL + 0x5ff8, text, 16, 0), SIM_FAULT | SIM_WRITE, "a store that runs into nothing faults");
    ok(memcmp((char *)sim_ram_frame(0x60) + 0xff8, text, 8) == 0, "after the part that went well");
    is_u(sim_load(0, KERNEL + 0x4000, got, 1, SIM_USER), SIM_FAULT | SIM_PRESENT | SIM_USER, "a user's load");
}

int main(void)
{
    test_ram();
    test_free();
    test_windows(false);
    test_windows(true);
    test_closed_window();
    test_pointers();
    test_stale_pointers();
    test_many_pointers();
    test_load_store();
    return done_testing();
}
