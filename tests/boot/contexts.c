/* SPDX-License-Identifier: 0BSD */
/* contexts.c - each public function, called where its row in docs/contexts.md says no: debug builds name it, the context and the
 * row. tests/house/contexts.t holds the list complete.
 *
 * The arguments are of no use: whoever went on would touch them. */
#include "world.h"

#include "base/alone.h"
#include "base/contexts.h"
#include <ashlar/kmalloc.h>

#if ASHLAR_DEBUG
static struct ashlar_space foreign;
static struct ashlar_lock lock;

/* CASE(function, the words of its row, a call of it) */
#define CASES(CASE)                                                                                                    \
    CASE(ashlar_memmap_init, "yes yes yes no no", ashlar_memmap_init(NULL, NULL, 0, 0, 0, NULL))                       \
    CASE(ashlar_memmap_add, "yes yes yes no no", ashlar_memmap_add(NULL, 0, 0, 0))                                     \
    CASE(ashlar_memmap_reserve, "yes yes yes no no", ashlar_memmap_reserve(NULL, 0, 0, 0))                             \
    CASE(ashlar_memmap_set_pc, "yes yes yes no no", ashlar_memmap_set_pc(NULL, 0))                                     \
    CASE(ashlar_memmap_find_storage, "yes yes yes no no",                                                              \
         (void)!ashlar_memmap_find_storage(NULL, NULL, 0, 0, NULL, NULL))                                              \
    CASE(ashlar_memmap_finalize, "yes yes yes no no", (void)!ashlar_memmap_finalize(NULL))                             \
    CASE(ashlar_memmap_carve, "yes yes yes no no", (void)!ashlar_memmap_carve(NULL, 0, 0, 0, NULL))                    \
    CASE(ashlar_memmap_reclaim, "yes yes yes no no", (void)!ashlar_memmap_reclaim(NULL, 0, 0, 0, NULL, 0))             \
    CASE(ashlar_frames_init, "yes yes yes no no", (void)!ashlar_frames_init(NULL, 0, NULL, NULL, NULL))                \
    CASE(ashlar_frames_take, "yes yes yes yes no", (void)!ashlar_frames_take(NULL, 0, NULL))                           \
    CASE(ashlar_frames_take_request, "yes yes yes yes no", (void)!ashlar_frames_take_request(NULL, NULL, NULL))        \
    CASE(ashlar_frames_take_bulk, "yes yes yes yes no", (void)!ashlar_frames_take_bulk(NULL, NULL, 0, 0))              \
    CASE(ashlar_frames_take_range, "yes yes yes yes no", (void)!ashlar_frames_take_range(NULL, NULL, NULL))            \
    CASE(ashlar_frames_give, "yes yes yes yes no", ashlar_frames_give(NULL, 0, 0))                                     \
    CASE(ashlar_frames_give_bulk, "yes yes yes yes no", ashlar_frames_give_bulk(NULL, NULL, 0))                        \
    CASE(ashlar_frames_give_range, "yes yes yes yes no", ashlar_frames_give_range(NULL, 0, 0))                         \
    CASE(ashlar_frames_reserve, "yes yes yes yes no", (void)!ashlar_frames_reserve(NULL, 0))                           \
    CASE(ashlar_frames_unreserve, "yes yes yes yes no", ashlar_frames_unreserve(NULL, 0))                              \
    CASE(ashlar_frames_add_memory, "yes yes yes yes no", (void)!ashlar_frames_add_memory(NULL, 0, 0, 0, NULL, 0))      \
    CASE(ashlar_frames_note_mapped, "yes yes yes yes no", ashlar_frames_note_mapped(NULL, 0))                          \
    CASE(ashlar_frames_note_unmapped, "yes yes yes yes no", ashlar_frames_note_unmapped(NULL, 0))                      \
    CASE(ashlar_frames_note_range, "yes yes yes yes no", ashlar_frames_note_range(NULL, 0, 0))                         \
    CASE(ashlar_frames_add_reliever, "yes yes yes yes no", ashlar_frames_add_reliever(NULL, NULL))                     \
    CASE(ashlar_frames_state, "yes yes yes yes no", (void)!ashlar_frames_state(NULL, 0))                               \
    CASE(ashlar_frames_stats, "yes yes yes yes no", ashlar_frames_stats(NULL, NULL))                                   \
    CASE(ashlar_frames_is_short, "yes yes yes yes no", (void)!ashlar_frames_is_short(NULL))                            \
    CASE(ashlar_frames_audit, "yes yes yes yes no", (void)!ashlar_frames_audit(NULL))                                  \
    CASE(ashlar_frames_fail_nth, "yes yes yes yes no", ashlar_frames_fail_nth(NULL, 0, 0))                             \
    CASE(ashlar_space_lay, "yes no no no no", (void)!ashlar_space_lay(NULL, 0, 0, NULL))                               \
    CASE(ashlar_space_init, "yes no no no no", ashlar_space_init(NULL))                                                \
    CASE(ashlar_space_create, "yes yes no no no", (void)!ashlar_space_create(NULL))                                    \
    CASE(ashlar_space_create_with, "yes yes no no no", (void)!ashlar_space_create_with(NULL, 0))                       \
    CASE(ashlar_space_destroy, "yes yes no no no", ashlar_space_destroy(NULL))                                         \
    CASE(ashlar_space_switch, "yes pinned yes yes no", ashlar_space_switch(NULL))                                      \
    CASE(ashlar_space_answer, "yes no yes yes no", ashlar_space_answer())                                              \
    CASE(ashlar_space_cpu_leave, "no no yes no no", ashlar_space_cpu_leave())                                          \
    CASE(ashlar_gather_finish, "yes yes less no no", ashlar_gather_finish(NULL))                                       \
    CASE(ashlar_cursor_begin, "yes yes yes no no", (void)!ashlar_cursor_begin(NULL, NULL, 0, 0, ASHLAR_INTENT_MAP))    \
    CASE(ashlar_cursor_map, "yes yes yes no no", ashlar_cursor_map(NULL, NULL, 0, 0))                                  \
    CASE(ashlar_cursor_map_linear, "yes yes yes no no", ashlar_cursor_map_linear(NULL, 0, 0, 0))                       \
    CASE(ashlar_cursor_hide, "yes yes yes no no", (void)!ashlar_cursor_hide(NULL, 0, NULL))                            \
    CASE(ashlar_cursor_protect, "yes yes yes no no", ashlar_cursor_protect(NULL, 0, 0, NULL))                          \
    CASE(ashlar_cursor_collect, "yes yes yes no no", (void)!ashlar_cursor_collect(NULL, NULL, 0))                      \
    CASE(ashlar_cursor_end, "yes yes yes no no", ashlar_cursor_end(NULL))                                              \
    CASE(ashlar_space_map, "yes yes less no no", (void)!ashlar_space_map(NULL, 0, 0, NULL, 0))                         \
    CASE(ashlar_space_map_linear, "yes yes less no no", (void)!ashlar_space_map_linear(NULL, 0, 0, 0, 0))              \
    CASE(ashlar_space_unmap, "yes yes less no no", (void)!ashlar_space_unmap(NULL, 0, 0, NULL))                        \
    CASE(ashlar_space_protect, "yes yes less no no", (void)!ashlar_space_protect(NULL, 0, 0, 0))                       \
    CASE(ashlar_space_clear, "yes yes less no no", (void)!ashlar_space_clear(NULL, 0, 0, NULL, NULL))                  \
    CASE(ashlar_space_empty, "yes yes less no no", (void)!ashlar_space_empty(NULL, NULL, NULL))                        \
    CASE(ashlar_space_query, "yes yes yes yes kernel(space)", (void)!ashlar_space_query(&foreign, 0, NULL))            \
    CASE(ashlar_space_fault, "yes yes yes yes no", (void)!ashlar_space_fault(0, 0))                                    \
    CASE(ashlar_space_walk_mappings, "yes yes yes no no", ashlar_space_walk_mappings(NULL, NULL, NULL))                \
    CASE(ashlar_space_stats, "yes yes yes no no", ashlar_space_stats(NULL))                                            \
    CASE(ashlar_space_audit, "yes yes no no no", (void)!ashlar_space_audit())                                          \
    CASE(ashlar_kva_init, "yes no no no no", ashlar_kva_init(NULL, NULL, NULL))                                        \
    CASE(ashlar_kva_reserve, "yes yes no no no", (void)!ashlar_kva_reserve(0, 0, NULL, NULL))                          \
    CASE(ashlar_kva_unreserve, "yes yes no no no", ashlar_kva_unreserve(0))                                            \
    CASE(ashlar_kva_commit, "yes yes no no no", (void)!ashlar_kva_commit(0, 0, 0))                                     \
    CASE(ashlar_kva_commit_large, "yes yes no no no", (void)!ashlar_kva_commit_large(0, 0, 0))                         \
    CASE(ashlar_kva_move, "yes yes no no no", (void)!ashlar_kva_move(0, 0, 0, 0))                                      \
    CASE(ashlar_kva_decommit, "yes yes no no no", ashlar_kva_decommit(0, 0))                                           \
    CASE(ashlar_kva_take, "yes yes no no no", (void)!ashlar_kva_take(0, 0, NULL, NULL))                                \
    CASE(ashlar_kva_take_demand, "yes yes no no no", (void)!ashlar_kva_take_demand(0, 0, NULL, NULL))                  \
    CASE(ashlar_kva_give, "yes yes no no no", ashlar_kva_give(0))                                                      \
    CASE(ashlar_kva_purge, "yes yes less no no", (void)!ashlar_kva_purge())                                            \
    CASE(ashlar_kva_take_stack, "yes yes no no no", (void)!ashlar_kva_take_stack(0, NULL, NULL))                       \
    CASE(ashlar_kva_give_stack, "yes yes no no no", ashlar_kva_give_stack(0))                                          \
    CASE(ashlar_kva_map_mmio, "yes yes no no no", (void)!ashlar_kva_map_mmio(0, 0, 0, NULL, NULL))                     \
    CASE(ashlar_kva_unmap_mmio, "yes yes no no no", ashlar_kva_unmap_mmio(0))                                          \
    CASE(ashlar_kva_fault, "yes yes yes yes no", (void)!ashlar_kva_fault(0, 0))                                        \
    CASE(ashlar_kva_stats, "yes yes yes no no", ashlar_kva_stats(NULL))                                                \
    CASE(ashlar_kva_walk_ranges, "yes yes no no no", ashlar_kva_walk_ranges(NULL, NULL))                               \
    CASE(ashlar_kva_audit, "yes yes no no no", (void)!ashlar_kva_audit())                                              \
    CASE(ashlar_heap_init, "yes yes no no no", (void)!ashlar_heap_init(NULL, 0, NULL, NULL, NULL))                     \
    CASE(ashlar_heap_init_range, "yes yes no no no", (void)!ashlar_heap_init_range(NULL, 0, NULL))                     \
    CASE(ashlar_heap_init_range_with, "yes yes no no no", (void)!ashlar_heap_init_range_with(NULL, 0, NULL, NULL))     \
    CASE(ashlar_heap_on_shortage, "yes yes no no no", (void)!ashlar_heap_on_shortage(NULL, NULL, NULL))                \
    CASE(ashlar_kmalloc_bind, "yes yes no no no", ashlar_kmalloc_bind(NULL))                                           \
    CASE(ashlar_heap_drain_cpu, "yes yes less no no", ashlar_heap_drain_cpu(NULL, 0))                                  \
    CASE(ashlar_heap_answer, "yes yes yes yes no", ashlar_heap_answer(NULL))                                           \
    CASE(ashlar_kmalloc_answer, "yes yes yes yes no", ashlar_kmalloc_answer())                                         \
    CASE(ashlar_cache_walk, "yes yes no no no", ashlar_cache_walk(NULL, NULL, NULL))                                   \
    CASE(ashlar_heap_fail_nth, "yes yes no no no", ashlar_heap_fail_nth(NULL, 0))                                      \
    CASE(ashlar_boot_up, "yes no no no no", ashlar_boot_up(NULL, NULL))                                                \
    CASE(ashlar_selftest, "yes yes yes yes no", (void)!ashlar_selftest())                                              \
    CASE(ashlar_memory_add, "no yes less less less", (void)!ashlar_memory_add(0, 0, 0))                                \
    CASE(ashlar_memory_reclaim, "no yes less less less", (void)!ashlar_memory_reclaim(NULL, 0, NULL, 0, NULL))         \
    CASE(ashlar_fault, "yes yes yes yes no", (void)!ashlar_fault(0, 0))

