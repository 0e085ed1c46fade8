/* SPDX-License-Identifier: 0BSD */
/* policies.c - each sharing policy does what its row says: which roots have a new slot, when, and at what price. */
#include "space/world.h"

#include "tables/growth.h"
#include "tables/policy.h"

#define SPACES 600u /* more than two batches of a push */

static struct ashlar_space spaces[SPACES];

static const struct world_format *format_now;

static void start(ashlar_sharing_policy policy)
{
    /* Four slots of the root, or as many as there can be. */
    unsigned shift = ashlar_slot_shift(format_now->paging) + ASHLAR_PAGE_SHIFT;
    uint64_t bytes = ashlar_paging_virtual_bits(format_now->paging) > 32u ? UINT64_C(4) << shift : 3u * GIB;
    const struct world_options options = {.kernel_bytes = bytes, .policy = policy};
    world_start(format_now, &options);
}

static void make_spaces(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (ashlar_space_create(&spaces[i]) != ASHLAR_OK) {
            world_bail("create", ASHLAR_NO_FRAMES);
        }
    }
}

static void drop_spaces(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ashlar_space_destroy(&spaces[i]);
    }
}

static uint64_t slot_entry(ashlar_phys root, ashlar_vpn page)
{
    unsigned top = ashlar_paging_levels(world.paging);
    return ashlar_entry_load(world.paging, sim_ram_frame(root >> ASHLAR_PAGE_SHIFT),
                             ashlar_entry_index(world.paging, top, page));
}

/* How many of the spaces' roots have the reference's entry for this page. */
static unsigned roots_with(ashlar_vpn page, unsigned count)
{
    unsigned with = 0;
    uint64_t reference = slot_entry(ashlar_space_root(NULL), page) & ~(uint64_t)0x60;
    for (unsigned i = 0; i < count; i++) {
        with += (slot_entry(spaces[i].root, page) & ~(uint64_t)0x60) == reference && reference != 0;
    }
    return with;
}

/* Addresses at the start of a slot that nothing is in. */
static bool new_slot(ashlar_vpn *page)
{
    *page = world_addresses(1, (size_t)1 << ashlar_space_slot_shift());
    return *page != ASHLAR_PFN_NONE;
}

static bool has_slot(ashlar_vpn page)
{
    return slot_entry(ashlar_space_root(NULL), page) != 0;
}

static const char *policy_name(ashlar_sharing_policy policy)
{
    return ashlar_sharing_text(policy);
}

/* From inside a space on CPU 1, which knows nothing of the page: a global one would stay in the TLB from space to space. */
static unsigned touch(unsigned which, ashlar_vpn page, uint32_t *value)
{
    sim_set_cpu(1);
    ashlar_space_switch(&spaces[which]);
    ashlar_port_flush_all();
    unsigned fault = world_access(1, world_address(page), value, SIM_READ);
    ashlar_space_switch(NULL);
    sim_set_cpu(0);
    return fault;
}

static void map_marked(ashlar_vpn page)
{
    uint32_t mark = 0xabcd1234u;
    ashlar_status status = ashlar_space_map_linear(NULL, page, 1, world_frames(1, 1), ASHLAR_MAP_WRITE);
    if (status != ASHLAR_OK) {
        world_bail("map", status);
    }
    (void)world_access(0, world_address(page), &mark, SIM_WRITE);
}

/* What a growth leaves in the roots right away, and what a touch from each space makes of it. */
static void test_growth(ashlar_sharing_policy policy)
{
    const struct ashlar_sharing *row = &ashlar_sharing_rows[policy];
    ashlar_vpn page;
    uint32_t value = 0;
    unsigned wrong = 0;
    start(policy);
    make_spaces(SPACES);
    if (!new_slot(&page)) {
        tap_skip(world.name, "no second slot in its kernel space");
        return;
    }
    is_u(has_slot(page), policy == ASHLAR_SHARING_PREALLOCATE, "%s, %s: the slot exists from boot, or not", world.name,
         policy_name(policy));
    struct ashlar_space_stats before = world_stats();
    map_marked(page);
    unsigned all = policy == ASHLAR_SHARING_PREALLOCATE || row->push ? SPACES : 0;
    is_u(roots_with(page, SPACES), all, "%s, %s: roots that have it after the growth", world.name, policy_name(policy));
    ok(policy != ASHLAR_SHARING_PREALLOCATE || world_stats().root_writes == before.root_writes,
       "%s, %s: preallocated tables write no root", world.name, policy_name(policy));
    for (unsigned i = 0; i < SPACES; i += 37) {
        value = 0;
        wrong += touch(i, page, &value) != 0 || value != 0xabcd1234u;
    }
    is_u(wrong, 0, "%s, %s: every space sees the page", world.name, policy_name(policy));
    unsigned touched = (SPACES + 36u) / 37u;
    is_u(world_stats().pulls - before.pulls, policy == ASHLAR_SHARING_LAZY ? touched : 0,
         "%s, %s: entries brought by faults", world.name, policy_name(policy));
    if (row->pull_on_switch) {
        is_u(roots_with(page, SPACES), touched, "%s, %s: a switch brings the entry", world.name, policy_name(policy));
    }
    world_ok("%s: growth", policy_name(policy));
    drop_spaces(SPACES);
    world_ok("%s: the spaces are gone", policy_name(policy));
}

