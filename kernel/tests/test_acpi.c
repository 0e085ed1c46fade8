/* SPDX-License-Identifier: 0BSD */
/* test_acpi.c - which CPUs the firmware's tables name, from tables of our own; and how the local APIC is reached. */
#include "cpu/acpi.h"
#include "cpu/lapic.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/loader.h"
#include "task/task.h"
#include "tests/tap.h"
#include "x86/cpu.h"

#define RSDP_BYTES 20u
#define HEADER_BYTES 36u
#define MADT_FIRST_ENTRY 44u
#define MADT_BYTES 512u
#define IDS 8u
#define ACPI_HZ 3579545u

static _Alignas(16) uint8_t rsdp[RSDP_BYTES];
static uint8_t rsdt[HEADER_BYTES + 8];
static uint8_t madt[MADT_BYTES];
static uint8_t fadt[HEADER_BYTES + 44];
static uint32_t ids[IDS];
static const uint8_t signature[] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};

static ashlar_phys physical(const void *address)
{
    return (uintptr_t)address - IMAGE_OFFSET;
}

static void set32(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> i * 8);
    }
}

/* All bytes add up to zero. */
static void seal(uint8_t *table, uint32_t bytes, unsigned sum_at)
{
    uint8_t sum = 0;
    table[sum_at] = 0;
    for (uint32_t i = 0; i < bytes; i++) {
        sum = (uint8_t)(sum + table[i]);
    }
    table[sum_at] = (uint8_t)-sum;
}

static void seal_table(uint8_t *table, const char *name, uint32_t bytes)
{
    memcpy(table, name, 4);
    set32(table + 4, bytes);
    seal(table, bytes, 9);
}

/* Entries of the MADT, as bytes; the local APIC is at 0xfee00000. */
static struct acpi_cpus find(const uint8_t *entries, uint32_t bytes, unsigned most, uint32_t highest_id)
{
    struct acpi_cpus found = {.apic_ids = ids, .most = most, .highest_id = highest_id};
    memset(madt, 0, sizeof madt);
    set32(madt + HEADER_BYTES, 0xfee00000);
    memcpy(madt + MADT_FIRST_ENTRY, entries, bytes);
    seal_table(madt, "APIC", MADT_FIRST_ENTRY + bytes);
    seal_table(fadt, "FACP", sizeof fadt);
    set32(rsdt + HEADER_BYTES, physical(madt));
    set32(rsdt + HEADER_BYTES + 4, physical(fadt));
    seal_table(rsdt, "RSDT", sizeof rsdt);
    memcpy(rsdp, signature, sizeof signature);
    set32(rsdp + 16, physical(rsdt));
    seal(rsdp, sizeof rsdp, 8);
    memset(ids, 0xee, sizeof ids);
    acpi_find_cpus(physical(rsdp), &found);
    return found;
}

#define FIND(entries, most, highest_id) find(entries, sizeof entries, most, highest_id)
#define CPU(id) 0, 8, 0, id, 1, 0, 0, 0
#define CPU_OFF(id) 0, 8, 0, id, 0, 0, 0, 0
#define WIDE_CPU(id, id8) 9, 16, 0, 0, id, id8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0

static void test_types(void)
{
    static const uint8_t plain[] = {CPU(0), CPU(1), CPU_OFF(2), 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CPU(4)};
    static const uint8_t wide[] = {CPU(3), WIDE_CPU(5, 0), WIDE_CPU(0x2c, 1)};
    static const uint8_t moved[] = {5, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0, CPU(1)};
    struct acpi_cpus found = FIND(plain, IDS, 0xfe);
    ok(found.count == 3 && ids[0] == 0 && ids[1] == 1 && ids[2] == 4, "enabled CPUs, whatever else is listed");
    ok(found.local_apic == 0xfee00000, "and where their local APICs are");
    found = FIND(wide, IDS, UINT32_MAX - 1);
    ok(found.count == 3 && found.left_out == 0 && ids[1] == 5 && ids[2] == 0x12c,
       "[fault 192] CPUs of type 9 are found, with IDs of 32 bits");
    found = FIND(wide, IDS, 0xfe);
    ok(found.count == 2 && found.left_out == 1 && ids[1] == 5,
       "[fault 192] without x2APIC mode those with high IDs are left out, and counted");
    found = FIND(moved, IDS, 0xfe);
    ok(found.local_apic == 0xfec00000 && found.count == 1, "the local APICs are elsewhere");
}

