/* SPDX-License-Identifier: 0BSD */
/* multiboot.c - what loaders of both Multiboot versions leave alike: strings, section headers, plain numbers of memory.
 *
 * The two versions say where things are in different ways, tables of addresses
 * and tags (multiboot1.c, multiboot2.c); what lies there is the same. Messages
 * stay with the version that the loader speaks.
 */
#include "multiboot.h"

#define CHUNK_BYTES 64u
#define LOWER_KIB_MOST 640u
#define SECTION_NONE 0u
#define SECTION_NO_BITS 8u
#define SECTION_IN_IMAGE 2u /* flag ALLOC */

/* Copies what fits if there is a buffer. Reads stay within the frames that the string lies in. */
static size_t read_loader_string(const struct loader_memory *memory, ashlar_phys string, uint64_t most, char *buffer,
                                 size_t bytes)
{
    char chunk[CHUNK_BYTES];
    size_t length = 0;
    while (length < most) {
        size_t part = CHUNK_BYTES - (size_t)((string + length) & (CHUNK_BYTES - 1));
        part = part < most - length ? part : (size_t)(most - length);
        memory->read(memory->context, string + length, chunk, part);
        for (size_t i = 0; i < part; i++, length++) {
            if (length + 1 < bytes) {
                buffer[length] = chunk[i];
            }
            if (chunk[i] == '\0') {
                return length + 1;
            }
        }
    }
    return 0;
}

size_t ashlar_multiboot_string_bytes(const struct loader_memory *memory, ashlar_phys string, uint64_t most)
{
    return read_loader_string(memory, string, most, NULL, 0);
}

bool ashlar_multiboot_string_copy(const struct loader_memory *memory, ashlar_phys string, uint64_t most, char *buffer,
                                  size_t bytes)
{
    size_t length = ashlar_multiboot_string_bytes(memory, string, most);
    if (length == 0) {
        return false;
    }
    read_loader_string(memory, string, most, buffer, bytes);
    buffer[(length < bytes ? length : bytes) - 1] = '\0';
    return true;
}

bool ashlar_multiboot_section(const unsigned char *header, bool is_wide, uint64_t *address, uint64_t *bytes)
{
    uint32_t type = loader_u32(header, 4);
    *address = is_wide ? loader_u64(header, 16) : loader_u32(header, 12);
    *bytes = is_wide ? loader_u64(header, 32) : loader_u32(header, 20);
    return type != SECTION_NONE && type != SECTION_NO_BITS && (loader_u32(header, 8) & SECTION_IN_IMAGE) == 0 &&
           *address != 0;
}

void ashlar_multiboot_add_plain(struct ashlar_memmap *map, uint32_t lower_kib, uint32_t upper_kib)
{
    lower_kib = lower_kib < LOWER_KIB_MOST ? lower_kib : LOWER_KIB_MOST;
    ashlar_memmap_add(map, 0, (ashlar_phys)lower_kib << 10, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(map, 0x100000, (ashlar_phys)upper_kib << 10, ASHLAR_MEMMAP_USABLE);
}

void ashlar_multiboot_add_framebuffer(struct ashlar_memmap *map, ashlar_phys base, uint32_t pitch, uint32_t height)
{
    uint64_t bytes = (uint64_t)pitch * height;
    if (bytes != 0) {
        ashlar_memmap_reserve(map, base, bytes, ASHLAR_MEMMAP_FRAMEBUFFER);
    }
}
