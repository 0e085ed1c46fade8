/* SPDX-License-Identifier: 0BSD */
/* memory.c - from the loader's tables to kmalloc: what a kernel has to do to start the library.
 *
 * The loader left a structure somewhere in RAM; nothing but the image is mapped.
 * So it is read through windows: entries of the firmware's map are added to a
 * memmap, and what the loader's tables occupy is reserved in it. Then one call,
 * ashlar_boot_up, makes everything of it.
 *
 * With the words `map=module` the first boot module is read as a map in text, in
 * place of the firmware's. Below 1 MiB, where a PC's firmware may write at any
 * time, nothing is used but what is asked for by limit; the word `low-memory`
 * turns that off.
 */
#include "memory/memory.h"

#include "cpu/feature.h"
#include "cpu/lapic.h"
#include "cpu/percpu.h"
#include "cpu/smp.h"
#include "cpu/trap.h"
#include "io/print.h"
#include "io/screen.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/loader.h"
#include "memory/storage.h"
#include "task/task.h"
#include "x86/paging_mode.h"
#include "x86/window.h"
#include <ashlar/port.h>
#include <ashlar/textmap.h>

struct kernel_memory kernel_memory;

void memory_read(void *context, ashlar_phys address, void *buffer, size_t bytes)
{
    char *to = buffer;
    (void)context;
    while (bytes != 0) {
        size_t offset = (size_t)(address & (ASHLAR_PAGE_BYTES - 1));
        size_t part = ASHLAR_PAGE_BYTES - offset;
        part = part < bytes ? part : bytes;
        ashlar_port_pin();
        char *window = ashlar_x86_window_open((ashlar_pfn)(address >> ASHLAR_PAGE_SHIFT));
        memcpy(to, window + offset, part);
        ashlar_x86_window_close(window);
        ashlar_port_unpin();
        to += part;
        address += part;
        bytes -= part;
    }
}

/* What the firmware said is overwritten by finalize: keep the first entries, for people. */
static void keep_firmware_map(void)
{
    struct kernel_memory *memory = &kernel_memory;
    for (size_t i = 0; i < memory->map.count; i++) {
        if (memory->map.entries[i].origin == 0) {
            if (memory->firmware_count < sizeof memory->firmware / sizeof memory->firmware[0]) {
                memory->firmware[memory->firmware_count++] = memory->map.entries[i];
            }
            memory->firmware_total++;
        }
    }
}

/* What follows a word's beginning on the command line, such as `paging=`; NULL: there is no such word. */
const char *memory_option(const char *beginning)
{
    static char line[MEMORY_LINE_BYTES];
    static char *words[MEMORY_LINE_WORDS];
    memcpy(line, kernel_memory.line, sizeof line);
    unsigned count = text_split(line, words, MEMORY_LINE_WORDS);
    for (unsigned i = 0; i < count; i++) {
        const char *rest = text_after(words[i], beginning);
        if (rest != NULL) {
            return rest;
        }
    }
    return NULL;
}

static bool line_has(const char *wanted)
{
    const char *rest = memory_option(wanted);
    return rest != NULL && *rest == '\0';
}

/* --- the paging format ------------------------------------------------------ */

static bool has_high_ram(void)
{
    for (size_t i = 0; i < kernel_memory.map.count; i++) {
        const struct ashlar_memmap_entry *entry = &kernel_memory.map.entries[i];
        if (entry->type == ASHLAR_MEMMAP_USABLE && entry->length != 0 && (entry->base + entry->length - 1) >> 32 != 0) {
            return true;
        }
    }
    return false;
}

static const struct paging_mode *named_mode(const char *word)
{
    for (unsigned i = 0; i < PAGING_MODES; i++) {
        if (text_equal(word, paging_modes[i].word)) {
            if (!mode_is_possible(&paging_modes[i])) {
                ashlar_port_fatal("paging=: this CPU does not have it, or the library is built for another one");
            }
            return &paging_modes[i];
        }
    }
    ashlar_port_fatal("paging=: no such format in this image");
}

