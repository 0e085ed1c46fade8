/* SPDX-License-Identifier: 0BSD */
/* must-use.c - a status that nobody looked at. Says: unused-result */
#include <ashlar/status.h>

ASHLAR_MUST_USE ashlar_status may_fail(void);
void must_fail(void);
void must_fail(void)
{
    may_fail();
}
