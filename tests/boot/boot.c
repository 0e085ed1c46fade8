/* SPDX-License-Identifier: 0BSD */
/* boot.c - ashlar_boot_up on a simulated machine, in every format: sizes, what is kept out of the pool, what is refused. */
#include "boot/world.h"

#include "heap/internal.h"

#include <ashlar/kmalloc.h>

static void check_heap(void)
{
    char *block[64];
    size_t wrong = 0;
    struct ashlar_frames_stats before, after;
    ashlar_frames_stats(booted.frames, &before);
    for (unsigned i = 0; i < 64; i++) {
        block[i] = ashlar_kmalloc(3000u * (i % 8u + 1u));
        wrong += block[i] == NULL;
        if (block[i] != NULL) {
            memset(block[i], (int)i, 3000u * (i % 8u + 1u));
        }
    }
    is_u(wrong, 0, "%s: the heap serves", world.name);
    ashlar_frames_stats(booted.frames, &after);
    ok(after.free_frames < before.free_frames, "%s: and has grown", world.name);
    for (unsigned i = 0; i < 64; i++) {
        wrong += block[i][0] != (char)i || block[i][3000u * (i % 8u + 1u) - 1u] != (char)i;
        ashlar_kfree(block[i]);
    }
    is_u(wrong, 0, "%s: nothing overlaps", world.name);
    (void)ashlar_heap_shrink(booted.heap, 0);
    is_str(ashlar_heap_audit(booted.heap), NULL, "the heap is sound");
}

/* Two blocks grow in turns, so that each is in the other's way: their pages move. */
static void check_moves(void)
{
    char *block[2] = {ashlar_kmalloc(50000), ashlar_kmalloc(50000)};
    size_t wrong = block[0] == NULL || block[1] == NULL;
    if (wrong == 0) {
        memset(block[0], 1, 50000);
        memset(block[1], 2, 50000);
        struct ashlar_mapping before = {0, 0, 0}, after = {0, 0, 0};
        uint64_t was = sim_pointer_address(block[0]);
        for (size_t bytes = 100000; bytes <= MIB; bytes *= 2) {
            wrong +=
                ashlar_space_query(NULL, world_page((uintptr_t)sim_pointer_address(block[0])), &before) != ASHLAR_OK;
            for (unsigned i = 0; i < 2; i++) {
                char *larger = ashlar_krealloc(block[i], bytes);
                wrong += larger == NULL || larger[0] != (char)(i + 1u) || larger[49999] != (char)(i + 1u);
                block[i] = larger != NULL ? larger : block[i];
            }
            wrong +=
                ashlar_space_query(NULL, world_page((uintptr_t)sim_pointer_address(block[0])), &after) != ASHLAR_OK;
            wrong += before.frame != after.frame;
        }
        ok(sim_pointer_address(block[0]) != was, "%s: a block that grew has moved", world.name);
    }
    is_u(wrong, 0, "%s: with its frames and what is in them", world.name);
    ashlar_kfree(block[0]);
    ashlar_kfree(block[1]);
    (void)ashlar_heap_shrink(booted.heap, 0);
    is_str(ashlar_heap_audit(booted.heap), NULL, "the heap is sound after moves");
}

/* What one space's thread allocates, another's reads. */
static void check_shared(void)
{
    static struct ashlar_space spaces[2];
    char *block = NULL;
    uint32_t value = 0, got = 0;
    for (unsigned i = 0; i < 2; i++) {
        is_u(ashlar_space_create(&spaces[i]), ASHLAR_OK, "%s: a space", world.name);
    }
    ashlar_space_switch(&spaces[0]);
    block = ashlar_kzalloc(200000);
    ok(block != NULL, "%s: a large block, allocated in one space", world.name);
    uint64_t address = sim_pointer_address(block + 150000);
    value = 0xabcdef;
    memcpy(block + 150000, &value, sizeof value);
    for (unsigned cpu = 0; cpu < WORLD_CPUS; cpu++) {
        sim_set_cpu(cpu);
        ashlar_space_switch(&spaces[1]);
        is_u(world_access(cpu, (uintptr_t)address, &got, SIM_READ), 0, "%s: CPU %u finds it in another", world.name,
             cpu);
        is_u(got, value, "%s: with what was written", world.name);
        ashlar_space_switch(NULL);
    }
    sim_set_cpu(0);
    ashlar_kfree(block);
    ashlar_space_destroy(&spaces[0]);
    ashlar_space_destroy(&spaces[1]);
}

