/* SPDX-License-Identifier: 0BSD */
/* multiboot2.c - Multiboot 2's tags, over raw offsets (Multiboot2 Specification 2.0, section 3.6).
 *
 *     information --> | bytes, 0 | type, bytes, ... | type, bytes, ... | 0, 8 |
 *
 * Each tag begins on a multiple of 8 bytes; the last one is of type 0. All
 * numbers are little-endian, and so is each machine that this loader knows.
 * One walk serves every question: it checks each tag's size before anyone looks
 * into the tag, and a visitor looks.
 *
 * A failed add leaves the map as it was: the structure is copied, and put back.
 * Entries beyond its count are nobody's.
 */
#include <ashlar/multiboot2.h>
#include <stdbool.h>

#define TOP ((ashlar_phys)1 << 32)
#define TAG_HEAD_BYTES 8u
#define LEAST_BYTES 16u /* of the information: its head, and the last tag */
#define CHUNK_BYTES 64u
#define LOWER_KIB_MOST 640u
#define MAP_ENTRY_BYTES 24u
#define MAP_ENTRY_MOST_BYTES 1024u

/* Types of tags, and the least bytes of each. */
enum {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY = 4,
    TAG_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_SECTIONS = 9,
    TAG_OLD_RSDP = 14,
    TAG_NEW_RSDP = 15
};
#define COMMAND_LINE_BYTES 9u
#define MODULE_BYTES 17u
#define MEMORY_BYTES 16u
#define MAP_BYTES 16u
#define FRAMEBUFFER_BYTES 31u
#define SECTIONS_BYTES 20u
#define OLD_RSDP_BYTES 28u
#define NEW_RSDP_BYTES 44u

struct tag {
    uint32_t type;
    uint32_t bytes;
    ashlar_phys at;
};

/* What a walk is for. */
struct walk {
    struct ashlar_multiboot2 *loader;
    struct ashlar_memmap *map;
    bool has_map;
    uint32_t lower_kib; /* of the plain numbers */
    uint32_t upper_kib;
    bool has_memory;
    uint32_t wanted; /* type of the tag that is looked for */
    size_t index;    /* how many of them come before it */
    struct tag found;
};
typedef ashlar_status (*visitor)(struct walk *walk, const struct tag *tag);

static uint32_t read_u32(const struct ashlar_multiboot2 *loader, ashlar_phys at)
{
    unsigned char bytes[4];
    loader->read(loader->context, at, bytes, sizeof bytes);
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t read_u64(const struct ashlar_multiboot2 *loader, ashlar_phys at)
{
    return read_u32(loader, at) | (uint64_t)read_u32(loader, at + 4) << 32;
}

static ashlar_status refuse(struct ashlar_multiboot2 *loader, ashlar_status status, const char *problem)
{
    loader->problem = problem;
    return status;
}

/* --- the walk --------------------------------------------------------------- */

static ashlar_status check_information(struct ashlar_multiboot2 *loader, uint32_t *bytes)
{
    if (loader->magic != ASHLAR_MULTIBOOT2_MAGIC) {
        return refuse(loader, ASHLAR_BAD_ARGUMENT, "multiboot2: the magic number is not that of a Multiboot 2 loader");
    }
    if (loader->information == 0 || loader->information % 8 != 0 || loader->information > TOP - LEAST_BYTES) {
        return refuse(loader, ASHLAR_BAD_ARGUMENT, "multiboot2: the address of the loader's information is wrong");
    }
    *bytes = read_u32(loader, loader->information);
    if (*bytes < LEAST_BYTES || *bytes > ASHLAR_MULTIBOOT2_BYTES || *bytes > TOP - loader->information) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: the loader's information has an impossible size");
    }
    return ASHLAR_OK;
}

static ashlar_status visit_tags(struct walk *walk, visitor visit)
{
    struct ashlar_multiboot2 *loader = walk->loader;
    uint32_t bytes;
    ashlar_status status = check_information(loader, &bytes);
    uint32_t offset = TAG_HEAD_BYTES;
    while (status == ASHLAR_OK) {
        struct tag tag = {0, 0, loader->information + (ashlar_phys)offset};
        if (offset > bytes - TAG_HEAD_BYTES) {
            return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: the tags have no end");
        }
        tag.type = read_u32(loader, tag.at);
        tag.bytes = read_u32(loader, tag.at + 4);
        if (tag.type == TAG_END) {
            break;
        }
        if (tag.bytes < TAG_HEAD_BYTES || tag.bytes > bytes - offset) {
            return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: a tag has an impossible size");
        }
        status = visit(walk, &tag);
        offset += (tag.bytes + 7u) & ~7u;
    }
    return status;
}

static ashlar_status find_visit(struct walk *walk, const struct tag *tag)
{
    if (tag->type == walk->wanted && walk->found.at == 0 && walk->index-- == 0) {
        walk->found = *tag;
    }
    return ASHLAR_OK;
}

