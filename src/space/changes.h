/* SPDX-License-Identifier: 0BSD */
/* changes.h - whole operations on a user half. Flags and frames are checked already, the range is not. */
#ifndef ASHLAR_SPACE_CHANGES_H
#define ASHLAR_SPACE_CHANGES_H

#include <ashlar/space.h>

/* Nobody is asked for relief: ASHLAR_NO_FRAMES. What a cursor returns, and ASHLAR_MAY_NOT_WAIT. */
ashlar_status ashlar_user_map(struct ashlar_space *space, ashlar_vpn first, size_t pages, const ashlar_pfn *frames,
                              unsigned flags);
ashlar_status ashlar_user_map_linear(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_pfn frame,
                                     unsigned flags);
ashlar_status ashlar_user_protect(struct ashlar_space *space, ashlar_vpn first, size_t pages, unsigned flags);
/* frames: NULL, they go to the pool. */
ashlar_status ashlar_user_unmap(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_pfn *frames);
/* Holes and all. visit: NULL, the frames go to the pool. */
ashlar_status ashlar_user_clear(struct ashlar_space *space, ashlar_vpn first, size_t pages, ashlar_frames_visitor visit,
                                void *context);

#endif