static bool is_usable(ashlar_pfn frame)
{
    return ashlar_frames_state(booted.frames, frame) != ASHLAR_FRAME_FOREIGN;
}

static void check_reserved(void)
{
    size_t wrong = 0;
    for (ashlar_pfn i = 0; i < IMAGE_FRAMES; i++) {
        wrong += is_usable(IMAGE_FRAME + i);
    }
    is_u(wrong, 0, "%s: [fault 13] the image is nobody's to take", world.name);
    for (ashlar_pfn i = 0; i < STACK_FRAMES; i++) {
        wrong += is_usable(STACK_FRAME + i);
    }
    is_u(wrong, 0, "%s: nor is the stack", world.name);
    for (ashlar_pfn frame = LOADER_FRAME; frame < world.loader_end; frame++) {
        wrong += is_usable(frame);
    }
    is_u(wrong, 0, "%s: nor are the loader's tables, outside of the image", world.name);
    ok(is_usable(STACK_FRAME - 1u) && is_usable(STACK_FRAME + STACK_FRAMES) && is_usable(LOADER_FRAME - 1u) &&
           is_usable(world.loader_end),
       "%s: all around them is", world.name);
    for (size_t i = 0; i < booted.carve_frames; i++) {
        wrong += is_usable(booted.carve_first + i);
    }
    is_u(wrong, 0, "%s: nor is the carve", world.name);
    ok(!is_usable(0), "%s: [fault 19] nor is frame 0", world.name);
}

static void check_parts(void)
{
    size_t wrong = 0;
    for (unsigned i = 0; i < booted.parts; i++) {
        size_t pages = PAGES_OF(booted.part[i].bytes + 4095u);
        for (unsigned j = 0; j < i && booted.part[i].address != 0; j++) {
            wrong += booted.part[j].address - booted.part[i].address < booted.part[i].bytes;
        }
        struct ashlar_mapping m;
        bool is_table = strcmp(booted.part[i].floor, "space") == 0;
        for (size_t page = 0; !is_table && page < pages; page++) {
            ashlar_vpn at = world_page(booted.part[i].address) + page;
            wrong +=
                ashlar_space_query(NULL, at, &m) != ASHLAR_OK || m.frame - booted.carve_first >= booted.carve_frames;
        }
    }
    ok(booted.heap->kick == boot.heap_kick, "%s: the heap kicks as boot was told", world.name);
    ok(booted.parts == 5 && wrong == 0, "%s: the parts are mapped, out of the carve, and apart", world.name);
    ok(booted.heap_first >= world.layout.arena_first &&
           booted.heap_first + booted.heap_pages <= world.layout.arena_first + world.layout.arena_pages,
       "%s: the heap lies in the arena", world.name);
}

static void test_size(const struct world_format *format, uint64_t ram_bytes, size_t want_space)
{
    prepare(format, ram_bytes);
    up();
    size_t least = PAGES_OF(ram_bytes) - IMAGE_FRAMES - 512u;
    ok(booted.ram_frames >= least && booted.ram_frames < PAGES_OF(ram_bytes), "%s: %llu MiB of RAM", world.name,
       (unsigned long long)(ram_bytes >> 20));
    if (!world_is_64()) {
        is_u(world.layout.kernel_pages, PAGES_OF(want_space), "%s: so much kernel space for it", world.name);
    }
    ok(booted.policy != ASHLAR_SHARING_AUTO, "%s: a policy is in force", world.name);
    check_reserved();
    check_parts();
    check_heap();
    check_moves();
    check_shared();
    world_ok("%llu MiB", (unsigned long long)(ram_bytes >> 20));
}

static void test_sizes(const struct world_format *format)
{
    test_size(format, 16u * MIB, 128u * MIB);
    test_size(format, 128u * MIB, 128u * MIB);
    test_size(format, 160u * MIB, 512u * MIB);
    test_size(format, (uint64_t)3584 << 20, 512u * MIB);
    if (format->physical_bits > 32) {
        test_size(format, (uint64_t)6 << 30, 512u * MIB);
    }
}