#define CASE_NUMBER(name, words, call) CASE_##name,
#define CASE_ROW(name, words, call) {#name, words},
#define CASE_CALL(name, words, call)                                                                                   \
    case CASE_##name:                                                                                                  \
        call;                                                                                                          \
        break;

enum { CASES(CASE_NUMBER) CASE_COUNT };

static const struct row {
    const char *name;
    const char *words;
} rows[] = {CASES(CASE_ROW)};

static void call(unsigned number)
{
    switch (number) {
        CASES(CASE_CALL)
    default:
        break;
    }
}

/* --- rows ----------------------------------------------------------------------------- */

enum { BOOT, THREAD, OFF, INTERRUPT, NMI, COLUMNS };
static const char *const columns[COLUMNS] = {"boot", "thread", "off", "interrupt", "NMI"};

/* The row in the words of a report. */
static void describe_row(const char *words, char *text, size_t bytes)
{
    char cells[COLUMNS][16];
    if (sscanf(words, "%15s %15s %15s %15s %15s", cells[0], cells[1], cells[2], cells[3], cells[4]) != COLUMNS) {
        abort();
    }
    const char *nmi = strncmp(cells[NMI], "kernel", 6) == 0 ? "no" : cells[NMI]; /* asked for a user's */
    snprintf(text, bytes, "boot %s, thread %s, off %s, interrupt %s, NMI %s", cells[BOOT], cells[THREAD], cells[OFF],
             cells[INTERRUPT], nmi);
}

