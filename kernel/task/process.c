/* SPDX-License-Identifier: 0BSD */
/* process.c - what shows that address spaces are kept apart, and share the kernel.
 *
 * Each process maps one page at the same user address and fills it with a
 * pattern of its own. Processes run in ring 0: so the page is the kernel's alone,
 * without ASHLAR_MAP_USER, and is touched under SMAP like any other of its pages. After every switch to it, it reads the page: if a switch
 * kept a translation of another space, or loaded the wrong root, the pattern is
 * another one's. And it does what it is asked to, so that things can be seen from
 * inside of it.
 */
#include "task/process.h"

#include "memory/image.h"
#include "memory/memory.h"
#include <ashlar/heap.h>
#include <ashlar/port.h>

#define PAGE_WORDS (ASHLAR_PAGE_BYTES / sizeof(uint32_t))
#define ACCESSED_DIRTY 0x60u

static struct process *processes;
static struct ashlar_cache *cache;
static uint32_t started;

static volatile uint32_t *private_page(void)
{
    return (volatile uint32_t *)(uintptr_t)PROCESS_PAGE_ADDRESS;
}

static void fill_page(const struct process *process)
{
    for (uint32_t i = 0; i < PAGE_WORDS; i++) {
        private_page()[i] = process->pattern + i;
    }
}

static void check_page(struct process *process)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < PAGE_WORDS; i++) {
        wrong += private_page()[i] != process->pattern + i;
    }
    process->mismatches += wrong;
    process->checks++;
    process->cpus |= UINT32_C(1) << ashlar_port_pin();
    ashlar_port_unpin();
}

static void process_thread(void *argument)
{
    struct process *process = argument;
    fill_page(process);
    while (!process->stop) {
        task_sleep(1);
        check_page(process);
        if (process->job != NULL) {
            process->job(process->job_argument);
            process->job = NULL;
        }
    }
}

static ashlar_status map_private_page(struct process *process)
{
    ashlar_status status = ashlar_frames_take(kernel_memory.frames, 0, &process->frame);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = ashlar_space_map(&process->space, PROCESS_PAGE_ADDRESS >> ASHLAR_PAGE_SHIFT, 1, &process->frame,
                              ASHLAR_MAP_WRITE);
    if (status != ASHLAR_OK) {
        ashlar_frames_give(kernel_memory.frames, process->frame, 0);
    }
    return status;
}

static void unmap_private_page(struct process *process)
{
    ashlar_status status = ashlar_space_unmap(&process->space, PROCESS_PAGE_ADDRESS >> ASHLAR_PAGE_SHIFT, 1, NULL);
    if (status != ASHLAR_OK) {
        ashlar_port_fatal("a process's page is not mapped where it was");
    }
}

static ashlar_status bring_up(struct process *process, const char *name)
{
    ashlar_status status = ashlar_space_create(&process->space);
    if (status != ASHLAR_OK) {
        return status;
    }
    status = map_private_page(process);
    if (status == ASHLAR_OK) {
        status = task_start(&process->task, name, process_thread, process, &process->space);
        if (status == ASHLAR_OK) {
            return ASHLAR_OK;
        }
        unmap_private_page(process);
    }
    ashlar_space_destroy(&process->space);
    return status;
}

ashlar_status process_start(const char *name, struct process **process)
{
    ashlar_status created = ASHLAR_OK;
    if (cache == NULL) {
        created = ashlar_cache_create(kernel_memory.booted.heap, "process", sizeof(struct process), 0, 0, &cache);
    }
    struct process *new_process = created == ASHLAR_OK ? ashlar_cache_alloc(cache, ASHLAR_HEAP_ZERO) : NULL;
    if (new_process == NULL) {
        return ASHLAR_NO_FRAMES;
    }
    new_process->pattern = ++started << 20;
    ashlar_status status = bring_up(new_process, name);
    if (status != ASHLAR_OK) {
        ashlar_cache_free(cache, new_process);
        return status;
    }
    new_process->next = processes;
    processes = new_process;
    *process = new_process;
    return ASHLAR_OK;
}

void process_stop(struct process *process)
{
    process->stop = true;
    task_join(&process->task);
    unmap_private_page(process);
    ashlar_space_destroy(&process->space);
    struct process **link = &processes;
    while (*link != process) {
        link = &(*link)->next;
    }
    *link = process->next;
    ashlar_cache_free(cache, process);
}

struct process *process_first(void)
{
    return processes;
}

void process_run(struct process *process, void (*job)(void *argument), void *argument)
{
    process->job_argument = argument;
    process->job = job;
    while (process->job != NULL) {
        task_sleep(1);
    }
}

/* A root may begin within its frame, as PAE's do. */
uint32_t process_root_hash(const struct process *process)
{
    const struct paging_mode *mode = image_mode();
    ashlar_phys root = ashlar_space_root(&process->space);
    unsigned words = mode->entry_bytes / sizeof(uint32_t);
    unsigned first = (unsigned)(ashlar_space_layout()->kernel_first >> mode->index_bits * (mode->levels - 1));
    uint32_t hash = 2166136261u; /* FNV-1a, a word at a time */
    ashlar_port_pin();
    char *frame = ashlar_port_open_frame((ashlar_pfn)(root >> ASHLAR_PAGE_SHIFT));
    const volatile uint32_t *entries = (void *)(frame + (root & (ASHLAR_PAGE_BYTES - 1)));
    for (unsigned i = first * words; i < mode->root_entries * words; i++) {
        uint32_t ignored = i % words == 0 ? ACCESSED_DIRTY : 0;
        hash = (hash ^ (entries[i] & ~ignored)) * 16777619u;
    }
    ashlar_port_close_frame(frame);
    ashlar_port_unpin();
    return hash;
}
