/* SPDX-License-Identifier: 0BSD */
/* The Multiboot 1 adapter over tables in a simulated RAM of 1 MiB, from what QEMU leaves to what no loader should. */
#include "adapters/loader.h"
#include "memmap/reference.h"
#include <ashlar/multiboot1.h>

static struct ashlar_multiboot1 loader;

static void put_text(uint32_t at, const char *text)
{
    memcpy(ram + at, text, strlen(text) + 1);
}

/* An entry of the map; returns where the next one goes. */
static uint32_t put_entry(uint32_t at, uint32_t bytes, uint64_t base, uint64_t length, uint32_t type)
{
    put32(at, bytes);
    put(at + 4, base, 8);
    put(at + 12, length, 8);
    put32(at + 20, type);
    return at + bytes + 4;
}

static void begin(uint32_t flags)
{
    begin_ram();
    put32(INFORMATION, flags);
    loader = (struct ashlar_multiboot1){.magic = ASHLAR_MULTIBOOT1_MAGIC,
                                        .information = INFORMATION,
                                        .read = read_ram,
                                        .context = ram};
}

/* A map with 64 MiB of RAM, at 0x9100. */
static void put_map(void)
{
    uint32_t at = put_entry(0x9100, 20, 0, 0x9fc00, 1);
    at = put_entry(at, 24, 0x9fc00, 0x400, 2); /* an entry may be longer than we know */
    at = put_entry(at, 20, 0x100000, 0x3ee0000, 1);
    at = put_entry(at, 20, 0x3fe0000, 0x20000, 77);
    put32(INFORMATION + 44, at - 0x9100);
    put32(INFORMATION + 48, 0x9100);
}

static void test_map(void)
{
    begin(1u << 6);
    put_map();
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "a map");
    was_added(0, 0x9fc00, ASHLAR_MEMMAP_USABLE, "low memory");
    was_added(0x9fc00, 0x400, ASHLAR_MEMMAP_RESERVED, "a long entry");
    was_added(0x100000, 0x3ee0000, ASHLAR_MEMMAP_USABLE, "high memory, behind the long entry");
    was_added(0x3fe0000, 0x20000, ASHLAR_MEMMAP_FOREIGN + 77, "[fault 15] an unknown type stays unknown");
    was_reserved(0x9100, 24 * 4 + 4, ASHLAR_MEMMAP_LOADER, "[fault 14] the map itself is reserved");
    was_reserved(INFORMATION, 116, ASHLAR_MEMMAP_LOADER, "[fault 14] and the information");
    is_u(map.count, 6, "and nothing else");
    is_u(ashlar_memmap_finalize(&map), ASHLAR_OK, "a finished map");
    is_u(type_at(&map, 0x9000), ASHLAR_MEMMAP_LOADER, "the loader's frame is not usable");
    is_u(type_at(&map, 0x3fe0000), ASHLAR_MEMMAP_RESERVED, "nor is what nobody knows");
    begin(1u << 0);
    put32(INFORMATION + 4, 639);
    put32(INFORMATION + 8, 64512);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "lower and upper memory");
    was_added(0, 639 * 1024, ASHLAR_MEMMAP_USABLE, "lower memory");
    was_added(0x100000, 64512 * 1024, ASHLAR_MEMMAP_USABLE, "upper memory");
    put32(INFORMATION + 4, 0xffffffff);
    put32(INFORMATION + 8, 0xffffffff);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "more than there can be");
    was_added(0, 640 * 1024, ASHLAR_MEMMAP_USABLE, "lower memory ends at 640 KiB");
    was_added(0x100000, 0x3fffffffc00, ASHLAR_MEMMAP_USABLE, "upper memory is the map's to clamp");
    begin(1u << 6);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "a map of no bytes");
    is_u(map.count, 1, "with no other numbers");
    is_u(ashlar_memmap_finalize(&map), ASHLAR_BAD_MAP, "[fault 1] is empty, but for what is reserved");
}

