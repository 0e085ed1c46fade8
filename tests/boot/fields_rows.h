/* SPDX-License-Identifier: 0BSD */
/* fields_rows.h - what can be wrong with struct ashlar_boot, and what boot says then. */
#ifndef ASHLAR_TESTS_BOOT_FIELDS_ROWS_H
#define ASHLAR_TESTS_BOOT_FIELDS_ROWS_H

#include "arch/mode.h"
#include "boot/world.h"

#define ROW_ALL 0u
#define ROW_NARROW 1u  /* formats of 32 bits only */
#define ROW_WIDE 2u    /* those of 64 bits only */
#define ROW_32_BITS 4u /* in a 32-bit program only */
#define ROW_WORDS 8u   /* where a word has as many bits as an address */
#define ROW_STACK                                                                                                      \
    16u /* where the program's own stack has an address that the format can name; the image begins kernel space */
#define ROW_START 32u   /* the image begins kernel space */
#define ROW_ADVISES 64u /* the last number of the message would do */

struct row {
    const char *field;
    const char *value;
    const char *message;
    void (*set)(void);
    unsigned flags;
};

/* --- what rows have to do ---------------------------------------------------------- */

static void empty_map(void)
{
    ashlar_memmap_init(&world.map, world.entries, sizeof world.entries / sizeof world.entries[0], 0, NULL, NULL);
}

static const struct ashlar_paging *other_format(void)
{
    if (world_is_64()) {
        return ashlar_paging_levels(world.paging) == 4u ? &ashlar_paging_5level : &ashlar_paging_4level;
    }
    return ashlar_paging_levels(world.paging) == 2u ? &ashlar_paging_pae : &ashlar_paging_two_level;
}

static void name_home(void)
{
    boot.home_address = world.home_address;
    boot.home_bytes = 4u * MIB;
}

static void move_image(uint64_t address)
{
    world.image_address = boot.image_address = (uintptr_t)address;
    for (size_t i = 0; i < IMAGE_FRAMES; i++) {
        world_boot_map(world_page(world.image_address) + i, IMAGE_FRAME + i);
    }
    boot.stack_address = 0;
    boot.stack_bytes = 0;
}

/* The program's stack, as if it were the kernel's. */
static void map_own_stack(void)
{
    ashlar_vpn page = world_page((uintptr_t)__builtin_frame_address(0));
    for (size_t i = 0; i < 64u; i++) {
        world_boot_map(page - 32u + i, STACK_FRAME);
    }
}

static ashlar_status commit_nothing(ashlar_vpn first, size_t pages, unsigned flags)
{
    (void)first;
    (void)pages;
    (void)flags;
    return ASHLAR_OK;
}

static void block_alone(const volatile uint32_t *word, uint32_t seen)
{
    (void)word;
    (void)seen;
}

static void wake_alone(const volatile uint32_t *word)
{
    (void)word;
}

/* --- rows ---------------------------------------------------------------------------- */

static void map_null(void)
{
    boot.map = NULL;
}

static void map_with_storage_for_no_entry(void)
{
    world.map.capacity = 0;
}

static void map_finalized(void)
{
    world.map.finalized = 1;
}

static void map_is_empty(void)
{
    empty_map();
}

static void map_no_usable_ram(void)
{
    empty_map();
    ashlar_memmap_add(&world.map, 0, 64u * MIB, ASHLAR_MEMMAP_ACPI);
}

static void map_entries_for_which_it_has_no_storage(void)
{
    world.map.capacity = 1;
}

static void map_ram_that_is_not_there(void)
{
    ashlar_memmap_add(&world.map, 64u * MIB, 64u * MIB, ASHLAR_MEMMAP_USABLE);
}

static void map_ram_in_pieces_that_are_too_small(void)
{
    empty_map();
    for (unsigned i = 0; i < 12; i++) {
        ashlar_memmap_add(&world.map, 8u * MIB + i * 0x20000u, 0x4000u, ASHLAR_MEMMAP_USABLE);
    }
}

static void paging_null(void)
{
    boot.paging = NULL;
}

static void paging_a_copy_of_a_format(void)
{
    static struct ashlar_paging copy;
    copy = *boot.paging;
    boot.paging = &copy;
}

