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
    print("What the firmware said (%u entries):\n", memory->firmware_total);
    for (unsigned i = 0; i < memory->firmware_count; i++) {
        print_map_entry(&memory->firmware[i]);
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
    print("  %zu blocks of 2 MiB wholly free; short of frames below %zu\n", stats.free_2mib_blocks,
          stats.low_watermark_frames);
    print("  %llu takes, %llu gives, %llu failures; %zu bytes of bookkeeping\n", (unsigned long long)stats.takes,
          (unsigned long long)stats.gives, (unsigned long long)stats.failures, stats.metadata_bytes);
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
    print("  %zu spaces, %zu ranges, %zu stacks, %lu KiB of addresses free (largest run %lu KiB)\n", stats.spaces,
          kva.ranges, kva.stacks, kib(kva.arena_free_pages), kib(kva.arena_largest_pages));
    print("  %zu frames of kernel tables, %zu of descriptors; %zu large pages, each with a table kept for its split\n",
          stats.kernel_table_frames, kva.strip_frames, stats.large_pages);
    print("  %llu pages flushed one by one, %llu flushes of everything, %llu entries written into roots\n",
          (unsigned long long)stats.flush_pages, (unsigned long long)stats.flush_alls,
          (unsigned long long)stats.root_writes);
    print("  %llu roots loaded that kept what the CPU knew of their space\n", (unsigned long long)stats.root_keeps);
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
            print("no process is called %s\n", words[1]);
            return EXIT_FAILED;
        }
        space = &process->space;
    }
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
    print("  %zu KiB in %zu slabs, %zu KiB in %zu large blocks, %zu KiB empty, %zu KiB of bookkeeping\n",
          stats.slab_bytes >> 10, stats.slabs, stats.large_bytes >> 10, stats.large_blocks, stats.empty_bytes >> 10,
          stats.metadata_bytes >> 10);
    print("  %zu objects hold %zu bytes; grown %zu times, shrunk %zu times, %zu requests refused\n", stats.live_objects,
          stats.live_bytes, stats.grows, stats.shrinks, stats.failures);
    return EXIT_GOOD;
}

static int print_cache(void *context, struct ashlar_cache *cache, const struct ashlar_cache_info *info)
{
    (void)context;
    (void)cache;
    print("  %-16s %6zu bytes, %zu of %zu objects live, %zu slabs of %zu KiB in all\n", info->name, info->object_bytes,
          info->live, info->capacity, info->slabs, info->slab_bytes >> 10);
    return 0;
}

static int run_caches(unsigned count, char **words)
{
    (void)count;
    (void)words;
    print("object caches:\n");
    ashlar_cache_walk(kernel_memory.booted.heap, print_cache, NULL);
    return EXIT_GOOD;
}

static void print_task(void *context, const struct task *task)
{
    static const char *const states[] = {"ready", "asleep", "done"};
    (void)context;
    print("  %-12s %-7s on CPU %u, stack top 0x%08lx, switched to %u times\n", task->name, states[task->state],
          task->cpu, (unsigned long)task->stack_top, task->switches);
}

static int run_ps(unsigned count, char **words)
{
    (void)count;
    (void)words;
    print("tasks:\n");
    task_walk(print_task, NULL);
    print("processes (each has a page of its own at 0x%08x):\n", PROCESS_PAGE_ADDRESS);
    for (struct process *process = process_first(); process != NULL; process = process->next) {
        print("  %-12s root 0x%llx, frame 0x%lx there, %u checks, %u mismatches\n", process->task.name,
              (unsigned long long)ashlar_space_root(&process->space), (unsigned long)process->frame, process->checks,
              process->mismatches);
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
    if (count != 2 || !text_address(words[1], &address)) {
        print("walk ADDRESS\n");
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
