/* SPDX-License-Identifier: 0BSD */
/* cast-qual.c - a const is cast away. */
char *must_fail(const char *text);
char *must_fail(const char *text)
{
    return (char *)text;
}
