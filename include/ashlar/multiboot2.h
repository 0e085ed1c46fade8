/* SPDX-License-Identifier: 0BSD */
/* multiboot2.h - from the tags of a Multiboot 2 loader to a memory map.
 *
 * The loader (GRUB on BIOS and UEFI, ...) leaves its magic in EAX and the physical
 * address of its information in EBX: one piece of memory, of tags one behind the
 * other, strings and tables in them. It is read only through a function of the
 * kernel's, so that nothing of it need be mapped.
 *
 * What the loader says is not trusted: counts, sizes and strings have bounds, and
 * what makes no sense is an error with a text, not an endless loop.
 *
 * Context: boot, one CPU. Locks: none. Every call reads the tags again: copy
 * what is needed later before the memory of the loader is reclaimed.
 */
#ifndef ASHLAR_MULTIBOOT2_H
#define ASHLAR_MULTIBOOT2_H

#include <ashlar/memmap.h>

ASHLAR_BEGIN_DECLS

#define ASHLAR_MULTIBOOT2_MAGIC 0x36d76289u

/* Most bytes of the information, and of sections of symbols beside it. */
#define ASHLAR_MULTIBOOT2_BYTES 0x100000u

/* Copy bytes of physical memory, which may cross frames, to buffer. At most 128 bytes at a time are asked for. */
typedef void (*ashlar_multiboot2_read)(void *context, ashlar_phys physical, void *buffer, size_t bytes);

struct ashlar_multiboot2 {
    uint32_t magic;       /* EAX as the kernel was entered */
    uint32_t information; /* EBX: physical address */
    ashlar_multiboot2_read read;
    void *context;       /* for read */
    const char *problem; /* out: why the last call returned ASHLAR_BAD_MAP or ASHLAR_BAD_ARGUMENT */
};

struct ashlar_multiboot2_module {
    ashlar_phys base;
    size_t bytes;       /* may be 0 */
    ashlar_phys string; /* within the information; ends in NUL */
};

/* Add the firmware's entries (where there are none, or none has bytes: lower and upper memory), and reserve the modules as MODULE, the
 * framebuffer as FRAMEBUFFER, and as LOADER the information and the sections of symbols that the loader placed. The
 * kernel's own image is not known here.
 * ASHLAR_BAD_ARGUMENT: not this loader's magic, or no information; ASHLAR_BAD_MAP: no memory map, or a tag that makes
 * no sense. The map is as before then. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot2_add(struct ashlar_memmap *map, struct ashlar_multiboot2 *loader);

/* The index-th module, counted from 0. ASHLAR_ABSENT: there are fewer; ASHLAR_BAD_ARGUMENT, ASHLAR_BAD_MAP. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot2_module(struct ashlar_multiboot2 *loader, size_t index,
                                                       struct ashlar_multiboot2_module *module);

/* The command line, cut to what fits and always ended by a NUL. ASHLAR_ABSENT: there is none; ASHLAR_BAD_ARGUMENT
 * (magic, or a buffer of 0 bytes), ASHLAR_BAD_MAP. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot2_command_line(struct ashlar_multiboot2 *loader, char *buffer,
                                                             size_t bytes);

/* Where the loader's copy of the ACPI root pointer lies, the newer one if there are two. ASHLAR_ABSENT,
 * ASHLAR_BAD_ARGUMENT, ASHLAR_BAD_MAP. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot2_rsdp(struct ashlar_multiboot2 *loader, ashlar_phys *rsdp);

ASHLAR_END_DECLS

#endif
