/* SPDX-License-Identifier: 0BSD */
/* hidden.h - what an image farther than 2 GiB from either end of the addresses is compiled with, before all else: no name of
 * it is to be found in another image, declared or defined, so that code is relative to where it stands. */
#pragma GCC visibility push(hidden)
