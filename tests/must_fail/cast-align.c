/* SPDX-License-Identifier: 0BSD */
/* cast-align.c - a pointer to bytes becomes one to words. gcc is silent on machines that permit it. Only: clang */
int *must_fail(char *bytes);
int *must_fail(char *bytes)
{
    return (int *)bytes;
}
