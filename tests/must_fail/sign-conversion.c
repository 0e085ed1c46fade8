/* SPDX-License-Identifier: 0BSD */
/* sign-conversion.c - a negative number becomes a huge one. */
unsigned long must_fail(int a);
unsigned long must_fail(int a)
{
    return a;
}
