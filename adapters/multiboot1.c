/* SPDX-License-Identifier: 0BSD */
/* multiboot1.c - Multiboot 1's tables, over raw offsets (Multiboot Specification 0.6.96, section 3.3).
 *
 *     information --> flags, and for each flag that is set numbers and addresses:
 *                     memory map, command line, modules (each with a string),
 *                     symbols, drives, loader's name, APM, VBE, framebuffer
 *
 * All numbers are little-endian, and so is each machine that this loader knows.
 * Addresses have 32 bits. Whatever is reserved is checked first: it may not pass
 * 4 GiB, and it may not be larger than such a thing can be.
 *
 * A failed add leaves the map as it was: the structure is copied, and put back.
 * Entries beyond its count are nobody's.
 */
#include "multiboot.h"
#include <ashlar/multiboot1.h>

#define TABLES_BYTES 116u

/* Flags, and where what they promise lies. */
enum {
    HAS_MEMORY = 1u << 0,
    HAS_COMMAND_LINE = 1u << 2,
    HAS_MODULES = 1u << 3,
    HAS_AOUT = 1u << 4,
    HAS_ELF = 1u << 5,
    HAS_MAP = 1u << 6,
    HAS_DRIVES = 1u << 7,
    HAS_CONFIGURATION = 1u << 8,
    HAS_NAME = 1u << 9,
    HAS_APM = 1u << 10,
    HAS_VBE = 1u << 11,
    HAS_FRAMEBUFFER = 1u << 12
};
enum {
    AT_FLAGS = 0,
    AT_LOWER_KIB = 4,
    AT_UPPER_KIB = 8,
    AT_COMMAND_LINE = 16,
    AT_MODULE_COUNT = 20,
    AT_MODULES = 24,
    AT_SYMBOLS = 28, /* a.out: symbol bytes, string bytes, address; ELF: headers, bytes of each, address */
    AT_MAP_BYTES = 44,
    AT_MAP = 48,
    AT_DRIVES_BYTES = 52,
    AT_DRIVES = 56,
    AT_CONFIGURATION = 60,
    AT_NAME = 64,
    AT_APM = 68,
    AT_VBE_CONTROL = 72,
    AT_VBE_MODE = 76,
    AT_FRAMEBUFFER = 88,
    AT_FRAMEBUFFER_PITCH = 96,
    AT_FRAMEBUFFER_HEIGHT = 104
};
#define MODULE_ENTRY_BYTES 16u
#define MAP_ENTRY_BYTES 20u /* at least; its own size field not counted */
#define APM_BYTES 20u
#define VBE_CONTROL_BYTES 512u
#define VBE_MODE_BYTES 256u

/* One add at work. */
struct table_adding {
    struct ashlar_multiboot1 *loader;
    struct ashlar_memmap *map;
    unsigned char information[TABLES_BYTES];
};

static ashlar_status read_information(struct ashlar_multiboot1 *loader, unsigned char *information)
{
    if (loader->magic != ASHLAR_MULTIBOOT1_MAGIC) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_ARGUMENT,
                             "multiboot: the magic number is not that of a Multiboot 1 loader");
    }
    if (loader->information == 0 || loader->information > LOADER_TOP - TABLES_BYTES) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_ARGUMENT,
                             "multiboot: the address of the loader's information is wrong");
    }
    loader->read(loader->context, loader->information, information, TABLES_BYTES);
    return ASHLAR_OK;
}

static struct loader_memory loader_memory_of(const struct ashlar_multiboot1 *loader)
{
    return (struct loader_memory){loader->read, loader->context};
}

/* The most bytes that a string can have here. */
static uint64_t room_for_string(ashlar_phys string)
{
    ashlar_phys below_top = string < LOADER_TOP ? LOADER_TOP - string : 0;
    return below_top < ASHLAR_MULTIBOOT1_STRING_BYTES ? below_top : ASHLAR_MULTIBOOT1_STRING_BYTES;
}

/* --- reserving ----------------------------------------------------------- */