static void test_doubles(void)
{
    static const uint8_t twice[] = {CPU(0), CPU(1), CPU(1), WIDE_CPU(1, 0), WIDE_CPU(2, 0), CPU(2), CPU(0)};
    static const uint8_t nobody[] = {
        CPU(0), CPU(0xff), WIDE_CPU(0xff, 0), 9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0};
    struct acpi_cpus found = FIND(twice, IDS, 0xfe);
    ok(found.count == 3 && ids[0] == 0 && ids[1] == 1 && ids[2] == 2,
       "[fault 194] an ID that is listed twice, by either type, is one CPU");
    found = FIND(twice, 2, 0xfe);
    ok(found.count == 2 && ids[2] == 0xeeeeeeee, "no more than there is room for");
    found = FIND(nobody, IDS, UINT32_MAX - 1);
    ok(found.count == 2 && ids[1] == 0xff, "[fault 194] IDs that mean all CPUs are none");
}

static void test_nonsense(void)
{
    static const uint8_t empty_entry[] = {CPU(0), 0, 0, CPU(1)};
    static const uint8_t cut[] = {CPU(0), 0, 8, 0, 1};
    static const uint8_t short_ones[] = {CPU(0), 0, 4, 0, 1, 9, 8, 0, 0, 2, 0, 0, 0, 5, 4, 0, 0, CPU(3)};
    ok(FIND(empty_entry, IDS, 0xfe).count == 1, "an entry of no bytes is the end");
    ok(FIND(cut, IDS, 0xfe).count == 1, "so is one that passes the end of the table");
    struct acpi_cpus found = FIND(short_ones, IDS, 0xfe);
    ok(found.count == 2 && ids[1] == 3 && found.local_apic == 0xfee00000,
       "entries too short for their type say nothing");
    madt[9]++;
    struct acpi_cpus broken = {.apic_ids = ids, .most = IDS, .highest_id = 0xfe};
    acpi_find_cpus(physical(rsdp), &broken);
    ok(broken.count == 0, "a table whose bytes do not add up to zero is none");
}

static void test_timer(void)
{
    static const uint8_t one[] = {CPU(0)};
    set32(fadt + 76, 0x608);
    (void)FIND(one, IDS, 0xfe);
    is_number(acpi_find_timer(physical(rsdp)), 0x608, "[fault 190] ACPI says where its timer is");
    set32(fadt + 76, 0);
    (void)FIND(one, IDS, 0xfe);
    is_number(acpi_find_timer(physical(rsdp)), 0, "or that there is none");
}

/* Whoever ticks. They may come late, and a few at once then. */
static void test_ticks(void)
{
    uint16_t port = acpi_find_timer(loader_rsdp());
    if (port != 0) {
        uint32_t begin = x86_in32(port);
        task_sleep(30);
        uint32_t took = (x86_in32(port) - begin) & 0xffffff;
        ok(took > ACPI_HZ / 10, "[fault 190] 30 ticks take more than a tenth of a second, by ACPI's timer");
    }
}

static void test_modes(void)
{
    const uint32_t apic = 1u << 9;
    const uint32_t x2 = 1u << 21;
    ok(lapic_kind_of(0, x2, 0xfee00c00) == LAPIC_NONE, "no local APIC, whatever else is said");
    ok(lapic_kind_of(apic, 0, 0xfee00c00) == LAPIC_MEMORY, "a local APIC in memory: there is no x2APIC");
    ok(lapic_kind_of(apic, x2, 0xfee00900) == LAPIC_MEMORY, "or it is not turned on");
    ok(lapic_kind_of(apic, x2, 0xfee00400) == LAPIC_MEMORY, "or not enabled");
    ok(lapic_kind_of(apic, x2, 0xfee00d00) == LAPIC_MSRS, "[fault 192] x2APIC mode is seen in IA32_APIC_BASE");
    ok(lapic_command_of(0x12c, LAPIC_FIXED | 49) == UINT64_C(0x0000012c00004031),
       "[fault 192] a send is one write, with an ID of 32 bits");
    ok(lapic_highest_id(LAPIC_MEMORY) == 0xfe && lapic_highest_id(LAPIC_MSRS) == 0xfffffffe,
       "the highest ID that can be named");
}

static void test_acpi(void)
{
    test_types();
    test_doubles();
    test_nonsense();
    test_timer();
    test_ticks();
    test_modes();
}

const struct test tests_acpi[] = {
    {"acpi", "which CPUs the firmware's tables name, and how the local APIC is reached", test_acpi},
    {NULL, NULL, NULL},
};