/* HYBRID adds a cache line of slots: the neighbours cost nothing more. */
static void test_step(void)
{
    ashlar_vpn page, other;
    start(ASHLAR_SHARING_HYBRID);
    make_spaces(3);
    if (!new_slot(&page) || !new_slot(&other)) {
        tap_skip(world.name, "no third slot");
        return;
    }
    map_marked(page);
    struct ashlar_space_stats before = world_stats();
    unsigned bytes = ashlar_paging_entry_bytes(world.paging);
    unsigned step =
        64u / bytes < ashlar_table_entries(world.paging, ashlar_paging_levels(world.paging)) ? 64u / bytes : 1u;
    unsigned top = ashlar_paging_levels(world.paging);
    bool same_line =
        ashlar_entry_index(world.paging, top, page) / step == ashlar_entry_index(world.paging, top, other) / step;
    map_marked(other);
    is_u(world_stats().growths - before.growths, same_line ? 0 : 1, "%s: the next slot of the line was there",
         world.name);
    is_u(roots_with(other, 3), 3, "%s: in every root", world.name);
    world_ok("a step of a line");
}

/* A growth that finds no frame leaves nothing behind but what audits count. */
static void test_growth_fails(ashlar_sharing_policy policy)
{
    ashlar_vpn page;
    start(policy);
    make_spaces(2);
    if (!new_slot(&page)) {
        return;
    }
    unsigned failures = 0;
    ashlar_pfn frame = world_frames(1, 1);
    for (uint64_t nth = 1; nth < 40; nth++) {
        size_t before = world_free_frames() + world_stats().kernel_table_frames;
        ashlar_frames_fail_nth(world.pool, nth, 1);
        ashlar_status status = ashlar_space_map(NULL, page, 1, &frame, ASHLAR_MAP_WRITE);
        ashlar_frames_fail_nth(world.pool, 0, 0);
        if (status == ASHLAR_OK) {
            break;
        }
        failures += status != ASHLAR_NO_FRAMES || world_free_frames() + world_stats().kernel_table_frames != before ||
                    ashlar_space_audit() != NULL;
    }
    is_u(failures, 0, "%s, %s: [fault 43] tables run out while kernel space grows", world.name, policy_name(policy));
    world_ok("%s: growth that fails", policy_name(policy));
}

/* An interrupt finds somebody growing: it cannot wait. */
static void test_may_not_wait(void)
{
    ashlar_vpn page;
    start(ASHLAR_SHARING_EAGER);
    if (!new_slot(&page)) {
        return;
    }
    ok(ashlar_token_try(&ashlar_half.growing), "%s: somebody grows", world.name);
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    is_u(ashlar_kernel_grow(page, 1), ASHLAR_MAY_NOT_WAIT, "%s: an interrupt does not wait for a grower", world.name);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_token_give(&ashlar_half.growing);
    world_ok("may not wait");
}

/* What the fault path refuses: it is not the policy's. */
static void test_refused_faults(void)
{
    ashlar_vpn page;
    start(ASHLAR_SHARING_LAZY);
    make_spaces(1);
    if (!new_slot(&page)) {
        return;
    }
    map_marked(page);
    sim_set_cpu(1);
    ashlar_space_switch(&spaces[0]);
    uintptr_t address = world_address(page);
    ok(!ashlar_space_fault(address, 4), "%s: a user's fault in the kernel half", world.name);
    ok(!ashlar_space_fault(address, 8), "%s: a reserved bit", world.name);
    ok(!ashlar_space_fault(address, 1), "%s: a page that is present", world.name);
    ok(!ashlar_space_fault(world_address(world.layout.kernel_first) - 4096u, 0), "%s: below kernel space", world.name);
    is_u(roots_with(page, 1), 0, "%s: none of them brings the entry", world.name);
    ok(ashlar_space_fault(address, 0), "%s: a kernel's read does", world.name);
    ok(!ashlar_space_fault(address + 4096u, 0), "%s: and once it is there, an absent page is nobody's", world.name);
    ashlar_space_switch(NULL);
    sim_set_cpu(0);
    world_ok("refused faults");
}

static void test_auto(void)
{
    start(ASHLAR_SHARING_PREALLOCATE);
    struct ashlar_space_options options = world.options;
    size_t frames = 0;
    is_u(ashlar_space_footprint_frames(&options, &frames), ASHLAR_OK, "%s: a footprint", world.name);
    options.policy = ASHLAR_SHARING_AUTO;
    is_u(ashlar_sharing_choose(&options, frames * 100u), ASHLAR_SHARING_PREALLOCATE, "%s: 1%% of RAM is cheap",
         world.name);
    is_u(ashlar_sharing_choose(&options, frames * 99u), ASHLAR_SHARING_HYBRID, "%s: more is not", world.name);
    is_u(ashlar_space_footprint_frames(&options, &frames), ASHLAR_REFUSED, "%s: AUTO itself is no row", world.name);
    options.policy = ASHLAR_SHARING_LAZY;
    is_u(ashlar_sharing_choose(&options, 1), ASHLAR_SHARING_LAZY, "%s: a policy that is named stays", world.name);
    ok(!ashlar_sharing_is_built((ashlar_sharing_policy)77), "%s: a policy that does not exist is not built",
       world.name);
    is_str(ashlar_sharing_text((ashlar_sharing_policy)77), "unknown", "and has no name");
    is_str(ashlar_sharing_text(ASHLAR_SHARING_AUTO), "AUTO", "AUTO has one");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        format_now = format;
        for (unsigned policy = ASHLAR_SHARING_PREALLOCATE; policy <= ASHLAR_SHARING_SEQ; policy++) {
            test_growth((ashlar_sharing_policy)policy);
            test_growth_fails((ashlar_sharing_policy)policy);
        }
        test_step();
        test_may_not_wait();
        test_refused_faults();
        test_auto();
    }
    return done_testing();
}
