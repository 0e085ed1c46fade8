/* SPDX-License-Identifier: 0BSD */
/* Maps as text: each form, each word, each error with its line and its culprit. */
#include "memmap/reference.h"
#include "tap.h"
#include <ashlar/textmap.h>

#define LINES 40u

static struct ashlar_textmap_line lines[LINES];
static size_t count;
static size_t bad;

static void note(void *context, const struct ashlar_textmap_line *line)
{
    (void)context;
    if (count < LINES) {
        lines[count++] = *line;
    }
}

/* In storage of exactly its size, which the sanitizer watches; kept until the next. */
static void read_text(const char *text)
{
    static char *copy;
    size_t bytes = strlen(text);
    free(copy);
    copy = malloc(bytes + (bytes == 0));
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, text, bytes);
    count = 0;
    bad = ashlar_textmap_read(copy, bytes, note, NULL);
}

/* A text as part of a test's name. */
static const char *shown(const char *text)
{
    static char name[256];
    size_t length = strlen(text);
    length = length < sizeof name - 1 ? length : sizeof name - 1;
    for (size_t i = 0; i < length; i++) {
        name[i] = text[i] == '\n' || text[i] == '\r' || text[i] == '#' ? '|' : text[i];
    }
    name[length] = '\0';
    return name;
}

static void is_line(const char *text, ashlar_phys base, ashlar_phys length, uint32_t type)
{
    read_text(text);
    ok(bad == 0 && count == 1 && lines[0].problem == NULL && lines[0].base == base && lines[0].length == length &&
           lines[0].type == type,
       "%s", shown(text));
    for (size_t i = 0; i < count; i++) {
        if (lines[i].problem != NULL) {
            printf("# %s: %.*s\n", lines[i].problem, (int)lines[i].culprit_bytes, lines[i].culprit);
        }
    }
}

static void is_culprit(const char *text, const char *culprit, const char *problem)
{
    read_text(text);
    ok(bad == 1 && count == 1 && lines[0].culprit_bytes == strlen(culprit) &&
           memcmp(lines[0].culprit, culprit, strlen(culprit)) == 0,
       "\"%s\": the culprit is its part of %zu bytes", shown(text), strlen(culprit));
    like(count != 0 ? lines[0].problem : NULL, problem, "it says what is wrong");
}

static void test_words(void)
{
    is_line("0x0 0x9fc00 usable", 0, 0x9fc00, ASHLAR_MEMMAP_USABLE);
    is_line("0x100000 0x1000 loader\n", 0x100000, 0x1000, ASHLAR_MEMMAP_LOADER);
    is_line("100000 1000 acpi", 0x100000, 0x1000, ASHLAR_MEMMAP_ACPI);
    is_line("  0X10\t0xAbCdEf   module  # a comment", 0x10, 0xabcdef, ASHLAR_MEMMAP_MODULE);
    is_line("0 1 kernel#", 0, 1, ASHLAR_MEMMAP_KERNEL);
    is_line("\n\n# 0 1 usable\n0 1 framebuffer\r\n", 0, 1, ASHLAR_MEMMAP_FRAMEBUFFER);
    is_line("0xffffffffffffffff 0xffffffffffffffff nvs", ~(ashlar_phys)0, ~(ashlar_phys)0, ASHLAR_MEMMAP_NVS);
    is_line("0 0 reserved", 0, 0, ASHLAR_MEMMAP_RESERVED);
    is_line("0 1 BAD", 0, 1, ASHLAR_MEMMAP_BAD);
    is_line("0 1 2", 0, 1, ASHLAR_MEMMAP_RESERVED);
    is_line("0 1 0x3", 0, 1, ASHLAR_MEMMAP_ACPI);
    is_line("0 1 0x1F", 0, 1, ASHLAR_MEMMAP_FOREIGN + 31);
    is_line("0 1 4294967295", 0, 1, 0xffffffff);
    is_line("0 1 199", 0, 1, ASHLAR_MEMMAP_FOREIGN + 199);
    is_line("FACE 1 reserved", 0xface, 1, ASHLAR_MEMMAP_RESERVED);
    is_line("face 1 Framebuffer", 0xface, 1, ASHLAR_MEMMAP_FRAMEBUFFER);
    is_line("0 1 4711", 0, 1, ASHLAR_MEMMAP_FOREIGN + 4711);
    is_line("# BIOS-e820: is not here\n0 1 usable", 0, 1, ASHLAR_MEMMAP_USABLE);
}

