/* SPDX-License-Identifier: 0BSD */
/* random_smp.c - several CPUs do random things to the kernel half and to user halves at once, under each sharing policy.
 *
 * What one CPU makes (pages of the kernel half in old and new top-level slots,
 * demand regions, user pages) all others use: they read it, write to it, find it
 * read-only when it was made so. What must hold at any moment: whoever was told
 * of an address reaches what was written there, after one fault that was mended
 * at most; no frame changes hands that any CPU may still know. In the end all is
 * given back: audits are clean, no TLB knows more than the tables, no frame is lost.
 *
 * A run is told by format, policy and seed: ASHLAR_SEED=N runs that one alone,
 * ASHLAR_SEEDS=N so many of each; ASHLAR_POLICY and ASHLAR_FORMAT choose, and
 * ASHLAR_BUFFERS=N how late stores become visible (0: at once).
 */
#include "kva/world_smp.h"

#define ITEMS 20u
#define SPACES 2u
#define OPERATIONS 14u
#define PAGES_MOST 4u
#define DEMAND_TURNS 500u

enum kind { PAGES, COMMITTED, DEMAND, USER, LARGE, SPAN, KINDS };
enum state { FREE, BUSY, LIVE };

/* Something that has an address. */
struct item {
    enum kind kind;
    enum state state;
    unsigned owner;
    unsigned space; /* USER */
    ashlar_vpn first;
    ashlar_vpn range; /* COMMITTED, LARGE: what was reserved; SPAN: taken */
    size_t pages;
    uint64_t stamp;
    bool writable;
    bool changing;    /* its permissions */
    unsigned users;   /* CPUs at work on it */
    unsigned written; /* bit n: page n was written to through its address */
    unsigned writers; /* of these */
};

static struct {
    struct item items[ITEMS];
    struct ashlar_space spaces[SPACES];
    enum state space_state[SPACES];
    unsigned inside[SPACES];
    unsigned user_items[SPACES];
    size_t frames; /* free at first */
    bool part[CPUS];
    int in[CPUS]; /* the space that a CPU runs in; -1: none */
    unsigned rounds_begun;
    unsigned rounds_done; /* by all CPUs together */
    bool tagged;          /* CPUs keep translations of spaces that they leave */
    uint64_t stamps;
    char problem[256];
} run;

static void problem(const char *what, ashlar_vpn page, unsigned detail)
{
    if (run.problem[0] == '\0') {
        snprintf(run.problem, sizeof run.problem, "CPU %u: %s, page 0x%llx, 0x%x", ashlar_port_cpu(), what,
                 (unsigned long long)page, detail);
    }
}

/* Other CPUs read this file's words plainly, and act on them. x86 shows them no store before the older ones; ours would be
 * seen before what waits in the buffer. */
static void publish(enum state *state, enum state now)
{
    sim_drain();
    *state = now;
}

static size_t large_pages(void)
{
    return (size_t)1 << ashlar_entry_shift(world.format->paging, 2);
}

static bool has_large(void)
{
    return ashlar_paging_levels(world.format->paging) > 2u;
}

static uint64_t address_of(ashlar_vpn page)
{
    return ashlar_paging_address(world.format->paging, page);
}

/* --- access ------------------------------------------------------------------------------ */

/* The page-fault handler; the return from it drains the store buffer. */
static bool mend(ashlar_vpn page, unsigned fault)
{
    uintptr_t interrupts = ashlar_port_irq_save();
    sim_set_context(ASHLAR_CONTEXT_INTERRUPT);
    bool retry = world_fault((uintptr_t)address_of(page), fault & ~SIM_FAULT);
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    sim_drain();
    ashlar_port_irq_restore(interrupts);
    return retry;
}

