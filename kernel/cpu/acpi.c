/* SPDX-License-Identifier: 0BSD */
/* acpi.c - from the root pointer to the table of interrupt controllers (MADT), which names each CPU.
 *
 *     RSDP, below 1 MiB or where the loader says
 *       -> RSDT or XSDT: addresses of tables, of 4 or 8 bytes
 *            -> "APIC": entries, each a type and a length; type 0 is a CPU's local APIC,
 *               type 9 one whose ID may have 32 bits
 *            -> "FACP": where the timer is
 *
 * A table counts only if its bytes add up to zero. Firmware lists CPUs that are not
 * there by an ID of ones, and some CPUs twice, be it by both types: an ID is
 * noted once. Source: ACPI specification 6.5, 5.2.5 to 5.2.12.
 */
#include "cpu/acpi.h"

#include "io/print.h"
#include "io/string.h"
#include "memory/image.h"
#include "memory/memory.h"

#define RSDP_BYTES 20u
#define RSDP_LONG_BYTES 36u
#define HEADER_BYTES 36u
#define TABLE_BYTES_MAX 0x100000u
#define EXTENDED_BIOS_SEGMENT 0x40eu
#define BIOS_AREA 0xe0000u
#define BIOS_AREA_BYTES 0x20000u
#define TABLES_MAX 64u
#define REACH_END ((ashlar_phys)1 << 32) /* of two-level paging */
#define MADT_FIRST_ENTRY 44u
#define MADT_LOCAL_APIC 0u
#define MADT_LOCAL_APIC_BYTES 8u
#define MADT_ADDRESS_OVERRIDE 5u
#define MADT_ADDRESS_OVERRIDE_BYTES 12u
#define MADT_LOCAL_X2APIC 9u
#define MADT_LOCAL_X2APIC_BYTES 16u
#define FADT_TIMER 76u
#define FADT_TIMER_END 80u
#define CPU_ENABLED 1u

static uint32_t u32_at(ashlar_phys address)
{
    uint32_t value;
    memory_read(NULL, address, &value, sizeof value);
    return value;
}

static uint64_t u64_at(ashlar_phys address)
{
    return u32_at(address) | (uint64_t)u32_at(address + 4) << 32;
}

static bool sums_to_zero(ashlar_phys address, uint32_t bytes)
{
    uint8_t sum = 0;
    uint8_t chunk[64];
    for (uint32_t done = 0; done < bytes;) {
        uint32_t part = bytes - done < sizeof chunk ? bytes - done : (uint32_t)sizeof chunk;
        memory_read(NULL, address + done, chunk, part);
        for (uint32_t i = 0; i < part; i++) {
            sum = (uint8_t)(sum + chunk[i]);
        }
        done += part;
    }
    return sum == 0;
}

static ashlar_phys search(ashlar_phys from, uint32_t bytes)
{
    static char page[ASHLAR_PAGE_BYTES];
    for (uint32_t done = 0; done < bytes; done += sizeof page) {
        uint32_t part = bytes - done < sizeof page ? bytes - done : (uint32_t)sizeof page;
        memory_read(NULL, from + done, page, part);
        for (uint32_t i = 0; i + 16 <= part; i += 16) {
            if (memcmp(page + i, "RSD PTR ", 8) == 0 && sums_to_zero(from + done + i, RSDP_BYTES)) {
                return from + done + i;
            }
        }
    }
    return 0;
}

static ashlar_phys find_root_pointer(void)
{
    ashlar_phys extended = (ashlar_phys)(u32_at(EXTENDED_BIOS_SEGMENT) & 0xffff) << 4;
    ashlar_phys found = extended != 0 ? search(extended, 1024) : 0;
    return found != 0 ? found : search(BIOS_AREA, BIOS_AREA_BYTES);
}

/* Two-level paging has no window for what lies above 4 GiB: said, and taken as not there. */
static bool is_in_reach(ashlar_phys table, uint32_t bytes)
{
    static ashlar_phys said;
    bool reached = image_mode()->is_wide || (table <= REACH_END && bytes <= REACH_END - table);
    if (!reached && said != table) {
        print("ACPI: a table at 0x%llx lies above 4 GiB, out of reach of %s paging: it is left out\n",
              (unsigned long long)table, ashlar_paging_name(image_mode()->paging));
        said = table;
    }
    return reached;
}

