/* SPDX-License-Identifier: 0BSD */
/* faults.c - what callers ask for and must not get: each is refused, and nothing has changed. */
#include "kva/magazine.h"
#include "kva/world.h"
#include "space/refused.h"

static ashlar_vpn range; /* with nothing behind it */

static void start(const struct world_format *format)
{
    world_start_usual(format);
    if (ashlar_space_create(&space) != ASHLAR_OK || ashlar_kva_reserve(3000, 1024, "test", &range) != ASHLAR_OK) {
        world_bail("start", ASHLAR_NO_FRAMES);
    }
    ashlar_space_switch(&space);
}

/* Pages have numbers: what is not a multiple of a page cannot be said. Addresses are taken by these alone. */
static void test_misaligned(void)
{
    uintptr_t top, other;
    is_u(ashlar_kva_take_stack(2, "worker", &top), ASHLAR_OK, "%s: a stack", world.name);
    is_u(ashlar_kva_map_mmio(0xfee00123u, 8, ASHLAR_MAP_WRITE | ASHLAR_MAP_CACHE_UC, "device", &other), ASHLAR_OK,
         "%s: [fault 36] device memory may have any alignment", world.name);
    is_u(other & 0xfffu, 0x123, "%s: its address has the same", world.name);
    like(SIM_FATAL(ashlar_kva_give_stack(top - 4u)), "is the top of no stack",
         "[fault 36] a stack given back by a misaligned top");
    like(SIM_FATAL(ashlar_kva_give_stack(top + 8u)), "is the top of no stack",
         "[fault 36] or by one within its guard page");
    like(SIM_FATAL(ashlar_kva_give_stack(top - ASHLAR_PAGE_BYTES)), "is the top of no stack",
         "or by an address in the stack");
    like(SIM_FATAL(ashlar_kva_give_stack(top - 3u * ASHLAR_PAGE_BYTES)), "is the top of no stack",
         "or by its other guard page");
    like(SIM_FATAL(ashlar_kva_give_stack(0x5000)), "is the top of no stack", "or by a user address");
    ashlar_kva_give_stack(top);
    ashlar_kva_unmap_mmio(other);
    world_ok("[fault 36] misaligned");
}

/* Whatever takes flags, with each set of them that no page may have. */
static ashlar_vpn first_out;
static uintptr_t address_out;

static ashlar_status commit(unsigned flags)
{
    return ashlar_kva_commit(range, 1, flags);
}

static ashlar_status commit_without_relief(unsigned flags)
{
    return ashlar_kva_commit(range, 1, flags | ASHLAR_KVA_NO_RELIEF);
}

static ashlar_status commit_large(unsigned flags)
{
    return ashlar_kva_commit_large(range, 2048, flags);
}

static ashlar_status commit_few_large(unsigned flags)
{
    return ashlar_kva_commit_large(range, 1, flags | ASHLAR_KVA_NO_RELIEF);
}

static ashlar_status move(unsigned flags)
{
    return ashlar_kva_move(range, range + 2500u, 4, flags);
}

static ashlar_status take(unsigned flags)
{
    return ashlar_kva_take(1, flags, "none", &first_out);
}

static ashlar_status take_large(unsigned flags)
{
    return ashlar_kva_take(2048, flags | ASHLAR_MAP_LARGE, "none", &first_out);
}

static ashlar_status take_demand(unsigned flags)
{
    return ashlar_kva_take_demand(1, flags, "none", &first_out);
}

static ashlar_status map_device(unsigned flags)
{
    return ashlar_kva_map_mmio(0xfee00000u, 4096, flags, "none", &address_out);
}

static ashlar_status protect(unsigned flags)
{
    return ashlar_space_protect(NULL, range + 2500u, 4, flags);
}

static const struct {
    const char *what;
    ashlar_status (*call)(unsigned flags);
    bool knows_relief;
} flagged[] = {{"commit", commit, true},
               {"commit, without relief", commit_without_relief, true},
               {"commit in large pages", commit_large, true},
               {"where none fits", commit_few_large, true},
               {"move", move, false},
               {"take", take, false},
               {"take in large pages", take_large, false},
               {"take a demand region", take_demand, false},
               {"map device memory", map_device, false},
               {"protect what is committed", protect, false}};

