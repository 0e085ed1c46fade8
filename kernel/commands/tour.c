/* SPDX-License-Identifier: 0BSD */
/* tour.c - what the library does, shown on this machine with its real numbers.
 *
 * Each stop says what is about to happen, does it, and checks it: a stop that
 * does not come out as announced prints WRONG, and the tour fails. What this
 * machine has too little RAM for is left out, and said.
 */
#include "commands/command.h"
#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/trap.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "task/process.h"
#include "tests/ram.h"
#include <ashlar/kmalloc.h>

#define PROCESSES 3u
#define GROWTH_BLOCKS_MAX 256u
#define BLOCK_BYTES ((size_t)64 * 1024)
#define BLOCK_WORDS (BLOCK_BYTES / sizeof(uint32_t))
#define SMALL_FRAMES 1024u /* 4 MiB */
#define LIST_FRAMES 32u    /* that a list of all frames may take, of less than 1 GiB */
#define PROCESS_FRAMES 40u /* of a process: tables of five levels, of both halves, a stack, a page */
#define KEPT_BLOCKS 24u    /* 1.5 MiB: more than a heap of little RAM keeps empty */
#define LARGE_BLOCK_BYTES ((size_t)16 << 20)
#define PATIENCE_TICKS 500u /* of whoever waits for another CPU */

struct tour {
    struct process *process[PROCESSES];
    unsigned processes;
    unsigned wrong;
    unsigned left_out;
    /* What the first process put into the heap. */
    uint32_t *block[GROWTH_BLOCKS_MAX];
    unsigned blocks;
    uint32_t seen_wrong;
    uint32_t faults;
};

/* What must not change while kernel space changes. */
struct witness {
    uint32_t root[PROCESSES];
    uint64_t root_writes;
    uint32_t page_faults;
};

static void expect(struct tour *tour, bool good, const char *what)
{
    if (!good) {
        tour->wrong++;
    }
    print("   %s %s\n", good ? "[ok]   " : "[WRONG]", what);
}

static void leave_out(struct tour *tour, const char *what)
{
    tour->left_out++;
    print("   [left out] %s: this machine has too little RAM, %lu KiB are free\n", what,
          (unsigned long)memory_free_frames() * 4);
}

static void heading(unsigned number, const char *text)
{
    print("\n%u. %s\n", number, text);
}

static unsigned long mib(size_t pages)
{
    return (unsigned long)(pages >> 8);
}

static unsigned long kib(size_t pages)
{
    return (unsigned long)pages * 4;
}

static void show_map(struct tour *tour)
{
    heading(1, "The firmware's memory map, and what became of it");
    char line[] = "map";
    command_run(line);
    size_t usable = kernel_memory.booted.ram_frames;
    print("   Usable is rounded inward to frames of 4 KiB, everything else outward; where two overlap, the more\n"
          "   restrictive wins; frame 0 is never used. That leaves %zu frames, %lu MiB.\n",
          usable, mib(usable));
    expect(tour, ashlar_memmap_audit(&kernel_memory.map) == NULL, "sorted, no overlaps, on frame boundaries");
}

static void show_bookkeeping(struct tour *tour)
{
    const struct ashlar_booted *booted = &kernel_memory.booted;
    size_t sum = 0;
    heading(2, "Where the bookkeeping was put before there was an allocator");
    print("   Who hands out memory needs memory to remember it. So before there is any allocator each floor says how\n"
          "   much it needs for this map, and all of that is carved off the map at once: %zu frames at physical\n"
          "   0x%lx.\n",
          booted->carve_frames, (unsigned long)booted->carve_first << ASHLAR_PAGE_SHIFT);
    for (unsigned i = 0; i < booted->parts; i++) {
        print("     %-8s %-28s %7zu bytes", booted->part[i].floor, booted->part[i].what, booted->part[i].bytes);
        if (booted->part[i].address != 0) {
            print(" at 0x%08lx", (unsigned long)booted->part[i].address);
        }
        print("\n");
        sum += booted->part[i].bytes;
    }
    expect(tour, sum <= booted->carve_frames * ASHLAR_PAGE_BYTES, "the parts fit into the carve");
}

static int count_pages(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)first;
    (void)mapping;
    *(size_t *)context += pages;
    return 0;
}