static const struct paging_mode *choose_mode(void)
{
    const char *word = memory_option("paging=");
    if (word != NULL) {
        return named_mode(word);
    }
    const struct paging_mode *mode = &paging_modes[0];
    for (unsigned i = 1; i < PAGING_MODES; i++) {
        if (mode_is_preferred(&paging_modes[i], has_high_ram())) {
            mode = &paging_modes[i];
        }
    }
    return mode;
}

/* As the CPU says, not as it was meant. */
static const struct ashlar_paging *paging_in_use(void)
{
    bool has_efer = KERNEL_WIDTH_BITS == 64u;
    const struct ashlar_paging *paging =
        ashlar_x86_paging(x86_read_cr0(), x86_has_cr4() ? x86_read_cr4() : 0, has_efer ? x86_rdmsr(0xc0000080u) : 0);
    return paging == image_mode()->paging && feature_has_l1tf() ? image_mode()->paging_l1tf : paging;
}

static const struct ashlar_paging *paging_of(const struct paging_mode *mode)
{
    return feature_has_l1tf() ? mode->paging_l1tf : mode->paging;
}

static void enter_mode(const struct paging_mode *mode)
{
    if (mode != image_mode()) {
        image_enter(mode);
        cpu_load(0);
        trap_init();
    }
    feature_enable();
}

static void tell_mode(const struct paging_mode *mode)
{
    print("%s paging,", ashlar_paging_name(paging_of(mode)));
    for (unsigned i = 0; i < FEATURES; i++) {
        print("%s%s", feature_has((feature)i) ? " " : "", feature_has((feature)i) ? feature_name((feature)i) : "");
    }
    print("%s (%u bits)\n", feature_has_l1tf() ? " L1TF" : "", KERNEL_WIDTH_BITS);
    if (feature_has_l1tf() && mode->entry_bytes == 4) {
        print("this CPU reads where absent entries point (L1TF): two-level paging does not help it\n");
    }
}

/* --- the map ------------------------------------------------------------------ */

static void read_map(ashlar_phys limit)
{
    storage_begin_map(&kernel_memory.map, limit);
    loader_add_map(&kernel_memory.map);
}

static void add_module(struct ashlar_memmap *map)
{
    static char text[32768];
    struct loader_module module;
    struct ashlar_textmap_line bad;
    if (!loader_first_module(&module)) {
        ashlar_port_fatal("map=module, but the loader brought no module");
    }
    if (module.bytes > sizeof text) {
        ashlar_port_fatal("map=module: the module is longer than 32 KiB");
    }
    memory_read(NULL, module.base, text, module.bytes);
    if (ashlar_textmap_add(map, text, module.bytes, &bad) != ASHLAR_OK) {
        print("map=module: line %zu: %s\n", bad.number, bad.problem);
        ashlar_port_fatal("the module is no map");
    }
}

/* Only what was reserved is left of the map; the module's text says the rest. */
static void replace_map(void)
{
    struct ashlar_memmap *map = &kernel_memory.map;
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (map->entries[i].origin != 0) {
            map->entries[kept++] = map->entries[i];
        }
    }
    map->count = map->wanted = kept;
    add_module(map);
}

/* All that may be in the map. */
static ashlar_status fill_map(void *context, struct ashlar_memmap *map)
{
    (void)context;
    loader_add_map(map);
    if (line_has("map=module")) {
        add_module(map);
    }
    return ASHLAR_OK;
}

static unsigned most_cpus(void)
{
    uint32_t most;
    const char *word = memory_option("cpus=");
    return word != NULL && text_number(word, &most) && most != 0 ? most : CPUS_MAX;
}

static uint32_t named_ghost(void)
{
    uint32_t id = SMP_NO_GHOST;
    const char *word = memory_option("ghost=");
    if (word != NULL && !text_number(word, &id)) {
        ashlar_port_fatal("ghost=: the ID of a local APIC, a number");
    }
    return id;
}