static void test_linux(void)
{
    is_line("[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable", 0, 0x9fc00,
            ASHLAR_MEMMAP_USABLE);
    is_line("Jan  1 00:00:00 host kernel: BIOS-e820: [mem 0x9fc00-0x9ffff] reserved", 0x9fc00, 0x400,
            ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] ACPI data", 0x1000, 0x1000, ASHLAR_MEMMAP_ACPI);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] ACPI NVS\r", 0x1000, 0x1000, ASHLAR_MEMMAP_NVS);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] unusable", 0x1000, 0x1000, ASHLAR_MEMMAP_BAD);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] persistent (type 7)", 0x1000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] soft reserved", 0x1000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] device reserved", 0x1000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0x1fff] type 20", 0x1000, 0x1000, ASHLAR_MEMMAP_FOREIGN + 20);
    is_line("BIOS-e820: [mem 0x1000-0x1fff]   639 KB System RAM", 0x1000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_line("BIOS-e820: [mem 0x1000-0x1fff]  1.5 GB device reserved", 0x1000, 0x1000, ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0x1fff]  9.9 TB usable", 0x1000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_line("BIOS-e820: [mem 0x1000-0x1fff]  512 bytes usable", 0x1000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_line("BIOS-e820: [mem 0x0-0xffffffffffffffff] reserved", 0, ~(ashlar_phys)0, ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0xffffffffffffffff] reserved", 0x1000, 0xfffffffffffff000u, ASHLAR_MEMMAP_RESERVED);
    is_line("BIOS-e820: [mem 0x1000-0xfff] usable", 0x1000, 0, ASHLAR_MEMMAP_USABLE);
    is_line("BIOS-e820: [mem 0x5-0x5] usable", 5, 1, ASHLAR_MEMMAP_USABLE);
}

static void test_logs(void)
{
    read_text("Linux version 6.1\n#1 SMP\nBIOS-provided physical RAM map:\n"
              "BIOS-e820: [mem 0x1000-0x1fff] usable\nBIOS-e820: [gap 0x2000-0x2fff]\n"
              "NX protection: active\n0x5000 0x1000 module\nmodified: [mem 0x3000-0x3fff] usable\n");
    is_u(bad, 0, "a log: nothing bad");
    is_u(count, 2, "two map lines");
    ok(lines[0].number == 4 && lines[1].number == 7 && lines[1].type == ASHLAR_MEMMAP_MODULE,
       "one of Linux's, and one of our own");
    read_text("Linux version 6.1\n0x5000 0x1000 usable\nBIOS-e820 without its colon\n");
    is_u(bad, 2, "no log: other lines make no sense");
    ok(count == 3 && lines[0].problem != NULL && lines[1].problem == NULL && lines[2].number == 3,
       "and what does is not lost");
    read_text("BIOS-e820: [mem 0x1000-0x1fff] usable\n0x5000 0x1000 nonsense\n0x0 and so on\n");
    is_u(bad, 1, "in a log, a line that begins with two numbers has to be ours");
    read_text("");
    ok(bad == 0 && count == 0, "nothing at all");
    read_text("\n \n#\n\r\n\t# x\n");
    ok(bad == 0 && count == 0, "blanks and comments");
}

/* The line that is left out, and why. */
static void is_left_out(const char *text, size_t number, const char *why)
{
    count = 0;
    bad = ashlar_textmap_left_out(text, strlen(text), note, NULL);
    ok(bad == 1 && count == 1 && lines[0].number == number, "[fault 202] \"%s\": one line is left out", shown(text));
    like(count != 0 ? lines[0].problem : NULL, why, "it says why");
}