/* --- reports ------------------------------------------------------------------------ */

static void enter_context(unsigned context)
{
    sim_set_context(context & ~ASHLAR_CONTEXT_IRQS_OFF);
    if ((context & ASHLAR_CONTEXT_IRQS_OFF) != 0) {
        (void)ashlar_port_irq_save();
    }
}

static void leave_context(void)
{
    sim_set_context(ASHLAR_CONTEXT_THREAD);
    ashlar_port_irq_restore(0);
}

static const char *report_in(unsigned context, unsigned number)
{
    enter_context(context);
    const char *message = SIM_FATAL(call(number));
    leave_context();
    return message;
}

#define OF_BOOT CONTEXTS_ROW(yes, no, no, no, no)
#define OF_THREADS CONTEXTS_ROW(yes, yes, no, no, no)

static bool is_refused(unsigned context, unsigned row)
{
    enter_context(context);
    const char *message = SIM_FATAL(ashlar_contexts_check("f", row, NULL));
    leave_context();
    return message != NULL;
}

/* All that are forbidden in this column, called there. */
static void test_column(unsigned column, unsigned context)
{
    for (unsigned i = 0; i < CASE_COUNT; i++) {
        char row[160], no[32], want[200];
        describe_row(rows[i].words, row, sizeof row);
        snprintf(no, sizeof no, "%s no", columns[column]);
        if (strstr(row, no) == NULL) {
            continue;
        }
        snprintf(want, sizeof want, "the hook says 0x%x; %s", context, row);
        const char *message = report_in(context, i);
        bool told = message != NULL && strstr(message, rows[i].name) != NULL && strstr(message, want) != NULL;
        snprintf(want, sizeof want, " called in '%s', by 0x", columns[column]);
        ok(told && strstr(message, want) != NULL, "[fault 152] %s, %s", rows[i].name, columns[column]);
        printf("# %s\n", message != NULL ? message : "no report");
    }
}

