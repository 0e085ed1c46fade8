/* SPDX-License-Identifier: 0BSD */
/* switch-enum.c - a value that a default swallows. */
enum colour { RED, GREEN };
int must_fail(enum colour colour);
int must_fail(enum colour colour)
{
    switch (colour) {
    case RED:
        return 1;
    default:
        return 0;
    }
}
