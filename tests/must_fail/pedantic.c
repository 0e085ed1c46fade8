/* SPDX-License-Identifier: 0BSD */
/* pedantic.c - -Wpedantic: a GNU extension. Says: pedantic gnu-statement-expression */
int must_fail(int a);
int must_fail(int a)
{
    return ({ a + 1; });
}
