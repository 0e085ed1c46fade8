/* SPDX-License-Identifier: 0BSD */
/* test_firmware.c - what firmware might leave: ACPI tables made by hand, in the image. */
#include "cpu/acpi.h"
#include "io/string.h"
#include "memory/image.h"
#include "tests/tap.h"

#define HIGH ((uint64_t)1 << 32)
#define HEADER_BYTES 36u
#define MADT_BYTES 44u
#define CPU_BYTES 8u

static _Alignas(16) unsigned char tables[1024];

static void put(unsigned at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        tables[at + i] = (unsigned char)(value >> 8 * i);
    }
}

/* Without its NUL. */
static void put_name(unsigned at, const char *name)
{
    for (unsigned i = 0; name[i] != '\0'; i++) {
        tables[at + i] = (unsigned char)name[i];
    }
}

static uint64_t physical(unsigned at)
{
    return (uintptr_t)&tables[at] - IMAGE_OFFSET;
}

/* The byte at `sum` makes all of them add up to zero. */
static void close_sum(unsigned at, unsigned bytes, unsigned sum)
{
    unsigned char total = 0;
    tables[at + sum] = 0;
    for (unsigned i = 0; i < bytes; i++) {
        total = (unsigned char)(total + tables[at + i]);
    }
    tables[at + sum] = (unsigned char)-total;
}

static void put_root(unsigned at, const char *name, unsigned width, uint64_t table)
{
    put_name(at, name);
    put(at + 4, HEADER_BYTES + width, 4);
    put(at + HEADER_BYTES, table, width);
    close_sum(at, HEADER_BYTES + width, 9);
}

static void put_madt(unsigned at, unsigned count)
{
    put_name(at, "APIC");
    put(at + 4, MADT_BYTES + count * CPU_BYTES, 4);
    put(at + HEADER_BYTES, 0xfee00000, 4);
    for (unsigned i = 0; i < count; i++) {
        put(at + MADT_BYTES + i * CPU_BYTES, CPU_BYTES << 8 | (uint64_t)i << 24 | UINT64_C(1) << 32, CPU_BYTES);
    }
    close_sum(at, MADT_BYTES + count * CPU_BYTES, 9);
}

static unsigned cpus_found(void)
{
    uint32_t ids[8];
    struct acpi_cpus found = {.apic_ids = ids, .most = 8, .highest_id = 255};
    acpi_find_cpus(physical(0), &found);
    return found.count;
}

/* The RSDP names two roots: one with 2 CPUs, where xsdt says, and one with 3. */
static void put_tables(uint64_t xsdt)
{
    memset(tables, 0, sizeof tables);
    put_name(0, "RSD PTR ");
    tables[15] = 2;
    put(16, physical(256), 4);
    put(20, 36, 4);
    put(24, xsdt, 8);
    close_sum(0, 20, 8);
    close_sum(0, 36, 32);
    put_root(128, "XSDT", 8, physical(384));
    put_root(256, "RSDT", 4, physical(512));
    put_madt(384, 2);
    put_madt(512, 3);
}

/* 4 GiB up an address looks the same, to whoever keeps its lower half. */
static void test_acpi(void)
{
    put_tables(physical(128));
    is_number(cpus_found(), 2, "ACPI tables below 4 GiB are read, by way of the XSDT");
    put_tables(HIGH + physical(128));
    is_number(cpus_found(), 3, "[fault 206] a table above 4 GiB is not mistaken for what lies 4 GiB below");
    put_tables(physical(128));
    put_root(128, "XSDT", 8, HIGH + physical(384));
    is_number(cpus_found(), 3, "[fault 206] nor is one that a table below names");
}

const struct test tests_firmware[] = {
    {"acpi-high", "ACPI tables above 4 GiB", test_acpi},
    {NULL, NULL, NULL},
};