static void show_mapped(struct tour *tour)
{
    size_t pages = 0;
    heading(3, "What is mapped");
    char line[] = "mappings";
    command_run(line);
    ashlar_space_walk_mappings(NULL, count_pages, &pages);
    if (ashlar_space_layout()->direct_pages != 0) {
        print("   With so many addresses all of the RAM is mapped, once, in the largest pages that fit: reaching a "
              "frame is\n"
              "   an addition.\n");
        expect(tour, pages >= kernel_memory.booted.ram_frames, "every frame of RAM has an address");
        return;
    }
    print(
        "   All that the kernel half maps is %lu KiB of %lu MiB: its own image, tables and bookkeeping, and what the\n"
        "   heap and the stacks use so far. Any other frame is reached through a window when it is needed.\n",
        kib(pages), mib(kernel_memory.booted.ram_frames));
    if (kernel_memory.booted.ram_frames >= SMALL_FRAMES) {
        expect(tour, pages < kernel_memory.booted.ram_frames / 2, "most of the RAM is not mapped");
    } else {
        leave_out(tour, "most of it is the kernel's own");
    }
}

static void start_processes(struct tour *tour)
{
    static const char *const names[PROCESSES] = {"quarry", "chisel", "mortar"};
    memory_heap_shrink();
    heading(4, "Three processes, each with page tables of its own");
    for (unsigned i = 0; i < PROCESSES; i++) {
        if (memory_free_frames() < PROCESS_FRAMES) {
            leave_out(tour, i == 0 ? "all of them" : i == 1 ? "the second and the third" : "the third");
            break;
        }
        ashlar_status status = process_start(names[i], &tour->process[i]);
        if (status != ASHLAR_OK) {
            print("   %s: %s\n", names[i], ashlar_status_text(status));
            expect(tour, false, "a process starts");
            return;
        }
        tour->processes++;
        print("     %-8s root table at physical 0x%06llx, frame 0x%05lx at address 0x%08x\n", names[i],
              (unsigned long long)ashlar_space_root(&tour->process[i]->space), (unsigned long)tour->process[i]->frame,
              PROCESS_PAGE_ADDRESS);
    }
    print("   Each fills its page with a pattern of its own, and reads it after every switch.\n");
    task_sleep(5);
}

static bool processes_are_well(const struct tour *tour)
{
    bool well = true;
    for (unsigned i = 0; i < tour->processes; i++) {
        well = well && tour->process[i]->checks != 0 && tour->process[i]->mismatches == 0;
    }
    return well;
}

static struct witness witness_now(const struct tour *tour)
{
    struct ashlar_space_stats stats;
    struct witness now = {.page_faults = trap_page_faults()};
    ashlar_space_stats(&stats);
    now.root_writes = stats.root_writes;
    for (unsigned i = 0; i < tour->processes; i++) {
        now.root[i] = process_root_hash(tour->process[i]);
    }
    return now;
}

/* In the first process: fill new memory of the heap with numbers. */
static void grow_job(void *argument)
{
    struct tour *tour = argument;
    unsigned wanted = tour->blocks;
    uint32_t value = 0;
    for (tour->blocks = 0; tour->blocks < wanted; tour->blocks++) {
        uint32_t *block = ashlar_kmalloc(BLOCK_BYTES);
        if (block == NULL) {
            return;
        }
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            block[i] = value++;
        }
        tour->block[tour->blocks] = block;
    }
}

/* In the others: read them. */
static void look_job(void *argument)
{
    struct tour *tour = argument;
    uint32_t value = 0;
    for (unsigned b = 0; b < tour->blocks; b++) {
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            tour->seen_wrong += tour->block[b][i] != value++;
        }
    }
}

/* What the growth did to the roots: nothing, where all tables exist from boot; otherwise what the policy says. */
static void expect_sharing(struct tour *tour, const struct witness *before, const struct witness *after)
{
    if (kernel_memory.booted.policy != ASHLAR_SHARING_PREALLOCATE) {
        print("   Under the policy %s that wrote %u entries into root tables, and took %u page faults.\n",
              ashlar_sharing_text(kernel_memory.booted.policy), (unsigned)(after->root_writes - before->root_writes),
              after->page_faults - before->page_faults);
        return;
    }
    expect(tour, after->page_faults == before->page_faults, "no page fault was taken");
    expect(tour, after->root_writes == before->root_writes && memcmp(after, before, sizeof *after) == 0,
           "no entry of any root table was written");
    print("   The kernel's page tables have existed since boot, and every root points at the same ones: a new\n"
          "   mapping is one entry in a table that all of them share.\n");
}