/* Both flags, and a map that says nothing. */
static void test_empty_map(void)
{
    begin(1u << 6 | 1u << 0);
    put32(INFORMATION + 4, 639);
    put32(INFORMATION + 8, 64512);
    put32(INFORMATION + 48, 0x9100);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "[fault 203] a map of no bytes, and numbers");
    was_added(0, 639 * 1024, ASHLAR_MEMMAP_USABLE, "[fault 203] lower memory counts");
    was_added(0x100000, 64512 * 1024, ASHLAR_MEMMAP_USABLE, "[fault 203] and upper");
    begin(1u << 6 | 1u << 0);
    put32(INFORMATION + 8, 64512);
    put32(INFORMATION + 44, put_entry(put_entry(0x9100, 20, 0, 0, 1), 20, 0x100000, 0, 2) - 0x9100);
    put32(INFORMATION + 48, 0x9100);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "[fault 203] entries of no bytes, and numbers");
    was_added(0x100000, 64512 * 1024, ASHLAR_MEMMAP_USABLE, "[fault 203] upper memory counts");
    begin(1u << 6 | 1u << 0);
    put32(INFORMATION + 8, 64512);
    put_map();
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "a map that says something");
    is_u(find_entry(0x100000, 64512 * 1024, ASHLAR_MEMMAP_USABLE, 0), 0, "is all that counts");
}

static void test_modules(void)
{
    struct ashlar_multiboot1_module module = {.base = 1234};
    char text[8] = "before";
    begin(1u << 6 | 1u << 3 | 1u << 2);
    put_map();
    put32(INFORMATION + 16, 0xa000);
    put_text(0xa000, "kernel.elf test=all");
    put32(INFORMATION + 20, 2);
    put_text(0xaffe, "initrd across a frame");
    put32(INFORMATION + 24, 0xc000);
    put32(0xc000, 0x200000);
    put32(0xc004, 0x2a00123);
    put32(0xc008, 0xaffe);
    put32(0xc010, 0x3000000);
    put32(0xc014, 0x3000000);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "two modules");
    was_reserved(0x200000, 0x2800123, ASHLAR_MEMMAP_MODULE, "[fault 14] a module of 40 MiB");
    was_reserved(0xc000, 32, ASHLAR_MEMMAP_LOADER, "[fault 14] the list of modules");
    was_reserved(0xaffe, 22, ASHLAR_MEMMAP_LOADER, "[fault 14] a module's string, its NUL included");
    was_reserved(0xa000, 20, ASHLAR_MEMMAP_LOADER, "[fault 14] the command line");
    is_u(map.count, 10, "an empty module without a string reserves nothing");
    is_u(ashlar_multiboot1_module(&loader, 0, &module), ASHLAR_OK, "the first module");
    ok(module.base == 0x200000 && module.bytes == 0x2800123 && module.string == 0xaffe, "where it lies");
    is_u(ashlar_multiboot1_module(&loader, 2, &module), ASHLAR_ABSENT, "there is no third");
    is_u(module.base, 0x200000, "outputs are untouched");
    is_u(ashlar_multiboot1_string(&loader, module.string, text, sizeof text), ASHLAR_OK, "its string");
    is_str(text, "initrd ", "cut to the buffer");
    is_u(ashlar_multiboot1_module(&loader, 1, &module), ASHLAR_OK, "the empty module");
    ok(module.bytes == 0 && module.string == 0, "has neither bytes nor a string");
    is_u(ashlar_multiboot1_string(&loader, module.string, text, sizeof text), ASHLAR_ABSENT, "no string");
}

static void test_command_line(void)
{
    char text[24] = "before";
    begin(1u << 2);
    put32(INFORMATION + 16, 0xa000);
    put_text(0xa000, "tour exit");
    is_u(ashlar_multiboot1_command_line(&loader, text, sizeof text), ASHLAR_OK, "a command line");
    is_str(text, "tour exit", "whole");
    is_u(ashlar_multiboot1_command_line(&loader, text, 10), ASHLAR_OK, "a buffer that it just fits");
    is_str(text, "tour exit", "whole");
    is_u(ashlar_multiboot1_command_line(&loader, text, 9), ASHLAR_OK, "one byte less");
    is_str(text, "tour exi", "cut");
    is_u(ashlar_multiboot1_command_line(&loader, text, 1), ASHLAR_OK, "one byte");
    is_str(text, "", "empty");
    strcpy(text, "before");
    is_u(ashlar_multiboot1_command_line(&loader, text, 0), ASHLAR_BAD_ARGUMENT, "no bytes");
    put32(INFORMATION + 16, 0);
    is_u(ashlar_multiboot1_command_line(&loader, text, sizeof text), ASHLAR_ABSENT, "at address 0: none");
    put32(INFORMATION, 0);
    put32(INFORMATION + 16, 0xa000);
    is_u(ashlar_multiboot1_command_line(&loader, text, sizeof text), ASHLAR_ABSENT, "the flag is not set: none");
    put32(INFORMATION, 4);
    put32(INFORMATION + 16, RAM_BYTES);
    is_u(ashlar_multiboot1_command_line(&loader, text, sizeof text), ASHLAR_BAD_MAP, "no end: an error");
    is_str(text, "before", "the buffer is untouched by errors");
    loader.magic++;
    is_u(ashlar_multiboot1_command_line(&loader, text, sizeof text), ASHLAR_BAD_ARGUMENT, "another magic: an error");
}

