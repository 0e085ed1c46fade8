/* SPDX-License-Identifier: 0BSD */
/* model.c - random calls of the space floor, and nothing else. */
#include "space/random_calls.h"

static bool more_exist(void)
{
    return false;
}

static void more_start(void)
{
}

static void more_step(unsigned dice)
{
    (void)dice;
}

static void more_look(void)
{
}

static void more_end(void)
{
}

static size_t more_frames(void)
{
    return 0;
}

int main(void)
{
    return model_main();
}