static void grow_and_look(struct tour *tour)
{
    size_t fit = memory_free_frames() / 64;
    size_t pages_before = memory_heap_pages();
    struct witness before = witness_now(tour);
    tour->blocks = fit < GROWTH_BLOCKS_MAX ? (unsigned)fit : GROWTH_BLOCKS_MAX;
    unsigned wanted = tour->blocks;
    heading(5, "The heap grows in one process, and the others see it at once");
    if (tour->processes < 2 || wanted == 0) {
        leave_out(tour, "it takes two processes and a heap to grow");
        tour->blocks = 0;
        return;
    }
    process_run(tour->process[0], grow_job, tour);
    print("   %s took %u blocks of 64 KiB and filled them: the heap grew from %lu to %lu KiB.\n",
          tour->process[0]->task.name, tour->blocks, kib(pages_before), kib(memory_heap_pages()));
    for (unsigned i = 1; i < tour->processes; i++) {
        process_run(tour->process[i], look_job, tour);
        print("   %s has read all %u words of it.\n", tour->process[i]->task.name,
              (unsigned)(tour->blocks * BLOCK_WORDS));
    }
    struct witness after = witness_now(tour);
    expect(tour, tour->blocks == wanted && tour->seen_wrong == 0, "every word is what the first process wrote");
    expect_sharing(tour, &before, &after);
}

/* Every frame is taken, with nobody about who gives any back meanwhile. */
static void fill_ram(struct tour *tour, struct ram_hoard *hoard)
{
    size_t taken = hoard->frames;
    print("   %zu frames taken, %zu left. A dot is 32 MiB.\n   writing ", taken, memory_free_frames());
    ram_write(hoard);
    print("\n   reading ");
    uint64_t wrong = ram_verify(hoard);
    print("\n");
    void *refused = ashlar_kmalloc(LARGE_BLOCK_BYTES); /* more than the heap keeps empty */
    expect(tour, wrong == 0, "every word of every frame kept its value");
    expect(tour, hoard->twice == 0, "no frame was handed out twice");
    expect(tour, memory_free_frames() == 0, "no frame was left");
    expect(tour, refused == NULL, "meanwhile kmalloc of 16 MiB says no, and nothing breaks");
    ashlar_kfree(refused);
    ram_give_all(hoard);
    print("   (%zu frames, %lu MiB)\n", taken, mib(taken));
}

static void hoard_ram(struct tour *tour)
{
    struct ram_hoard hoard;
    size_t before = ram_accounted_frames();
    size_t free_frames = memory_free_frames();
    heading(6, "All of the RAM, handed out");
    print("   %lu MiB are free; kernel space has %lu MiB of addresses in all. Every frame is taken, filled through a\n"
          "   window with a pattern made of its own address, and read back when all are full.\n",
          mib(free_frames), mib(ashlar_space_layout()->kernel_pages));
    if (free_frames < LIST_FRAMES) {
        leave_out(tour, "a list of the frames");
        return;
    }
    task_begin_quiet();
    if (ram_take_all(&hoard)) {
        fill_ram(tour, &hoard);
    } else {
        expect(tour, false, "a list of the frames fits into kernel space");
    }
    task_end_quiet();
    expect(tour, ram_accounted_frames() == before, "all of it was given back");
}

/* Another CPU may be in the middle of giving back. */
static size_t wait_for_less(size_t pages)
{
    for (unsigned i = 0; i < PATIENCE_TICKS && memory_heap_pages() >= pages; i++) {
        task_sleep(1);
    }
    return memory_heap_pages();
}

static void shrink_heap(struct tour *tour)
{
    size_t pages_before = memory_heap_pages();
    size_t frames_before = memory_free_frames();
    heading(7, "Pages given back when the heap shrinks");
    for (unsigned i = 0; i < tour->blocks; i++) {
        ashlar_kfree(tour->block[i]);
    }
    size_t pages_after = tour->blocks > KEPT_BLOCKS ? wait_for_less(pages_before) : memory_heap_pages();
    print("   %u blocks of 64 KiB are freed: the heap goes from %lu to %lu KiB by itself; it keeps a few empty spans,\n"
          "   so that it does not have to ask again at once.\n",
          tour->blocks, kib(pages_before), kib(pages_after));
    memory_heap_shrink();
    print("   Told to keep nothing, it has %lu KiB; %lu KiB of frames came back.\n", kib(memory_heap_pages()),
          kib(memory_free_frames() - frames_before));
    if (tour->blocks > KEPT_BLOCKS) {
        expect(tour, pages_after < pages_before, "freeing alone gave pages back");
    } else {
        leave_out(tour, "more than the heap keeps empty");
    }
    expect(tour, memory_free_frames() - frames_before >= pages_before - memory_heap_pages(),
           "and their frames are free again");
}

