/* SPDX-License-Identifier: 0BSD */
/* The Multiboot 2 adapter over tags in a simulated RAM of 1 MiB, from what GRUB leaves to what no loader should. */
#include "adapters/loader.h"
#include <ashlar/multiboot2.h>

static uint32_t end; /* where the next tag goes */
static struct ashlar_multiboot2 loader;

static void begin(void)
{
    begin_ram();
    loader = (struct ashlar_multiboot2){.magic = ASHLAR_MULTIBOOT2_MAGIC,
                                        .information = INFORMATION,
                                        .read = read_ram,
                                        .context = ram};
    end = INFORMATION + 8;
}

/* A tag of so many bytes, its head counted; returns where its contents go. */
static uint32_t tag(uint32_t type, uint32_t bytes)
{
    uint32_t at = end;
    put32(at, type);
    put32(at + 4, bytes);
    end += (bytes + 7) & ~7u;
    return at + 8;
}

static uint32_t text_tag(uint32_t type, uint32_t before, const char *text)
{
    uint32_t at = tag(type, 8 + before + (uint32_t)strlen(text) + 1);
    memcpy(ram + at + before, text, strlen(text) + 1);
    return at;
}

static void finish(void)
{
    tag(0, 8);
    put32(INFORMATION, end - INFORMATION);
}

static void put_entry(uint32_t at, uint64_t base, uint64_t length, uint32_t type)
{
    put(at, base, 8);
    put(at + 8, length, 8);
    put32(at + 16, type);
}

/* RAM of 64 MiB, in entries that are longer than we know. */
static uint32_t map_tag(void)
{
    uint32_t at = tag(6, 16 + 3 * 32);
    put32(at, 32);
    put_entry(at + 8, 0, 0x9fc00, 1);
    put_entry(at + 8 + 32, 0x100000, 0x3ee0000, 1);
    put_entry(at + 8 + 64, 0x3fe0000, 0x20000, 77);
    return at;
}

static ashlar_status add(void)
{
    return ashlar_multiboot2_add(&map, &loader);
}

static void is_refused(ashlar_status status, const char *words, const char *name)
{
    add_is_refused(add, &loader.problem, status, words, name);
}

static void test_map(void)
{
    begin();
    map_tag();
    finish();
    is_u(ashlar_multiboot2_add(&map, &loader), ASHLAR_OK, "a map");
    was_added(0, 0x9fc00, ASHLAR_MEMMAP_USABLE, "low memory");
    was_added(0x100000, 0x3ee0000, ASHLAR_MEMMAP_USABLE, "high memory");
    was_added(0x3fe0000, 0x20000, ASHLAR_MEMMAP_FOREIGN + 77, "[fault 15] an unknown type stays unknown");
    was_reserved(INFORMATION, end - INFORMATION, ASHLAR_MEMMAP_LOADER, "[fault 14] the information is reserved");
    is_u(map.count, 4, "and nothing else");
    begin();
    uint32_t at = tag(4, 16);
    put32(at, 1000);
    put32(at + 4, 0x10000);
    finish();
    is_u(ashlar_multiboot2_add(&map, &loader), ASHLAR_OK, "no map, but two numbers");
    was_added(0, 640 << 10, ASHLAR_MEMMAP_USABLE, "lower memory, 640 KiB at most");
    was_added(0x100000, 0x4000000, ASHLAR_MEMMAP_USABLE, "upper memory");
}

static void test_modules(void)
{
    struct ashlar_multiboot2_module module;
    begin();
    map_tag();
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t at = text_tag(3, 8, i == 0 ? "first" : "");
        put32(at, 0x200000 + i * 0x100000);
        put32(at + 4, 0x200000 + i * 0x100123);
    }
    finish();
    is_u(ashlar_multiboot2_add(&map, &loader), ASHLAR_OK, "two modules");
    was_reserved(0x300000, 0x123, ASHLAR_MEMMAP_MODULE, "[fault 14] the second is reserved");
    is_u(map.count, 5, "the first is empty");
    is_u(ashlar_multiboot2_module(&loader, 1, &module), ASHLAR_OK, "ask for it");
    is_u(module.base, 0x300000, "where it lies");
    is_u(module.bytes, 0x123, "how long it is");
    is_u(ashlar_multiboot2_module(&loader, 0, &module), ASHLAR_OK, "the first one");
    is_str((const char *)ram + module.string, "first", "its string");
    is_u(ashlar_multiboot2_module(&loader, 2, &module), ASHLAR_ABSENT, "there is no third");
    begin();
    map_tag();
    uint32_t at = text_tag(3, 8, "x");
    put32(at, 0x200000);
    put32(at + 4, 0x1fffff);
    finish();
    is_refused(ASHLAR_BAD_MAP, "ends before it begins", "a module that ends before it begins");
    put32(at + 4, 0x200000);
    ram[at + 9] = 'y';
    is_refused(ASHLAR_BAD_MAP, "string has no end", "a string that runs out of its tag");
    is_u(ashlar_multiboot2_module(&loader, 0, &module), ASHLAR_BAD_MAP, "nor can it be asked for");
}