/* What boot may do is allowed to a thread while nobody counts CPUs, and while there is one: no hook tells it from boot. */
static void test_before_boot(void)
{
    test_column(BOOT, ASHLAR_CONTEXT_THREAD);
    ok(!is_refused(ASHLAR_CONTEXT_THREAD, OF_BOOT), "a thread, before anybody counts CPUs");
    ok(!is_refused(ASHLAR_CONTEXT_IRQS_OFF, OF_BOOT), "with interrupts off");
    ok(!is_refused(ASHLAR_CONTEXT_NO_SLEEP, OF_BOOT), "and where it may not sleep");
    test_column(INTERRUPT, ASHLAR_CONTEXT_INTERRUPT);
    test_column(NMI, ASHLAR_CONTEXT_NMI);
}

static void test_alone(void)
{
    ashlar_alone_begin(2);
    ok(!is_refused(ASHLAR_CONTEXT_THREAD, OF_BOOT), "a thread, while one CPU takes part");
    ok(!is_refused(ASHLAR_CONTEXT_IRQS_OFF, OF_THREADS), "with interrupts off, it may what threads may");
    ok(!is_refused(ASHLAR_CONTEXT_IRQS_OFF | ASHLAR_CONTEXT_NO_SLEEP, OF_THREADS),
       "that it may not sleep does not matter");
    ok(is_refused(ASHLAR_CONTEXT_NO_SLEEP, OF_THREADS), "[fault 152] but with interrupts on it does");
    ok(is_refused(ASHLAR_CONTEXT_INTERRUPT, OF_THREADS), "[fault 152] and an interrupt is no thread");
    ashlar_lock_init(&lock, ASHLAR_RANK_HEAP, "of a test");
    uintptr_t interrupts = ashlar_lock_take(&lock);
    ashlar_port_irq_restore(interrupts); /* as if the lock alone were in the way */
    like(SIM_FATAL(ashlar_contexts_check("f", OF_THREADS, NULL)),
         "the hook says 0x0, and held is lock of a test; boot yes",
         "[fault 152] nor does a holder of a lock do what threads do");
}