static void run_out(struct tour *tour)
{
    size_t before = memory_free_frames();
    unsigned taken = 0;
    void *chain = NULL;
    heading(8, "Memory runs out, and an error comes back");
    for (;;) {
        void **block = ashlar_kmalloc(BLOCK_BYTES);
        if (block == NULL) {
            break;
        }
        *block = chain;
        chain = block;
        taken++;
    }
    print("   kmalloc of 64 KiB worked %u times (%u MiB), then returned NULL: %lu MiB of frames and %lu MiB of kernel\n"
          "   addresses are left.\n",
          taken, taken / 16, mib(memory_free_frames()), mib(memory_free_addresses()));
    const char *problem = memory_audit();
    while (chain != NULL) {
        void *next = *(void **)chain;
        ashlar_kfree(chain);
        chain = next;
    }
    memory_heap_shrink();
    void *again = ashlar_kmalloc(BLOCK_BYTES);
    expect(tour, problem == NULL, problem == NULL ? "every invariant holds at that point" : problem);
    if (taken != 0) {
        expect(tour, again != NULL, "with the blocks freed, kmalloc works again");
    } else {
        leave_out(tour, "a single block of 64 KiB");
    }
    ashlar_kfree(again);
    memory_heap_shrink();
    print("   (%lu KiB of frames fewer are free than before: reserves)\n", kib(before - memory_free_frames()));
}

/* CPUs that any of the processes has run on. */
static uint32_t cpus_used(const struct tour *tour)
{
    uint32_t all = 0;
    for (unsigned i = 0; i < tour->processes; i++) {
        all |= tour->process[i]->cpus;
    }
    return all;
}

static bool several_were_used(const struct tour *tour)
{
    uint32_t all = cpus_used(tour);
    return (all & (all - 1)) != 0;
}

/* With several CPUs: who ran where. */
static void show_cpus(struct tour *tour)
{
    for (unsigned i = 0; i < PATIENCE_TICKS && tour->processes > 1 && !several_were_used(tour); i++) {
        task_sleep(1);
    }
    for (unsigned i = 0; i < tour->processes; i++) {
        char text[CPUS_MAX * 3 + 1] = "";
        size_t length = 0;
        for (unsigned cpu = 0; cpu < smp_count(); cpu++) {
            if ((tour->process[i]->cpus >> cpu & 1) != 0) {
                length += print_to(text + length, sizeof text - length, " %u", cpu);
            }
        }
        print("     %-8s ran on CPU%s\n", tour->process[i]->task.name, text);
    }
    if (tour->processes > 1) {
        expect(tour, several_were_used(tour), "the processes ran on more than one CPU");
    }
}

static void stop_processes(struct tour *tour)
{
    heading(9, "The end");
    unsigned long checks = 0;
    for (unsigned i = 0; i < tour->processes; i++) {
        checks += tour->process[i]->checks;
    }
    print("   Meanwhile the processes were switched to, and checked their pages, %lu times.\n", checks);
    if (smp_count() > 1) {
        show_cpus(tour);
    }
    expect(tour, processes_are_well(tour), "each process always found its own page");
    for (unsigned i = 0; i < tour->processes; i++) {
        process_stop(tour->process[i]);
    }
    const char *problem = memory_audit();
    expect(tour, problem == NULL, problem == NULL ? "every invariant of every floor holds" : problem);
}

int tour_run(unsigned count, char **words)
{
    static struct tour tour;
    (void)count;
    (void)words;
    tour = (struct tour){0};
    print("\nAshlar is the memory manager below this kernel. What it does, in nine stops.\n"
          "This machine: %s paging in a kernel of %u bits, %u CPU%s.\n",
          ashlar_paging_name(image_mode()->paging), KERNEL_WIDTH_BITS, smp_count(), smp_count() == 1 ? "" : "s");
    show_map(&tour);
    show_bookkeeping(&tour);
    show_mapped(&tour);
    start_processes(&tour);
    if (tour.wrong == 0) {
        grow_and_look(&tour);
        hoard_ram(&tour);
        shrink_heap(&tour);
        run_out(&tour);
        stop_processes(&tour);
    }
    if (tour.wrong != 0) {
        print("\nThe tour FAILED: %u thing%s not as %s should be.\n", tour.wrong, tour.wrong == 1 ? " was" : "s were",
              tour.wrong == 1 ? "it" : "they");
        return EXIT_FAILED;
    }
    print("\nThe tour is over, and everything came out as announced%s.\n",
          tour.left_out != 0 ? ", but for what this machine has too little RAM for" : "");
    return EXIT_GOOD;
}
