/* SPDX-License-Identifier: 0BSD */
/* explain.c - what each kind of address is said to be, from any context. */
#include "boot/world.h"

#include "kva/magazine.h"
#include <ashlar/kmalloc.h>

static void start(const struct world_format *format)
{
    uint64_t bytes = ashlar_paging_virtual_bits(format->paging) > 32u ? (uint64_t)2048 * GIB : 512u * MIB;
    prepare_space(format, 64u * MIB, bytes);
    boot.kernel_space_bytes = (size_t)bytes;
    boot.policy = ASHLAR_SHARING_PREALLOCATE;
    up();
}

static void says(uintptr_t address, const char *want, const char *name)
{
    char text[160] = "";
    unsigned pins = sim_pins(), windows = sim_windows_open(0);
    ashlar_explain_text(address, text, sizeof text);
    is_str(text, want, name);
    ok(sim_pins() == pins && sim_windows_open(0) == windows, "%s: nothing is left open", world.name);
}

static void place_is(uintptr_t address, ashlar_place_kind kind, size_t offset, int mapped)
{
    struct ashlar_place place;
    memset(&place, 0xff, sizeof place);
    ashlar_explain(address, &place);
    ok(place.kind == kind && place.offset == offset && place.mapped == mapped && place.name != NULL,
       "%s: place of kind %u, offset 0x%zx", world.name, (unsigned)kind, offset);
    if (place.kind != kind || place.offset != offset || place.mapped != mapped) {
        printf("#   kind %u, offset 0x%zx, mapped %d\n", (unsigned)place.kind, place.offset, place.mapped);
    }
}

static void test_guards(void)
{
    uintptr_t top;
    ashlar_vpn first;
    is_u(ashlar_kva_take_stack(4, "worker3", &top), ASHLAR_OK, "%s: a stack", world.name);
    is_u(ashlar_kva_take(2, ASHLAR_MAP_WRITE, "buffer", &first), ASHLAR_OK, "%s: a range", world.name);
    uintptr_t low = top - 4u * 4096u, pages = world_address(first);
    says(low - 24u, "guard page of stack worker3, 24 bytes below it", "[fault 52] an overflow names the stack");
    says(low - 4096u, "guard page of stack worker3, 4096 bytes below it", "[fault 52] to its guard's last byte");
    says(top + 8u, "guard page of stack worker3, 8 bytes past its end", "an access past its end");
    says(low + 16u, "stack worker3, 16 bytes from its low end", "within it");
    says(pages + 5000u, "buffer + 0x1388", "within a range");
    says(pages + 8192u + 7u, "guard page of range buffer, 7 bytes past its end", "past a range");
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    uintptr_t interrupts = ashlar_port_irq_save();
    uintptr_t held = ashlar_lock_take(&ashlar_kva.general.lock);
    says(low - 24u, "guard page of stack worker3, 24 bytes below it", "in an interrupt, with a lock held");
    says(pages + 8192u, "guard page of range buffer, 0 bytes past its end", "which is the range's own arena's");
    ashlar_lock_give(&ashlar_kva.general.lock, held);
    ashlar_port_irq_restore(interrupts);
    sim_set_context(ASHLAR_CONTEXT_NMI);
    says(low - 24u, "guard page of stack worker3, 24 bytes below it", "in an NMI");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    place_is(low - 24u, ASHLAR_PLACE_GUARD, 24, 0);
    place_is(top + 8u, ASHLAR_PLACE_GUARD, 8, 0);
    place_is(low, ASHLAR_PLACE_STACK, 0, 1);
    place_is(pages + 4097u, ASHLAR_PLACE_RANGE, 4097, 1);
    ashlar_kva_give_stack(top);
    ashlar_kva_give(first);
    says(pages, "a range that was given back", "one that was given back, and waits");
    (void)ashlar_kva_purge();
    says(low - 24u, "a range that was given back", "one that is kept ready");
    (void)ashlar_magazines_empty(&ashlar_kva.general);
    (void)ashlar_magazines_empty(&ashlar_kva.stacks);
    says(low - 24u, "kernel space that nobody holds", "then nobody's");
    says(pages + 8192u, "kernel space that nobody holds", "and the other");
    world_ok("guards");
}

static const char *format_last(void)
{
    static char text[40];
    snprintf(text, sizeof text, "page tables + 0x%zx", (world.layout.array_pages - 1u) * 4096u);
    return text;
}

static void test_fixed(void)
{
    const struct ashlar_space_layout *l = &world.layout;
    const struct ashlar_kva_layout *k = ashlar_kva_layout();
    const struct ashlar_area *carve = &l->areas[l->area_count - 1u];
    says(0, "null pointer, offset 0", "[fault 55] a null pointer");
    says(0x18, "null pointer, offset 24", "[fault 55] a member of what a null pointer points to");
    says(0x5000, "user half", "a user address");
    place_is(0x5000, ASHLAR_PLACE_USER, 0x5000, 0);
    says(world.image_address + 0x1234u, "kernel image + 0x1234", "the image");
    says(world_address(carve->first) + 4u, "boot's bookkeeping + 0x4", "the carve");
    says(world_address(k->strip_first), "range descriptors + 0x0", "a strip");
    says(world_address(k->strip_first + 3u), "range descriptors + 0x3000, not mapped", "where it is not backed yet");
    place_is(world_address(k->strip_first), ASHLAR_PLACE_FIXED, 0, 1);
    if (l->array_pages != 0) {
        says(world_address(l->array_first + l->array_pages - 1u), format_last(), "the root behind the array");
    }
    says(world_address(l->arena_first + l->arena_pages - 7u), "kernel space that nobody holds", "free addresses");
    if (world_is_64()) {
        says(world_address(l->direct_first + 5u), "direct map + 0x5000", "the direct map");
        says(world_address(ashlar_user_end()), "kernel space that nobody holds", "the upper half below kernel space");
    }
    world_ok("fixed parts");
}

