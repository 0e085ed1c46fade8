/* SPDX-License-Identifier: 0BSD */
/* memmap-view.c - what the library makes of a memory map, and why.
 *
 * Reads a map as text (ashlar/textmap.h says how), hands it to the memmap floor of
 * the library, the same source that a kernel links, and prints what came in, each
 * decision that the floor reports, and what came out.
 */
#include <ashlar/textmap.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_GOOD = 0, EXIT_UNUSABLE = 1, EXIT_BAD_LINE = 2, EXIT_TROUBLE = 3 };

struct view {
    const char *name; /* of the file, for messages */
    bool plain;
    bool is_no_pc;
    ashlar_phys limit;
    char *text;
    size_t text_bytes;
    struct ashlar_memmap map;
    struct ashlar_memmap_entry *entries;
    size_t lines; /* of the map */
    size_t bad_lines;
    size_t decisions;
};

static const char help[] =
    "memmap-view [--plain] [--limit 0xADDRESS | --width BITS] FILE\n"
    "\n"
    "Shows what the library makes of a firmware's memory map, with the reason for each decision.\n"
    "FILE, or - for standard input, holds one entry a line (# begins a comment), as Linux prints it\n"
    "    [    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
    "(or with Xen: in place of BIOS-e820:; a whole dmesg will do), as in /proc/iomem, read by root\n"
    "    00001000-0009fbff : System RAM\n"
    "or in hex as BASE LENGTH TYPE\n"
    "    0x0 0x9fc00 usable\n"
    "where TYPE is usable, reserved, acpi, nvs, bad, loader, kernel, module, framebuffer or a number of E820.\n"
    "What is no line of the map is left out: the report counts such lines, by their reason.\n"
    "Loader, kernel, module and framebuffer lines count as RAM that the firmware lists.\n"
    "\n"
    "  --plain          for scripts: only what is usable after all rules, sorted, one range a line, as BASE END:\n"
    "                       0x1000 0x9f000\n"
    "                   END is the first address behind it. Nothing if a line makes no sense.\n"
    "  --no-pc          the machine is no PC: what the map says of 640 KiB to 1 MiB holds\n"
    "  --limit ADDRESS  the first physical address that the machine cannot use (0x100000000: 4 GiB, no PAE)\n"
    "  --width BITS     the same by the CPU's physical address width: 32 to 52; 52 by default\n"
    "  --help           this text\n"
    "\n"
    "Exit status: 0 all is well; 1 the map is unusable (empty, nothing usable, all of it reserved); 2 a line makes\n"
    "no sense (named on standard error as FILE:LINE; the others count); 3 FILE cannot be read, or wrong options.\n";

/* --- sizes for people ---------------------------------------------------- */

struct size_text {
    char text[32];
};

/* 636 KiB, 3.9 GiB; rounded down to tenths. */
static struct size_text size_of(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    struct size_text size;
    unsigned unit = 0;
    while (unit < 6 && bytes >> (10 * unit + 10) != 0) {
        unit++;
    }
    uint64_t whole = bytes >> 10 * unit;
    uint64_t rest = unit == 0 ? 0 : (bytes >> 10 * (unit - 1)) & 1023;
    bool exact = (bytes & ((UINT64_C(1) << 10 * unit) - 1)) == 0;
    if (exact) {
        snprintf(size.text, sizeof size.text, "%" PRIu64 " %s", whole, units[unit]);
    } else {
        snprintf(size.text, sizeof size.text, "%" PRIu64 ".%" PRIu64 " %s", whole, rest * 10 / 1024, units[unit]);
    }
    return size;
}

struct type_name {
    char text[32];
};

static struct type_name name_of(uint32_t type)
{
    struct type_name name;
    if (type >= ASHLAR_MEMMAP_USABLE && type <= ASHLAR_MEMMAP_BAD) {
        snprintf(name.text, sizeof name.text, "%s", ashlar_memmap_type_text(type));
    } else {
        snprintf(name.text, sizeof name.text, "type %" PRIu32, type - ASHLAR_MEMMAP_FOREIGN);
    }
    return name;
}

