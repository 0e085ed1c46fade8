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
#include "multiboot.h"
#include <ashlar/multiboot2.h>

#define TAG_HEAD_BYTES 8u
#define TAGS_LEAST_BYTES 16u /* of the information: its head, and the last tag */
#define TAGGED_ENTRY_BYTES 24u

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
#define TAG_COMMAND_LINE_BYTES 9u
#define TAG_MODULE_BYTES 17u
#define TAG_MEMORY_BYTES 16u
#define TAG_MAP_BYTES 16u
#define TAG_FRAMEBUFFER_BYTES 31u
#define TAG_SECTIONS_BYTES 20u
#define TAG_OLD_RSDP_BYTES 28u
#define TAG_NEW_RSDP_BYTES 44u

struct loader_tag {
    uint32_t type;
    uint32_t bytes;
    ashlar_phys at;
};

/* What a walk is for. */
struct tag_walk {
    struct ashlar_multiboot2 *loader;
    struct ashlar_memmap *map;
    bool has_map;
    bool is_told;       /* anything, by the map */
    uint32_t lower_kib; /* of the plain numbers */
    uint32_t upper_kib;
    bool has_memory;
    uint32_t wanted; /* type of the tag that is looked for */
    size_t index;    /* how many of them come before it */
    struct loader_tag found;
};
typedef ashlar_status (*tag_visitor)(struct tag_walk *walk, const struct loader_tag *tag);

static uint32_t read_loader_u32(const struct ashlar_multiboot2 *loader, ashlar_phys at)
{
    unsigned char bytes[4];
    loader->read(loader->context, at, bytes, sizeof bytes);
    return loader_u32(bytes, 0);
}

static uint64_t read_loader_u64(const struct ashlar_multiboot2 *loader, ashlar_phys at)
{
    return read_loader_u32(loader, at) | (uint64_t)read_loader_u32(loader, at + 4) << 32;
}

/* --- the walk --------------------------------------------------------------- */

static ashlar_status check_tags(struct ashlar_multiboot2 *loader, uint32_t *bytes)
{
    if (loader->magic != ASHLAR_MULTIBOOT2_MAGIC) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_ARGUMENT,
                             "multiboot2: the magic number is not that of a Multiboot 2 loader");
    }
    if (loader->information == 0 || loader->information % 8 != 0 ||
        loader->information > LOADER_TOP - TAGS_LEAST_BYTES) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_ARGUMENT,
                             "multiboot2: the address of the loader's information is wrong");
    }
    *bytes = read_loader_u32(loader, loader->information);
    if (*bytes < TAGS_LEAST_BYTES || *bytes > ASHLAR_MULTIBOOT2_BYTES || *bytes > LOADER_TOP - loader->information) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP,
                             "multiboot2: the loader's information has an impossible size");
    }
    return ASHLAR_OK;
}

static ashlar_status visit_tags(struct tag_walk *walk, tag_visitor visit)
{
    struct ashlar_multiboot2 *loader = walk->loader;
    uint32_t bytes;
    ashlar_status status = check_tags(loader, &bytes);
    uint32_t offset = TAG_HEAD_BYTES;
    while (status == ASHLAR_OK) {
        struct loader_tag tag = {0, 0, loader->information + (ashlar_phys)offset};
        if (offset > bytes - TAG_HEAD_BYTES) {
            return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: the tags have no end");
        }
        tag.type = read_loader_u32(loader, tag.at);
        tag.bytes = read_loader_u32(loader, tag.at + 4);
        if (tag.type == TAG_END) {
            break;
        }
        if (tag.bytes < TAG_HEAD_BYTES || tag.bytes > bytes - offset) {
            return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: a tag has an impossible size");
        }
        status = visit(walk, &tag);
        offset += (tag.bytes + 7u) & ~7u;
    }
    return status;
}

static ashlar_status find_tag_visit(struct tag_walk *walk, const struct loader_tag *tag)
{
    if (tag->type == walk->wanted && walk->found.at == 0 && walk->index-- == 0) {
        walk->found = *tag;
    }
    return ASHLAR_OK;
}

/* The index-th tag of a type, of so many bytes at least. */
static ashlar_status find_tag(struct ashlar_multiboot2 *loader, uint32_t type, size_t index, uint32_t least,
                              struct loader_tag *found)
{
    struct tag_walk walk = {.loader = loader, .wanted = type, .index = index};
    ashlar_status status = visit_tags(&walk, find_tag_visit);
    *found = walk.found;
    if (status != ASHLAR_OK) {
        return status;
    }
    if (found->at == 0) {
        return ASHLAR_ABSENT;
    }
    return found->bytes >= least
               ? ASHLAR_OK
               : refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: a tag is too short for its type");
}