/* The same RAM, other choices. */
static void test_choices(const struct world_format *format)
{
    static const uint64_t sizes[] = {128, 256, 1024, 2048, 3072};
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t bytes = (sizes[i] << 20) * (wide ? 32u : 1u);
        prepare_space(format, 64u * MIB, bytes);
        boot.kernel_space_bytes = (size_t)bytes;
        boot.policy = ASHLAR_SHARING_AUTO;
        boot.heap_bytes = 48u * MIB;
        boot.stacks = 10;
        up();
        is_u(world.layout.kernel_pages, bytes >> 12, "%s: kernel space as asked for", world.name);
        is_u(booted.heap_pages, PAGES_OF(48u * MIB), "%s: a heap as asked for", world.name);
        is_u(ashlar_kva_layout()->stacks_pages, 60, "%s: ten stacks", world.name);
        check_heap();
        check_moves();
        world_ok("%llu MiB of kernel space", (unsigned long long)(bytes >> 20));
    }
}

/* --- where the image lies ----------------------------------------------------------------------- */

/* Nobody says how large kernel space is: it follows the image. */
static void test_site(const struct world_format *format, enum world_site site, uint64_t kernel_bytes,
                      ashlar_sharing_policy policy)
{
    prepare_site(format, 64u * MIB, kernel_bytes, site);
    boot.policy = policy;
    boot.heap_bytes = 48u * MIB;
    if (site == WORLD_MIDDLE) {
        boot.kernel_space_bytes = (size_t)kernel_bytes;
    }
    if (policy == ASHLAR_SHARING_LAZY) { /* the home by name, and twice as large */
        boot.home_address = world.home_address;
        boot.home_bytes = 8u * MIB;
        boot.windows_address = world.home_address + 7u * MIB;
        boot.windows_bytes = MIB;
    }
    up();
    is_u(world.layout.kernel_pages, PAGES_OF(kernel_bytes), "%s: an image %s: kernel space", world.name,
         world_site_names[site]);
    is_u(world.layout.user_first,
         site != WORLD_LOW               ? 0
         : policy == ASHLAR_SHARING_LAZY ? 2048u
                                         : 1024u,
         "%s: where the user half begins", world.name);
    is_u(booted.policy, policy, "%s: the policy", world.name);
    check_reserved();
    check_parts();
    check_heap();
    check_moves();
    check_shared();
    world_ok("an image %s, %s", world_site_names[site], ashlar_sharing_text(policy));
}

static void test_sites(const struct world_format *format)
{
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    uint64_t half = (uint64_t)1 << (ashlar_paging_virtual_bits(format->paging) - 1u);
    for (unsigned policy = ASHLAR_SHARING_PREALLOCATE; policy <= ASHLAR_SHARING_SEQ; policy++) {
        test_site(format, WORLD_LOW, wide ? half : 128u * MIB, (ashlar_sharing_policy)policy);
        test_site(format, WORLD_START, wide ? half : 2048u * (uint64_t)MIB, (ashlar_sharing_policy)policy);
        test_site(format, WORLD_MIDDLE, wide ? half : GIB, (ashlar_sharing_policy)policy);
        if (!wide) {
            test_site(format, WORLD_START, GIB, (ashlar_sharing_policy)policy);
            test_site(format, WORLD_START, 3072u * (uint64_t)MIB, (ashlar_sharing_policy)policy);
        }
    }
}

/* --- what is fatal -------------------------------------------------------------------------------- */

static void fails_with(const struct world_format *format, const char *text, const char *name)
{
    (void)format;
    like(SIM_FATAL(ashlar_boot_up(&boot, &booted)), text, name);
    ok(sim_pins() == 0 && sim_windows_open(0) == 0, "%s: no window was open", world.name);
}

static void empty_map(void)
{
    ashlar_memmap_init(&world.map, world.entries, sizeof world.entries / sizeof world.entries[0], 0, NULL, NULL);
}

