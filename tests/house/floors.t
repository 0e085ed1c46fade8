#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""floors.t - a floor includes and calls only what is its own or below it (src/FLOORS). There is no exception list.

Includes are read from the #include lines of sources and public headers. Calls are read from the symbols of objects: an
undefined one belongs to the floor whose object defines it. Callbacks that a floor above registered are no symbols.
"""
import os
import tempfile

from house import FREESTANDING_HEADERS, INCLUDE, KERNELS, Tap, floors, objects, plant, resolve, run, sources, symbols

FLOORS = floors()
# Adapters stand beside the floors, on memmap; their headers are for kernels and for each other, and no floor includes them.
ADAPTER_HEADERS = ["include/ashlar/%s.h" % os.path.basename(path)[:-2] for path in sources("adapters/*.c")]
RANK = {name: rank for rank, (name, _) in enumerate(FLOORS)}
HEADER_FLOOR = {header: name for name, headers in FLOORS for header in headers}


def floor_of(path):
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if path.startswith("include/ashlar/"):
        return HEADER_FLOOR.get(parts[-1])
    return None


def include_problems(path, floor):
    problems = []
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for _, include in INCLUDE.findall(text):
        target = resolve(path, include)
        if target is None:
            if include not in FREESTANDING_HEADERS:
                problems.append("%s includes <%s>: neither ours nor freestanding" % (path, include))
            continue
        other = floor_of(target)
        if other is None:
            if not ((target in ADAPTER_HEADERS or target.startswith("adapters/")) and path.startswith("adapters/")):
                problems.append("%s includes %s, which belongs to no floor" % (path, target))
        elif RANK[other] > RANK[floor]:
            problems.append("%s (%s) includes %s (%s), which is above it" % (path, floor, target, other))
        elif target.endswith("/internal.h") and other != floor:
            problems.append("%s includes %s, which is for floor %s alone" % (path, target, other))
        elif path.startswith("include/") and not target.startswith("include/"):
            problems.append("%s is public and includes %s, which is not" % (path, target))
    return problems


def call_problems(table, kernel, floor, owner):
    problems = []
    prefix = "build/%s/src/%s/" % (kernel, floor)
    for path, (_, undefined) in sorted(table.items()):
        if path.startswith(prefix):
            for name in sorted(undefined):
                if name in owner and RANK[owner[name]] > RANK[floor]:
                    problems.append("%s (%s) needs %s of %s, which is above it" % (path, floor, name, owner[name]))
    return problems


BAD_TREE = {
    "include/ashlar/heap.h": "",
    "src/frames/internal.h": "",
    "src/base/up.c": '#include <ashlar/heap.h>\n#include <stdio.h>\n#include "frames/internal.h"\n',
    "src/base/call.c": "void ashlar_heap_x(void);\nvoid ashlar_base_x(void);\nvoid ashlar_base_x(void) { ashlar_heap_x(); }\n",
    "src/heap/x.c": "void ashlar_heap_x(void);\nvoid ashlar_heap_x(void) {}\n",
}


def own_test(tap):
    """Would it be noticed? A small tree with an upward include and an upward call."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, BAD_TREE)
        tap.ok([] if len(include_problems("src/base/up.c", "base")) == 3 else "it was not", "an upward include is noticed")
        for name in ("base/call", "heap/x"):
            os.makedirs("build/sample/src/" + os.path.dirname(name))
            run(["gcc", "-c", "src/%s.c" % name, "-o", "build/sample/src/%s.o" % name])
        table = symbols(sources("build/sample/src/*/*.o"))
        problems = call_problems(table, "sample", "base", owners(table))
        tap.ok([] if len(problems) == 1 else "it was not", "an upward call is noticed")
        os.chdir(home)


def owners(table):
    return {name: path.split("/")[3] for path, (defined, _) in table.items() for name in defined}


def main():
    tap = Tap()
    own_test(tap)
    known = {path.split("/")[1] for path in sources("src/*/*.[ch]")}
    tap.ok(["src/%s is not in src/FLOORS" % name for name in sorted(known - set(RANK))], "every folder of src is a floor")
    headers = {os.path.basename(path) for path in sources("include/ashlar/*.h") if path not in ADAPTER_HEADERS}
    tap.ok(["include/ashlar/%s belongs to no floor" % name for name in sorted(headers - set(HEADER_FLOOR))],
           "every public header belongs to a floor")
    for floor, owned in FLOORS:
        paths = sources("src/%s/*.[ch]" % floor) + [p for p in sources("include/ashlar/*.h") if os.path.basename(p) in owned]
        problems = [problem for path in paths for problem in include_problems(path, floor)]
        tap.ok(problems, "%s includes nothing above it (%d files)" % (floor, len(paths)))
    paths = sources("adapters/*.[ch]") + [path for path in ADAPTER_HEADERS if os.path.exists(path)]
    adapters = [problem for path in paths for problem in include_problems(path, "memmap")]
    tap.ok(adapters, "adapters include nothing above memmap")
    for kernel in KERNELS:
        table = symbols(objects(kernel, *("src/" + floor for floor in RANK)))
        missing = [floor for floor in RANK if sources("src/%s/*.c" % floor) and not objects(kernel, "src/" + floor)]
        tap.ok(["no objects of " + floor for floor in missing], "%s: objects to look at" % kernel)
        owner = owners(table)
        for floor in RANK:
            tap.ok(call_problems(table, kernel, floor, owner), "%s: %s calls nothing above it" % (kernel, floor))
    tap.done()


main()