/* --- adding ------------------------------------------------------------------- */

static ashlar_status add_map_tag(struct tag_walk *walk, const struct loader_tag *tag)
{
    struct ashlar_multiboot2 *loader = walk->loader;
    uint32_t entry_bytes = read_loader_u32(loader, tag->at + 8);
    if (entry_bytes < TAGGED_ENTRY_BYTES || entry_bytes > FIRMWARE_ENTRY_MOST_BYTES || entry_bytes % 8 != 0) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP,
                             "multiboot2: an entry of the memory map has an impossible size");
    }
    if ((tag->bytes - TAG_MAP_BYTES) % entry_bytes != 0) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: the memory map ends within an entry");
    }
    for (uint32_t offset = TAG_MAP_BYTES; offset < tag->bytes; offset += entry_bytes) {
        ashlar_phys at = tag->at + offset;
        uint64_t length = read_loader_u64(loader, at + 8);
        ashlar_memmap_add(walk->map, read_loader_u64(loader, at), length,
                          ashlar_memmap_type_of_e820(read_loader_u32(loader, at + 16)));
        walk->is_told |= length != 0;
    }
    walk->has_map = true;
    return ASHLAR_OK;
}

static ashlar_status note_memory_tag(struct tag_walk *walk, const struct loader_tag *tag)
{
    walk->lower_kib = read_loader_u32(walk->loader, tag->at + 8);
    walk->upper_kib = read_loader_u32(walk->loader, tag->at + 12);
    walk->has_memory = true;
    return ASHLAR_OK;
}

static ashlar_status read_module_tag(struct ashlar_multiboot2 *loader, const struct loader_tag *tag,
                                     struct ashlar_multiboot2_module *module)
{
    uint32_t base = read_loader_u32(loader, tag->at + 8);
    uint32_t end = read_loader_u32(loader, tag->at + 12);
    ashlar_phys string = tag->at + TAG_MODULE_BYTES - 1u;
    struct loader_memory memory = {loader->read, loader->context};
    if (end < base) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: a module ends before it begins");
    }
    if (ashlar_multiboot_string_bytes(&memory, string, tag->at + tag->bytes - string) == 0) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: a string has no end");
    }
    module->base = base;
    module->bytes = end - base;
    module->string = string;
    return ASHLAR_OK;
}

static ashlar_status add_module_tag(struct tag_walk *walk, const struct loader_tag *tag)
{
    struct ashlar_multiboot2_module module;
    ashlar_status status = read_module_tag(walk->loader, tag, &module);
    if (status == ASHLAR_OK && module.bytes != 0) {
        ashlar_memmap_reserve(walk->map, module.base, module.bytes, ASHLAR_MEMMAP_MODULE);
    }
    return status;
}

static ashlar_status add_framebuffer_tag(struct tag_walk *walk, const struct loader_tag *tag)
{
    ashlar_multiboot_add_framebuffer(walk->map, read_loader_u64(walk->loader, tag->at + 8),
                                     read_loader_u32(walk->loader, tag->at + 16),
                                     read_loader_u32(walk->loader, tag->at + 24));
    return ASHLAR_OK;
}

