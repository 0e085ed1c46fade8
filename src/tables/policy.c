/* SPDX-License-Identifier: 0BSD */
/* policy.c - one kernel half in every address space: when its entries come into the roots.
 *
 * The question of every kernel with processes: a mapping that the kernel adds
 * while one process runs, how do the others get it? Below the top level the
 * answer is nothing at all, since all roots point to the same tables. What is
 * left are the entries of the roots themselves. A policy says when they are
 * made, as a row of data; five operations are where it can matter:
 *
 *     grow    top-level entries are missing      push: into every root, the reference last (growth.c)
 *     join    an address space is created        copies the reference's slots, and what is pending (roots.c)
 *     leave   it is destroyed                    its kernel slots are not walked (roots.c)
 *     switch  a CPU loads another root           pull: what the root lacks, if it is behind (cpus.c)
 *     fault   a CPU found something absent       pull: the one entry (space_fault.c)
 *
 *                  step   push  pull on fault  pull on switch
 *     PREALLOCATE  all    -     -              -
 *     EAGER        1      yes   -              -
 *     LAZY         1      -     yes            -
 *     HYBRID       line   yes   -              -
 *     SEQ          1      -     yes            yes
 */
#include "tables/policy.h"

#include "base/contexts.h"

const struct ashlar_sharing ashlar_sharing_rows[] = {
    [ASHLAR_SHARING_AUTO] = {"AUTO", SHARING_ALL, false, false, false}, /* never in force */
    [ASHLAR_SHARING_PREALLOCATE] = {"PREALLOCATE", SHARING_ALL, false, false, false},
    [ASHLAR_SHARING_EAGER] = {"EAGER", SHARING_ONE, true, false, false},
    [ASHLAR_SHARING_LAZY] = {"LAZY", SHARING_ONE, false, true, false},
    [ASHLAR_SHARING_HYBRID] = {"HYBRID", SHARING_LINE, true, false, false},
    [ASHLAR_SHARING_SEQ] = {"SEQ", SHARING_ONE, false, true, true},
};

#define SHARING_ROWS (sizeof ashlar_sharing_rows / sizeof ashlar_sharing_rows[0])

bool ashlar_sharing_is_built(ashlar_sharing_policy policy)
{
    return (size_t)policy < SHARING_ROWS && SHARING_IS_BUILT((unsigned)policy);
}

const char *ashlar_sharing_text(ashlar_sharing_policy policy)
{
    CONTEXTS(yes, yes, yes, yes, yes);
    return (size_t)policy < SHARING_ROWS ? ashlar_sharing_rows[policy].name : "unknown";
}
