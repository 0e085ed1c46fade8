/* SPDX-License-Identifier: 0BSD */
/* undef.c - an option that nobody defined counts as 0 silently. */
#if ASHLAR_NO_SUCH_OPTION
#error "not reached"
#endif
int must_fail(void);
int must_fail(void)
{
    return 0;
}
