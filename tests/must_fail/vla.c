/* SPDX-License-Identifier: 0BSD */
/* vla.c - stack use that nobody can bound. */
int must_fail(int n);
int must_fail(int n)
{
    int array[n];
    array[0] = n;
    return array[0];
}