/* As people paste it: what stands in front may hold anything. */
static void test_prefixes(void)
{
    is_line("#[fault 202]\n<6>#3 [    0.000000] BIOS-e820: [mem 0x1000-0x1fff] usable", 0x1000, 0x1000,
            ASHLAR_MEMMAP_USABLE);
    is_line("root@box:~# [    0.000000] BIOS-e820: [mem 0x1000-0x1fff] reserved # ours", 0x1000, 0x1000,
            ASHLAR_MEMMAP_RESERVED);
    is_line("[    0.000000] Xen: [mem 0x0000000000000000-0x000000000009ffff] usable", 0, 0xa0000, ASHLAR_MEMMAP_USABLE);
    is_line("host #1 Xen: [mem 0x100000-0x1fffff] ACPI data", 0x100000, 0x100000, ASHLAR_MEMMAP_ACPI);
    is_line("BIOS-e801: [mem 0x0-0x9ffff] usable", 0, 0xa0000, ASHLAR_MEMMAP_USABLE);
    is_line("BIOS-88: [mem 0x100000-0x3ffffff] usable", 0x100000, 0x3f00000, ASHLAR_MEMMAP_USABLE);
    is_line("0x1000 0x1000 usable # was BIOS-e820: [mem 0x1000-0x2fff] usable", 0x1000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_line("Xen: using vcpuop timer\nXen: [mem 0x1000-0x1fff] usable", 0x1000, 0x1000, ASHLAR_MEMMAP_USABLE);
    is_culprit("#1 was\n2: # Xen: [mem 0x1000-0x1fff] edible", "edible", "type");
    is_left_out("BIOS-e820: [mem 0x1000-0x1fff] usable\nuser: [mem 0x1000-0x1fff] usable\n", 2, "no line of a map");
    is_left_out("\nXen: [gap 0x1000-0x1fff]\nBIOS-e820: [mem 0x1000-0x1fff] usable\n# x\n", 2, "a gap");
    is_left_out("0x1000 0x1000 usable\n# BIOS-e820: [mem 0x1000-0x1fff] usable\n", 2, "a comment");
    count = 0;
    ok(ashlar_textmap_left_out("0x0 0x1000 usable\n\n# why\n", 25, note, NULL) == 0 && count == 0,
       "nothing is left out of a map of our own");
}

static void test_iomem(void)
{
    is_line("00001000-0009fbff : System RAM", 0x1000, 0x9ec00, ASHLAR_MEMMAP_USABLE);
    is_line("100000000-23fffffff : System RAM\r\n", (ashlar_phys)1 << 32, 0x140000000, ASHLAR_MEMMAP_USABLE);
    is_line("0009fc00-0009ffff : Reserved", 0x9fc00, 0x400, ASHLAR_MEMMAP_RESERVED);
    is_line("  bffe0000-bfffffff : reserved", 0xbffe0000, 0x20000, ASHLAR_MEMMAP_RESERVED);
    is_line("7f000000-7f0fffff : ACPI Tables", 0x7f000000, 0x100000, ASHLAR_MEMMAP_ACPI);
    is_line("7f100000-7f1fffff : ACPI Non-volatile Storage", 0x7f100000, 0x100000, ASHLAR_MEMMAP_NVS);
    is_line("7f200000-7f2fffff : Unusable memory", 0x7f200000, 0x100000, ASHLAR_MEMMAP_BAD);
    is_line("7f300000-7f3fffff : RAM buffer", 0x7f300000, 0x100000, ASHLAR_MEMMAP_RESERVED);
    is_line("00001000-0009fbff : System RAM\n  00008000-00009fff : Kernel code\n", 0x1000, 0x9ec00,
            ASHLAR_MEMMAP_USABLE);
    is_left_out("00001000-0009fbff : System RAM\n  01000000-01dfffff : Kernel code\n", 2, "no memory");
    is_left_out("fec00000-fec003ff : IOAPIC 0\n", 1, "no memory");
    is_culprit("00000000-00000000 : System RAM", "00000000-00000000", "root");
    is_culprit("00002000-00001000 : Reserved", "00002000-00001000", "below the first");
    is_culprit("00002000-11112222333344445 : Reserved", "11112222333344445", "64 bits");
    is_culprit("00002000-0000200g : Reserved", "0000200g", "last address");
    is_culprit("00002000-00002fff: Reserved", "00002000-00002fff:", "base");
}

static void test_errors(void)
{
    is_culprit("what 0x1000 usable", "what", "base");
    is_culprit("0x 0x1000 usable", "0x", "base");
    is_culprit("0x10000000000000000 0x1000 usable", "0x10000000000000000", "64 bits");
    is_culprit("0x1000 12z4 usable", "12z4", "length");
    is_culprit("0x1000 -1 usable", "-1", "length");
    is_culprit("0x1000", "0x1000", "missing");
    is_culprit("0x1000 0x1000 # usable", "0x1000 0x1000 # usable", "missing");
    is_culprit("0x1000 0x1000 useable", "useable", "type");
    is_culprit("0x1000 0x1000 usabl", "usabl", "type");
    is_culprit("0x1000 0x1000 4294967296", "4294967296", "type");
    is_culprit("0x1000 0x1000 99999999999999999999", "99999999999999999999", "type");
    is_culprit("0x1000 0x1000 0x", "0x", "type");
    is_culprit("0x1000 0x1000 1a", "1a", "type");
    is_culprit("0x1000 0x1000 0x1g", "0x1g", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] persistent (type )", "persistent (type )", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] persistent (type ", "persistent (type", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] 639 KBusable", "639 KBusable", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] 6a KB usable", "6a KB usable", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] KB usable", "KB usable", "type");
    is_culprit("0x1000 0x1000 usable really", "really", "nothing after");
    is_culprit("BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)",
               "0000000000000000 - 000000000009fc00 (usable)", "there should be");
    is_culprit("BIOS-e820: [mem 0x1000-0xffe] usable", "0x1000-0xffe", "below the first");
    is_culprit("BIOS-e820: [mem zero-0xffe] usable", "zero", "first address");
    is_culprit("BIOS-e820: [mem 0x1000] usable", "", "last address");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff usable", "0x1fff usable", "last address");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] edible", "edible", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff]", "", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] persistent (type 7", "persistent (type 7", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] type x", "type x", "type");
    is_culprit("BIOS-e820: [mem 0x1000-0x1fff] 639 KB", "639 KB", "type");
}

