/* SPDX-License-Identifier: 0BSD */
/* all.c - -Wall: a variable that nobody reads. Says: unused-variable */
int must_fail(void);
int must_fail(void)
{
    int unread = 1;
    return 0;
}