static void test_bad_maps(const struct world_format *format)
{
    prepare(format, 64u * MIB);
    empty_map();
    fails_with(format, "boot: memory map: ", "[fault 1] an empty map");
    prepare(format, 64u * MIB);
    empty_map();
    ashlar_memmap_add(&world.map, 0, 64u * MIB, ASHLAR_MEMMAP_ACPI);
    fails_with(format, "boot: memory map: ", "[fault 2] no usable RAM");
    prepare(format, 64u * MIB);
    ashlar_memmap_add(&world.map, 0, 64u * MIB, ASHLAR_MEMMAP_RESERVED);
    fails_with(format, "boot: memory map: ", "[fault 3] all reserved");
    prepare(format, 64u * MIB);
    ashlar_memmap_init(&world.map, world.entries, 2, 0, NULL, NULL);
    for (unsigned i = 0; i < 9; i++) {
        ashlar_memmap_add(&world.map, (ashlar_phys)i * 4u * MIB, 2u * MIB, ASHLAR_MEMMAP_USABLE);
    }
    fails_with(format, "entries", "[fault 16] more entries than storage, with the count");
    prepare(format, 64u * MIB);
    empty_map();
    for (unsigned i = 0; i < 12; i++) {
        ashlar_memmap_add(&world.map, 8u * MIB + i * 0x20000u, 0x4000u, ASHLAR_MEMMAP_USABLE);
    }
    fails_with(format, "boot: no room for the bookkeeping: ", "[fault 17] nowhere in one piece, with the size");
    prepare(format, 64u * MIB);
    ashlar_memmap_add(&world.map, 64u * MIB, 64u * MIB, ASHLAR_MEMMAP_USABLE);
    fails_with(format, "is listed as RAM, but does not keep what is written to it",
               "[fault 205] RAM that is listed but is not there, with its address");
    sim_violations_clear(); /* it was looked at */
}

/* What lies below 1 MiB is kept for who asks for it, and boot keeps to that. */
static void test_low(const struct world_format *format)
{
    struct ashlar_frames_stats stats;
    struct ashlar_frames_request low = {.limit_pfn = 0x100, .node = ASHLAR_FRAMES_ANY_NODE};
    ashlar_pfn frame = 0;
    prepare(format, 64u * MIB);
    boot.keeps_low = 1;
    up();
    ashlar_frames_stats(booted.frames, &stats);
    is_u(stats.low_frames, 0x9e, "%s: [fault 204] all that is usable below 1 MiB is kept", world.name);
    ok(ashlar_frames_take_request(booted.frames, &low, &frame) == ASHLAR_OK && frame < 0x100,
       "%s: [fault 204] for who asks for it", world.name);
    ashlar_frames_give(booted.frames, frame, 0);
    world_ok("low memory kept");
    if (world_is_64()) {
        return; /* it does not fit below 1 MiB */
    }
    prepare(format, 64u * MIB);
    empty_map();
    ashlar_memmap_add(&world.map, 0, 640u << 10, ASHLAR_MEMMAP_USABLE);
    boot.keeps_low = 1;
    fails_with(format, "above 1 MiB", "[fault 204] no room but there");
}

static void block_alone(const volatile uint32_t *word, uint32_t seen)
{
    (void)word;
    (void)seen;
}

static void test_bad_options(const struct world_format *format)
{
    prepare(format, 64u * MIB);
    boot.max_cpus = 0;
    fails_with(format, "max_cpus is 0", "no CPUs");
    boot.max_cpus = ASHLAR_MAX_CPUS + 1u;
    fails_with(format, "max_cpus is ", "too many CPUs");
    boot.max_cpus = 2;
    boot.kick = NULL;
    fails_with(format, "no kick", "two CPUs and no kick");
    boot.kick = world_kick;
    boot.waiting.block = block_alone;
    fails_with(format, "block without wake", "[fault 111] threads that block, and are never woken");
    boot.waiting.block = NULL;
    boot.kernel_space_bytes = 5u * MIB;
    fails_with(format, "kernel_space_bytes is 0x500000", "kernel space that is no multiple of 4 MiB");
    prepare(format, 64u * MIB);
    boot.kernel_space_bytes = 124u * MIB;
    fails_with(format, "kernel_space_bytes is ", "less than 128 MiB of it");
    prepare(format, 64u * MIB);
    boot.stacks = (size_t)1 << (sizeof(size_t) == 8 ? 42 : 18);
    fails_with(format, "cannot hold", "stacks for which there is no room");
    prepare(format, 64u * MIB);
    boot.stacks = ~(size_t)0 / 6u + 2u;
    fails_with(format, "cannot hold", "so many that their pages are few again");
    prepare(format, 64u * MIB);
    boot.policy = (ashlar_sharing_policy)9;
    fails_with(format, "is not built in", "a policy that there is not");
    prepare(format, 64u * MIB);
    boot.heap_bytes = ~(size_t)0 >> 1;
    fails_with(format, "boot: ", "a heap that fits nowhere");
    if (ashlar_paging_virtual_bits(format->paging) == 32) {
        prepare(format, 64u * MIB);
        boot.kernel_space_bytes = (size_t)3076u * MIB;
        fails_with(format, "kernel_space_bytes is ", "more than 3 GiB of it");
    }
}