static void test_ranges(void)
{
    ashlar_vpn first;
    uintptr_t address;
    is_u(ashlar_kva_reserve(4, 1, "only addresses", &first), ASHLAR_OK, "%s: reserve", world.name);
    says(world_address(first) + 1u, "only addresses + 0x1, not mapped", "reserved, and nothing behind it");
    ashlar_kva_unreserve(first);
    is_u(ashlar_kva_reserve(4, 1, NULL, &first), ASHLAR_OK, "%s: reserve without a name", world.name);
    says(world_address(first), "without a name + 0x0, not mapped", "has none");
    ashlar_kva_unreserve(first);
    is_u(ashlar_kva_map_mmio(0xfee00010u, 16, ASHLAR_MAP_CACHE_UC, "apic", &address), ASHLAR_OK, "%s: a device",
         world.name);
    says(address, "apic + 0x10", "device memory");
    ashlar_kva_unmap_mmio(address);
    is_u(ashlar_kva_take_demand(4, ASHLAR_MAP_WRITE, "lazy", &first), ASHLAR_OK, "%s: a demand region", world.name);
    struct ashlar_place place;
    ashlar_explain(world_address(first + 2u), &place);
    ok(place.kind == ASHLAR_PLACE_RANGE && strcmp(place.name, "lazy") == 0 && !place.mapped,
       "%s: a page that has not come yet is in its region", world.name);
    says(world_address(first + 4u), "guard page of range lazy, 0 bytes past its end", "its guard");
    ashlar_kva_give(first);
    world_ok("ranges");
}

static void says_like(const void *pointer, size_t offset, const char *want, const char *name)
{
    char text[160] = "";
    unsigned pins = sim_pins(), windows = sim_windows_open(0);
    size_t into = (size_t)((uintptr_t)pointer - (uintptr_t)sim_pointer(world_address(booted.heap_first)));
    ashlar_explain_text(world_address(booted.heap_first) + into + offset, text, sizeof text);
    like(text, want, name);
    ok(sim_pins() == pins && sim_windows_open(0) == windows && !sim_interrupts_are_off(), "%s: nothing is left open",
       world.name);
}

/* In the heap's range the heap has the word; through windows, so that nothing is touched by its own address. */
static void test_heap(void)
{
    char text[32];
    struct ashlar_cache *cache = NULL;
    char *block = ashlar_kmalloc(70000);
    is_u(ashlar_cache_create(booted.heap, "inode", 200, 0, 0, &cache), ASHLAR_OK, "%s: a cache", world.name);
    char *inode = ashlar_cache_alloc(cache, 0);
    says_like(inode, 8, "heap: 8 bytes into live object ", "[fault 132] an object");
    says_like(inode, 8, " of 200 bytes, cache inode", "[fault 132] and its cache");
    says_like(block, 69999, "heap: 69999 bytes into large block ", "[fault 132] a large block");
    sim_set_context(ASHLAR_CONTEXT_NMI);
    says_like(inode, 8, "heap: 8 bytes into live object ", "[fault 132] in an NMI");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_cache_free(cache, inode);
    says_like(inode, 0, "heap: 0 bytes into free object ", "one that was freed");
    ashlar_kfree(block);
    is_u(ashlar_cache_destroy(cache), ASHLAR_OK, "%s: the cache goes", world.name);
    (void)ashlar_heap_shrink(booted.heap, 0);
    says_like(block, 0, "heap: in empty pages of the heap", "[fault 132] what went back to the pool");
    says_like(block, (size_t)booted.heap_pages * 2048u, "heap: in empty pages", "[fault 132] beyond all of it");
    ashlar_explain_text(world_address(booted.heap_first), text, sizeof "heap: ");
    is_str(text, "heap: ", "no byte too many");
    ashlar_explain_text(world_address(booted.heap_first), text, 4);
    is_str(text, "hea", "nor in a buffer that is too short for it");
    ashlar_boot_unseal();
    says(world_address(booted.heap_first) + 4u, "heap + 0x4", "before the heap is bound it is a range");
    world_ok("heap");
}

static void test_noncanonical(void)
{
    unsigned bits = ashlar_paging_virtual_bits(world.format->paging);
    if (bits < 64u && world_is_64()) {
        uintptr_t hole = (uintptr_t)((uint64_t)1 << (bits - 1u));
        says(hole, "non-canonical address", "[fault 133] right above the user half");
        says(hole - 1u, "user half", "right below");
        says((0 - hole) - 1u, "non-canonical address", "[fault 133] right below the upper half");
        says(world_address(booted.heap_first) ^ (uintptr_t)((uint64_t)1 << 62), "non-canonical address",
             "[fault 133] the heap's address with a bit flipped");
        place_is(hole + 5u, ASHLAR_PLACE_NOWHERE, hole + 5u, 0);
    }
}

/* A short buffer gets a short text. */
static void test_short(void)
{
    char text[8] = "xxxxxxx";
    ashlar_explain_text(0x5000, text, 5);
    ok(strcmp(text, "user") == 0 && text[5] == 'x', "%s: no byte too many", world.name);
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_guards();
        test_fixed();
        test_ranges();
        test_short();
        test_noncanonical();
        test_heap();
    }
    return done_testing();
}
