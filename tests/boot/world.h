/* SPDX-License-Identifier: 0BSD */
/* world.h - the simulated machine of tests/space/world.h, on which boot brings up all floors. */
#ifndef ASHLAR_TESTS_BOOT_WORLD_H
#define ASHLAR_TESTS_BOOT_WORLD_H

#include "boot/unseal.h"
#include "kva/world.h"
#include <ashlar/boot.h>

static struct ashlar_boot boot;
static struct ashlar_booted booted;

static int heap_kick(void *context, unsigned cpu)
{
    (void)context;
    uint32_t mask = (uint32_t)1 << cpu;
    boot.kick(&mask, 1);
    return 1;
}

/* The machine is on, and the usual is asked for. kernel_bytes: of kernel space, as its pointers reach it; 0: the usual. */
static void prepare_site(const struct world_format *format, uint64_t ram_bytes, uint64_t kernel_bytes,
                         enum world_site site)
{
    struct world_options options = {.ram_bytes = ram_bytes,
                                    .unwatched = ram_bytes > 256u * MIB,
                                    .kernel_bytes = kernel_bytes,
                                    .site = site};
    options = world_usual(format, &options);
    world_power_on(format, &options);
    ashlar_boot_unseal();
    memset(&booted, 0, sizeof booted);
    memset(&boot, 0, sizeof boot);
    boot.map = &world.map;
    boot.paging = format->paging;
    boot.features = WORLD_FEATURES | ASHLAR_FEATURE_PHYSICAL_BITS(format->physical_bits);
    boot.max_cpus = WORLD_CPUS;
    boot.image_base = IMAGE_FRAME * 4096u;
    boot.image_bytes = IMAGE_FRAMES * 4096u;
    boot.image_address = world.image_address;
    boot.stack_address = world.image_address + STACK_OFFSET_PAGES * 4096u;
    boot.stack_bytes = STACK_FRAMES * 4096u;
    boot.kick = world_kick;
    boot.heap_kick = heap_kick;
}

__attribute__((unused)) static void prepare_space(const struct world_format *format, uint64_t ram_bytes,
                                                  uint64_t kernel_bytes)
{
    prepare_site(format, ram_bytes, kernel_bytes, WORLD_TOP);
}

/* On 64-bit all of the upper half is kernel space. */
__attribute__((unused)) static void prepare(const struct world_format *format, uint64_t ram_bytes)
{
    unsigned bits = ashlar_paging_virtual_bits(format->paging);
    prepare_space(format, ram_bytes, bits > 32u ? (uint64_t)1 << (bits - 1u) : 0);
}

__attribute__((unused)) static void up(void)
{
    struct world_options options = {.unwatched = world.ram_frames > PAGES_OF(256u * MIB)};
    ashlar_boot_up(&boot, &booted);
    world.pool = booted.frames;
    world.layout = *ashlar_space_layout();
    world.options.policy = booted.policy;
    world.options.image_first = ashlar_paging_page(world.paging, world.image_address);
    world.options.home_first = ashlar_paging_page(world.paging, world.home_address);
    world_watch(&options);
}

#endif