static void test_the_rest(void)
{
    begin(1u << 6 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 10 | 1u << 11 | 1u << 12);
    put_map();
    put32(INFORMATION + 28, 0x100);
    put32(INFORMATION + 32, 0x40);
    put32(INFORMATION + 36, 0x20000);
    put32(INFORMATION + 52, 0x30);
    put32(INFORMATION + 56, 0x21000);
    put32(INFORMATION + 60, 0x22000);
    put(0x22000, 0x0108, 2);
    put32(INFORMATION + 64, 0x23000);
    put_text(0x23000, "qemu");
    put32(INFORMATION + 68, 0x24000);
    put32(INFORMATION + 72, 0x25000);
    put32(INFORMATION + 76, 0x26000);
    put(INFORMATION + 88, 0x3000100000, 8);
    put32(INFORMATION + 96, 4096);
    put32(INFORMATION + 104, 768);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "everything at once");
    was_reserved(0x20000, 0x148, ASHLAR_MEMMAP_LOADER, "a.out symbols, with their sizes");
    was_reserved(0x21000, 0x30, ASHLAR_MEMMAP_LOADER, "drives");
    was_reserved(0x22000, 0x10a, ASHLAR_MEMMAP_LOADER, "ROM configuration table");
    was_reserved(0x23000, 5, ASHLAR_MEMMAP_LOADER, "loader's name");
    was_reserved(0x24000, 20, ASHLAR_MEMMAP_LOADER, "APM table");
    was_reserved(0x25000, 512, ASHLAR_MEMMAP_LOADER, "VBE control information");
    was_reserved(0x26000, 256, ASHLAR_MEMMAP_LOADER, "VBE mode information");
    was_reserved(0x3000100000, 0x300000, ASHLAR_MEMMAP_FRAMEBUFFER, "framebuffer, above 4 GiB");
    is_u(map.count, 14, "and nothing else");
    put32(INFORMATION + 104, 0);
    map.count = 0;
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "a framebuffer of no lines");
    is_u(map.count, 13, "is none");
}

static void put_section(uint32_t at, bool is_wide, uint32_t type, uint32_t flags, uint64_t address, uint64_t bytes)
{
    put32(at + 4, type);
    put(at + 8, flags, is_wide ? 8 : 4);
    put(at + (is_wide ? 16 : 12), address, is_wide ? 8 : 4);
    put(at + (is_wide ? 32 : 20), bytes, is_wide ? 8 : 4);
}

static void test_elf(uint32_t header_bytes, const char *name)
{
    bool is_wide = header_bytes == 64;
    begin(1u << 6 | 1u << 5);
    put_map();
    put32(INFORMATION + 28, 6);
    put32(INFORMATION + 32, header_bytes);
    put32(INFORMATION + 36, 0x30000);
    put_section(0x30000 + header_bytes, is_wide, 1, 6, 0xc0100000, 0x4000);     /* text: part of the image */
    put_section(0x30000 + 2 * header_bytes, is_wide, 8, 0, 0xc0200000, 0x4000); /* no bits */
    put_section(0x30000 + 3 * header_bytes, is_wide, 2, 0, 0x180000, 0x1230);   /* symbols */
    put_section(0x30000 + 4 * header_bytes, is_wide, 1, 1, 0x182000, 0x456);    /* their names */
    put_section(0x30000 + 5 * header_bytes, is_wide, 1, 0, 0, 0x456);           /* not loaded */
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "%s", name);
    was_reserved(0x30000, 6 * header_bytes, ASHLAR_MEMMAP_LOADER, "section headers");
    was_reserved(0x180000, 0x1230, ASHLAR_MEMMAP_LOADER, "symbols");
    was_reserved(0x182000, 0x456, ASHLAR_MEMMAP_LOADER, "names of symbols");
    is_u(map.count, 9, "and no other section");
    put32(INFORMATION + 32, 56);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_BAD_MAP, "headers of a size that is neither");
    like(loader.problem, "neither 40 nor 64", "it says so");
    put32(INFORMATION + 28, 0);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "no headers: no matter what size");
}

/* --- what no loader should do ------------------------------------------------------------------------------------ */

static ashlar_status add(void)
{
    return ashlar_multiboot1_add(&map, &loader);
}

static void is_refused(ashlar_status status, const char *words, const char *name)
{
    add_is_refused(add, &loader.problem, status, words, name);
}

