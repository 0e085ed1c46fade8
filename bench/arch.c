/* SPDX-License-Identifier: 0BSD */
/* arch.c - what an entry costs: runs over a whole table, single entries, a walk. Minima of several rounds. */
#include "arch/entry.h"
#include "arch/entry_runs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS 9u
#define REPEATS 2000u

static _Alignas(4096) unsigned char table[4096];
static ashlar_pfn frames[1024];

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

struct subject {
    const struct ashlar_paging *paging;
    unsigned entries;
    uint64_t bits;
    uint64_t permissions;
};

/* One operation on a whole table; what undoes it is measured by itself. */
typedef void (*operation)(const struct subject *subject);

static void set(const struct subject *s)
{
    ashlar_run_set(s->paging, table, 0, s->entries, frames, s->bits);
}

static void set_linear(const struct subject *s)
{
    ashlar_run_set_linear(s->paging, table, 0, s->entries, 0x100, s->bits);
}

static void set_singly(const struct subject *s)
{
    for (unsigned i = 0; i < s->entries; i++) {
        ashlar_entry_store(s->paging, table, i, (uint64_t)frames[i] << 12 | s->bits);
    }
}

static void hide(const struct subject *s)
{
    (void)ashlar_run_hide(s->paging, table, 0, s->entries);
}

static void collect(const struct subject *s)
{
    (void)ashlar_run_collect(s->paging, table, 0, s->entries, frames);
}

static void change(const struct subject *s)
{
    (void)ashlar_run_change(s->paging, table, 0, s->entries, s->permissions, 0);
}

static void look(const struct subject *s)
{
    (void)ashlar_run_first_absent(s->paging, table, 0, s->entries);
}

static void load_singly(const struct subject *s)
{
    for (unsigned i = 0; i < s->entries; i++) {
        (void)ashlar_entry_load(s->paging, table, i);
    }
}

/* The steps of one cycle, in order: each begins with what the one before left. */
static const struct {
    const char *name;
    operation run;
} steps[] = {
    {"set", set},
    {"first_absent", look},
    {"change", change},
    {"load_singly", load_singly},
    {"hide", hide},
    {"collect", collect},
    {"set_linear", set_linear},
    {"hide_again", hide},
    {"collect_again", collect},
    {"set_singly", set_singly},
};
#define STEPS (sizeof steps / sizeof steps[0])

static void measure(const struct ashlar_paging *paging, const char *whose, unsigned flags)
{
    const unsigned features = ASHLAR_FEATURE_NX | ASHLAR_FEATURE_GLOBAL;
    struct subject s = {paging, ashlar_table_entries(paging, 1), ashlar_entry_leaf_bits(paging, features, 1, flags), 2};
    double best[STEPS];
    for (unsigned i = 0; i < STEPS; i++) {
        best[i] = 1e9;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        double spent[STEPS] = {0};
        for (unsigned repeat = 0; repeat < REPEATS; repeat++) {
            memset(table, 0, sizeof table);
            for (unsigned i = 0; i < STEPS; i++) {
                double start = now_ns();
                steps[i].run(&s);
                spent[i] += now_ns() - start;
            }
        }
        for (unsigned i = 0; i < STEPS; i++) {
            double each = spent[i] / REPEATS / s.entries;
            best[i] = each < best[i] ? each : best[i];
        }
    }
    for (unsigned i = 0; i < STEPS; i++) {
        printf("CSV arch_%s_%s_%s,%u,%.2f,ns/entry\n", ashlar_paging_name(paging), whose, steps[i].name, s.entries,
               best[i]);
    }
}

int main(void)
{
    static const struct ashlar_paging *const formats[] = {&ashlar_paging_two_level, &ashlar_paging_pae,
                                                          &ashlar_paging_4level};
    for (unsigned i = 0; i < 1024; i++) {
        frames[i] = 0x100u + i * 7u;
    }
    for (unsigned i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (ashlar_paging_fits(formats[i])) {
            measure(formats[i], "kernel", ASHLAR_MAP_WRITE);
            measure(formats[i], "user", ASHLAR_MAP_WRITE | ASHLAR_MAP_USER);
        }
    }
    return 0;
}