static void test_add(void)
{
    static const char good[] = "0x100000 0x100000 usable\n0x120000 0x1000 reserved\n";
    static const char wrong[] = "0x100000 0x100000 usable\nfirst\nsecond\n0x120000 0x1000 reserved\n";
    struct ashlar_memmap map;
    struct ashlar_memmap_entry storage[8];
    struct ashlar_textmap_line line = {.number = 77};
    ashlar_memmap_init(&map, storage, 8, 0, NULL, NULL);
    is_u(ashlar_textmap_add(&map, good, sizeof good - 1, &line), ASHLAR_OK, "a text into a map");
    ok(map.count == 2 && line.number == 77, "both lines, and no word of trouble");
    is_u(ashlar_memmap_finalize(&map), ASHLAR_OK, "finished");
    is_u(type_at(&map, 0x120000), ASHLAR_MEMMAP_RESERVED, "as it says");
    ashlar_memmap_init(&map, storage, 8, 0, NULL, NULL);
    is_u(ashlar_textmap_add(&map, wrong, sizeof wrong - 1, &line), ASHLAR_BAD_MAP, "one with lines that make no sense");
    ok(line.number == 2 && line.problem != NULL, "the first of them is named");
    is_u(map.count, 2, "all others are added");
}

/* Any bytes: no line is read past its end, and each byte belongs to a line. */
static void test_noise(void)
{
    static const char letters[] = "0123456789abcdefx-[]#:\n\r \tBIOSusabletypmem(";
    unsigned long seeds = tap_seeds(3000);
    bool good = true;
    for (unsigned long number = 1; number <= seeds && good; number++) {
        uint64_t seed = number * UINT64_C(0x9e3779b97f4a7c15);
        char text[200];
        size_t length = random_below(&seed, sizeof text - 1);
        for (size_t i = 0; i < length; i++) {
            text[i] = letters[tap_random(&seed) % (sizeof letters - 1)];
        }
        text[length] = '\0';
        if (tap_random(&seed) % 2 == 0 && length > 60) {
            memcpy(text + tap_random(&seed) % 10, "BIOS-e820: [mem 0x1000-0x1fff] ", 31);
        }
        read_text(text);
        for (size_t i = 0; i < count; i++) {
            const char *end = lines[i].text + lines[i].text_bytes;
            good &= lines[i].problem == NULL ||
                    (lines[i].culprit >= lines[i].text && lines[i].culprit + lines[i].culprit_bytes <= end);
        }
    }
    ok(good, "noise, %lu seeds", seeds);
    read_text("");
}

int main(void)
{
    test_words();
    test_linux();
    test_logs();
    test_prefixes();
    test_iomem();
    test_errors();
    test_add();
    test_noise();
    return done_testing();
}