static void test_bad_information(void)
{
    begin(1u << 6);
    loader.magic = 0x36d76289;
    is_refused(ASHLAR_BAD_ARGUMENT, "magic", "the magic of Multiboot 2");
    begin(1u << 6);
    loader.information = 0;
    is_refused(ASHLAR_BAD_ARGUMENT, "information", "information at 0");
    begin(1u << 6);
    loader.information = 0xffffff8du;
    is_refused(ASHLAR_BAD_ARGUMENT, "information", "information across 4 GiB");
    begin(0);
    is_refused(ASHLAR_BAD_MAP, "no memory map", "no map at all");
}

static void test_bad_map(void)
{
    begin(1u << 6);
    put_map();
    put32(0x9100 + 24, 0);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "an entry of size 0");
    put32(0x9100 + 24, 19);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "one too small");
    put32(0x9100 + 24, 0xfffffffc);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "one that leads back to itself");
    put32(0x9100 + 24, 76);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "one that passes the end");
    put32(0x9100 + 24, 24 + 25);
    is_refused(ASHLAR_BAD_MAP, "ends within an entry", "less than an entry left");
    begin(1u << 6);
    put_map();
    put32(INFORMATION + 44, 0xffffffff);
    is_refused(ASHLAR_BAD_MAP, "larger than 1 MiB", "a map of 4 GiB");
    put32(INFORMATION + 44, 48);
    put32(INFORMATION + 48, 0xffffffe0);
    is_refused(ASHLAR_BAD_MAP, "passes 4 GiB", "a map across 4 GiB");
}

static void test_bad_modules(void)
{
    begin(1u << 6 | 1u << 3);
    put_map();
    put32(INFORMATION + 20, 0xffffffff);
    put32(INFORMATION + 24, 0xb000);
    is_refused(ASHLAR_BAD_MAP, "more modules", "2^32 modules");
    put32(INFORMATION + 20, 4);
    put32(INFORMATION + 24, 0xffffffd0);
    is_refused(ASHLAR_BAD_MAP, "list of modules passes", "a list across 4 GiB");
    put32(INFORMATION + 20, 1);
    put32(INFORMATION + 24, 0xb000);
    put32(0xb000, 0x2000);
    put32(0xb004, 0x1fff);
    is_refused(ASHLAR_BAD_MAP, "before it begins", "a module of -1 bytes");
    put32(0xb004, 0x2000);
    put32(0xb008, RAM_BYTES);
    is_refused(ASHLAR_BAD_MAP, "no end", "a string without end");
    put32(0xb008, 0xfffffff0);
    is_refused(ASHLAR_BAD_MAP, "no end", "a string that passes 4 GiB");
    memset(ram + 0x40000, 'x', ASHLAR_MULTIBOOT1_STRING_BYTES);
    put32(0xb008, 0x40001);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "the longest string");
    was_reserved(0x40001, 65536, ASHLAR_MEMMAP_LOADER, "is reserved whole");
    put32(0xb008, 0x40000);
    is_refused(ASHLAR_BAD_MAP, "no end", "one more byte");
    memset(ram + 0x40000, 'x', ASHLAR_MULTIBOOT1_STRING_BYTES + 0x24);
    put32(0xb008, 0x40020);
    is_refused(ASHLAR_BAD_MAP, "no end", "a few more, that would be read with the last ones");
}

static void test_bad_symbols(void)
{
    begin(1u << 6 | 1u << 5);
    put_map();
    put32(INFORMATION + 28, 0xffffffff);
    put32(INFORMATION + 32, 40);
    put32(INFORMATION + 36, 0x30000);
    is_refused(ASHLAR_BAD_MAP, "larger than 1 MiB", "2^32 sections");
    put32(INFORMATION + 28, 1);
    put_section(0x30000, false, 2, 0, 0xfffff000, 0x1001);
    is_refused(ASHLAR_BAD_MAP, "passes 4 GiB", "a section that passes 4 GiB");
    put32(INFORMATION + 32, 64);
    put_section(0x30000, true, 2, 0, (uint64_t)1 << 32, 1);
    is_refused(ASHLAR_BAD_MAP, "above 4 GiB", "a section above 4 GiB");
    put_section(0x30000, true, 2, 0, 0x1000, ~(uint64_t)0);
    is_refused(ASHLAR_BAD_MAP, "passes 4 GiB", "a section of 2^64 bytes");
    begin(1u << 6 | 1u << 4);
    put_map();
    put32(INFORMATION + 28, 0xffffffff);
    put32(INFORMATION + 32, 0xffffffff);
    is_refused(ASHLAR_BAD_MAP, "passes 4 GiB", "8 GiB of symbols");
    begin(1u << 6 | 1u << 8);
    put_map();
    put32(INFORMATION + 60, 0xffffffff);
    is_refused(ASHLAR_BAD_MAP, "configuration", "a configuration table at the last byte");
    begin(1u << 6 | 1u << 7);
    put_map();
    put32(INFORMATION + 52, 0x100001);
    is_refused(ASHLAR_BAD_MAP, "larger than 1 MiB", "drives without number");
}