static void test_command_line(void)
{
    char text[8] = "1234567";
    begin();
    text_tag(2, 0, "a loader");
    uint32_t at = text_tag(1, 0, "abcdefg");
    finish();
    is_u(ashlar_multiboot2_command_line(&loader, text, 4), ASHLAR_OK, "a cut command line");
    ok(memcmp(text,
              "abc\0"
              "567",
              8) == 0,
       "nothing is written behind the buffer");
    is_u(ashlar_multiboot2_command_line(&loader, text, 8), ASHLAR_OK, "a whole one");
    is_str(text, "abcdefg", "it is that");
    is_u(ashlar_multiboot2_command_line(&loader, text, 0), ASHLAR_BAD_ARGUMENT, "no buffer");
    ram[at + 7] = 'h';
    is_u(ashlar_multiboot2_command_line(&loader, text, 8), ASHLAR_BAD_MAP, "one without an end");
    begin();
    finish();
    is_u(ashlar_multiboot2_command_line(&loader, text, 8), ASHLAR_ABSENT, "none");
}

static void test_rsdp(void)
{
    ashlar_phys rsdp = 1234;
    begin();
    finish();
    is_u(ashlar_multiboot2_rsdp(&loader, &rsdp), ASHLAR_ABSENT, "no root pointer");
    begin();
    uint32_t old = tag(14, 28);
    finish();
    is_u(ashlar_multiboot2_rsdp(&loader, &rsdp), ASHLAR_OK, "an old one");
    is_u(rsdp, old, "it lies in the tag");
    begin();
    tag(14, 28);
    uint32_t new = tag(15, 44);
    finish();
    is_u(ashlar_multiboot2_rsdp(&loader, &rsdp), ASHLAR_OK, "both");
    is_u(rsdp, new, "the newer one is taken");
    begin();
    tag(15, 43);
    finish();
    is_u(ashlar_multiboot2_rsdp(&loader, &rsdp), ASHLAR_BAD_MAP, "one that is too short");
    is_u(rsdp, new, "outputs are untouched");
}

static void test_framebuffer_and_sections(void)
{
    begin();
    map_tag();
    uint32_t at = tag(8, 31);
    put(at, UINT64_C(0xfd000000), 8);
    put32(at + 8, 4096);
    put32(at + 16, 768);
    at = tag(9, 20 + 2 * 64);
    put32(at, 2);
    put32(at + 4, 64);
    put32(at + 12 + 64 + 4, 3);
    put(at + 12 + 64 + 16, 0x180000, 8);
    put(at + 12 + 64 + 32, 0x456, 8);
    finish();
    is_u(ashlar_multiboot2_add(&map, &loader), ASHLAR_OK, "a framebuffer, and sections");
    was_reserved(0xfd000000, 4096 * 768, ASHLAR_MEMMAP_FRAMEBUFFER, "the framebuffer is reserved");
    was_reserved(0x180000, 0x456, ASHLAR_MEMMAP_LOADER, "[fault 14] and the symbols");
    is_u(map.count, 6, "and the empty section is not");
    begin();
    at = tag(9, 20 + 64);
    put32(at, 2);
    put32(at + 4, 64);
    finish();
    is_refused(ASHLAR_BAD_MAP, "more section headers", "more headers than there is room");
    put32(at + 4, 48);
    is_refused(ASHLAR_BAD_MAP, "neither 40 nor 64", "headers of 48 bytes");
    put32(at, 1);
    put32(at + 4, 64);
    put32(at + 12 + 4, 3);
    put(at + 12 + 16, UINT64_C(0xfffff000), 8);
    put(at + 12 + 32, 0x1001, 8);
    is_refused(ASHLAR_BAD_MAP, "passes 4 GiB", "a section that passes 4 GiB");
}

