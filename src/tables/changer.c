/* SPDX-License-Identifier: 0BSD */
/* changer.c - one thread at a time changes a user half. */
#include "tables/changer.h"

#include "base/token.h"

ashlar_status ashlar_changer_take(struct ashlar_space *space)
{
    return space == NULL || ashlar_token_get(&space->changing) ? ASHLAR_OK : ASHLAR_MAY_NOT_WAIT;
}

void ashlar_changer_give(struct ashlar_space *space)
{
    if (space != NULL) {
        ashlar_token_give(&space->changing);
    }
}
