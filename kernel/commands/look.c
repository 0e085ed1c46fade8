/* SPDX-License-Identifier: 0BSD */
/* look.c - commands that look at memory and change nothing. */
#include "commands/command.h"
#include "cpu/trap.h"
#include "io/exit.h"
#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"
#include "task/process.h"
#include <ashlar/port.h>

#define ENTRY_FRAME UINT64_C(0x000ffffffffff000)

static unsigned long kib(size_t pages)
{
    return (unsigned long)pages * (ASHLAR_PAGE_BYTES / 1024);
}

static unsigned long address_of(ashlar_vpn page)
{
    return (unsigned long)address_of_page(page);
}

static void print_map_entry(const struct ashlar_memmap_entry *entry)
{
    print("  0x%010llx + 0x%010llx  %-11s %8llu KiB%s\n", (unsigned long long)entry->base,
          (unsigned long long)entry->length, ashlar_memmap_type_text(entry->type),
          (unsigned long long)(entry->length >> 10), entry->origin != 0 ? "  (reserved by us)" : "");
}

static int run_map(unsigned count, char **words)
{
    (void)count;
    (void)words;
    const struct kernel_memory *memory = &kernel_memory;
    print("What the firmware said (%s):\n", counted(memory->firmware_total, "entry").text);
    for (unsigned i = 0; i < memory->firmware_count; i++) {
        print_map_entry(&memory->firmware[i]);
    }
    if (memory->firmware_total > memory->firmware_count) {
        print("  and %u more\n", memory->firmware_total - memory->firmware_count);
    }
    print("What became of it:\n");
    for (size_t i = 0; i < memory->map.count; i++) {
        print_map_entry(&memory->map.entries[i]);
    }
    return EXIT_GOOD;
}

static int run_frames(unsigned count, char **words)
{
    struct ashlar_frames_stats stats;
    (void)count;
    (void)words;
    ashlar_frames_stats(kernel_memory.frames, &stats);
    print("frames: %zu, of which %zu free (%lu KiB), %zu promised, %zu kept back\n", stats.total_frames,
          stats.free_frames, kib(stats.free_frames), stats.reserved_frames, stats.kept_frames);
    print("  %s below 1 MiB, for who asks for them by a limit, free as well\n",
          counted(stats.low_frames, "frame").text);
    print("  %s of 2 MiB wholly free; short of frames below %zu\n", counted(stats.free_2mib_blocks, "block").text,
          stats.low_watermark_frames);
    print("  %s, %s, %s; %zu bytes of bookkeeping\n", counted(stats.takes, "take").text,
          counted(stats.gives, "give").text, counted(stats.failures, "failure").text, stats.metadata_bytes);
    return EXIT_GOOD;
}

static void print_area(const char *name, ashlar_vpn first, size_t pages)
{
    print("  0x%08lx  %8lu KiB  %s\n", address_of(first), kib(pages), name);
}

static int print_mapping(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    (void)context;
    print("  0x%08lx  %8lu KiB  %c%c%s, first frame 0x%lx\n", address_of(first), kib(pages),
          (mapping->flags & ASHLAR_MAP_WRITE) != 0 ? 'w' : 'r', (mapping->flags & ASHLAR_MAP_EXEC) != 0 ? 'x' : '-',
          mapping->page_pages > 1 ? ", large pages" : "", (unsigned long)mapping->frame);
    return 0;
}