static void paging_a_64_bit_format_on_32_bits(void)
{
    boot.paging = &ashlar_paging_4level;
}

static void paging_a_format_that_the_cpu_does_not_run_with(void)
{
    boot.paging = other_format();
}

static void features_a_bit_that_means_nothing(void)
{
    boot.features |= 0x100u;
}

static void features_11_physical_address_bits(void)
{
    boot.features = ASHLAR_FEATURE_PHYSICAL_BITS(11);
}

static void features_53_physical_address_bits(void)
{
    boot.features = ASHLAR_FEATURE_PHYSICAL_BITS(53);
}

static void features_fewer_bits_than_addresses_in_use_have(void)
{
    boot.features = ASHLAR_FEATURE_PHYSICAL_BITS(16);
}

static void max_cpus_0(void)
{
    boot.max_cpus = 0;
}

static void max_cpus_more_than_ashlar_max_cpus(void)
{
    boot.max_cpus = ASHLAR_MAX_CPUS + 1u;
}

static void max_cpus_more_than_there_are_windows_for(void)
{
    boot.windows_address = world.home_address + 3u * MIB;
    boot.windows_bytes = 23u * 4096u;
}

static void image_base_the_virtual_address(void)
{
    boot.image_base = (ashlar_phys)world.image_address;
}

static void image_base_a_page_off(void)
{
    boot.image_base += 4096u;
}

static void image_bytes_0(void)
{
    boot.image_bytes = 0;
}

static void image_bytes_a_page_too_many(void)
{
    boot.image_bytes += 4096u;
}

static void image_bytes_past_the_last_address(void)
{
    boot.image_bytes = ~(size_t)0;
}

static void image_address_a_page_off(void)
{
    boot.image_address += 4096u;
}

static void image_address_where_nothing_is_mapped(void)
{
    boot.image_address += 3u * MIB;
}

static void image_address_not_canonical(void)
{
    boot.image_address ^= (uintptr_t)1 << (sizeof(uintptr_t) * 8u - 1u);
}

static void image_address_in_the_lower_half_from_1_gib_on(void)
{
    move_image((uint64_t)1 << 40);
}

static void home_address_no_multiple_of_4_mib(void)
{
    boot.home_address = world.home_address + 4096u;
    boot.home_bytes = 4u * MIB;
}

static void home_address_with_home_bytes_0(void)
{
    boot.home_address = world.home_address;
}

static void home_address_beside_the_image(void)
{
    boot.home_address = world.home_address - 4u * MIB;
    boot.home_bytes = 4u * MIB;
}

static void home_bytes_no_multiple_of_4_mib(void)
{
    boot.home_address = world.home_address;
    boot.home_bytes = 3u * MIB;
}

static void home_bytes_past_the_last_address(void)
{
    boot.home_address = world.home_address;
    boot.home_bytes = (size_t)0 - 4u * MIB;
}

static void windows_address_with_windows_bytes_0(void)
{
    boot.windows_address = world.home_address + 3u * MIB;
}

static void windows_address_not_within_the_home(void)
{
    name_home();
    boot.windows_address = world.home_address - 2u * MIB;
    boot.windows_bytes = MIB;
}

static void windows_bytes_past_the_home(void)
{
    name_home();
    boot.windows_address = world.home_address + 3u * MIB;
    boot.windows_bytes = 2u * MIB;
}

static void windows_bytes_too_few_for_all_cpus(void)
{
    boot.windows_address = world.home_address + 3u * MIB;
    boot.windows_bytes = 1;
}

static void stack_address_where_nothing_is_mapped(void)
{
    boot.stack_address = 0x9000;
}

static void stack_address_a_page_off(void)
{
    boot.stack_address += 4096u;
}

static void stack_address_not_within_the_home(void)
{
    boot.stack_address = IMAGE_FRAME * 4096u;
    boot.stack_bytes = 4096u;
}

static void stack_address_with_stack_bytes_0(void)
{
    boot.stack_bytes = 0;
}

static void stack_address_not_the_stack_in_use(void)
{
    map_own_stack();
}

static void stack_address_0_and_the_stack_in_use_is_not_in_the_image(void)
{
    map_own_stack();
    boot.stack_address = 0;
    boot.stack_bytes = 0;
}

