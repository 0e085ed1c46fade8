/* SPDX-License-Identifier: 0BSD */
/* fields_fixed.c - a library that is built for one format, and a kernel that names another one.
 *
 * The source is compiled once more here, for PAE alone.
 */
#define ASHLAR_PAGING_FIXED PAE
#include "boot/fields.h"
#define ashlar_boot_check_fields check_fields_of_pae
void ashlar_boot_check_fields(const struct ashlar_boot *boot);
/* NOLINTNEXTLINE(bugprone-suspicious-include): another build of it. */
#include "../../src/boot/fields.c"

#include "boot/world.h"

static void test(const struct world_format *format)
{
    prepare(format, 64u * MIB);
    is_str(SIM_FATAL(check_fields_of_pae(&boot)), NULL, "[fault 230] the format that it is built for");
    boot.paging = &ashlar_paging_two_level;
    like(SIM_FATAL(check_fields_of_pae(&boot)),
         "boot: paging is two-level, but this library is built for PAE alone (ASHLAR_PAGING_FIXED)",
         "[fault 230] another one");
}

int main(void)
{
    FOR_EACH_FORMAT(format)
    {
        if (format->paging == &ashlar_paging_pae || format->paging == &ashlar_paging_pae_l1tf) {
            test(format);
        }
    }
    return done_testing();
}
