/* SPDX-License-Identifier: 0BSD */
/* windows_tried.h - do windows show the frames that they are asked for? */
#ifndef ASHLAR_BOOT_WINDOWS_TRIED_H
#define ASHLAR_BOOT_WINDOWS_TRIED_H

#include <ashlar/types.h>

/* spare: a frame of RAM that nobody uses; one word of it is lost. Fatal where open_frame shows another frame than asked for. */
void ashlar_boot_try_windows(ashlar_pfn spare);

#endif