/* The index-th tag of a type, of so many bytes at least. */
static ashlar_status find(struct ashlar_multiboot2 *loader, uint32_t type, size_t index, uint32_t least,
                          struct tag *found)
{
    struct walk walk = {.loader = loader, .wanted = type, .index = index};
    ashlar_status status = visit_tags(&walk, find_visit);
    *found = walk.found;
    if (status != ASHLAR_OK) {
        return status;
    }
    if (found->at == 0) {
        return ASHLAR_ABSENT;
    }
    return found->bytes >= least ? ASHLAR_OK
                                 : refuse(loader, ASHLAR_BAD_MAP, "multiboot2: a tag is too short for its type");
}

/* Bytes of the string at this offset of a tag, its NUL counted; 0 if it has no end there. Copies what fits. */
static size_t read_string(const struct ashlar_multiboot2 *loader, const struct tag *tag, uint32_t offset, char *buffer,
                          size_t bytes)
{
    char chunk[CHUNK_BYTES];
    size_t length = 0;
    while (offset + length < tag->bytes) {
        size_t left = tag->bytes - offset - length;
        size_t part = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        loader->read(loader->context, tag->at + offset + length, chunk, part);
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

/* --- adding ------------------------------------------------------------------- */

static ashlar_status add_map_entries(struct walk *walk, const struct tag *tag)
{
    struct ashlar_multiboot2 *loader = walk->loader;
    uint32_t entry_bytes = read_u32(loader, tag->at + 8);
    if (entry_bytes < MAP_ENTRY_BYTES || entry_bytes > MAP_ENTRY_MOST_BYTES || entry_bytes % 8 != 0) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: an entry of the memory map has an impossible size");
    }
    if ((tag->bytes - MAP_BYTES) % entry_bytes != 0) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: the memory map ends within an entry");
    }
    for (uint32_t offset = MAP_BYTES; offset < tag->bytes; offset += entry_bytes) {
        ashlar_phys at = tag->at + offset;
        ashlar_memmap_add(walk->map, read_u64(loader, at), read_u64(loader, at + 8),
                          ashlar_memmap_type_of_e820(read_u32(loader, at + 16)));
    }
    walk->has_map = true;
    return ASHLAR_OK;
}

static ashlar_status note_memory(struct walk *walk, const struct tag *tag)
{
    walk->lower_kib = read_u32(walk->loader, tag->at + 8);
    walk->upper_kib = read_u32(walk->loader, tag->at + 12);
    walk->has_memory = true;
    return ASHLAR_OK;
}

static ashlar_status read_module(struct ashlar_multiboot2 *loader, const struct tag *tag,
                                 struct ashlar_multiboot2_module *module)
{
    uint32_t base = read_u32(loader, tag->at + 8);
    uint32_t end = read_u32(loader, tag->at + 12);
    if (end < base) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: a module ends before it begins");
    }
    if (read_string(loader, tag, MODULE_BYTES - 1u, NULL, 0) == 0) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: a string has no end");
    }
    module->base = base;
    module->bytes = end - base;
    module->string = tag->at + MODULE_BYTES - 1u;
    return ASHLAR_OK;
}

static ashlar_status add_module(struct walk *walk, const struct tag *tag)
{
    struct ashlar_multiboot2_module module;
    ashlar_status status = read_module(walk->loader, tag, &module);
    if (status == ASHLAR_OK && module.bytes != 0) {
        ashlar_memmap_reserve(walk->map, module.base, module.bytes, ASHLAR_MEMMAP_MODULE);
    }
    return status;
}

static ashlar_status add_framebuffer(struct walk *walk, const struct tag *tag)
{
    ashlar_phys base = read_u64(walk->loader, tag->at + 8);
    uint64_t bytes = (uint64_t)read_u32(walk->loader, tag->at + 16) * read_u32(walk->loader, tag->at + 24);
    if (bytes != 0) {
        ashlar_memmap_reserve(walk->map, base, bytes, ASHLAR_MEMMAP_FRAMEBUFFER);
    }
    return ASHLAR_OK;
}

/* A section that the loader placed: not part of the image (flag ALLOC), of any type but 0 (none) and 8 (no bits). */
static ashlar_status add_section(struct walk *walk, ashlar_phys header, bool is_wide)
{
    const struct ashlar_multiboot2 *loader = walk->loader;
    uint32_t type = read_u32(loader, header + 4);
    uint64_t address = is_wide ? read_u64(loader, header + 16) : read_u32(loader, header + 12);
    uint64_t length = is_wide ? read_u64(loader, header + 32) : read_u32(loader, header + 20);
    if (type == 0 || type == 8 || (read_u32(loader, header + 8) & 2u) != 0 || address == 0) {
        return ASHLAR_OK;
    }
    if (address >= TOP || length > TOP - address) {
        return refuse(walk->loader, ASHLAR_BAD_MAP, "multiboot2: a section of the kernel's symbols passes 4 GiB");
    }
    if (length != 0) {
        ashlar_memmap_reserve(walk->map, address, length, ASHLAR_MEMMAP_LOADER);
    }
    return ASHLAR_OK;
}

