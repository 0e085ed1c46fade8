/* SPDX-License-Identifier: 0BSD */
/* missing-prototypes.c - a global function that no header declares. */
int must_fail(void)
{
    return 0;
}