/* --- what came in -------------------------------------------------------- */

static void take_line(void *context, const struct ashlar_textmap_line *line)
{
    struct view *view = context;
    if (line->problem != NULL) {
        fprintf(stderr, "%s:%zu: %s: \"%.*s\"\n", view->name, line->number, line->problem, (int)line->culprit_bytes,
                line->culprit);
        view->bad_lines++;
        return;
    }
    view->lines++;
    ashlar_memmap_add(&view->map, line->base, line->length, line->type);
}

static void count_line(void *context, const struct ashlar_textmap_line *line)
{
    (void)line;
    ++*(size_t *)context;
}

static void print_given(const struct view *view)
{
    printf("What came in: %zu %s\n", view->lines, view->lines == 1 ? "entry" : "entries");
    if (view->lines != 0) {
        printf("  %18s  %18s  %10s  %s\n", "base", "length", "size", "type");
    }
    for (size_t i = 0; i < view->map.count; i++) {
        const struct ashlar_memmap_entry *entry = &view->entries[i];
        printf("  0x%016" PRIx64 "  0x%016" PRIx64 "  %10s  %s\n", entry->base, entry->length,
               size_of(entry->length).text, name_of(entry->type).text);
    }
}

/* Lines that were left out for one reason. */
struct left_out {
    const char *why;
    size_t lines;
    size_t first;
};
#define REASONS 8u

static void count_left_out(void *context, const struct ashlar_textmap_line *line)
{
    struct left_out *reasons = context;
    unsigned i = 0;
    while (i + 1 < REASONS && reasons[i].why != NULL && strcmp(reasons[i].why, line->problem) != 0) {
        i++;
    }
    if (reasons[i].lines++ == 0) {
        reasons[i].why = line->problem;
        reasons[i].first = line->number;
    }
}

static void print_left_out(const struct view *view)
{
    struct left_out reasons[REASONS] = {{NULL, 0, 0}};
    (void)ashlar_textmap_left_out(view->text, view->text_bytes, count_left_out, reasons);
    for (unsigned i = 0; i < REASONS && reasons[i].lines != 0; i++) {
        printf("  left out: %zu %s, from line %zu on: %s\n", reasons[i].lines, reasons[i].lines == 1 ? "line" : "lines",
               reasons[i].first, reasons[i].why);
    }
}

/* --- what was decided ---------------------------------------------------- */

static void explain_rounding(const struct ashlar_memmap_event *event, const char *type)
{
    if (event->type == ASHLAR_MEMMAP_USABLE) {
        printf("%s of usable RAM lie in a frame that is not usable as a whole: lost\n", size_of(event->length).text);
    } else {
        printf("a part of this frame is %s: all of it counts as %s\n", type, type);
    }
}

