/* SPDX-License-Identifier: 0BSD */
/* strict-prototypes.c - a function that takes anything. */
int must_fail();
