/* SPDX-License-Identifier: 0BSD */
/* paging_mode.c - port/x86/paging_mode.c: what CR0, CR4 and EFER mean, in each mode of the manual's table 4-1, whatever else is set. */
#include "tap.h"

/* NOLINTNEXTLINE(bugprone-suspicious-include): the port is built for the kernel alone; here for the host. */
#include "../../port/x86/paging_mode.c"

#define PG ((uintptr_t)1 << 31)
#define PAE ((uintptr_t)1 << 5)
#define LA57 ((uintptr_t)1 << 12)
#define LMA ((uint64_t)1 << 10)

static const struct {
    uintptr_t cr0, cr4;
    uint64_t efer;
    const struct ashlar_paging *paging;
    const char *name;
} modes[] = {
    {0, PAE, 0, NULL, "paging is off"},
    {PG, 0, 0, &ashlar_paging_two_level, "two levels"},
    {PG, PAE, 0, &ashlar_paging_pae, "PAE"},
    {PG, PAE, LMA, &ashlar_paging_4level, "four levels"},
    {PG, PAE | LA57, LMA, &ashlar_paging_5level, "five levels"},
    {PG, PAE | LA57, 0, &ashlar_paging_pae, "LA57 means nothing outside of long mode"},
};

int main(void)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        const uintptr_t others = ~(PAE | LA57);
        ok(ashlar_x86_paging(modes[i].cr0, modes[i].cr4, modes[i].efer) == modes[i].paging, "[fault 231] %s",
           modes[i].name);
        ok(ashlar_x86_paging(modes[i].cr0 | 0x60000033u, modes[i].cr4 | others, modes[i].efer | 0x901u) ==
               modes[i].paging,
           "[fault 231] the same with all other bits set: %s", modes[i].name);
    }
    return done_testing();
}