static void use_x2apic_if_told(void)
{
    const char *word = memory_option("apic=");
    if (word == NULL) {
        return;
    }
    if (!text_equal(word, "x2")) {
        ashlar_port_fatal("apic=: x2");
    }
    if (!lapic_use_msrs()) {
        ashlar_port_fatal("apic=x2: this CPU does not have it");
    }
}

static bool same_letters(const char *word, const char *name)
{
    while (*word != '\0' && (*word | 0x20) == (*name | 0x20)) {
        word++;
        name++;
    }
    return *word == *name;
}

static ashlar_sharing_policy named_policy(void)
{
    const char *word = memory_option("policy=");
    if (word == NULL) {
        return ASHLAR_SHARING_AUTO;
    }
    for (unsigned policy = ASHLAR_SHARING_AUTO; policy <= ASHLAR_SHARING_SEQ; policy++) {
        if (same_letters(word, ashlar_sharing_text((ashlar_sharing_policy)policy))) {
            return (ashlar_sharing_policy)policy;
        }
    }
    ashlar_port_fatal("policy=: preallocate, eager, lazy, hybrid, seq or auto");
}

/* In MiB; 0: whatever boot thinks right. */
static size_t named_bytes(const char *option)
{
    uint32_t mib = 0;
    const char *word = memory_option(option);
    if (word != NULL && !text_number(word, &mib)) {
        ashlar_port_fatal("kernel-space= and heap-space= take a number of MiB");
    }
    return (size_t)mib << 20;
}

/* On 64-bit: what the library opens lies in the direct map, or in the image. */
static void use_direct_map(void)
{
    const struct ashlar_space_layout *layout = ashlar_space_layout();
    uintptr_t image_physical = (uintptr_t)image_start - IMAGE_OFFSET;
    if (layout->direct_pages != 0) {
        ashlar_x86_direct_map(ashlar_space_address(layout->direct_first), layout->direct_pages, (uintptr_t)image_start,
                              image_physical >> ASHLAR_PAGE_SHIFT,
                              ((uintptr_t)image_end - (uintptr_t)image_start) >> ASHLAR_PAGE_SHIFT);
    }
}

/* How threads wait for each other: they sleep; they only let others run; or they do not even do that. With priorities that
 * are strict, only the first is sound. */
static struct ashlar_waiting named_waiting(void)
{
    const char *word = memory_option("waiting=");
    if (word == NULL || text_equal(word, "block")) {
        return (struct ashlar_waiting){.block = task_block, .wake = task_wake, .mark = task_mark};
    }
    if (text_equal(word, "yield")) {
        return (struct ashlar_waiting){.yield = task_yield, .mark = task_mark};
    }
    if (!text_equal(word, "pause")) {
        ashlar_port_fatal("waiting=: block, yield or pause");
    }
    return (struct ashlar_waiting){.mark = task_mark};
}

static void set_priorities(void)
{
    const char *word = memory_option("priorities=");
    if (word != NULL && !text_equal(word, "equal") && !text_equal(word, "strict")) {
        ashlar_port_fatal("priorities=: equal or strict");
    }
    if (word != NULL && text_equal(word, "strict")) {
        task_use_strict_priorities();
    }
}