/* A table's length, if it is one, and sound; else 0. */
static uint32_t table_bytes(ashlar_phys table, const char *signature)
{
    char name[4];
    if (!is_in_reach(table, HEADER_BYTES)) {
        return 0;
    }
    memory_read(NULL, table, name, sizeof name);
    uint32_t bytes = u32_at(table + 4);
    bool good = memcmp(name, signature, sizeof name) == 0 && bytes >= HEADER_BYTES && bytes <= TABLE_BYTES_MAX &&
                is_in_reach(table, bytes) && sums_to_zero(table, bytes);
    return good ? bytes : 0;
}

/* The table of this name that a root table of pointers of this width lists. */
static ashlar_phys find_in(ashlar_phys root, const char *root_name, unsigned width, const char *name)
{
    uint32_t bytes = table_bytes(root, root_name);
    for (unsigned i = 0; bytes != 0 && i < TABLES_MAX && HEADER_BYTES + (i + 1) * width <= bytes; i++) {
        ashlar_phys at = root + HEADER_BYTES + (ashlar_phys)i * width;
        ashlar_phys table = width == 8 ? u64_at(at) : u32_at(at);
        if (table_bytes(table, name) != 0) {
            return table;
        }
    }
    return 0;
}

static ashlar_phys find_table(ashlar_phys rsdp, const char *name)
{
    uint8_t revision;
    ashlar_phys table = 0;
    memory_read(NULL, rsdp + 15, &revision, 1);
    if (revision >= 2 && sums_to_zero(rsdp, RSDP_LONG_BYTES)) {
        table = find_in(u64_at(rsdp + 24), "XSDT", 8, name);
    }
    return table != 0 ? table : find_in(u32_at(rsdp + 16), "RSDT", 4, name);
}

static bool is_known(const struct acpi_cpus *found, uint32_t id)
{
    for (unsigned i = 0; i < found->count; i++) {
        if (found->apic_ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* nobody: the ID that means all CPUs. */
static void note_cpu(struct acpi_cpus *found, uint32_t id, uint32_t nobody, uint32_t flags)
{
    if (id == nobody || (flags & CPU_ENABLED) == 0) {
        return;
    }
    if (id > found->highest_id) {
        found->left_out++;
    } else if (found->count == found->most) {
        found->too_many += !is_known(found, id);
    } else if (!is_known(found, id)) {
        found->apic_ids[found->count++] = id;
    }
}

static void read_entry(ashlar_phys entry, uint8_t type, uint8_t bytes, struct acpi_cpus *found)
{
    if (type == MADT_ADDRESS_OVERRIDE && bytes >= MADT_ADDRESS_OVERRIDE_BYTES) {
        found->local_apic = u64_at(entry + 4);
    } else if (type == MADT_LOCAL_APIC && bytes >= MADT_LOCAL_APIC_BYTES) {
        note_cpu(found, u32_at(entry) >> 24, 0xff, u32_at(entry + 4));
    } else if (type == MADT_LOCAL_X2APIC && bytes >= MADT_LOCAL_X2APIC_BYTES) {
        note_cpu(found, u32_at(entry + 4), UINT32_MAX, u32_at(entry + 8));
    }
}

void acpi_find_cpus(ashlar_phys rsdp, struct acpi_cpus *found)
{
    found->count = found->left_out = 0;
    rsdp = rsdp != 0 ? rsdp : find_root_pointer();
    ashlar_phys madt = rsdp != 0 ? find_table(rsdp, "APIC") : 0;
    if (madt == 0) {
        return;
    }
    uint32_t bytes = u32_at(madt + 4);
    found->local_apic = u32_at(madt + HEADER_BYTES);
    for (uint32_t at = MADT_FIRST_ENTRY; at + 2 <= bytes;) {
        uint8_t entry[2]; /* type, length */
        memory_read(NULL, madt + at, entry, sizeof entry);
        if (entry[1] < 2 || entry[1] > bytes - at) {
            return;
        }
        read_entry(madt + at, entry[0], entry[1], found);
        at += entry[1];
    }
}

uint16_t acpi_find_timer(ashlar_phys rsdp)
{
    rsdp = rsdp != 0 ? rsdp : find_root_pointer();
    ashlar_phys fadt = rsdp != 0 ? find_table(rsdp, "FACP") : 0;
    return fadt != 0 && u32_at(fadt + 4) >= FADT_TIMER_END ? (uint16_t)u32_at(fadt + FADT_TIMER) : 0;
}
