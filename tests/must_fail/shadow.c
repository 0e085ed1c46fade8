/* SPDX-License-Identifier: 0BSD */
/* shadow.c - a local variable hides another. */
int must_fail(int a);
int must_fail(int a)
{
    if (a > 1) {
        int a = 3;
        return a;
    }
    return a;
}
