/* SPDX-License-Identifier: 0BSD */
/* multiboot.h - what loaders of both Multiboot versions leave alike: little-endian numbers, strings, section headers. */
#ifndef ASHLAR_ADAPTERS_MULTIBOOT_H
#define ASHLAR_ADAPTERS_MULTIBOOT_H

#include <ashlar/memmap.h>
#include <stdbool.h>

/* Addresses have 32 bits: whatever is reserved ends below this. */
#define LOADER_TOP ((ashlar_phys)1 << 32)

#define FIRMWARE_ENTRY_MOST_BYTES 1024u /* of an entry of the firmware's map: more makes no sense */
#define SECTION_HEADER_BYTES 40u        /* that are looked at; 32-bit ELF has as many, 64-bit ELF 64 */

/* Physical memory, through the kernel's function. */
struct loader_memory {
    void (*read)(void *context, ashlar_phys physical, void *buffer, size_t bytes);
    void *context;
};

static inline uint32_t loader_u32(const unsigned char *bytes, size_t offset)
{
    return (uint32_t)bytes[offset] | (uint32_t)bytes[offset + 1] << 8 | (uint32_t)bytes[offset + 2] << 16 |
           (uint32_t)bytes[offset + 3] << 24;
}

static inline uint64_t loader_u64(const unsigned char *bytes, size_t offset)
{
    return loader_u32(bytes, offset) | (uint64_t)loader_u32(bytes, offset + 4) << 32;
}

/* Says why, and returns the status. */
static inline ashlar_status refuse_loader(const char **problem, ashlar_status status, const char *text)
{
    *problem = text;
    return status;
}

/* Bytes of a string with its NUL; 0 if it has no end within so many bytes. */
size_t ashlar_multiboot_string_bytes(const struct loader_memory *memory, ashlar_phys string, uint64_t most);
/* Copies what fits, ended by a NUL always. False: it has no end, and the buffer is as before. */
bool ashlar_multiboot_string_copy(const struct loader_memory *memory, ashlar_phys string, uint64_t most, char *buffer,
                                  size_t bytes);

/* Is this a section that the loader placed, not a part of the image? Where it lies, then. */
bool ashlar_multiboot_section(const unsigned char *header, bool is_wide, uint64_t *address, uint64_t *bytes);

/* Where there is no map: memory from 0 on, and from 1 MiB on. */
void ashlar_multiboot_add_plain(struct ashlar_memmap *map, uint32_t lower_kib, uint32_t upper_kib);
void ashlar_multiboot_add_framebuffer(struct ashlar_memmap *map, ashlar_phys base, uint32_t pitch, uint32_t height);

#endif