static ashlar_status add_sections(struct walk *walk, const struct tag *tag)
{
    uint32_t count = read_u32(walk->loader, tag->at + 8);
    uint32_t header_bytes = read_u32(walk->loader, tag->at + 12);
    ashlar_status status = ASHLAR_OK;
    if (count == 0) {
        return ASHLAR_OK;
    }
    if (header_bytes != 40 && header_bytes != 64) {
        return refuse(walk->loader, ASHLAR_BAD_MAP, "multiboot2: section headers are neither 40 nor 64 bytes long");
    }
    if (count > (tag->bytes - SECTIONS_BYTES) / header_bytes) {
        return refuse(walk->loader, ASHLAR_BAD_MAP, "multiboot2: more section headers than their tag holds");
    }
    for (uint32_t i = 0; status == ASHLAR_OK && i < count; i++) {
        status = add_section(walk, tag->at + SECTIONS_BYTES + (ashlar_phys)i * header_bytes, header_bytes == 64);
    }
    return status;
}

static ashlar_status add_visit(struct walk *walk, const struct tag *tag)
{
    static const struct {
        uint32_t type;
        uint32_t least;
        visitor add;
    } kinds[] = {
        {TAG_MODULE, MODULE_BYTES, add_module},       {TAG_MEMORY, MEMORY_BYTES, note_memory},
        {TAG_MAP, MAP_BYTES, add_map_entries},        {TAG_FRAMEBUFFER, FRAMEBUFFER_BYTES, add_framebuffer},
        {TAG_SECTIONS, SECTIONS_BYTES, add_sections},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (tag->type == kinds[i].type) {
            return tag->bytes >= kinds[i].least
                       ? kinds[i].add(walk, tag)
                       : refuse(walk->loader, ASHLAR_BAD_MAP, "multiboot2: a tag is too short for its type");
        }
    }
    return ASHLAR_OK;
}

static ashlar_status add_plain_memory(struct walk *walk)
{
    if (!walk->has_memory) {
        return refuse(walk->loader, ASHLAR_BAD_MAP, "multiboot2: the loader gives no memory map");
    }
    uint32_t lower_kib = walk->lower_kib < LOWER_KIB_MOST ? walk->lower_kib : LOWER_KIB_MOST;
    ashlar_memmap_add(walk->map, 0, (ashlar_phys)lower_kib << 10, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(walk->map, 0x100000, (ashlar_phys)walk->upper_kib << 10, ASHLAR_MEMMAP_USABLE);
    return ASHLAR_OK;
}

ashlar_status ashlar_multiboot2_add(struct ashlar_memmap *map, struct ashlar_multiboot2 *loader)
{
    struct ashlar_memmap before = *map;
    struct walk walk = {.loader = loader, .map = map};
    ashlar_status status = visit_tags(&walk, add_visit);
    if (status == ASHLAR_OK && !walk.has_map) {
        status = add_plain_memory(&walk);
    }
    if (status != ASHLAR_OK) {
        *map = before;
        return status;
    }
    ashlar_memmap_reserve(map, loader->information, read_u32(loader, loader->information), ASHLAR_MEMMAP_LOADER);
    return ASHLAR_OK;
}

/* --- what kernels ask for ------------------------------------------------------- */

ashlar_status ashlar_multiboot2_module(struct ashlar_multiboot2 *loader, size_t index,
                                       struct ashlar_multiboot2_module *module)
{
    struct tag tag;
    ashlar_status status = find(loader, TAG_MODULE, index, MODULE_BYTES, &tag);
    return status == ASHLAR_OK ? read_module(loader, &tag, module) : status;
}

ashlar_status ashlar_multiboot2_command_line(struct ashlar_multiboot2 *loader, char *buffer, size_t bytes)
{
    struct tag tag;
    if (bytes == 0) {
        return refuse(loader, ASHLAR_BAD_ARGUMENT, "multiboot2: a buffer of 0 bytes holds no string");
    }
    ashlar_status status = find(loader, TAG_COMMAND_LINE, 0, COMMAND_LINE_BYTES, &tag);
    if (status != ASHLAR_OK) {
        return status;
    }
    size_t length = read_string(loader, &tag, TAG_HEAD_BYTES, NULL, 0);
    if (length == 0) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot2: a string has no end");
    }
    read_string(loader, &tag, TAG_HEAD_BYTES, buffer, bytes);
    buffer[(length < bytes ? length : bytes) - 1] = '\0';
    return ASHLAR_OK;
}

ashlar_status ashlar_multiboot2_rsdp(struct ashlar_multiboot2 *loader, ashlar_phys *rsdp)
{
    struct tag tag;
    ashlar_status status = find(loader, TAG_NEW_RSDP, 0, NEW_RSDP_BYTES, &tag);
    if (status == ASHLAR_ABSENT) {
        status = find(loader, TAG_OLD_RSDP, 0, OLD_RSDP_BYTES, &tag);
    }
    if (status == ASHLAR_OK) {
        *rsdp = tag.at + TAG_HEAD_BYTES;
    }
    return status;
}
