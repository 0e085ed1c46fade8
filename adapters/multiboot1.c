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
#include <ashlar/multiboot1.h>
#include <stdbool.h>

#define INFORMATION_BYTES 116u
#define TOP ((ashlar_phys)1 << 32)
#define CHUNK_BYTES 64u

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
#define MODULE_BYTES 16u
#define MAP_ENTRY_BYTES 20u /* at least; its own size field not counted */
#define MAP_ENTRY_MOST_BYTES 1024u
#define APM_BYTES 20u
#define VBE_CONTROL_BYTES 512u
#define VBE_MODE_BYTES 256u
#define LOWER_KIB_MOST 640u

/* One add at work. */
struct adding {
    struct ashlar_multiboot1 *loader;
    struct ashlar_memmap *map;
    unsigned char information[INFORMATION_BYTES];
};

static uint32_t u32_at(const unsigned char *bytes, size_t offset)
{
    return (uint32_t)bytes[offset] | (uint32_t)bytes[offset + 1] << 8 | (uint32_t)bytes[offset + 2] << 16 |
           (uint32_t)bytes[offset + 3] << 24;
}

static uint64_t u64_at(const unsigned char *bytes, size_t offset)
{
    return u32_at(bytes, offset) | (uint64_t)u32_at(bytes, offset + 4) << 32;
}

static ashlar_status refuse(struct ashlar_multiboot1 *loader, ashlar_status status, const char *problem)
{
    loader->problem = problem;
    return status;
}

static ashlar_status read_information(struct ashlar_multiboot1 *loader, unsigned char *information)
{
    if (loader->magic != ASHLAR_MULTIBOOT1_MAGIC) {
        return refuse(loader, ASHLAR_BAD_ARGUMENT, "multiboot: the magic number is not that of a Multiboot 1 loader");
    }
    if (loader->information == 0 || loader->information > TOP - INFORMATION_BYTES) {
        return refuse(loader, ASHLAR_BAD_ARGUMENT, "multiboot: the address of the loader's information is wrong");
    }
    loader->read(loader->context, loader->information, information, INFORMATION_BYTES);
    return ASHLAR_OK;
}

/* Bytes of a string with its NUL, or 0 if it has no end within bounds. Copies what fits if there is a buffer. Reads stay
 * within the frames that the string lies in. */
static size_t read_string(const struct ashlar_multiboot1 *loader, ashlar_phys string, char *buffer, size_t bytes)
{
    char chunk[CHUNK_BYTES];
    size_t length = 0;
    while (length < ASHLAR_MULTIBOOT1_STRING_BYTES && string + length < TOP) {
        size_t part = CHUNK_BYTES - (size_t)((string + length) & (CHUNK_BYTES - 1));
        loader->read(loader->context, string + length, chunk, part);
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

/* --- reserving ----------------------------------------------------------- */

static ashlar_status reserve(struct adding *add, ashlar_phys base, uint64_t bytes, ashlar_memmap_type type)
{
    if (bytes > TOP - base) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: a table, string or module passes 4 GiB");
    }
    if (bytes != 0) {
        ashlar_memmap_reserve(add->map, base, bytes, type);
    }
    return ASHLAR_OK;
}

static ashlar_status reserve_table(struct adding *add, ashlar_phys base, uint64_t bytes)
{
    if (bytes > ASHLAR_MULTIBOOT1_TABLE_BYTES) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: a table is larger than 1 MiB");
    }
    return reserve(add, base, bytes, ASHLAR_MEMMAP_LOADER);
}

static ashlar_status reserve_string(struct adding *add, ashlar_phys string)
{
    if (string == 0) {
        return ASHLAR_OK;
    }
    size_t bytes = read_string(add->loader, string, NULL, 0);
    if (bytes == 0) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: a string has no end");
    }
    return reserve(add, string, bytes, ASHLAR_MEMMAP_LOADER);
}

static bool has(const struct adding *add, uint32_t flag)
{
    return (u32_at(add->information, AT_FLAGS) & flag) != 0;
}

/* --- the parts of the information ---------------------------------------- */

static ashlar_status add_map_entries(struct adding *add)
{
    ashlar_phys at = u32_at(add->information, AT_MAP);
    uint32_t left_bytes = u32_at(add->information, AT_MAP_BYTES);
    ashlar_status status = reserve_table(add, at, left_bytes);
    while (status == ASHLAR_OK && left_bytes != 0) {
        unsigned char entry[4 + MAP_ENTRY_BYTES];
        if (left_bytes < sizeof entry) {
            return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: the memory map ends within an entry");
        }
        add->loader->read(add->loader->context, at, entry, sizeof entry);
        uint32_t bytes = u32_at(entry, 0);
        if (bytes < MAP_ENTRY_BYTES || bytes > MAP_ENTRY_MOST_BYTES || bytes > left_bytes - 4) {
            return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: an entry of the memory map has an impossible size");
        }
        ashlar_memmap_add(add->map, u64_at(entry, 4), u64_at(entry, 12), ashlar_memmap_type_of_e820(u32_at(entry, 20)));
        at += bytes + 4;
        left_bytes -= bytes + 4;
    }
    return status;
}