static void boot_up(void)
{
    struct ashlar_boot boot = {
        .map = &kernel_memory.map,
        .paging = paging_in_use(),
        .features = feature_flags(),
        .max_cpus = kernel_memory.cpus,
        .image_base = (uintptr_t)image_start - IMAGE_OFFSET,
        .image_bytes = (uintptr_t)image_end - (uintptr_t)image_start,
        .image_address = (uintptr_t)image_start,
        .home_address = IMAGE_OFFSET,
        .home_bytes = IMAGE_HOME_BYTES,
        .windows_address = WINDOWS_ADDRESS,
        .windows_bytes = ASHLAR_X86_WINDOWS_BYTES,
        .keeps_low = !line_has("low-memory"),
        .policy = named_policy(),
        .kernel_space_bytes = named_bytes("kernel-space="),
        .heap_bytes = named_bytes("heap-space="),
        .heap_commit = ashlar_kva_commit_large,
        .kick = smp_kick,
        .waiting = named_waiting(),
        .heap_kick = smp_kick_one,
    };
    bool has_cycles = feature_has(FEATURE_TSC);
    uint64_t before = has_cycles ? x86_rdtsc() : 0;
    ashlar_boot_up(&boot, &kernel_memory.booted);
    kernel_memory.boot_cycles = (has_cycles ? x86_rdtsc() : 0) - before;
    print("image at 0x%lx, in RAM at 0x%lx, %lu KiB; windows behind it\n", (unsigned long)(uintptr_t)image_start,
          (unsigned long)boot.image_base, (unsigned long)(boot.image_bytes >> 10));
    kernel_memory.frames = kernel_memory.booted.frames;
    use_direct_map();
}

/* Letters, unless the loader says that there are dots. Where the map has RAM in place of a VGA's letters, there is no VGA. */
static void find_screen(void)
{
    struct screen_dots dots;
    if (loader_screen(&dots)) {
        if (!screen_use_dots(&dots)) {
            print("the display cannot be used: %u by %u dots of %u bytes at 0x%llx\n", dots.width, dots.height,
                  dots.dot_bytes, (unsigned long long)dots.address);
        }
        return;
    }
    for (size_t i = 0; i < kernel_memory.map.count; i++) {
        const struct ashlar_memmap_entry *entry = &kernel_memory.map.entries[i];
        if (entry->type == ASHLAR_MEMMAP_USABLE && SCREEN_TEXT_ADDRESS - entry->base < entry->length) {
            screen_off();
        }
    }
}

void memory_init(uint32_t magic, uint32_t information)
{
    loader_init(magic, information);
    loader_command_line(kernel_memory.line, sizeof kernel_memory.line);
    storage_take(fill_map, NULL);
    read_map(0);
    enter_mode(choose_mode());
    storage_show();
    find_screen();
    tell_mode(image_mode());
    read_map(feature_physical_limit(image_mode()->is_wide));
    if (line_has("map=module")) {
        replace_map();
    }
    use_x2apic_if_told();
    kernel_memory.cpus = smp_plan(&kernel_memory.map, loader_rsdp(), most_cpus(), named_ghost());
    keep_firmware_map();
    set_priorities();
    boot_up();
    explain_use_space();
    trap_set_fault_root((uintptr_t)ashlar_space_root(NULL));
}

const char *memory_audit(void)
{
    task_begin_quiet();
    const char *problem = ashlar_memmap_audit(&kernel_memory.map);
    problem = problem != NULL ? problem : ashlar_frames_audit(kernel_memory.frames);
    problem = problem != NULL ? problem : ashlar_space_audit();
    problem = problem != NULL ? problem : ashlar_heap_audit(kernel_memory.booted.heap);
    task_end_quiet();
    return problem;
}

void memory_write_frame(ashlar_pfn frame, uint32_t value)
{
    ashlar_port_pin();
    uint32_t *words = ashlar_port_open_frame(frame);
    *(volatile uint32_t *)words = value;
    ashlar_port_close_frame(words);
    ashlar_port_unpin();
}

size_t memory_free_frames(void)
{
    struct ashlar_frames_stats stats;
    ashlar_frames_stats(kernel_memory.frames, &stats);
    return stats.free_frames;
}

size_t memory_heap_pages(void)
{
    struct ashlar_heap_stats stats;
    ashlar_heap_stats(kernel_memory.booted.heap, &stats);
    return stats.backed_bytes >> ASHLAR_PAGE_SHIFT;
}

void memory_heap_shrink(void)
{
    (void)ashlar_heap_shrink(kernel_memory.booted.heap, 0);
    (void)ashlar_kva_purge();
}

size_t memory_free_addresses(void)
{
    struct ashlar_kva_stats stats;
    ashlar_kva_stats(&stats);
    return stats.arena_free_pages;
}