/* The largest that is still allowed. */
static void test_bounds(void)
{
    struct ashlar_multiboot1_module module;
    char text[8] = "1234567";
    begin(1u << 0);
    loader.information = 0xffffff8c;
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_BAD_MAP, "information up to 4 GiB is read (and is all ones)");
    begin(1u << 0 | 1u << 3 | 1u << 7);
    put32(INFORMATION + 20, 4096);
    put32(INFORMATION + 24, 0xffff0000);
    put32(INFORMATION + 52, 0x100000);
    put32(INFORMATION + 56, 0xfff00000);
    is_u(ashlar_multiboot1_module(&loader, 4095, &module), ASHLAR_OK, "4096 modules, the list ends at 4 GiB");
    put32(INFORMATION + 20, 0);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "no modules");
    was_reserved(0xfff00000, 0x100000, ASHLAR_MEMMAP_LOADER, "a table of 1 MiB that ends at 4 GiB");
    put32(INFORMATION, 1);
    put32(INFORMATION + 20, 1);
    is_u(ashlar_multiboot1_module(&loader, 0, &module), ASHLAR_ABSENT, "no flag, no modules");
    begin(1u << 6);
    put32(INFORMATION + 44, put_entry(0x9100, 1024, 0x1000, 0x1000, 1) - 0x9100);
    put32(INFORMATION + 48, 0x9100);
    is_u(ashlar_multiboot1_add(&map, &loader), ASHLAR_OK, "an entry of 1 KiB");
    put32(INFORMATION + 44, put_entry(0x9100, 1025, 0x1000, 0x1000, 1) - 0x9100);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "one of a byte more");
    put32(INFORMATION + 44, put_entry(0x9100, 25, 0x1000, 0x1000, 1) - 0x9100 - 1);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "one that passes the end by a byte");
    begin(1u << 2);
    put32(INFORMATION + 16, 0xa000);
    put_text(0xa000, "abcdefg");
    is_u(ashlar_multiboot1_command_line(&loader, text, 4), ASHLAR_OK, "a cut command line");
    ok(memcmp(text,
              "abc\0"
              "567",
              8) == 0,
       "nothing is written behind the buffer");
}

static void test_modules_of_nobody(void)
{
    struct ashlar_multiboot1_module module = {.base = 1234};
    begin(1u << 3);
    put32(INFORMATION + 20, 4097);
    put32(INFORMATION + 24, 0xb000);
    is_u(ashlar_multiboot1_module(&loader, 0, &module), ASHLAR_BAD_MAP, "more modules than there can be: the first");
    loader.magic = 0;
    loader.problem = NULL;
    is_u(ashlar_multiboot1_module(&loader, 0, &module), ASHLAR_BAD_ARGUMENT, "another magic: no module");
    like(loader.problem, "magic", "it says so");
    is_u(module.base, 1234, "outputs are untouched");
}

/* Any bytes at all. */
static void fill_noise(uint64_t *seed)
{
    begin(0);
    for (uint32_t at = 0x8000; at < 0x10000; at += 4) {
        put32(at, (uint32_t)tap_random(seed) >> tap_random(seed) % 32);
    }
    put32(INFORMATION, (uint32_t)tap_random(seed) & (tap_random(seed) % 2 == 0 ? 0x1fffu : 0x4du));
    for (uint32_t at = 4; at < 116 && tap_random(seed) % 8 != 0; at += 4) {
        put32(INFORMATION + at, 0x8000 + (uint32_t)(tap_random(seed) % 0x8000));
    }
    put32(INFORMATION + 20, (uint32_t)tap_random(seed) % 16);
}

int main(void)
{
    test_map();
    test_empty_map();
    test_modules();
    test_command_line();
    test_the_rest();
    test_elf(40, "ELF32 sections");
    test_elf(64, "ELF64 sections");
    test_bad_information();
    test_bad_map();
    test_bad_modules();
    test_bad_symbols();
    test_bounds();
    test_modules_of_nobody();
    add_noise(fill_noise, add);
    ok(most_bytes <= 128, "never more than 128 bytes at a time");
    return done_testing();
}
