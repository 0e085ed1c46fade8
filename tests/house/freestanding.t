#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""freestanding.t - what the library asks of the linker: four functions, the port, and nothing else. No libgcc helper.

Looked up in the objects of the 32-bit kernels (both compilers, release and debug; for an i486) and of the 64-bit release build.
Every global symbol begins with ashlar_, so that a kernel's own names are safe.
"""
import re

from house import KERNELS, OUTSIDE, Tap, floors, objects, symbols

# What only the sanitizers' and position-independent builds refer to is not looked at: these builds are neither.
VARIANTS = KERNELS + ["i486", "clang64"]


FOLDERS = ["src/" + floor for floor, _ in floors()] + ["adapters"]


def names_of(variant):
    """(defined global names, undefined names), each with an object that has it."""
    defined, undefined = {}, {}
    for path, (own, foreign) in sorted(symbols(objects(variant, *FOLDERS)).items()):
        for name in own:
            defined.setdefault(name, path)
        for name in foreign:
            undefined.setdefault(name, path)
    return defined, undefined


def main():
    tap = Tap()
    for variant in VARIANTS:
        defined, undefined = names_of(variant)
        tap.ok([] if defined else "no objects: build first", "%s: objects to look at" % variant)
        outside = {name: path for name, path in undefined.items()
                   if name not in defined and name not in OUTSIDE and not name.startswith("ashlar_port_")
                   and name != "_GLOBAL_OFFSET_TABLE_"}
        tap.ok(["%s needs %s" % (path, name) for name, path in sorted(outside.items())],
               "%s: needs memcpy, memset, memmove, memcmp, the port, and nothing else" % variant)
        port = {name for name in undefined if name.startswith("ashlar_port_")}
        declared = set(re.findall(r"\b(ashlar_port_\w+)\(", open("include/ashlar/port.h", encoding="utf-8").read()))
        tap.ok(["%s is not declared in port.h" % name for name in sorted(port - declared)],
               "%s: every hook is declared in port.h" % variant)
        foreign = {name: path for name, path in defined.items() if not name.startswith("ashlar_")}
        tap.ok(["%s defines %s" % (path, name) for name, path in sorted(foreign.items())],
               "%s: global symbols begin with ashlar_" % variant)
    tap.done()


main()