static ashlar_status reserve_below_top(struct table_adding *add, ashlar_phys base, uint64_t bytes,
                                       ashlar_memmap_type type)
{
    if (bytes > LOADER_TOP - base) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot: a table, string or module passes 4 GiB");
    }
    if (bytes != 0) {
        ashlar_memmap_reserve(add->map, base, bytes, type);
    }
    return ASHLAR_OK;
}

static ashlar_status reserve_table(struct table_adding *add, ashlar_phys base, uint64_t bytes)
{
    if (bytes > ASHLAR_MULTIBOOT1_TABLE_BYTES) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP, "multiboot: a table is larger than 1 MiB");
    }
    return reserve_below_top(add, base, bytes, ASHLAR_MEMMAP_LOADER);
}

static ashlar_status reserve_string(struct table_adding *add, ashlar_phys string)
{
    struct loader_memory memory = loader_memory_of(add->loader);
    if (string == 0) {
        return ASHLAR_OK;
    }
    size_t bytes = ashlar_multiboot_string_bytes(&memory, string, room_for_string(string));
    if (bytes == 0) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP, "multiboot: a string has_table no end");
    }
    return reserve_below_top(add, string, bytes, ASHLAR_MEMMAP_LOADER);
}

static bool has_table(const struct table_adding *add, uint32_t flag)
{
    return (loader_u32(add->information, AT_FLAGS) & flag) != 0;
}

/* --- the parts of the information ---------------------------------------- */

/* *told is not 0 if any entry has bytes. */
static ashlar_status add_map_entries(struct table_adding *add, uint64_t *told)
{
    ashlar_phys at = loader_u32(add->information, AT_MAP);
    uint32_t left_bytes = loader_u32(add->information, AT_MAP_BYTES);
    ashlar_status status = reserve_table(add, at, left_bytes);
    *told = 0;
    while (status == ASHLAR_OK && left_bytes != 0) {
        unsigned char entry[4 + MAP_ENTRY_BYTES];
        if (left_bytes < sizeof entry) {
            return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP,
                                 "multiboot: the memory map ends within an entry");
        }
        add->loader->read(add->loader->context, at, entry, sizeof entry);
        uint32_t bytes = loader_u32(entry, 0);
        if (bytes < MAP_ENTRY_BYTES || bytes > FIRMWARE_ENTRY_MOST_BYTES || bytes > left_bytes - 4) {
            return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP,
                                 "multiboot: an entry of the memory map has_table an impossible size");
        }
        ashlar_memmap_add(add->map, loader_u64(entry, 4), loader_u64(entry, 12),
                          ashlar_memmap_type_of_e820(loader_u32(entry, 20)));
        *told |= loader_u64(entry, 12);
        at += bytes + 4;
        left_bytes -= bytes + 4;
    }
    return status;
}

/* The map; lower and upper memory where it says nothing. */
static ashlar_status add_memory(struct table_adding *add)
{
    uint64_t told;
    if (has_table(add, HAS_MAP)) {
        ashlar_status status = add_map_entries(add, &told);
        if (status != ASHLAR_OK || told != 0 || !has_table(add, HAS_MEMORY)) {
            return status;
        }
    } else if (!has_table(add, HAS_MEMORY)) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP, "multiboot: the loader gives no memory map");
    }
    ashlar_multiboot_add_plain(add->map, loader_u32(add->information, AT_LOWER_KIB),
                               loader_u32(add->information, AT_UPPER_KIB));
    return ASHLAR_OK;
}

static ashlar_status read_module_entry(struct ashlar_multiboot1 *loader, const unsigned char *information, size_t index,
                                       struct ashlar_multiboot1_module *module)
{
    unsigned char bytes[MODULE_ENTRY_BYTES];
    ashlar_phys at = loader_u32(information, AT_MODULES) + (ashlar_phys)index * MODULE_ENTRY_BYTES;
    loader->read(loader->context, at, bytes, sizeof bytes);
    uint32_t base = loader_u32(bytes, 0);
    uint32_t end = loader_u32(bytes, 4);
    if (end < base) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot: a module ends before it begins");
    }
    module->base = base;
    module->bytes = end - base;
    module->string = loader_u32(bytes, 8);
    return ASHLAR_OK;
}