static ashlar_status add_tagged_section(struct tag_walk *walk, ashlar_phys header, bool is_wide)
{
    unsigned char bytes[SECTION_HEADER_BYTES];
    uint64_t address;
    uint64_t length;
    walk->loader->read(walk->loader->context, header, bytes, sizeof bytes);
    if (!ashlar_multiboot_section(bytes, is_wide, &address, &length)) {
        return ASHLAR_OK;
    }
    if (address >= LOADER_TOP || length > LOADER_TOP - address) {
        return refuse_loader(&walk->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot2: a section of the kernel's symbols passes 4 GiB");
    }
    if (length != 0) {
        ashlar_memmap_reserve(walk->map, address, length, ASHLAR_MEMMAP_LOADER);
    }
    return ASHLAR_OK;
}

static ashlar_status add_sections_tag(struct tag_walk *walk, const struct loader_tag *tag)
{
    uint32_t count = read_loader_u32(walk->loader, tag->at + 8);
    uint32_t header_bytes = read_loader_u32(walk->loader, tag->at + 12);
    ashlar_status status = ASHLAR_OK;
    if (count == 0) {
        return ASHLAR_OK;
    }
    if (header_bytes != 40 && header_bytes != 64) {
        return refuse_loader(&walk->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot2: section headers are neither 40 nor 64 bytes long");
    }
    if (count > (tag->bytes - TAG_SECTIONS_BYTES) / header_bytes) {
        return refuse_loader(&walk->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot2: more section headers than their tag holds");
    }
    for (uint32_t i = 0; status == ASHLAR_OK && i < count; i++) {
        status =
            add_tagged_section(walk, tag->at + TAG_SECTIONS_BYTES + (ashlar_phys)i * header_bytes, header_bytes == 64);
    }
    return status;
}

static ashlar_status add_tag_visit(struct tag_walk *walk, const struct loader_tag *tag)
{
    static const struct {
        uint32_t type;
        uint32_t least;
        tag_visitor add;
    } kinds[] = {
        {TAG_MODULE, TAG_MODULE_BYTES, add_module_tag},
        {TAG_MEMORY, TAG_MEMORY_BYTES, note_memory_tag},
        {TAG_MAP, TAG_MAP_BYTES, add_map_tag},
        {TAG_FRAMEBUFFER, TAG_FRAMEBUFFER_BYTES, add_framebuffer_tag},
        {TAG_SECTIONS, TAG_SECTIONS_BYTES, add_sections_tag},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (tag->type == kinds[i].type) {
            return tag->bytes >= kinds[i].least ? kinds[i].add(walk, tag)
                                                : refuse_loader(&walk->loader->problem, ASHLAR_BAD_MAP,
                                                                "multiboot2: a tag is too short for its type");
        }
    }
    return ASHLAR_OK;
}

/* Where the map says nothing. */
static ashlar_status add_noted_memory(struct tag_walk *walk)
{
    if (!walk->has_memory) {
        return walk->has_map ? ASHLAR_OK
                             : refuse_loader(&walk->loader->problem, ASHLAR_BAD_MAP,
                                             "multiboot2: the loader gives no memory map");
    }
    ashlar_multiboot_add_plain(walk->map, walk->lower_kib, walk->upper_kib);
    return ASHLAR_OK;
}

ashlar_status ashlar_multiboot2_add(struct ashlar_memmap *map, struct ashlar_multiboot2 *loader)
{
    struct ashlar_memmap before = *map;
    struct tag_walk walk = {.loader = loader, .map = map};
    ashlar_status status = visit_tags(&walk, add_tag_visit);
    if (status == ASHLAR_OK && !walk.is_told) {
        status = add_noted_memory(&walk);
    }
    if (status != ASHLAR_OK) {
        *map = before;
        return status;
    }
    ashlar_memmap_reserve(map, loader->information, read_loader_u32(loader, loader->information), ASHLAR_MEMMAP_LOADER);
    return ASHLAR_OK;
}

/* --- what kernels ask for ------------------------------------------------------- */

ashlar_status ashlar_multiboot2_module(struct ashlar_multiboot2 *loader, size_t index,
                                       struct ashlar_multiboot2_module *module)
{
    struct loader_tag tag;
    ashlar_status status = find_tag(loader, TAG_MODULE, index, TAG_MODULE_BYTES, &tag);
    return status == ASHLAR_OK ? read_module_tag(loader, &tag, module) : status;
}

ashlar_status ashlar_multiboot2_command_line(struct ashlar_multiboot2 *loader, char *buffer, size_t bytes)
{
    struct loader_memory memory = {loader->read, loader->context};
    struct loader_tag tag;
    if (bytes == 0) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_ARGUMENT, "multiboot2: a buffer of 0 bytes holds no string");
    }
    ashlar_status status = find_tag(loader, TAG_COMMAND_LINE, 0, TAG_COMMAND_LINE_BYTES, &tag);
    if (status != ASHLAR_OK) {
        return status;
    }
    if (!ashlar_multiboot_string_copy(&memory, tag.at + TAG_HEAD_BYTES, tag.bytes - TAG_HEAD_BYTES, buffer, bytes)) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot2: a string has no end");
    }
    return ASHLAR_OK;
}

ashlar_status ashlar_multiboot2_rsdp(struct ashlar_multiboot2 *loader, ashlar_phys *rsdp)
{
    struct loader_tag tag;
    ashlar_status status = find_tag(loader, TAG_NEW_RSDP, 0, TAG_NEW_RSDP_BYTES, &tag);
    if (status == ASHLAR_ABSENT) {
        status = find_tag(loader, TAG_OLD_RSDP, 0, TAG_OLD_RSDP_BYTES, &tag);
    }
    if (status == ASHLAR_OK) {
        *rsdp = tag.at + TAG_HEAD_BYTES;
    }
    return status;
}