static void refuse_each(unsigned flags, ashlar_status want, const char *title)
{
    char text[100];
    for (size_t i = 0; i < sizeof flagged / sizeof flagged[0]; i++) {
        if ((flags & ASHLAR_KVA_NO_RELIEF) == 0 || !flagged[i].knows_relief) {
            snprintf(text, sizeof text, "%s: %s", title, flagged[i].what);
            refused(flagged[i].call(flags), want, text);
        }
    }
    ok(first_out == 77 && address_out == 77, "%s: no output was touched", world.name);
}

static void test_flags_of_all(void)
{
    is_u(ashlar_kva_commit(range + 2500u, 4, ASHLAR_MAP_WRITE), ASHLAR_OK, "%s: four pages", world.name);
    first_out = address_out = 77;
    refuse_each(ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC, ASHLAR_REFUSED, "[fault 41] writable and executable");
    refuse_each(ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC | ASHLAR_MAP_READ, ASHLAR_REFUSED, "[fault 41] and to be read");
    refuse_each(ASHLAR_MAP_USER, ASHLAR_REFUSED, "[fault 40] the user's, without access");
    refuse_each(ASHLAR_MAP_USER | ASHLAR_MAP_READ, ASHLAR_REFUSED, "[fault 40] the user's to read");
    refuse_each(ASHLAR_MAP_USER | ASHLAR_MAP_GLOBAL, ASHLAR_REFUSED, "[fault 40] the user's and global");
    refuse_each(0x1000, ASHLAR_BAD_ARGUMENT, "unknown flags");
    refuse_each(ASHLAR_KVA_NO_RELIEF, ASHLAR_BAD_ARGUMENT, "a flag of commits alone");
    is_u(world_usable(range + 2500u, 4), 4, "%s: the four are as they were", world.name);
    ashlar_kva_decommit(range + 2500u, 4);
    world_ok("flags");
}

static void test_flags(void)
{
    ashlar_vpn first = 77;
    uintptr_t address = 77;
    const unsigned both = ASHLAR_MAP_WRITE | ASHLAR_MAP_EXEC;
    refused(ashlar_kva_commit(range, 1, both), ASHLAR_REFUSED, "[fault 41] commit");
    refused(ashlar_kva_take(1, both, "both", &first), ASHLAR_REFUSED, "[fault 41] take");
    refused(ashlar_kva_take_demand(1, both, "both", &first), ASHLAR_REFUSED, "[fault 41] take a demand region");
    refused(ashlar_kva_map_mmio(0xfee00000u, 4096, both, "both", &address), ASHLAR_REFUSED, "[fault 41] device memory");
    refused(ashlar_kva_commit(range, 1, ASHLAR_MAP_USER), ASHLAR_REFUSED, "[fault 40] committed");
    refused(ashlar_kva_take(1, ASHLAR_MAP_USER, "user", &first), ASHLAR_REFUSED, "[fault 40] taken");
    refused(ashlar_kva_take_demand(1, ASHLAR_MAP_USER, "user", &first), ASHLAR_REFUSED, "[fault 40] on demand");
    refused(ashlar_kva_map_mmio(0xfee00000u, 4096, ASHLAR_MAP_USER, "user", &address), ASHLAR_REFUSED,
            "[fault 40] device memory of the user's in the kernel half");
    ok(first == 77 && address == 77, "%s: no output was touched", world.name);
}

static void test_width(const struct world_format *format)
{
    uintptr_t address = 77;
    ashlar_phys end = (ashlar_phys)1 << format->physical_bits;
    refused(ashlar_kva_map_mmio(end - 1u, 2, 0, "device", &address), ASHLAR_BAD_ARGUMENT,
            "[fault 42] device memory beyond it");
    refused(ashlar_kva_map_mmio(~(ashlar_phys)0 - 4u, 8, 0, "device", &address), ASHLAR_BAD_ARGUMENT,
            "[fault 37] device memory that wraps");
    refused(ashlar_kva_map_mmio(0xfee00000u, 0, 0, "device", &address), ASHLAR_BAD_ARGUMENT,
            "[fault 57] no device memory at all");
    is_u(address, 77, "%s: no output was touched", world.name);
    is_u(ashlar_kva_map_mmio(end - 4096u, 4096, 0, "device", &address), ASHLAR_OK, "%s: the last device", world.name);
    ashlar_kva_unmap_mmio(address);
    world_ok("[fault 42] width");
}