/* *count modules, the list of which lies below 4 GiB. */
static ashlar_status count_modules(struct ashlar_multiboot1 *loader, const unsigned char *information, size_t *count)
{
    *count = (loader_u32(information, AT_FLAGS) & HAS_MODULES) != 0 ? loader_u32(information, AT_MODULE_COUNT) : 0;
    if (*count > ASHLAR_MULTIBOOT1_MODULES) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot: more modules than there can be");
    }
    if (*count * MODULE_ENTRY_BYTES > LOADER_TOP - loader_u32(information, AT_MODULES)) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot: the list of modules passes 4 GiB");
    }
    return ASHLAR_OK;
}

static ashlar_status add_modules(struct table_adding *add)
{
    size_t count;
    ashlar_status status = count_modules(add->loader, add->information, &count);
    if (status == ASHLAR_OK) {
        status = reserve_table(add, loader_u32(add->information, AT_MODULES), count * MODULE_ENTRY_BYTES);
    }
    for (size_t i = 0; status == ASHLAR_OK && i < count; i++) {
        struct ashlar_multiboot1_module module;
        status = read_module_entry(add->loader, add->information, i, &module);
        if (status == ASHLAR_OK) {
            status = reserve_below_top(add, module.base, module.bytes, ASHLAR_MEMMAP_MODULE);
        }
        if (status == ASHLAR_OK) {
            status = reserve_string(add, module.string);
        }
    }
    return status;
}

/* The symbol table and the string table behind it, each with its size in front. */
static ashlar_status add_aout_symbols(struct table_adding *add)
{
    uint64_t bytes =
        (uint64_t)loader_u32(add->information, AT_SYMBOLS) + loader_u32(add->information, AT_SYMBOLS + 4) + 8;
    return reserve_below_top(add, loader_u32(add->information, AT_SYMBOLS + 8), bytes, ASHLAR_MEMMAP_LOADER);
}

static ashlar_status add_elf_section(struct table_adding *add, ashlar_phys header, bool is_wide)
{
    unsigned char bytes[SECTION_HEADER_BYTES];
    uint64_t address;
    uint64_t length;
    add->loader->read(add->loader->context, header, bytes, sizeof bytes);
    if (!ashlar_multiboot_section(bytes, is_wide, &address, &length)) {
        return ASHLAR_OK;
    }
    if (address >= LOADER_TOP) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot: a section of the kernel's symbols lies above 4 GiB");
    }
    return reserve_below_top(add, address, length, ASHLAR_MEMMAP_LOADER);
}

static ashlar_status add_elf_symbols(struct table_adding *add)
{
    uint32_t count = loader_u32(add->information, AT_SYMBOLS);
    uint32_t header_bytes = loader_u32(add->information, AT_SYMBOLS + 4);
    ashlar_phys table = loader_u32(add->information, AT_SYMBOLS + 8);
    if (count == 0) {
        return ASHLAR_OK;
    }
    if (header_bytes != 40 && header_bytes != 64) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot: section headers are neither 40 nor 64 bytes long");
    }
    ashlar_status status = reserve_table(add, table, (uint64_t)count * header_bytes);
    for (uint32_t i = 0; status == ASHLAR_OK && i < count; i++) {
        status = add_elf_section(add, table + (ashlar_phys)i * header_bytes, header_bytes == 64);
    }
    return status;
}

static ashlar_status add_configuration(struct table_adding *add)
{
    unsigned char bytes[2];
    ashlar_phys at = loader_u32(add->information, AT_CONFIGURATION);
    if (at > LOADER_TOP - sizeof bytes) {
        return refuse_loader(&add->loader->problem, ASHLAR_BAD_MAP,
                             "multiboot: the ROM configuration table passes 4 GiB");
    }
    add->loader->read(add->loader->context, at, bytes, sizeof bytes);
    return reserve_table(add, at, (uint64_t)bytes[1] * 256u + bytes[0] + 2);
}

static ashlar_status add_framebuffer(struct table_adding *add)
{
    ashlar_multiboot_add_framebuffer(add->map, loader_u64(add->information, AT_FRAMEBUFFER),
                                     loader_u32(add->information, AT_FRAMEBUFFER_PITCH),
                                     loader_u32(add->information, AT_FRAMEBUFFER_HEIGHT));
    return ASHLAR_OK;
}

