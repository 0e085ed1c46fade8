#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""races.t - each public function that several CPUs may call at once is called in a program that has several of them.

Such functions are those that docs/contexts.md allows to threads or interrupts. Programs are tests/*/*_smp.c, under the seeded
scheduler, and tests/*/*_threads.c, under ThreadSanitizer, with the headers of tests that they include. What is left out is
named here, with the reason.
"""
import os
import re

from house import Tap, sources

PURE = "depends on its arguments alone, or on what boot has fixed"
ALONE = "nobody else may use what it works on meanwhile"
BELOW = "asks functions of the floors below, which have programs"
LEFT_OUT = {
    "ashlar_sharing_choose": PURE,
    "ashlar_map_flags_status": PURE,
    "ashlar_space_address": PURE,
    "ashlar_space_slot_shift": PURE,
    "ashlar_heap_size_roundup": PURE,
    "ashlar_heap_fail_nth": ALONE,
    "ashlar_heap_init_range": ALONE,
    "ashlar_cache_walk": ALONE,
    "ashlar_memory_add": BELOW,
    "ashlar_memory_reclaim": BELOW,
    "ashlar_selftest": ALONE,
    "ashlar_fault": BELOW,
    "ashlar_explain": BELOW,
    "ashlar_explain_text": BELOW,
}
# One CPU at a time for each map.
SECTIONS_LEFT_OUT = {"memmap"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def shared_functions():
    """Of docs/contexts.md: those that may be called when boot is over."""
    section = ""
    for line in read("docs/contexts.md").splitlines():
        section = line[3:] if line.startswith("## ") else section
        if line.startswith("| `") and section not in SECTIONS_LEFT_OUT:
            cells = [cell.strip() for cell in line.split("|")]
            if any(not cell.startswith("no") for cell in cells[3:6]):
                yield from re.findall(r"`(ashlar_\w+)`", cells[1])


def included(path, seen):
    """The file's own headers, those of tests alone, and theirs."""
    if path not in seen:
        seen.add(path)
        for name in re.findall(r'^#include "([^"]+)"', read(path), re.M):
            for folder in ("tests", os.path.dirname(path)):
                if os.path.exists(os.path.join(folder, name)):
                    included(os.path.join(folder, name), seen)
    return seen


def called():
    names = set()
    files = set()
    for path in sources("tests/*/*_smp.c") + sources("tests/*/*_threads.c"):
        included(path, files)
    for path in files:
        text = re.sub(r"/\*.*?\*/", "", read(path), flags=re.S)
        names |= set(re.findall(r"\b(ashlar_\w+)\b", text))
    return names


def main():
    tap = Tap()
    functions = set(shared_functions())
    names = called()
    tap.ok(sorted(functions - names - set(LEFT_OUT)), "each function that CPUs may call at once is called in a program of several")
    tap.ok(sorted(set(LEFT_OUT) & names | set(LEFT_OUT) - functions), "what is left out has to be")
    tap.done()


main()