static ashlar_status add_memory(struct adding *add)
{
    if (has(add, HAS_MAP)) {
        return add_map_entries(add);
    }
    if (!has(add, HAS_MEMORY)) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: the loader gives no memory map");
    }
    uint32_t lower_kib = u32_at(add->information, AT_LOWER_KIB);
    lower_kib = lower_kib < LOWER_KIB_MOST ? lower_kib : LOWER_KIB_MOST;
    ashlar_memmap_add(add->map, 0, (ashlar_phys)lower_kib << 10, ASHLAR_MEMMAP_USABLE);
    ashlar_memmap_add(add->map, 0x100000, (ashlar_phys)u32_at(add->information, AT_UPPER_KIB) << 10,
                      ASHLAR_MEMMAP_USABLE);
    return ASHLAR_OK;
}

static ashlar_status read_module(struct ashlar_multiboot1 *loader, const unsigned char *information, size_t index,
                                 struct ashlar_multiboot1_module *module)
{
    unsigned char bytes[MODULE_BYTES];
    ashlar_phys at = u32_at(information, AT_MODULES) + (ashlar_phys)index * MODULE_BYTES;
    loader->read(loader->context, at, bytes, sizeof bytes);
    uint32_t base = u32_at(bytes, 0);
    uint32_t end = u32_at(bytes, 4);
    if (end < base) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot: a module ends before it begins");
    }
    module->base = base;
    module->bytes = end - base;
    module->string = u32_at(bytes, 8);
    return ASHLAR_OK;
}

/* *count modules, the list of which lies below 4 GiB. */
static ashlar_status count_modules(struct ashlar_multiboot1 *loader, const unsigned char *information, size_t *count)
{
    *count = (u32_at(information, AT_FLAGS) & HAS_MODULES) != 0 ? u32_at(information, AT_MODULE_COUNT) : 0;
    if (*count > ASHLAR_MULTIBOOT1_MODULES) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot: more modules than there can be");
    }
    if (*count * MODULE_BYTES > TOP - u32_at(information, AT_MODULES)) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot: the list of modules passes 4 GiB");
    }
    return ASHLAR_OK;
}

static ashlar_status add_modules(struct adding *add)
{
    size_t count;
    ashlar_status status = count_modules(add->loader, add->information, &count);
    if (status == ASHLAR_OK) {
        status = reserve_table(add, u32_at(add->information, AT_MODULES), count * MODULE_BYTES);
    }
    for (size_t i = 0; status == ASHLAR_OK && i < count; i++) {
        struct ashlar_multiboot1_module module;
        status = read_module(add->loader, add->information, i, &module);
        if (status == ASHLAR_OK) {
            status = reserve(add, module.base, module.bytes, ASHLAR_MEMMAP_MODULE);
        }
        if (status == ASHLAR_OK) {
            status = reserve_string(add, module.string);
        }
    }
    return status;
}

/* The symbol table and the string table behind it, each with its size in front. */
static ashlar_status add_aout_symbols(struct adding *add)
{
    uint64_t bytes = (uint64_t)u32_at(add->information, AT_SYMBOLS) + u32_at(add->information, AT_SYMBOLS + 4) + 8;
    return reserve(add, u32_at(add->information, AT_SYMBOLS + 8), bytes, ASHLAR_MEMMAP_LOADER);
}

/* A section that the loader placed: not part of the image (flag ALLOC), of any type but 0 (none) and 8 (no bits). */
static ashlar_status add_elf_section(struct adding *add, ashlar_phys header, bool is_wide)
{
    unsigned char bytes[40];
    add->loader->read(add->loader->context, header, bytes, sizeof bytes);
    uint32_t type = u32_at(bytes, 4);
    uint64_t address = is_wide ? u64_at(bytes, 16) : u32_at(bytes, 12);
    uint64_t length = is_wide ? u64_at(bytes, 32) : u32_at(bytes, 20);
    if (type == 0 || type == 8 || (u32_at(bytes, 8) & 2u) != 0 || address == 0) {
        return ASHLAR_OK;
    }
    if (address >= TOP) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: a section of the kernel's symbols lies above 4 GiB");
    }
    return reserve(add, address, length, ASHLAR_MEMMAP_LOADER);
}