/* Each field that says where the image is, wrong. */
static void test_bad_sites(const struct world_format *format)
{
    bool wide = ashlar_paging_virtual_bits(format->paging) > 32u;
    prepare(format, 64u * MIB);
    boot.image_bytes = 0;
    fails_with(format, "boot: image_bytes is 0", "[fault 184] an image of no bytes");
    prepare(format, 64u * MIB);
    boot.image_base = (ashlar_phys)world.image_address;
    fails_with(format, "boot: image_base is 0x", "[fault 185] a physical address that is the virtual one");
    prepare(format, 64u * MIB);
    boot.image_address += 4096u;
    fails_with(format, "to 0x101000", "[fault 185] a virtual one that is a page away: what it is mapped to is told");
    prepare(format, 64u * MIB);
    boot.image_address += 3u * MIB;
    fails_with(format, "maps nothing", "[fault 185] one where nothing is mapped");
    prepare(format, 64u * MIB);
    boot.home_address = world.home_address + 4096u;
    boot.home_bytes = 4u * MIB;
    fails_with(format, "boot: home_address is 0x", "[fault 183] a home that is no multiple of 4 MiB");
    prepare(format, 64u * MIB);
    boot.home_address = world.home_address;
    boot.home_bytes = 3u * MIB;
    fails_with(format, "and home_bytes 0x300000: not multiples of 4 MiB", "[fault 183] or as large as no multiple");
    prepare(format, 64u * MIB);
    boot.home_address = world.home_address - 4u * MIB;
    boot.home_bytes = 4u * MIB;
    fails_with(format, "boot: image_address is 0x", "[fault 186] one in which the image is not");
    prepare(format, 64u * MIB);
    boot.home_address = world.home_address;
    boot.home_bytes = 4u * MIB;
    boot.windows_address = world.home_address + 3u * MIB;
    boot.windows_bytes = 2u * MIB;
    fails_with(format, "boot: windows_address is 0x", "[fault 186] or the windows");
    prepare(format, 64u * MIB);
    boot.stack_address = 0x9000;
    fails_with(format, "boot: stack_address is 0x", "[fault 186] or the stack");
    prepare(format, 64u * MIB);
    boot.stack_bytes = ~(size_t)0;
    fails_with(format, "boot: stack_address is 0x", "[fault 186] or not all of it");
    prepare_site(format, 64u * MIB, wide ? 0 : 1024u * MIB, WORLD_START);
    boot.kernel_space_bytes = (wide ? (size_t)GIB : 512u * MIB);
    fails_with(format, wide ? "it leaves out the image at 0x" : "0x40000000 has it",
               "[fault 187] kernel space that leaves out the image, and how much has it");
    if (wide) {
        prepare(format, 64u * MIB);
        world.image_address = (uintptr_t)((uint64_t)1 << 40);
        for (size_t i = 0; i < IMAGE_FRAMES; i++) {
            world_boot_map(world_page(world.image_address) + i, IMAGE_FRAME + i);
        }
        boot.image_address = world.image_address;
        boot.stack_address = 0;
        boot.stack_bytes = 0;
        fails_with(format, "neither below 1 GiB nor in the upper half", "[fault 187] an image high in the lower half");
    }
}

static void test_twice(const struct world_format *format)
{
    prepare(format, 64u * MIB);
    like(SIM_FATAL((void)!ashlar_kmalloc(16)), "before", "[fault 88] kmalloc before boot is fatal");
    up();
    fails_with(format, ASHLAR_DEBUG ? "ashlar_boot_up called in 'thread'" : "a second time", "boot is over");
    world_leave();
    fails_with(format, "a second time", "boot is sealed");
    world_join();
    ok(ashlar_kmalloc(16) != NULL, "%s: what it brought up goes on", world.name);
    world_ok("sealed");
}