static void stack_bytes_with_stack_address_0(void)
{
    boot.stack_address = 0;
}

static void stack_bytes_a_page_too_many(void)
{
    boot.stack_bytes += 4096u;
}

static void stack_bytes_past_the_last_address(void)
{
    boot.stack_bytes = ~(size_t)0;
}

static void kernel_space_bytes_no_multiple_of_4_mib(void)
{
    boot.kernel_space_bytes = 129u * MIB;
}

static void kernel_space_bytes_below_128_mib(void)
{
    boot.kernel_space_bytes = 124u * MIB;
}

static void kernel_space_bytes_above_3_gib(void)
{
    boot.kernel_space_bytes = (size_t)3076u * MIB;
}

static void kernel_space_bytes_so_few_that_the_image_is_outside(void)
{
    boot.kernel_space_bytes = 512u * MIB;
}

static void kernel_space_bytes_too_few_for_what_has_to_go_there(void)
{
    boot.kernel_space_bytes = 128u * MIB;
    boot.stacks = 10000;
    boot.heap_bytes = 200u * MIB;
}

static void kernel_space_bytes_too_few_and_so_is_any_number(void)
{
    boot.stacks = ~(size_t)0 / 12u;
    boot.heap_bytes = ~(size_t)0 >> 1;
}

static void heap_bytes_less_than_4_mib(void)
{
    boot.heap_bytes = 4096u;
}

static void heap_bytes_more_than_fits(void)
{
    boot.heap_bytes = ~(size_t)0 >> 1;
}

static void heap_bytes_all_that_a_word_says(void)
{
    boot.heap_bytes = ~(size_t)0;
}

static void heap_commit_maps_nothing(void)
{
    boot.heap_commit = commit_nothing;
}

static void heap_keep_bytes_more_than_all_ram(void)
{
    boot.heap_keep_bytes = GIB;
}

static void stacks_more_than_fit(void)
{
    boot.stacks = (size_t)1 << (sizeof(size_t) == 8 ? 42 : 18);
}

static void stacks_so_many_that_their_pages_are_few_again(void)
{
    boot.stacks = ~(size_t)0 / 6u + 2u;
}

static void keeps_low_1_with_no_ram_above_1_mib(void)
{
    empty_map();
    ashlar_memmap_add(&world.map, 0, 640u << 10, ASHLAR_MEMMAP_USABLE);
    boot.keeps_low = 1;
}

static void policy_9(void)
{
    boot.policy = (ashlar_sharing_policy)9;
}

static void policy_1(void)
{
    boot.policy = (ashlar_sharing_policy)~0u;
}

static void kick_null_with_2_cpus(void)
{
    boot.kick = NULL;
}

static void waiting_block_alone(void)
{
    boot.waiting.block = block_alone;
}

static void waiting_wake_alone(void)
{
    boot.waiting.wake = wake_alone;
}