static ashlar_status add_elf_symbols(struct adding *add)
{
    uint32_t count = u32_at(add->information, AT_SYMBOLS);
    uint32_t header_bytes = u32_at(add->information, AT_SYMBOLS + 4);
    ashlar_phys table = u32_at(add->information, AT_SYMBOLS + 8);
    if (count == 0) {
        return ASHLAR_OK;
    }
    if (header_bytes != 40 && header_bytes != 64) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: section headers are neither 40 nor 64 bytes long");
    }
    ashlar_status status = reserve_table(add, table, (uint64_t)count * header_bytes);
    for (uint32_t i = 0; status == ASHLAR_OK && i < count; i++) {
        status = add_elf_section(add, table + (ashlar_phys)i * header_bytes, header_bytes == 64);
    }
    return status;
}

static ashlar_status add_configuration(struct adding *add)
{
    unsigned char bytes[2];
    ashlar_phys at = u32_at(add->information, AT_CONFIGURATION);
    if (at > TOP - sizeof bytes) {
        return refuse(add->loader, ASHLAR_BAD_MAP, "multiboot: the ROM configuration table passes 4 GiB");
    }
    add->loader->read(add->loader->context, at, bytes, sizeof bytes);
    return reserve_table(add, at, (uint64_t)bytes[1] * 256u + bytes[0] + 2);
}

static ashlar_status add_framebuffer(struct adding *add)
{
    uint64_t base = u64_at(add->information, AT_FRAMEBUFFER);
    uint64_t bytes =
        (uint64_t)u32_at(add->information, AT_FRAMEBUFFER_PITCH) * u32_at(add->information, AT_FRAMEBUFFER_HEIGHT);
    if (bytes != 0) {
        ashlar_memmap_reserve(add->map, base, bytes, ASHLAR_MEMMAP_FRAMEBUFFER);
    }
    return ASHLAR_OK;
}

static ashlar_status add_information(struct adding *add)
{
    return reserve_table(add, add->loader->information, INFORMATION_BYTES);
}

static ashlar_status add_command_line(struct adding *add)
{
    return reserve_string(add, u32_at(add->information, AT_COMMAND_LINE));
}

static ashlar_status add_drives(struct adding *add)
{
    return reserve_table(add, u32_at(add->information, AT_DRIVES), u32_at(add->information, AT_DRIVES_BYTES));
}

static ashlar_status add_name(struct adding *add)
{
    return reserve_string(add, u32_at(add->information, AT_NAME));
}

static ashlar_status add_apm(struct adding *add)
{
    return reserve_table(add, u32_at(add->information, AT_APM), APM_BYTES);
}

static ashlar_status add_vbe(struct adding *add)
{
    ashlar_status status = reserve_table(add, u32_at(add->information, AT_VBE_CONTROL), VBE_CONTROL_BYTES);
    return status == ASHLAR_OK ? reserve_table(add, u32_at(add->information, AT_VBE_MODE), VBE_MODE_BYTES) : status;
}

ashlar_status ashlar_multiboot1_add(struct ashlar_memmap *map, struct ashlar_multiboot1 *loader)
{
    static const struct {
        uint32_t flag; /* 0: always */
        ashlar_status (*add)(struct adding *add);
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
    struct adding add = {.loader = loader, .map = map};
    ashlar_status status = read_information(loader, add.information);
    for (size_t i = 0; status == ASHLAR_OK && i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].flag == 0 || has(&add, parts[i].flag)) {
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
    unsigned char information[INFORMATION_BYTES];
    size_t count;
    ashlar_status status = read_information(loader, information);
    if (status == ASHLAR_OK) {
        status = count_modules(loader, information, &count);
    }
    if (status != ASHLAR_OK) {
        return status;
    }
    return index < count ? read_module(loader, information, index, module) : ASHLAR_ABSENT;
}

ashlar_status ashlar_multiboot1_string(struct ashlar_multiboot1 *loader, ashlar_phys string, char *buffer, size_t bytes)
{
    if (bytes == 0) {
        return refuse(loader, ASHLAR_BAD_ARGUMENT, "multiboot: a buffer of 0 bytes holds no string");
    }
    if (string == 0) {
        return ASHLAR_ABSENT;
    }
    size_t length = read_string(loader, string, NULL, 0);
    if (length == 0) {
        return refuse(loader, ASHLAR_BAD_MAP, "multiboot: a string has no end");
    }
    read_string(loader, string, buffer, bytes);
    buffer[(length < bytes ? length : bytes) - 1] = '\0';
    return ASHLAR_OK;
}

ashlar_status ashlar_multiboot1_command_line(struct ashlar_multiboot1 *loader, char *buffer, size_t bytes)
{
    unsigned char information[INFORMATION_BYTES];
    ashlar_status status = read_information(loader, information);
    if (status != ASHLAR_OK) {
        return status;
    }
    if ((u32_at(information, AT_FLAGS) & HAS_COMMAND_LINE) == 0) {
        return ASHLAR_ABSENT;
    }
    return ashlar_multiboot1_string(loader, u32_at(information, AT_COMMAND_LINE), buffer, bytes);
}