/* --- large pages --------------------------------------------------------------------- */

static int add_large(void *context, ashlar_vpn first, size_t pages, const struct ashlar_mapping *mapping)
{
    if (mapping->page_pages > 1 && first - booted.heap_first < booted.heap_pages) {
        *(size_t *)context += pages / mapping->page_pages;
    }
    return 0;
}

static size_t heap_large_pages(void)
{
    size_t large = 0;
    ashlar_space_walk_mappings(NULL, add_large, &large);
    return large;
}

/* A kernel that asks for them has its heap in large pages, if there is RAM enough and the format has them. */
/* 256 MiB taken in blocks and given back break no block of 2 MiB for ever: what bookkeeping and tables stay lie together. */
static void test_spike(const struct world_format *format)
{
    static void *block[4096];
    struct ashlar_frames_stats before, after;
    unsigned got = 0;
    prepare(format, 544u * MIB);
    up();
    ashlar_frames_stats(booted.frames, &before);
    while (got < 4096u && (block[got] = ashlar_kmalloc(65536)) != NULL) {
        got++;
    }
    is_u(got, 4096, "%s: 256 MiB in blocks", world.name);
    while (got != 0) {
        ashlar_kfree(block[--got]);
    }
    (void)ashlar_heap_shrink(booted.heap, 0);
    (void)ashlar_kva_purge();
    ashlar_frames_stats(booted.frames, &after);
    ok(after.free_2mib_blocks * 100u >= before.free_2mib_blocks * 95u,
       "%s: [fault 149] %zu of %zu blocks of 2 MiB are whole again", world.name, after.free_2mib_blocks,
       before.free_2mib_blocks);
    world_ok("a spike");
}

static void test_large(const struct world_format *format, uint64_t ram_bytes, bool asks)
{
    void *block[16];
    bool expected = asks && ram_bytes >= GIB && ashlar_paging_levels(format->paging) > 2u;
    prepare(format, ram_bytes);
    boot.heap_commit = asks ? ashlar_kva_commit_large : NULL;
    up();
    for (unsigned i = 0; i < 16; i++) {
        block[i] = ashlar_kmalloc(i < 8u ? 700000u : 100u);
        ok(block[i] != NULL, "%s: block %u", world.name, i);
    }
    is_u(world_stats().large_pages, heap_large_pages(), "%s: all large pages are the heap's", world.name);
    ok(expected ? heap_large_pages() >= 2 : heap_large_pages() == 0, "%s: %zu with %llu MiB", world.name,
       heap_large_pages(), (unsigned long long)(ram_bytes >> 20));
    for (unsigned i = 0; i < 16; i++) {
        ashlar_kfree(block[i]);
    }
    (void)ashlar_heap_shrink(booted.heap, 0);
    is_str(ashlar_heap_audit(booted.heap), NULL, "the heap is sound");
    is_u(world_stats().large_pages, heap_large_pages(), "%s: as many as there are", world.name);
    world_ok("large pages: %llu MiB", (unsigned long long)(ram_bytes >> 20));
}

/* --- RAM in pieces ---------------------------------------------------------------------- */