static const struct row rows[] = {
    {"map", "NULL", "boot: map is *: no map, or one without storage; ashlar_memmap_init makes one", map_null, ROW_ALL},
    {"map", "with storage for no entry", "boot: map is *: no map, or one without storage; ashlar_memmap_init makes one",
     map_with_storage_for_no_entry, ROW_ALL},
    {"map", "finalized", "boot: map is *: finalized already; boot does that, and adds to it before", map_finalized,
     ROW_ALL},
    {"map", "empty", "boot: memory map: *", map_is_empty, ROW_ALL},
    {"map", "no usable RAM", "boot: memory map: *", map_no_usable_ram, ROW_ALL},
    {"map", "entries for which it has no storage",
     "boot: memory map: the memory map has * entries and storage for *: give it *",
     map_entries_for_which_it_has_no_storage, ROW_ALL},
    {"map", "RAM that is not there", "boot: memory map: * is listed as RAM, but does not keep what is written to it",
     map_ram_that_is_not_there, ROW_ALL},
    {"map", "RAM in pieces that are too small", "boot: no room for the bookkeeping: *",
     map_ram_in_pieces_that_are_too_small, ROW_ALL},
    {"paging", "NULL", "boot: paging is *: none of the library's formats, such as &ashlar_paging_*", paging_null,
     ROW_ALL},
    {"paging", "a copy of a format", "boot: paging is *: none of the library's formats, such as &ashlar_paging_*",
     paging_a_copy_of_a_format, ROW_ALL},
    {"paging", "a 64-bit format on 32 bits",
     "boot: paging is 4-level, in a kernel of 32 bits: &ashlar_paging_two_level is one of those that it can have",
     paging_a_64_bit_format_on_32_bits, ROW_32_BITS},
    {"paging", "a format that the CPU does not run with", "boot: image_*the root in use, read as * (paging), maps *",
     paging_a_format_that_the_cpu_does_not_run_with, ROW_ALL},
    {"features", "a bit that means nothing",
     "boot: features is *: bits 0x100 of it are no ASHLAR_FEATURE_; * has none such", features_a_bit_that_means_nothing,
     ROW_ALL},
    {"features", "11 physical address bits",
     "boot: features is *: 11 physical address bits; 12 to 52 can be, and 0 is the format's own",
     features_11_physical_address_bits, ROW_ALL},
    {"features", "53 physical address bits",
     "boot: features is *: 53 physical address bits; 12 to 52 can be, and 0 is the format's own",
     features_53_physical_address_bits, ROW_ALL},
    {"features", "fewer bits than addresses in use have",
     "boot: features is *: 16 physical address bits, but the root in use lies at *; 0 is the format's own",
     features_fewer_bits_than_addresses_in_use_have, ROW_ALL},
    {"max_cpus", "0", "boot: max_cpus is 0: not 1 to * (ASHLAR_MAX_CPUS)", max_cpus_0, ROW_ALL},
    {"max_cpus", "more than ASHLAR_MAX_CPUS", "boot: max_cpus is *: not 1 to * (ASHLAR_MAX_CPUS)",
     max_cpus_more_than_ashlar_max_cpus, ROW_ALL},
    {"max_cpus", "more than there are windows for",
     "boot: max_cpus is 2, and windows_bytes 0x17000: 23 windows are for 1 CPUs, with 12 each; 0x18000 would do",
     max_cpus_more_than_there_are_windows_for, ROW_ALL},
    {"image_base", "the virtual address",
     "boot: image_base is *, but the root in use, read as * (paging), maps image_address, *, to 0x100000",
     image_base_the_virtual_address, ROW_ALL},
    {"image_base", "a page off",
     "boot: image_base is 0x101000, but the root in use, read as * (paging), maps image_address, *, to 0x100000",
     image_base_a_page_off, ROW_ALL},
    {"image_bytes", "0", "boot: image_bytes is 0: the image at * would be handed out as free memory", image_bytes_0,
     ROW_ALL},
    {"image_bytes", "a page too many",
     "boot: image_bytes is 0x101000: at its last byte, *, the root in use does not map what follows the image in RAM; "
     "as many as the linker gave it would do",
     image_bytes_a_page_too_many, ROW_ALL},
    {"image_bytes", "past the last address",
     "boot: image_bytes is *: at its last byte, *, the root in use does not map what follows the image in RAM; as many "
     "as the linker gave it would do",
     image_bytes_past_the_last_address, ROW_ALL},
    {"image_address", "a page off",
     "boot: image_base is 0x100000, but the root in use, read as * (paging), maps image_address, *, to 0x101000",
     image_address_a_page_off, ROW_ALL},
    {"image_address", "where nothing is mapped",
     "boot: image_address is *, where the root in use, read as * (paging), maps nothing: the image's virtual address "
     "is wrong, or the format",
     image_address_where_nothing_is_mapped, ROW_ALL},
    {"image_address", "not canonical",
     "boot: image_address is *, where the root in use, read as * (paging), maps nothing: the image's virtual address "
     "is wrong, or the format",
     image_address_not_canonical, ROW_WIDE},
    {"image_address", "in the lower half, from 1 GiB on",
     "boot: image_address is *, its home * to *: neither below 1 GiB nor in the upper half, from * on",
     image_address_in_the_lower_half_from_1_gib_on, ROW_WIDE},
    {"home_address", "no multiple of 4 MiB",
     "boot: home_address is * and home_bytes 0x400000: not multiples of 4 MiB, such as * and 0x400000",
     home_address_no_multiple_of_4_mib, ROW_ALL},
    {"home_address", "with `home_bytes` 0", "boot: home_address is *, but home_bytes is 0: both or none",
     home_address_with_home_bytes_0, ROW_ALL},
    {"home_address", "beside the image",
     "boot: image_address is *, with image_bytes 0x100000: not within the home, * to *, which alone stays mapped "
     "(home_address, home_bytes)",
     home_address_beside_the_image, ROW_ALL},
    {"home_bytes", "no multiple of 4 MiB",
     "boot: home_address is * and home_bytes 0x300000: not multiples of 4 MiB, such as * and 0x400000",
     home_bytes_no_multiple_of_4_mib, ROW_ALL},
    {"home_bytes", "past the last address",
     "boot: home_address is * and home_bytes *: not multiples of 4 MiB, such as * and 0x400000",
     home_bytes_past_the_last_address, ROW_WORDS},
    {"windows_address", "with `windows_bytes` 0", "boot: windows_address is *, but windows_bytes is 0: both or none",
     windows_address_with_windows_bytes_0, ROW_ALL},
    {"windows_address", "not within the home",
     "boot: windows_address is *, with windows_bytes 0x100000: not within the home, * to *, which alone stays mapped "
     "(home_address, home_bytes)",
     windows_address_not_within_the_home, ROW_ALL},
    {"windows_bytes", "past the home",
     "boot: windows_address is *, with windows_bytes 0x200000: not within the home, * to *, which alone stays mapped "
     "(home_address, home_bytes)",
     windows_bytes_past_the_home, ROW_ALL},
    {"windows_bytes", "too few for all CPUs",
     "boot: max_cpus is 2, and windows_bytes 0x1: 0 windows are for 0 CPUs, with 12 each; 0x18000 would do",
     windows_bytes_too_few_for_all_cpus, ROW_ALL},
    {"stack_address", "where nothing is mapped",
     "boot: stack_address is 0x9000, with stack_bytes 0x4000, but at 0x9000 the root in use maps nothing",
     stack_address_where_nothing_is_mapped, ROW_ALL},
    {"stack_address", "a page off",
     "boot: stack_address is *, with stack_bytes 0x4000, but at * the root in use maps nothing",
     stack_address_a_page_off, ROW_ALL},
    {"stack_address", "not within the home",
     "boot: stack_address is 0x100000, with stack_bytes 0x1000: not within the home, * to *, which alone stays mapped "
     "(home_address, home_bytes)",
     stack_address_not_within_the_home, ROW_ALL},
    {"stack_address", "with `stack_bytes` 0", "boot: stack_address is *, but stack_bytes is 0: both or none",
     stack_address_with_stack_bytes_0, ROW_ALL},
    {"stack_address", "not the stack in use",
     "boot: stack_address is *, with stack_bytes 0x4000, but the stack in use is at *: not within, nor in the image, "
     "so it would be handed out as free memory",
     stack_address_not_the_stack_in_use, ROW_STACK},
    {"stack_address", "0, and the stack in use is not in the image",
     "boot: stack_address is 0x0, with stack_bytes 0x0, but the stack in use is at *: not within, nor in the image, so "
     "it would be handed out as free memory",
     stack_address_0_and_the_stack_in_use_is_not_in_the_image, ROW_STACK},
    {"stack_bytes", "with `stack_address` 0",
     "boot: stack_bytes is 0x4000, but stack_address is 0: both or, for a stack in the image, none",
     stack_bytes_with_stack_address_0, ROW_ALL},
    {"stack_bytes", "a page too many",
     "boot: stack_address is *, with stack_bytes 0x5000, but at * the root in use maps nothing",
     stack_bytes_a_page_too_many, ROW_ALL},
    {"stack_bytes", "past the last address",
     "boot: stack_address is *, with stack_bytes *: up to the last address there are *",
     stack_bytes_past_the_last_address, ROW_WORDS},
    {"kernel_space_bytes", "no multiple of 4 MiB",
     "boot: kernel_space_bytes is 0x8100000: not a multiple of 4 MiB from 128 MiB to three quarters of all",
     kernel_space_bytes_no_multiple_of_4_mib, ROW_ALL},
    {"kernel_space_bytes", "below 128 MiB",
     "boot: kernel_space_bytes is 0x7c00000: not a multiple of 4 MiB from 128 MiB to three quarters of all",
     kernel_space_bytes_below_128_mib, ROW_ALL},
    {"kernel_space_bytes", "above 3 GiB",
     "boot: kernel_space_bytes is 0xc0400000: not a multiple of 4 MiB from 128 MiB to three quarters of all",
     kernel_space_bytes_above_3_gib, ROW_NARROW},
    {"kernel_space_bytes", "so few that the image is outside",
     "boot: kernel_space_bytes is *: it leaves out the image at *; * has it",
     kernel_space_bytes_so_few_that_the_image_is_outside, ROW_START},
    {"kernel_space_bytes", "too few for what has to go there",
     "boot: kernel_space_bytes is 0x8000000: the 128 MiB from * on cannot hold * pages of bookkeeping, 60000 of "
     "stacks, 51200 of the heap; * would",
     kernel_space_bytes_too_few_for_what_has_to_go_there, ROW_NARROW | ROW_ADVISES},
    {"kernel_space_bytes", "too few, and so is any number",
     "boot: kernel_space_bytes is 0x0: kernel space, * MiB from * on, cannot hold * pages of bookkeeping, * of stacks, "
     "* of the heap, however large",
     kernel_space_bytes_too_few_and_so_is_any_number, ROW_ALL},
    {"heap_bytes", "less than 4 MiB",
     "boot: heap_bytes is 0x1000: less than 0x400000; 0 is three quarters of what there is", heap_bytes_less_than_4_mib,
     ROW_ALL},
    {"heap_bytes", "more than fits",
     "boot: heap_bytes is *: kernel space from * on, or RAM, cannot hold so many beside all else; * would do",
     heap_bytes_more_than_fits, ROW_ADVISES},
    {"heap_bytes", "all that a word says",
     "boot: heap_bytes is *: kernel space from * on, or RAM, cannot hold so many beside all else; * would do",
     heap_bytes_all_that_a_word_says, ROW_ADVISES},
    {"heap_commit", "maps nothing (told when the heap first grows)",
     "boot: heap_commit is *: it says ok, but the heap's page at * is not mapped; NULL would do",
     heap_commit_maps_nothing, ROW_ALL},
    {"heap_keep_bytes", "more than all RAM",
     "boot: heap_keep_bytes is 0x40000000: more than all RAM, * MiB; 0 is 1/64 of it",
     heap_keep_bytes_more_than_all_ram, ROW_ALL},
    {"stacks", "more than fit",
     "boot: stacks is *: kernel space from * on, or RAM, cannot hold so many beside all else; * would do",
     stacks_more_than_fit, ROW_ADVISES},
    {"stacks", "so many that their pages are few again",
     "boot: stacks is *: kernel space from * on, or RAM, cannot hold so many beside all else; * would do",
     stacks_so_many_that_their_pages_are_few_again, ROW_ADVISES},
    {"keeps_low", "1, with no RAM above 1 MiB",
     "boot: no room for the bookkeeping, * frames (* KiB), above 1 MiB: keeps_low is set",
     keeps_low_1_with_no_ram_above_1_mib, ROW_NARROW},
    {"policy", "9",
     "boot: policy is 9, unknown: it is not built in (ASHLAR_SHARING_BUILT is 0x1f); 0, AUTO, takes one that is",
     policy_9, ROW_ALL},
    {"policy", "-1",
     "boot: policy is 4294967295, unknown: it is not built in (ASHLAR_SHARING_BUILT is 0x1f); 0, AUTO, takes one that "
     "is",
     policy_1, ROW_ALL},
    {"kick", "NULL, with 2 CPUs",
     "boot: max_cpus is 2, but there is no kick: no CPU could make another one forget a translation; 1 needs none",
     kick_null_with_2_cpus, ROW_ALL},
    {"waiting", "block alone", "boot: waiting has block without wake: both or none", waiting_block_alone, ROW_ALL},
    {"waiting", "wake alone", "boot: waiting has wake without block: both or none", waiting_wake_alone, ROW_ALL},
};

#define ROWS (sizeof rows / sizeof rows[0])

#endif
