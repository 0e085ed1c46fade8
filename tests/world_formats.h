/* SPDX-License-Identifier: 0BSD */
/* world_formats.h - the paging formats that tests go through, each as the library and as the simulated machine have it. */
#ifndef ASHLAR_TESTS_WORLD_FORMATS_H
#define ASHLAR_TESTS_WORLD_FORMATS_H

#include "arch/formats.h"
#include "machine.h"

#define WORLD_FEATURES                                                                                                 \
    (ASHLAR_FEATURE_NX | ASHLAR_FEATURE_GLOBAL | ASHLAR_FEATURE_LARGE | ASHLAR_FEATURE_GIB | ASHLAR_FEATURE_PAT)

struct world_format {
    const struct ashlar_paging *paging;
    enum sim_format sim;
    unsigned physical_bits;
    bool has_l1tf; /* its absent entries name no RAM: they bear a CPU that reads there */
};

static const struct world_format world_formats[] = {
    {&ashlar_paging_two_level, SIM_TWO_LEVEL, 32, false}, {&ashlar_paging_pae, SIM_PAE, 36, false},
    {&ashlar_paging_4level, SIM_FOUR_LEVEL, 46, true},    {&ashlar_paging_5level, SIM_FIVE_LEVEL, 52, true},
    {&ashlar_paging_pae_l1tf, SIM_PAE, 36, true},
};
#define WORLD_FORMATS (sizeof world_formats / sizeof world_formats[0])

/* The formats whose page numbers this build's words hold: three on a 32-bit host. */
#define FOR_EACH_FORMAT(format)                                                                                        \
    for (const struct world_format *format = world_formats; format < world_formats + WORLD_FORMATS; format++)          \
        if (ashlar_paging_fits(format->paging))

#endif