/* The highest RAM is a piece of its own, of so many frames, a few frames behind a multiple of 2 MiB. */
static void prepare_pieces(const struct world_format *format, size_t frames)
{
    ashlar_phys high = 96u * MIB + 3u * 4096u;
    prepare(format, 128u * MIB);
    empty_map();
    ashlar_memmap_add(&world.map, MIB, 31u * MIB, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(&world.map, high, (ashlar_phys)frames * 4096u, ASHLAR_MEMMAP_USABLE);
}

/* Boot carves from the highest piece; little is left of it, or nothing. What is carved is mapped with the rest of RAM, and
 * its tables were counted. */
static void test_pieces(const struct world_format *format)
{
    bool emptied = false;
    prepare_pieces(format, 4096u);
    up();
    size_t most = booted.carve_frames; /* it takes more bookkeeping than what follows */
    for (size_t frames = most - 4u; frames <= most; frames++) {
        prepare_pieces(format, frames);
        up();
        emptied = emptied || booted.carve_frames == frames;
        check_parts();
        check_heap();
        world_ok("a piece of %zu frames, %zu are carved", frames, booted.carve_frames);
    }
    ok(emptied, "%s: one was carved as a whole", world.name);
}

/* --- one CPU, and no thread yet --------------------------------------------------------- */

static unsigned asked_wrongly;

/* port.h: asked in threads that may sleep. Before there is a thread it has nothing to say, and nobody to ask. */
static uint32_t *mark_of_thread(void)
{
    static uint32_t word;
    asked_wrongly += ashlar_port_context() != ASHLAR_CONTEXT_THREAD || ashlar_lock_held_name() != NULL;
    return &word;
}

static ashlar_status create_cache(struct ashlar_cache **cache)
{
    return ashlar_cache_create(booted.heap, "early", 48, 0, 0, cache);
}

/* A kernel that has not turned interrupts on, and says so; then a second CPU comes. */
static void test_alone(const struct world_format *format)
{
    struct ashlar_cache *cache;
    ashlar_vpn pages;
    prepare(format, 64u * MIB);
    boot.waiting.mark = mark_of_thread;
    asked_wrongly = 0;
    up();
    uintptr_t interrupts = world_begin_alone(); /* the second one has joined: it leaves, for now */
    unsigned long lines = sim_log_count();
    void *block = ashlar_kmalloc(3u * MIB);
    ok(block != NULL, "%s: kmalloc works from the end of boot on, whatever the context hook says [fault 117]",
       world.name);
    ok(sim_log_count() == lines + ASHLAR_DEBUG, "%s:   which debug builds log, for there may be two CPUs", world.name);
    is_u(create_cache(&cache), ASHLAR_OK, "%s:   and caches", world.name);
    is_u(ashlar_cache_destroy(cache), ASHLAR_OK, "%s:   which can go", world.name);
    is_u(ashlar_heap_prefill(booted.heap, 300, 200), ASHLAR_OK, "%s:   and prefilling", world.name);
    is_u(ashlar_kva_take(8, ASHLAR_MAP_WRITE, "early", &pages), ASHLAR_OK, "%s:   and ranges", world.name);
    ashlar_kva_give(pages);
    ok(ashlar_kva_purge() >= 8u, "%s:   which are purged", world.name);
    ok(sim_log_count() == lines + ASHLAR_DEBUG, "%s:   logged once", world.name);
    ashlar_kfree(block);
    ok(ashlar_heap_shrink(booted.heap, 0) != 0, "%s:   and memory goes back", world.name);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    ok(ashlar_kmalloc(3u * MIB) == NULL, "%s: an interrupt handler is no thread", world.name);
    like(sim_last_log(), "heap: memory refused: the context hook says 0x11", "  and the reason is logged [fault 117]");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    world_join();
    lines = sim_log_count();
    ok(ashlar_kmalloc(3u * MIB) == NULL, "%s: with a second CPU it fails [fault 117]", world.name);
    ok(sim_log_count() == lines, "%s:   which was logged once", world.name);
    is_u(create_cache(&cache), ASHLAR_MAY_NOT_WAIT, "%s: the context is told apart from no frames [fault 117]",
         world.name);
    is_u(ashlar_heap_prefill(booted.heap, 300, 5000), ASHLAR_MAY_NOT_WAIT, "%s:   of prefilling, too", world.name);
    ashlar_port_irq_restore(interrupts);
    block = ashlar_kmalloc(3u * MIB);
    ok(block != NULL, "%s: with interrupts on it works", world.name);
    ashlar_kfree(block);
    is_u(asked_wrongly, 0, "%s: [fault 213] no thread is asked for where there may be none", world.name);
    world_ok("alone");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        test_sizes(format);
        test_choices(format);
        test_sites(format);
        test_pieces(format);
        test_bad_maps(format);
        test_low(format);
        test_bad_options(format);
        test_bad_sites(format);
        test_twice(format);
        test_spike(format);
        test_alone(format);
        test_large(format, 512u * MIB, true);
        test_large(format, GIB, true);
        test_large(format, GIB, false);
    }
    return done_testing();
}