static void explain(const struct view *view, const struct ashlar_memmap_event *event)
{
    struct type_name name = name_of(event->type);
    const char *type = name.text;
    switch (event->decision) {
    case ASHLAR_MEMMAP_IGNORED_EMPTY:
        printf("an entry (%s) of 0 bytes says nothing: ignored\n", type);
        break;
    case ASHLAR_MEMMAP_CLAMPED_WRAP:
        printf("this entry (%s) passes 2^64, the end of all addresses: cut there\n", type);
        break;
    case ASHLAR_MEMMAP_CLAMPED_WIDTH:
        printf("%s of %s lie above 0x%" PRIx64 ", the most that this machine can address: dropped\n",
               size_of(event->length).text, type, view->map.limit);
        break;
    case ASHLAR_MEMMAP_UNKNOWN_TYPE:
        printf("%s is not known: taken as reserved, which is always safe\n", type);
        break;
    case ASHLAR_MEMMAP_MERGED:
        printf("%zu %s entries touch or overlap: joined to one, before anything is rounded\n", event->entries, type);
        break;
    case ASHLAR_MEMMAP_OVERRIDDEN:
        printf("%s are called %s and %s, too: the more restrictive wins, %s\n", size_of(event->length).text, type,
               ashlar_memmap_type_text(event->winner), ashlar_memmap_type_text(event->winner));
        break;
    case ASHLAR_MEMMAP_NOT_RAM:
        printf("%s that could be given back, but not all of it lies in RAM that the map lists: reserved\n", type);
        break;
    case ASHLAR_MEMMAP_ROUNDED:
        explain_rounding(event, type);
        break;
    case ASHLAR_MEMMAP_PAGE_ZERO:
        printf("frame 0 is never used: its address is the null pointer, and the BIOS keeps its data there\n");
        break;
    case ASHLAR_MEMMAP_PC_HOLE:
        printf("%s of %s at 640 KiB to 1 MiB, where a PC has its screen and ROMs: never used\n",
               size_of(event->length).text, type);
        break;
    }
}

static void tell(void *context, const struct ashlar_memmap_event *event)
{
    struct view *view = context;
    view->decisions++;
    if (!view->plain) {
        printf("%4zu. 0x%" PRIx64 " + 0x%" PRIx64 ": ", view->decisions, event->base, event->length);
        explain(view, event);
    }
}

/* --- what came out ------------------------------------------------------- */

static void print_result(const struct view *view)
{
    printf("What came out: %zu %s, on frames of 4 KiB\n  %18s  %18s  %10s  %10s  %s\n", view->map.count,
           view->map.count == 1 ? "entry" : "entries", "first byte", "last byte", "frames", "size", "type");
    for (size_t i = 0; i < view->map.count; i++) {
        const struct ashlar_memmap_entry *entry = &view->entries[i];
        printf("  0x%016" PRIx64 "  0x%016" PRIx64 "  %10" PRIu64 "  %10s  %s\n", entry->base,
               entry->base + entry->length - 1, entry->length >> ASHLAR_PAGE_SHIFT, size_of(entry->length).text,
               ashlar_memmap_type_text(entry->type));
    }
}

static void print_totals(const struct view *view)
{
    printf("Totals\n");
    for (uint32_t type = ASHLAR_MEMMAP_USABLE; type <= ASHLAR_MEMMAP_BAD; type++) {
        uint64_t bytes = 0;
        for (size_t i = 0; i < view->map.count; i++) {
            bytes += view->entries[i].type == type ? view->entries[i].length : 0;
        }
        if (bytes != 0) {
            printf("  %-12s %10" PRIu64 " frames  %10s\n", ashlar_memmap_type_text(type), bytes >> ASHLAR_PAGE_SHIFT,
                   size_of(bytes).text);
        }
    }
}

static void print_plain(const struct view *view)
{
    size_t index = 0;
    ashlar_pfn first;
    size_t frames;
    while (ashlar_memmap_next_usable(&view->map, &index, &first, &frames)) {
        printf("0x%" PRIx64 " 0x%" PRIx64 "\n", (ashlar_phys)first << ASHLAR_PAGE_SHIFT,
               (ashlar_phys)(first + frames) << ASHLAR_PAGE_SHIFT);
    }
}

/* --- the work ------------------------------------------------------------ */

static int trouble(const char *what, const char *why)
{
    fprintf(stderr, "memmap-view: %s: %s\n", what, why);
    return EXIT_TROUBLE;
}

static int read_all(struct view *view, FILE *file)
{
    size_t room = 0;
    size_t got;
    do {
        if (view->text_bytes == room) {
            char *grown = realloc(view->text, room = room * 2 + 65536);
            if (grown == NULL) {
                return trouble(view->name, "too large");
            }
            view->text = grown;
        }
        got = fread(view->text + view->text_bytes, 1, room - view->text_bytes, file);
        view->text_bytes += got;
    } while (got != 0);
    return ferror(file) ? trouble(view->name, strerror(errno)) : EXIT_GOOD;
}

