/* SPDX-License-Identifier: 0BSD */
/* multiboot1.h - from the tables of a Multiboot 1 loader to a memory map.
 *
 * The loader (GRUB, QEMU's -kernel, ...) leaves its magic in EAX and the physical
 * address of its information in EBX. The tables lie anywhere below 4 GiB, mostly
 * in memory that the map calls usable. They are read only through a function of
 * the kernel's, so that nothing of them need be mapped.
 *
 * What the loader says is not trusted: counts, sizes and strings have bounds, and
 * what makes no sense is an error with a text, not an endless loop.
 *
 * Context: boot, one CPU. Locks: none. Every call reads the tables again: copy
 * what is needed later before the memory of the loader is reclaimed.
 */
#ifndef ASHLAR_MULTIBOOT1_H
#define ASHLAR_MULTIBOOT1_H

#include <ashlar/memmap.h>

ASHLAR_BEGIN_DECLS

#define ASHLAR_MULTIBOOT1_MAGIC 0x2badb002u

/* Most bytes of a string, its NUL counted, most modules, most bytes of any one table. */
#define ASHLAR_MULTIBOOT1_STRING_BYTES 65536u
#define ASHLAR_MULTIBOOT1_MODULES 4096u
#define ASHLAR_MULTIBOOT1_TABLE_BYTES 0x100000u

/* Copy bytes of physical memory, which may cross frames, to buffer. At most 128 bytes at a time are asked for. */
typedef void (*ashlar_multiboot1_read)(void *context, ashlar_phys physical, void *buffer, size_t bytes);

struct ashlar_multiboot1 {
    uint32_t magic;       /* EAX as the kernel was entered */
    uint32_t information; /* EBX: physical address */
    ashlar_multiboot1_read read;
    void *context;       /* for read */
    const char *problem; /* out: why the last call returned ASHLAR_BAD_MAP or ASHLAR_BAD_ARGUMENT */
};

struct ashlar_multiboot1_module {
    ashlar_phys base;
    size_t bytes;       /* may be 0 */
    ashlar_phys string; /* ends in NUL; 0: none */
};

/* Add the firmware's entries (where there are none, or none has bytes: lower and upper memory), and reserve the image's modules as MODULE,
 * the framebuffer as FRAMEBUFFER, and as LOADER all else that the loader left: its information, the memory map, command
 * line, module list and strings, symbols and the sections that hold them, drives, loader's name, APM and VBE tables.
 * The kernel's own image is not known here.
 * ASHLAR_BAD_ARGUMENT: not this loader's magic, or no information; ASHLAR_BAD_MAP: no memory map, or a table that makes
 * no sense. The map is as before then. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot1_add(struct ashlar_memmap *map, struct ashlar_multiboot1 *loader);

/* The index-th module, counted from 0. ASHLAR_ABSENT: there are fewer; ASHLAR_BAD_ARGUMENT, ASHLAR_BAD_MAP. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot1_module(struct ashlar_multiboot1 *loader, size_t index,
                                                       struct ashlar_multiboot1_module *module);

/* The command line, cut to what fits and always ended by a NUL. ASHLAR_ABSENT: there is none; ASHLAR_BAD_ARGUMENT
 * (magic, or a buffer of 0 bytes), ASHLAR_BAD_MAP (it has no end). */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot1_command_line(struct ashlar_multiboot1 *loader, char *buffer,
                                                             size_t bytes);

/* The same for any string that the loader left, such as a module's. */
ASHLAR_MUST_USE ashlar_status ashlar_multiboot1_string(struct ashlar_multiboot1 *loader, ashlar_phys string,
                                                       char *buffer, size_t bytes);

ASHLAR_END_DECLS

#endif