static int run_space(unsigned count, char **words)
{
    const struct ashlar_space_layout *layout = ashlar_space_layout();
    struct ashlar_space_stats stats;
    struct ashlar_kva_stats kva;
    (void)count;
    (void)words;
    ashlar_space_stats(&stats);
    ashlar_kva_stats(&kva);
    print("kernel space, sharing by %s:\n", ashlar_sharing_text(kernel_memory.booted.policy));
    print_area("all of it", layout->kernel_first, layout->kernel_pages);
    print_area("user addresses", layout->user_first, layout->user_pages);
    print_area("image", (uintptr_t)image_start >> ASHLAR_PAGE_SHIFT,
               ((uintptr_t)image_end - (uintptr_t)image_start) >> ASHLAR_PAGE_SHIFT);
    print_area("general ranges: heap, MMIO, spans", layout->arena_first, layout->arena_pages);
    print_area("linear array of the kernel's page tables", layout->array_first, layout->array_pages);
    for (size_t i = 0; i < layout->area_count; i++) {
        print_area(layout->areas[i].name, layout->areas[i].first, layout->areas[i].pages);
    }
    print("  %s, %s, %s, %lu KiB of addresses free (largest run %lu KiB)\n", counted(stats.spaces, "space").text,
          counted(kva.ranges, "range").text, counted(kva.stacks, "stack").text, kib(kva.arena_free_pages),
          kib(kva.arena_largest_pages));
    print("  %s of kernel tables, %zu of descriptors; %s, each with a table kept for its split\n",
          counted(stats.kernel_table_frames, "frame").text, kva.strip_frames,
          counted(stats.large_pages, "large page").text);
    print("  %s flushed one by one, %s of everything, %s written into roots\n", counted(stats.flush_pages, "page").text,
          counted(stats.flush_alls, "flush").text, counted(stats.root_writes, "entry").text);
    print("  %s loaded that kept what the CPU knew of their space\n", counted(stats.root_keeps, "root").text);
    return EXIT_GOOD;
}

static int run_mappings(unsigned count, char **words)
{
    struct ashlar_space *space = NULL;
    if (count == 2) {
        struct process *process = process_first();
        while (process != NULL && !text_equal(process->task.name, words[1])) {
            process = process->next;
        }
        if (process == NULL) {
            print("no process is called %s: %s\n", words[1],
                  process_first() != NULL ? "`ps` lists them" : "there is none now; the tour and tests start some");
            return EXIT_FAILED;
        }
        space = &process->space;
    }
    print("what %s maps:\n", count == 2 ? words[1] : "the kernel half");
    ashlar_space_walk_mappings(space, print_mapping, NULL);
    return EXIT_GOOD;
}

static int print_range(void *context, const struct ashlar_place *place)
{
    (void)context;
    print("  0x%08lx  %8lu KiB  %s\n", address_of(place->first), kib(place->pages), place->name);
    return 0;
}

static int run_ranges(unsigned count, char **words)
{
    (void)count;
    (void)words;
    ashlar_kva_walk_ranges(print_range, NULL);
    return EXIT_GOOD;
}

static int run_heap(unsigned count, char **words)
{
    struct ashlar_heap_stats stats;
    (void)count;
    (void)words;
    ashlar_heap_stats(kernel_memory.booted.heap, &stats);
    print("heap: %zu KiB backed of %zu MiB of addresses (at most %zu KiB so far)\n", stats.backed_bytes >> 10,
          stats.range_bytes >> 20, stats.peak_bytes >> 10);
    print("  %zu KiB in %s, %zu KiB in %s, %zu KiB empty, %zu KiB of bookkeeping\n", stats.slab_bytes >> 10,
          counted(stats.slabs, "slab").text, stats.large_bytes >> 10, counted(stats.large_blocks, "large block").text,
          stats.empty_bytes >> 10, stats.metadata_bytes >> 10);
    print("  %s of %zu bytes in all; grown %s, shrunk %s, %s refused\n", counted(stats.live_objects, "object").text,
          stats.live_bytes, counted(stats.grows, "time").text, counted(stats.shrinks, "time").text,
          counted(stats.failures, "request").text);
    return EXIT_GOOD;
}

static int print_cache(void *context, struct ashlar_cache *cache, const struct ashlar_cache_info *info)
{
    (void)cache;
    ++*(unsigned *)context;
    print("  %-16s %6zu bytes, %zu of %s live, %s of %zu KiB in all\n", info->name, info->object_bytes, info->live,
          counted(info->capacity, "object").text, counted(info->slabs, "slab").text, info->slab_bytes >> 10);
    return 0;
}

static int run_caches(unsigned count, char **words)
{
    (void)count;
    (void)words;
    unsigned caches = 0;
    print("object caches:\n");
    ashlar_cache_walk(kernel_memory.booted.heap, print_cache, &caches);
    if (caches == 0) {
        print("  none: the first process makes one\n");
    }
    return EXIT_GOOD;
}

