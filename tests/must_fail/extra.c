/* SPDX-License-Identifier: 0BSD */
/* extra.c - -Wextra: a signed and an unsigned number compared. Says: sign-compare */
int must_fail(int a, unsigned b);
int must_fail(int a, unsigned b)
{
    return a < b;
}