static ashlar_status add_information(struct table_adding *add)
{
    return reserve_table(add, add->loader->information, TABLES_BYTES);
}

static ashlar_status add_command_line(struct table_adding *add)
{
    return reserve_string(add, loader_u32(add->information, AT_COMMAND_LINE));
}

static ashlar_status add_drives(struct table_adding *add)
{
    return reserve_table(add, loader_u32(add->information, AT_DRIVES), loader_u32(add->information, AT_DRIVES_BYTES));
}

static ashlar_status add_name(struct table_adding *add)
{
    return reserve_string(add, loader_u32(add->information, AT_NAME));
}

static ashlar_status add_apm(struct table_adding *add)
{
    return reserve_table(add, loader_u32(add->information, AT_APM), APM_BYTES);
}

static ashlar_status add_vbe(struct table_adding *add)
{
    ashlar_status status = reserve_table(add, loader_u32(add->information, AT_VBE_CONTROL), VBE_CONTROL_BYTES);
    return status == ASHLAR_OK ? reserve_table(add, loader_u32(add->information, AT_VBE_MODE), VBE_MODE_BYTES) : status;
}

ashlar_status ashlar_multiboot1_add(struct ashlar_memmap *map, struct ashlar_multiboot1 *loader)
{
    static const struct {
        uint32_t flag; /* 0: always */
        ashlar_status (*add)(struct table_adding *add);
    } parts[] = {
        {0, add_memory},
        {0, add_information},
        {HAS_COMMAND_LINE, add_command_line},
        {HAS_MODULES, add_modules},
        {HAS_AOUT, add_aout_symbols},
        {HAS_ELF, add_elf_symbols},
        {HAS_DRIVES, add_drives},
        {HAS_CONFIGURATION, add_configuration},
        {HAS_NAME, add_name},
        {HAS_APM, add_apm},
        {HAS_VBE, add_vbe},
        {HAS_FRAMEBUFFER, add_framebuffer},
    };
    struct ashlar_memmap before = *map;
    struct table_adding add = {.loader = loader, .map = map};
    ashlar_status status = read_information(loader, add.information);
    for (size_t i = 0; status == ASHLAR_OK && i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].flag == 0 || has_table(&add, parts[i].flag)) {
            status = parts[i].add(&add);
        }
    }
    if (status != ASHLAR_OK) {
        *map = before;
    }
    return status;
}

/* --- what kernels ask for ------------------------------------------------ */

ashlar_status ashlar_multiboot1_module(struct ashlar_multiboot1 *loader, size_t index,
                                       struct ashlar_multiboot1_module *module)
{
    unsigned char information[TABLES_BYTES];
    size_t count;
    ashlar_status status = read_information(loader, information);
    if (status == ASHLAR_OK) {
        status = count_modules(loader, information, &count);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    return index < count ? read_module_entry(loader, information, index, module) : ASHLAR_ABSENT;
}

ashlar_status ashlar_multiboot1_string(struct ashlar_multiboot1 *loader, ashlar_phys string, char *buffer, size_t bytes)
{
    struct loader_memory memory = loader_memory_of(loader);
    if (bytes == 0) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_ARGUMENT, "multiboot: a buffer of 0 bytes holds no string");
    }
    if (string == 0) {
        return ASHLAR_ABSENT;
    }
    if (!ashlar_multiboot_string_copy(&memory, string, room_for_string(string), buffer, bytes)) {
        return refuse_loader(&loader->problem, ASHLAR_BAD_MAP, "multiboot: a string has_table no end");
    }
    return ASHLAR_OK;
}

ashlar_status ashlar_multiboot1_command_line(struct ashlar_multiboot1 *loader, char *buffer, size_t bytes)
{
    unsigned char information[TABLES_BYTES];
    ashlar_status status = read_information(loader, information);
    if (status != ASHLAR_OK) {
        return status;
    }
    if ((loader_u32(information, AT_FLAGS) & HAS_COMMAND_LINE) == 0) {
        return ASHLAR_ABSENT;
    }
    return ashlar_multiboot1_string(loader, loader_u32(information, AT_COMMAND_LINE), buffer, bytes);
}