static void print_task(void *context, const struct task *task)
{
    static const char *const states[] = {"ready", "asleep", "blocked", "done"};
    (void)context;
    print("  %-12s %-7s on CPU %u, stack top 0x%08lx, switched to %s\n", task->name,
          task->is_running ? "runs" : states[task->state], task->cpu, (unsigned long)task->stack_top,
          counted(task->switches, "time").text);
}

static int run_ps(unsigned count, char **words)
{
    (void)count;
    (void)words;
    print("tasks:\n");
    task_walk(print_task, NULL);
    print("processes (each has a page of its own at 0x%08x):%s\n", PROCESS_PAGE_ADDRESS,
          process_first() == NULL ? " none" : "");
    for (struct process *process = process_first(); process != NULL; process = process->next) {
        print("  %-12s root 0x%llx, frame 0x%lx there, %s, %s\n", process->task.name,
              (unsigned long long)ashlar_space_root(&process->space), (unsigned long)process->frame,
              counted(process->checks, "check").text, counted(process->mismatches, "mismatch").text);
    }
    return EXIT_GOOD;
}

static uint64_t entry_at(const char *table, unsigned index)
{
    if (image_mode()->entry_bytes == 4) {
        return ((const volatile uint32_t *)(const void *)table)[index];
    }
    return ((const volatile uint64_t *)(const void *)table)[index];
}

/* The entries that translate an address, as the MMU of this CPU sees them now. */
static void print_walk(uintptr_t address)
{
    const struct paging_mode *mode = image_mode();
    ashlar_phys table = ashlar_port_get_root();
    for (unsigned level = mode->levels; level != 0; level--) {
        unsigned shift = ASHLAR_PAGE_SHIFT + mode->index_bits * (level - 1);
        unsigned index = (unsigned)(address >> shift) & ((1u << mode->index_bits) - 1);
        ashlar_port_pin();
        char *frame = ashlar_port_open_frame((ashlar_pfn)(table >> ASHLAR_PAGE_SHIFT));
        uint64_t entry = entry_at(frame + (table & (ASHLAR_PAGE_BYTES - 1)), index);
        ashlar_port_close_frame(frame);
        ashlar_port_unpin();
        print("  level %u, entry %u: 0x%llx (%s)\n", level, index, (unsigned long long)entry,
              (entry & 1) != 0 ? "present" : "absent");
        if ((entry & 1) == 0 || (entry & 0x80) != 0) {
            break;
        }
        table = entry & ENTRY_FRAME;
    }
}

static int run_walk(unsigned count, char **words)
{
    uintptr_t address;
    char place[200];
    (void)count;
    if (!command_address(words, 1, &address)) {
        return EXIT_FAILED;
    }
    explain_address(address, place, sizeof place);
    print("0x%08lx: %s\n", (unsigned long)address, place);
    print_walk(address);
    return EXIT_GOOD;
}

static int run_audit(unsigned count, char **words)
{
    (void)count;
    (void)words;
    const char *problem = memory_audit();
    print("audit: %s\n", problem != NULL ? problem : "every invariant of every floor holds");
    return problem != NULL ? EXIT_FAILED : EXIT_GOOD;
}

const struct command commands_look[] = {
    {"help", "", "this list", command_help},
    {"map", "", "the firmware's memory map, and what became of it", run_map},
    {"frames", "", "physical frames: how many, how many free", run_frames},
    {"space", "", "kernel space: its areas and counters", run_space},
    {"mappings", "[PROCESS]", "what is mapped: in the kernel half, or in a process's own", run_mappings},
    {"ranges", "", "who holds which kernel addresses", run_ranges},
    {"heap", "", "the heap: what is backed, used, empty", run_heap},
    {"caches", "", "object caches, and how full they are", run_caches},
    {"ps", "", "tasks and processes", run_ps},
    {"walk", "ADDR", "the page table entries of an address", run_walk},
    {"audit", "", "check every invariant of every floor", run_audit},
    {NULL, NULL, NULL, NULL},
};