/* One word; the fault that was not mended, or 0. */
static unsigned touch(const struct item *item, size_t index, bool write, uint64_t *value)
{
    ashlar_vpn page = item->first + index;
    unsigned most = item->kind == DEMAND ? DEMAND_TURNS : 2u;
    unsigned user = item->kind == USER ? SIM_USER : 0u;
    unsigned fault = 0;
    for (unsigned i = 0; i < most; i++) {
        unsigned cpu = ashlar_port_cpu();
        sim_yield();
        fault = write ? sim_store(cpu, address_of(page), value, sizeof *value, user)
                      : sim_load(cpu, address_of(page), value, sizeof *value, user);
        if (fault == 0 || !mend(page, fault)) {
            return fault;
        }
        if (i > 1u) {
            (void)sim_wait(); /* whoever brings a demand page goes on */
        }
    }
    return fault;
}

static void check_read(const struct item *item)
{
    size_t index = random_below((unsigned)item->pages);
    uint64_t value = 0;
    unsigned fault = touch(item, index, false, &value);
    if (fault != 0) {
        problem("a read faults", item->first + index, fault | (unsigned)item->kind << 8);
    } else if (value != item->stamp + index && !(item->kind == DEMAND && value == 0)) {
        problem("somebody else's contents", item->first + index, (unsigned)value);
    }
}

static void check_dirty(const struct item *item, size_t index)
{
    struct sim_translation now;
    sim_mmu_inspect(ashlar_port_cpu(), address_of(item->first + index), &now);
    if (now.fault == 0 && !now.dirty) {
        problem("a dirty bit is lost", item->first + index, 0);
    }
}

static void check_write(struct item *item, size_t index)
{
    uint64_t value = item->stamp + index;
    item->writers++;
    unsigned fault = touch(item, index, true, &value);
    if (item->writable && fault != 0) {
        problem("a write faults", item->first + index, fault);
    } else if (!item->writable &&
               fault != (SIM_FAULT | SIM_PRESENT | SIM_WRITE | (item->kind == USER ? SIM_USER : 0u))) {
        problem("a write to a read-only page goes through", item->first + index, fault);
    }
    if (fault == 0) {
        item->written |= 1u << index;
        check_dirty(item, index);
    }
    item->writers--;
}

static bool reaches(const struct item *item)
{
    return item->kind != USER || run.in[ashlar_port_cpu()] == (int)item->space;
}

static void use(struct item *item)
{
    item->users++;
    for (unsigned i = 1u + random_below(3); i != 0; i--) {
        check_read(item);
        if (!item->changing && random_below(2) == 0) {
            check_write(item, random_below((unsigned)item->pages));
        }
    }
    item->users--;
}

/* --- making and giving back ------------------------------------------------------------------ */

static ashlar_status make_committed(struct item *item)
{
    const struct ashlar_paging *p = world.format->paging;
    size_t slot = (size_t)1 << ashlar_entry_shift(p, ashlar_paging_levels(p));
    size_t sizes[] = {slot / 2u, slot / 2u, slot / 4u, slot + 2u};
    size_t pages = sizes[random_below(4)];
    ashlar_status status = ashlar_kva_reserve(pages, 1, "committed", &item->range);
    if (status != ASHLAR_OK) {
        return status;
    }
    item->first = item->range + random_below((unsigned)(pages / 2u < 0x7fffffff ? pages / 2u : 0x7fffffff));
    if (random_below(2) == 0) {
        item->first = item->range + pages - item->pages; /* where the next slot begins */
    }
    status = ashlar_kva_commit(item->first, item->pages, ASHLAR_MAP_WRITE);
    if (status != ASHLAR_OK) {
        ashlar_kva_unreserve(item->range);
    }
    return status;
}

/* Pages somewhere in a large page, of a range that is the item's own, or a span. */
static ashlar_status make_large(struct item *item)
{
    ashlar_status status;
    size_t whole = large_pages();
    if (item->kind == SPAN) {
        status = ashlar_kva_take(whole, ASHLAR_MAP_WRITE | ASHLAR_MAP_LARGE, "span", &item->range);
    } else {
        status = ashlar_kva_reserve(whole, whole, "large", &item->range);
        if (status == ASHLAR_OK) {
            status = ashlar_kva_commit_large(item->range, whole, ASHLAR_MAP_WRITE);
            if (status != ASHLAR_OK) {
                ashlar_kva_unreserve(item->range);
            }
        }
    }
    item->first = item->range + random_below((unsigned)(whole - item->pages));
    return status;
}