static void test_lengths(void)
{
    ashlar_vpn first = 77;
    uintptr_t top = 77;
    const size_t all = ~(size_t)0;
    refused(ashlar_kva_take(0, 0, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 57] take no pages");
    refused(ashlar_kva_take_stack(0, "none", &top), ASHLAR_BAD_ARGUMENT, "[fault 57] a stack of none");
    refused(ashlar_kva_take_demand(0, 0, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 57] a region of none");
    refused(ashlar_kva_reserve(0, 1, "none", &first), ASHLAR_BAD_ARGUMENT, "[fault 57] reserve none");
    refused(ashlar_kva_commit(range, 0, 0), ASHLAR_BAD_ARGUMENT, "[fault 57] commit none");
    refused(ashlar_kva_reserve(1, 3, "three", &first), ASHLAR_BAD_ARGUMENT, "an alignment that is no power of two");
    refused(ashlar_kva_reserve(all, 1, "all", &first), ASHLAR_NO_ADDRESSES, "[fault 60] reserve more than there is");
    refused(ashlar_kva_take(all, 0, "all", &first), ASHLAR_BAD_ARGUMENT, "[fault 37] take so many that guards wrap");
    refused(ashlar_kva_take_stack(all - 1u, "all", &top), ASHLAR_BAD_ARGUMENT, "[fault 37] a stack likewise");
    ok(first == 77 && top == 77, "%s: no output was touched", world.name);
}

/* Bits above those that the format has are part of an address: with others it is nobody's. */
static void test_noncanonical(void)
{
    uintptr_t top = 0, device = 0;
    if (!world_is_64()) {
        return;
    }
    is_u(ashlar_kva_take_stack(2, "worker", &top), ASHLAR_OK, "%s: a stack", world.name);
    is_u(ashlar_kva_map_mmio(0xfee00000u, 4096, 0, "device", &device), ASHLAR_OK, "%s: a device", world.name);
    like(SIM_FATAL(ashlar_kva_give_stack(top ^ (uintptr_t)((uint64_t)1 << 62))), "is the top of no stack",
         "[fault 38] a stack's top with a bit flipped is no stack's");
    like(SIM_FATAL(ashlar_kva_unmap_mmio(device ^ (uintptr_t)((uint64_t)1 << 62))), "non-canonical",
         "[fault 38] nor is such a device's address anybody's");
    ashlar_lock_abandon_all();
    ashlar_kva_give_stack(top);
    ashlar_kva_unmap_mmio(device);
    world_ok("non-canonical");
}

/* Entries that are notes: not there, and not free. */
static void test_notes(void)
{
    ashlar_vpn pages = 0, demand = 0;
    uintptr_t top = 0;
    ashlar_pfn frame = world_frames(1, 1);
    ashlar_status status = ashlar_kva_take(2, ASHLAR_MAP_WRITE, "pages", &pages);
    status = status == ASHLAR_OK ? ashlar_kva_take_demand(3, ASHLAR_MAP_WRITE, "demand", &demand) : status;
    status = status == ASHLAR_OK ? ashlar_kva_take_stack(2, "worker", &top) : status;
    is_u(status, ASHLAR_OK, "%s: ranges with guards", world.name);
    const ashlar_vpn noted[] = {pages + 2u, demand, demand + 2u, demand + 3u, world_page(top), world_page(top) - 3u};
    for (size_t i = 0; i < sizeof noted / sizeof noted[0]; i++) {
        struct ashlar_mapping m;
        refused(ashlar_space_map(NULL, noted[i], 1, &frame, ASHLAR_MAP_WRITE), ASHLAR_EXISTS,
                "[fault 34] map over a guard, or what comes when it is touched");
        refused(ashlar_space_map_linear(NULL, noted[i], 1, frame, 0), ASHLAR_EXISTS, "[fault 34] linear");
        refused(ashlar_space_unmap(NULL, noted[i], 1, NULL), ASHLAR_ABSENT, "[fault 35] unmap it");
        refused(ashlar_space_protect(NULL, noted[i], 1, 0), ASHLAR_ABSENT, "[fault 35] protect it");
        is_u(ashlar_space_query(NULL, noted[i], &m), ASHLAR_ABSENT, "%s: [fault 35] query", world.name);
    }
    is_u(world_usable(demand, 3), 3, "%s: what comes when it is touched still does", world.name);
    ashlar_kva_give(pages);
    ashlar_kva_give(demand);
    ashlar_kva_give_stack(top);
    world_ok("notes");
}

/* --- gives of what is not to be had ------------------------------------------------------------- */

enum giver { GIVE, GIVE_STACK, UNMAP_MMIO, UNRESERVE, GIVERS };

static void give_by(enum giver giver, uintptr_t address)
{
    switch (giver) {
    case GIVE:
        ashlar_kva_give(world_page(address));
        break;
    case GIVE_STACK:
        ashlar_kva_give_stack(address);
        break;
    case UNMAP_MMIO:
        ashlar_kva_unmap_mmio(address);
        break;
    case UNRESERVE:
        ashlar_kva_unreserve(world_page(address));
        break;
    case GIVERS:
        break;
    }
}

static ashlar_status take_pages(size_t pages, unsigned flags, uintptr_t *address)
{
    ashlar_vpn first = 0;
    ashlar_status status = ashlar_kva_take(pages, flags, "kind", &first);
    *address = world_address(first);
    return status;
}

static ashlar_status take_few(uintptr_t *address)
{
    return take_pages(3, ASHLAR_MAP_WRITE, address);
}

static ashlar_status take_many(uintptr_t *address)
{
    return take_pages(100, ASHLAR_MAP_WRITE, address);
}

static ashlar_status take_a_large(uintptr_t *address)
{
    return take_pages(1030, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, address);
}

static ashlar_status take_a_demand(uintptr_t *address)
{
    ashlar_vpn first = 0;
    ashlar_status status = ashlar_kva_take_demand(5, ASHLAR_MAP_WRITE, "kind", &first);
    *address = world_address(first);
    return status;
}

static ashlar_status take_a_stack(uintptr_t *address)
{
    return ashlar_kva_take_stack(2, "kind", address);
}

static ashlar_status take_a_device(uintptr_t *address)
{
    return ashlar_kva_map_mmio(0xfee00000u, 8192, ASHLAR_MAP_WRITE, "kind", address);
}

static ashlar_status take_addresses(uintptr_t *address)
{
    ashlar_vpn first = 0;
    ashlar_status status = ashlar_kva_reserve(40, 1, "kind", &first);
    *address = world_address(first);
    return status;
}

static const struct {
    const char *what;
    ashlar_status (*take)(uintptr_t *address);
    enum giver giver;
} kinds[] = {{"a few pages", take_few, GIVE},         {"many pages", take_many, GIVE},
             {"large pages", take_a_large, GIVE},     {"a demand region", take_a_demand, GIVE},
             {"a stack", take_a_stack, GIVE_STACK},   {"a device", take_a_device, UNMAP_MMIO},
             {"addresses", take_addresses, UNRESERVE}};

static const char *give_again(enum giver giver, uintptr_t address)
{
    return SIM_FATAL(give_by(giver, address));
}

/* By each other function, and at each address near it but its own; then by the right one. */
static void test_wrong_gives(size_t kind, uintptr_t address)
{
    size_t before = world_free_frames(), told = 0, wrong = 0;
    for (unsigned giver = 0; giver < GIVERS; giver++) {
        for (int page = -1; page <= 1; page++) {
            bool right = giver == (unsigned)kinds[kind].giver && page == 0;
            wrong += !right;
            told += !right && give_again((enum giver)giver, address + (uintptr_t)(intptr_t)(page * 4096)) != NULL;
        }
    }
    ok(told == wrong, "%s: [fault 46] %s, given by what is not for it, or by another page: %zu of %zu", world.name,
       kinds[kind].what, told, wrong);
    is_u(world_free_frames(), before, "%s: nothing was given", world.name);
    world_ok("wrong gives of %s", kinds[kind].what);
}

static void test_gives(void)
{
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        uintptr_t address = 0;
        is_u(kinds[kind].take(&address), ASHLAR_OK, "%s: %s", world.name, kinds[kind].what);
        test_wrong_gives(kind, address);
        give_by(kinds[kind].giver, address);
        ok(give_again(kinds[kind].giver, address) != NULL, "%s: [fault 46] given twice", world.name);
        (void)ashlar_kva_purge();
        ok(give_again(kinds[kind].giver, address) != NULL, "%s: [fault 46] and after a purge", world.name);
        (void)ashlar_magazines_empty(&ashlar_kva.general);
        (void)ashlar_magazines_empty(&ashlar_kva.stacks);
        ok(give_again(kinds[kind].giver, address) != NULL, "%s: [fault 46] and when it is not kept", world.name);
        world_ok("gives of %s", kinds[kind].what);
    }
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        start(format);
        test_misaligned();
        test_flags();
        test_flags_of_all();
        test_width(format);
        test_lengths();
        test_noncanonical();
        test_notes();
        test_gives();
    }
    return done_testing();
}