static int read_file(struct view *view, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    view->name = is_stdin ? "standard input" : path;
    if (file == NULL) {
        return trouble(path, strerror(errno));
    }
    int status = read_all(view, file);
    if (!is_stdin) {
        fclose(file);
    }
    return status;
}

static int finalize(struct view *view)
{
    if (!view->plain) {
        print_given(view);
        print_left_out(view);
        printf("\nWhat was decided\n");
    }
    ashlar_status status = ashlar_memmap_finalize(&view->map);
    if (!view->plain && view->decisions == 0) {
        printf("   nothing: there was nothing to decide\n");
    }
    fflush(stdout);
    if (status != ASHLAR_OK) {
        fprintf(stderr, "%s: %s\n", view->name, ashlar_memmap_problem(&view->map));
        return EXIT_UNUSABLE;
    }
    if (view->plain) {
        print_plain(view);
        return EXIT_GOOD;
    }
    printf("\n");
    print_result(view);
    printf("\n");
    print_totals(view);
    return EXIT_GOOD;
}

static int show(struct view *view)
{
    size_t lines = 0;
    (void)ashlar_textmap_read(view->text, view->text_bytes, count_line, &lines);
    size_t capacity = 4 * lines + 2; /* always enough: see memmap.h */
    view->entries = calloc(capacity, sizeof *view->entries);
    if (view->entries == NULL) {
        return trouble(view->name, "too many entries");
    }
    ashlar_memmap_init(&view->map, view->entries, capacity, view->limit, tell, view);
    ashlar_memmap_set_pc(&view->map, !view->is_no_pc);
    (void)ashlar_textmap_read(view->text, view->text_bytes, take_line, view);
    if (view->bad_lines != 0 && view->plain) {
        return EXIT_BAD_LINE;
    }
    int status = finalize(view);
    if (view->bad_lines != 0) {
        fprintf(stderr, "%s: %zu %s no sense and left out above\n", view->name, view->bad_lines,
                view->bad_lines == 1 ? "line makes" : "lines make");
    }
    return view->bad_lines != 0 ? EXIT_BAD_LINE : status;
}

static bool parse_number(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && *text != '-';
}

static bool parse_limit(struct view *view, int option, const char *text)
{
    uint64_t value;
    if (!parse_number(text, &value)) {
        return false;
    }
    if (option == 'w') {
        view->limit = UINT64_C(1) << (value & 63);
        return value >= 32 && value <= 52;
    }
    view->limit = value;
    return value >= ASHLAR_PAGE_BYTES;
}

/* -1: go on; else the exit status. */
static int parse_options(struct view *view, int count, char **words)
{
    static const struct option options[] = {{"plain", no_argument, NULL, 'p'}, {"limit", required_argument, NULL, 'l'},
                                            {"no-pc", no_argument, NULL, 'n'}, {"width", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},  {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            view->plain = true;
            break;
        case 'n':
            view->is_no_pc = true;
            break;
        case 'h':
            fputs(help, stdout);
            return EXIT_GOOD;
        case 'l':
        case 'w':
            if (!parse_limit(view, option, optarg)) {
                return trouble(optarg, option == 'w' ? "--width is 32 to 52 bits" : "--limit is an address from 4096");
            }
            break;
        default:
            return EXIT_TROUBLE;
        }
    }
    return optind + 1 == count ? -1 : trouble("one FILE, or - for standard input, is wanted", "see --help");
}

int main(int count, char **words)
{
    struct view view = {.name = "", .limit = 0};
    int status = parse_options(&view, count, words);
    if (status < 0) {
        status = read_file(&view, words[optind]);
        status = status == EXIT_GOOD ? show(&view) : status;
    }
    free(view.entries);
    free(view.text);
    return fflush(stdout) == 0 ? status : trouble("standard output", strerror(errno));
}