/* The item's pages first, then the others, if any: the large page is split on the way. */
static void give_large(const struct item *item)
{
    size_t before = item->first - item->range;
    ashlar_kva_decommit(item->first, item->pages);
    if (before != 0) {
        ashlar_kva_decommit(item->range, before);
    }
    ashlar_kva_decommit(item->first + item->pages, large_pages() - before - item->pages);
    ashlar_kva_unreserve(item->range);
}

static ashlar_status make_user(struct item *item, unsigned number)
{
    ashlar_pfn frames[PAGES_MOST];
    struct ashlar_space *space = &run.spaces[item->space];
    item->first = (ashlar_vpn)(number / 4u + 1u) * 4096u + number % 4u * 64u + random_below(4);
    ashlar_status status = ashlar_frames_take_bulk(world.pool, frames, item->pages, 0);
    if (status != ASHLAR_OK) {
        return status;
    }
    for (size_t i = 0; i < item->pages; i++) { /* not by the address: nobody has written to it yet */
        uint64_t value = item->stamp + i;
        memcpy(sim_ram_frame(frames[i]), &value, sizeof value);
    }
    status = ashlar_space_map(space, item->first, item->pages, frames, ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
    if (status != ASHLAR_OK) {
        ashlar_frames_give_bulk(world.pool, frames, item->pages);
    }
    return status;
}

static enum kind random_kind(void)
{
    static const enum kind kinds[] = {PAGES, PAGES, COMMITTED, COMMITTED, DEMAND, USER, USER, USER};
    enum kind kind = kinds[random_below(8)];
    if (has_large() && random_below(12) == 0) {
        return random_below(2) == 0 ? LARGE : SPAN;
    }
    return kind == USER && run.in[ashlar_port_cpu()] < 0 ? COMMITTED : kind;
}

static void make(struct item *item, unsigned number, enum kind kind)
{
    unsigned cpu = ashlar_port_cpu();
    ashlar_status status = ASHLAR_OK;
    item->state = BUSY;
    item->kind = kind;
    item->written = 0;
    item->pages = 1u + random_below(PAGES_MOST);
    item->owner = cpu;
    item->stamp = run.stamps += 0x10000;
    item->writable = true;
    item->space = item->kind == USER ? (unsigned)run.in[cpu] : 0;
    if (item->kind == PAGES) {
        status = ashlar_kva_take(item->pages, ASHLAR_MAP_WRITE, "pages", &item->first);
    } else if (item->kind == COMMITTED) {
        status = make_committed(item);
    } else if (item->kind == DEMAND) {
        status = ashlar_kva_take_demand(item->pages, ASHLAR_MAP_WRITE, "demand", &item->first);
    } else if (item->kind == LARGE || item->kind == SPAN) {
        status = make_large(item);
    } else {
        status = make_user(item, number);
    }
    if (status != ASHLAR_OK) {
        publish(&item->state, FREE);
        return;
    }
    run.user_items[item->space] += item->kind == USER;
    for (size_t i = 0; i < item->pages && item->kind != DEMAND && item->kind != USER; i++) {
        check_write(item, i);
    }
    publish(&item->state, LIVE);
}

static void give_back(struct item *item)
{
    ashlar_status status;
    item->state = BUSY;
    for (size_t i = 0; i < item->pages && reaches(item); i++) {
        if ((item->written >> i & 1u) != 0) {
            check_dirty(item, i);
        }
    }
    if (item->kind == USER) {
        status = ashlar_space_unmap(&run.spaces[item->space], item->first, item->pages, NULL);
        if (status != ASHLAR_OK) {
            problem("a user page cannot be unmapped", item->first, status);
        }
    } else if (item->kind == COMMITTED) {
        ashlar_kva_decommit(item->first, item->pages);
        ashlar_kva_unreserve(item->range);
    } else if (item->kind == LARGE) {
        give_large(item);
    } else if (item->kind == SPAN) {
        ashlar_kva_give(item->range);
    } else {
        ashlar_kva_give(item->first);
    }
    publish(&item->state, FREE);
    run.user_items[item->space] -= item->kind == USER;
}

/* Other permissions while others read; the same ones while others write as well. */
static void set_permissions(struct item *item, bool other)
{
    unsigned write = item->writable != other ? ASHLAR_MAP_WRITE : 0u;
    struct ashlar_space *space = item->kind == USER ? &run.spaces[item->space] : NULL;
    item->users++;
    item->changing = other;
    ashlar_status status = ashlar_space_protect(space, item->first, item->pages,
                                                write | (space != NULL ? ASHLAR_MAP_READ | ASHLAR_MAP_USER : 0u));
    if (status != ASHLAR_OK) {
        problem("permissions cannot be changed", item->first, status);
    }
    sim_drain(); /* as in publish */
    item->writable = write != 0;
    item->changing = false;
    item->users--;
}

static void protect(struct item *item)
{
    if (item->kind != DEMAND) {
        set_permissions(item, item->writers == 0 && random_below(2) == 0);
    }
}

/* --- address spaces ------------------------------------------------------------------------------ */

static void switch_to(int number)
{
    unsigned cpu = ashlar_port_cpu();
    int old = run.in[cpu];
    run.in[cpu] = -1;
    if (number >= 0) {
        run.inside[number]++;
    }
    world_switch(number >= 0 ? &run.spaces[number] : NULL);
    sim_drain(); /* as in publish */
    if (old >= 0) {
        run.inside[old]--;
    }
    run.in[cpu] = number;
}

static void change_space(void)
{
    unsigned number = random_below(SPACES + 1u);
    if (number == SPACES) {
        switch_to(-1);
    } else if (run.space_state[number] == FREE) {
        run.space_state[number] = BUSY;
        bool made = ashlar_space_create(&run.spaces[number]) == ASHLAR_OK;
        publish(&run.space_state[number], made ? LIVE : FREE);
    } else if (run.space_state[number] == LIVE && run.inside[number] == 0 && run.user_items[number] == 0 &&
               random_below(2) == 0) {
        run.space_state[number] = BUSY;
        ashlar_space_destroy(&run.spaces[number]);
        publish(&run.space_state[number], FREE);
    } else if (run.space_state[number] == LIVE) {
        switch_to((int)number);
    }
}

/* --- a run ------------------------------------------------------------------------------------------ */

static void operate(void)
{
    unsigned number = random_below(ITEMS);
    struct item *item = &run.items[number];
    unsigned what = random_below(10);
    if (what < 2) {
        change_space();
    } else if (what == 2) {
        (void)ashlar_kva_purge();
    } else if (item->state == FREE) {
        make(item, number, random_kind());
    } else if (item->state == LIVE && item->owner == ashlar_port_cpu() && item->users == 0 && what < 6) {
        give_back(item);
    } else if (item->state == LIVE && item->owner == ashlar_port_cpu() && !item->changing && what == 6) {
        protect(item);
    } else if (item->state == LIVE && reaches(item)) {
        use(item);
    }
}

static void join(void)
{
    unsigned cpu = ashlar_port_cpu();
    for (unsigned i = random_below(400); i != 0; i--) {
        sim_yield(); /* whatever the MMU brings in meanwhile is stale some day */
    }
    world_join();
    run.part[cpu] = true;
}

static void leave(void)
{
    unsigned cpu = ashlar_port_cpu();
    switch_to(-1);
    uintptr_t interrupts = ashlar_port_irq_save();
    sim_mmu_take_part(cpu, false);
    run.part[cpu] = false;
    ashlar_space_cpu_leave();
    ashlar_port_irq_restore(interrupts);
}

static void cpu_body(void *context)
{
    (void)context;
    bool first = ashlar_port_cpu() == 0;
    if (!first) {
        join();
    }
    for (unsigned i = 0; i < OPERATIONS && run.problem[0] == '\0'; i++) {
        if (!world_step(i)) {
            continue;
        }
        if (!first && random_below(12) == 0) {
            leave();
            join();
        }
        operate();
        sim_progress();
    }
    switch_to(-1);
    if (!first && random_below(2) == 0) {
        leave();
    }
}

/* --- a run about one user half alone ---------------------------------------------------------------- */

/* Visitors come and go so fast that a flush may fall anywhere between: what they keep counts until then. */
static void let_visit(void)
{
    for (unsigned i = random_below(300); i != 0; i--) {
        sim_yield();
    }
}

static void make_and_give(struct item *item, unsigned number)
{
    make(item, number, USER);
    /* One CPU's entries are such that the MMU has nothing to add: they are changed by plain stores. */
    for (size_t i = 0; i < item->pages && item->state == LIVE && number == 0; i++) {
        check_write(item, i);
    }
    /* The other's are new to the MMU: what it writes into them while they are changed must not be lost. */
    bool is_new = number != 0 && random_below(2) == 0;
    for (unsigned i = random_below(5); i != 0 && item->state == LIVE && (is_new || !run.tagged); i--) {
        set_permissions(item, !is_new && item->writers == 0 && random_below(2) == 0);
    }
    if (run.tagged) {
        let_visit();
    }
    while (item->users != 0) {
        (void)sim_wait();
    }
    if (item->state == LIVE) {
        give_back(item);
    }
}

/* Use it, or write to each page at once. */
static void visit(struct item *item)
{
    if (random_below(2) == 0) {
        use(item);
        return;
    }
    item->users++;
    for (size_t i = 0; i < item->pages && !item->changing; i++) {
        check_write(item, i);
    }
    item->users--;
}

/* Two CPUs map and unmap, the others come, write, and go. */
static void user_body(void *context)
{
    (void)context;
    unsigned cpu = ashlar_port_cpu();
    if (cpu == 0) {
        bool made = ashlar_space_create(&run.spaces[0]) == ASHLAR_OK;
        publish(&run.space_state[0], made ? LIVE : FREE);
    } else {
        join();
    }
    while (run.space_state[0] != LIVE) {
        (void)sim_wait();
    }
    unsigned turns = cpu >= 2u ? CPU_STEPS : CPU_STEPS / 2u;
    for (unsigned i = 0; i < turns && run.problem[0] == '\0'; i++) {
        if (!world_step(i)) {
            continue;
        }
        switch_to(0);
        if (cpu < 2u) {
            make_and_give(&run.items[cpu], cpu);
        }
        for (unsigned number = 0; number < 2u; number++) {
            if (cpu >= 2u && run.items[number].state == LIVE) {
                visit(&run.items[number]);
            }
        }
        if (cpu >= 2u) {
            switch_to(-1);
        }
        sim_progress();
    }
    switch_to(-1);
}

/* Another CPU, in the space of a user page, writes to it at this very moment: its MMU marks the entry. */
static void write_elsewhere(struct item *item)
{
    unsigned cpu = random_below(CPUS), index = random_below((unsigned)item->pages);
    uint64_t physical;
    bool may = item->kind == USER && item->state == LIVE && item->writable && !item->changing;
    if (may && cpu != ashlar_port_cpu() && run.in[cpu] == (int)item->space &&
        sim_mmu_translate(cpu, address_of(item->first + index), SIM_WRITE | SIM_USER, &physical) == 0) {
        item->written |= 1u << index;
    }
}

/* The MMU brings in a translation that nobody has asked for. */
static void speculate(void)
{
    unsigned number = random_below(ITEMS);
    for (unsigned i = 0; i < ITEMS && run.items[number].state == FREE; i++) {
        number = (number + 1u) % ITEMS;
    }
    struct item *item = &run.items[number];
    if (item->pages != 0) {
        write_elsewhere(item);
        sim_tlb_fill(ashlar_port_cpu(), address_of(item->first + random_below((unsigned)item->pages)));
    }
}

/* --- a run about demand regions alone ----------------------------------------------------------------- */

/* All CPUs touch one region's pages at once, in the same order: they meet in the fault. */
static void demand_body(void *context)
{
    struct item *item = &run.items[0];
    (void)context;
    unsigned cpu = ashlar_port_cpu();
    if (cpu != 0) {
        join();
    }
    for (unsigned round = 0; round < 6u && run.problem[0] == '\0'; round++) {
        if (cpu == 0) {
            make(item, 0, DEMAND);
            sim_drain();
            run.rounds_begun = round + 1u;
        }
        while (run.rounds_begun <= round && run.problem[0] == '\0') {
            (void)sim_wait();
        }
        bool touches = world_step(round);
        for (size_t i = 0; touches && item->state == LIVE && i < item->pages; i++) {
            check_write(item, i);
        }
        sim_drain();
        run.rounds_done++;
        while (run.rounds_done < (round + 1u) * CPUS && run.problem[0] == '\0') {
            (void)sim_wait();
        }
        if (cpu == 0 && item->state == LIVE) {
            give_back(item);
        }
        sim_progress();
    }
}

/* Nothing is in flight: no CPU knows more than the tables. */
static const char *find_stale(void)
{
    static char text[160];
    size_t stale = 0;
    (void)ashlar_kva_purge();
    for (unsigned cpu = 0; cpu < CPUS && stale == 0; cpu++) {
        stale = run.part[cpu] ? sim_tlb_stale(cpu, text, sizeof text) : 0;
    }
    return stale != 0 ? text : NULL;
}

static const char *give_all_back(void)
{
    struct ashlar_frames_stats pool;
    const char *broken = find_stale();
    broken = broken != NULL ? broken : world_audit();
    for (unsigned i = 0; i < ITEMS && broken == NULL; i++) {
        if (run.items[i].state == LIVE) {
            give_back(&run.items[i]);
        }
        sim_progress();
    }
    (void)ashlar_kva_purge();
    for (unsigned i = 0; i < SPACES && broken == NULL; i++) {
        if (run.space_state[i] == LIVE) {
            ashlar_space_destroy(&run.spaces[i]);
        }
    }
    broken = broken != NULL ? broken : world_audit();
    broken = broken != NULL ? broken : ashlar_frames_audit(world.pool);
    ashlar_frames_stats(world.pool, &pool);
    if (broken == NULL && pool.free_frames + world_kept_frames() != run.frames) {
        broken = "frames are lost";
    }
    return broken;
}

static void settle(void)
{
    const char *broken = give_all_back();
    if (broken != NULL) {
        snprintf(run.problem, sizeof run.problem, "%s", broken);
    }
}

static void (*body_of(uint64_t seed))(void *)
{
    return seed % 4 == 3 ? user_body : seed % 8 == 5 ? demand_body : cpu_body;
}

/* What was wrong, or NULL. */
static const char *run_seed(const struct world_format *format, ashlar_sharing_policy policy, uint64_t seed)
{
    const struct sim_mmu_options mmu = {.features = world_features(seed),
                                        .seed = seed,
                                        .evict_one_in = seed % 3 == 0 ? 40 : 0,
                                        .speculate_one_in = seed % 2 == 0 ? 8 : 0};
    struct sim_schedule_options schedule = world_schedule(seed, speculate);
    schedule.waits_most = 40000; /* for a changer: its token is not fair */
    struct ashlar_frames_stats stats;
    world_begin(seed);
    memset(&run, 0, sizeof run);
    memset(run.in, -1, sizeof run.in);
    run.part[0] = true;
    run.tagged = (mmu.features & SIM_CPU_PCIDE) != 0 && sizeof(uintptr_t) == 8;
    world_up(format, policy, &mmu);
    ashlar_frames_stats(world.pool, &stats);
    run.frames = stats.free_frames;
    return world_run(body_of(seed), settle, &schedule, run.problem);
}

static void run_seeds(const struct world_format *format, ashlar_sharing_policy policy)
{
    unsigned long seeds = number_of("ASHLAR_SEEDS", getenv("ASHLAR_LONG") != NULL ? 10000 : 300);
    ok(world_seeds(format, policy, seeds, run_seed), "%s, %s: %lu seeds", ashlar_paging_name(format->paging),
       ashlar_sharing_text(policy), seeds);
}

int main(void)
{
    sim_violations_echo(false);
    world_each(run_seeds);
    return done_testing();
}
