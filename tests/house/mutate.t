#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""mutate.t - tools/mutate reads every source of the library, tells error paths from others, and its explanations fit."""
import importlib.machinery
import importlib.util
import os
import sys
import tempfile

from house import Tap, library

sys.path.insert(0, "tools")
SAMPLE = """/* a sample */
#include "x.h"
static ashlar_status take(struct pool *pool, size_t n)
{
    size_t have = pool->free;
    if (n > have && n != 0) {
        pool->failures++;
        return ASHLAR_NO_FRAMES;
    }
    ASHLAR_CHECK(pool->ready, "not ready %d", 1);
    for (size_t i = 0; i < n; i++) {
        mark(pool, i);
    }
    status = reserve(pool);
    if (status != ASHLAR_OK) {
        goto undo;
    }
    return ASHLAR_OK;
undo:
    forget(pool);
    ashlar_lock_give(&pool->lock, saved);
    return status;
}
"""
WANTED = [
    ("error-delete", "pool->failures++;"), ("error-delete", "return ASHLAR_NO_FRAMES;"),
    ("error-return", "return ASHLAR_NO_FRAMES;"), ("check", 'ASHLAR_CHECK(pool->ready, "not ready %d", 1);'),
    ("delete", "mark(pool, i);"), ("delete", "status = reserve(pool);"), ("error-delete", "goto undo;"),
    ("error-delete", "forget(pool);"), ("drop", "ashlar_lock_give(&pool->lock, saved);"), ("error-return", "return status;"),
    ("negate", "n > have && n != 0"), ("negate", "i < n"), ("relation", "n <> -> >=> have && n != 0"),
    ("logic", "n > have <&& -> ||> n != 0"), ("constant", "size_t i = <0 -> 0 + 1>; i < n; i++"),
]
NOT_WANTED = ["return ASHLAR_OK;"]


def load_mutate():
    loader = importlib.machinery.SourceFileLoader("mutate", "tools/mutate")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", loader))
    loader.exec_module(module)
    return module


def sample_mutants(mutate):
    with tempfile.NamedTemporaryFile("w", suffix=".c", delete=False) as file:
        file.write(SAMPLE)
    found = {(mutant.kind, mutant.shown) for mutant in mutate.Finder(file.name, False).find()}
    os.unlink(file.name)
    return found


def main():
    sys.dont_write_bytecode = True
    tap = Tap()
    mutate = load_mutate()
    found = sample_mutants(mutate)
    tap.ok(["%s: %s" % pair for pair in WANTED if pair not in found], "all mutants of a sample are found")
    tap.ok([shown for kind, shown in found if shown in NOT_WANTED and kind.endswith("delete")],
           "a function's last return is not deleted")
    unread, keys = [], set()
    for path in library():
        try:
            mutants = mutate.Finder(path, True).find()
        except (SyntaxError, KeyError, IndexError) as problem:
            unread.append("%s: %r" % (path, problem))
            continue
        keys |= {mutant.key() for mutant in mutants}
    tap.ok(unread, "every source of the library can be read")
    tap.ok(["%s %s %s: %s" % key for key in mutate.explanations() if key not in keys],
           "each explanation is of a mutant that exists")
    tap.done()


main()