static void test_joined(void)
{
    ashlar_alone_begin(2);
    ashlar_alone_join();
    test_column(THREAD, ASHLAR_CONTEXT_THREAD);
    test_column(OFF, ASHLAR_CONTEXT_IRQS_OFF);
    test_column(OFF, ASHLAR_CONTEXT_NO_SLEEP);
    test_column(INTERRUPT, ASHLAR_CONTEXT_INTERRUPT);
    test_column(INTERRUPT, ASHLAR_CONTEXT_INTERRUPT | ASHLAR_CONTEXT_IRQS_OFF);
    test_column(NMI, ASHLAR_CONTEXT_NMI);
}

static void test_forbidden(void)
{
    test_before_boot();
    test_alone();
    test_joined();
}
#else
static void test_forbidden(void)
{
    tap_skip("what is forbidden", "debug builds say so");
}
#endif

/* The kernel half may be asked about in an NMI. */
static void test_kernel_half(void)
{
    struct ashlar_mapping mapping;
    prepare(&world_formats[0], 64u * MIB);
    up();
    sim_set_context(ASHLAR_CONTEXT_NMI);
    is_u(ashlar_space_query(NULL, ashlar_paging_page(world.paging, world.image_address), &mapping), ASHLAR_OK,
         "a query of the kernel half, in an NMI");
    sim_set_context(ASHLAR_CONTEXT_THREAD);
}

int main(void)
{
    test_forbidden();
    test_kernel_half();
    return done_testing();
}