static void test_bad_information(void)
{
    begin();
    map_tag();
    finish();
    loader.magic = 0x2badb002;
    is_refused(ASHLAR_BAD_ARGUMENT, "magic", "another magic");
    loader.magic = ASHLAR_MULTIBOOT2_MAGIC;
    loader.information = 0;
    is_refused(ASHLAR_BAD_ARGUMENT, "address", "no information");
    loader.information = INFORMATION + 4;
    is_refused(ASHLAR_BAD_ARGUMENT, "address", "an address that is not aligned");
    loader.information = INFORMATION;
    put32(INFORMATION, 15);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "too short for any tag");
    put32(INFORMATION, ASHLAR_MULTIBOOT2_BYTES + 1);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "too long for any loader");
    put32(INFORMATION, end - INFORMATION - 8);
    is_refused(ASHLAR_BAD_MAP, "no end", "tags without an end");
    loader.information = 0xfffffff0;
    is_refused(ASHLAR_BAD_MAP, "impossible size", "information beyond RAM");
    begin();
    finish();
    is_refused(ASHLAR_BAD_MAP, "no memory map", "no map at all");
}

static void test_bad_tags(void)
{
    begin();
    uint32_t at = map_tag();
    finish();
    put32(at - 4, 7);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "a tag shorter than its head");
    put32(at - 4, end - at + 8 + 1);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "a tag that passes the end");
    put32(at - 4, 15);
    is_refused(ASHLAR_BAD_MAP, "too short", "a map without its numbers");
    put32(at - 4, 16 + 3 * 32);
    for (uint32_t bytes = 0; bytes < 24; bytes += 8) {
        put32(at, bytes);
        is_refused(ASHLAR_BAD_MAP, "impossible size", "entries that are too short");
    }
    put32(at, 36);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "entries of 36 bytes");
    put32(at, 1032);
    is_refused(ASHLAR_BAD_MAP, "impossible size", "entries of more than 1 KiB");
    put32(at, 40);
    is_refused(ASHLAR_BAD_MAP, "within an entry", "a map that ends within an entry");
}

/* Any bytes at all. */
static void fill_noise(uint64_t *seed)
{
    begin();
    while (end < INFORMATION + 0x1000 && tap_random(seed) % 16 != 0) {
        uint32_t at = tag((uint32_t)tap_random(seed) % 20, 8 + (uint32_t)tap_random(seed) % 200);
        for (uint32_t i = at; i < end; i += 4) {
            put32(i, (uint32_t)tap_random(seed) >> tap_random(seed) % 32);
        }
    }
    finish();
}

/* A map that says nothing, with the plain numbers and without. */
static void test_empty_map(void)
{
    begin();
    uint32_t at = tag(4, 16);
    put32(at, 639);
    put32(at + 4, 64512);
    at = tag(6, 16);
    put32(at, 24);
    finish();
    is_u(add(), ASHLAR_OK, "[fault 203] a map of no entries, and numbers");
    was_added(0, 639 << 10, ASHLAR_MEMMAP_USABLE, "[fault 203] lower memory counts");
    was_added(0x100000, 64512 << 10, ASHLAR_MEMMAP_USABLE, "[fault 203] and upper");
    begin();
    at = tag(6, 16 + 24);
    put32(at, 24);
    put_entry(at + 8, 0x100000, 0, 1);
    at = tag(4, 16);
    put32(at + 4, 64512);
    finish();
    is_u(add(), ASHLAR_OK, "[fault 203] an entry of no bytes, and numbers behind it");
    was_added(0x100000, 64512 << 10, ASHLAR_MEMMAP_USABLE, "[fault 203] upper memory counts");
    begin();
    at = tag(6, 16);
    put32(at, 24);
    finish();
    is_u(add(), ASHLAR_OK, "a map of no entries alone");
    is_u(map.count, 1, "is an empty map");
}

int main(void)
{
    test_map();
    test_empty_map();
    test_modules();
    test_command_line();
    test_rsdp();
    test_framebuffer_and_sections();
    test_bad_information();
    test_bad_tags();
    add_noise(fill_noise, add);
    ok(most_bytes <= 128, "never more than 128 bytes at a time");
    return done_testing();
}
