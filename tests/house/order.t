#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""order.t - within a floor, too, a file stands on those below it alone. src/FLOORS lists each floor's files from the bottom up.

NAME.c and NAME.h are one file here. A file needs another if it includes its header, or if its object refers to a symbol,
code or data, that the other's object defines; all kernels' objects are looked at, and what any of them needs counts.
The simulated machine's files have no list, but no circle either. A floor's internal.h has structures, and no function: what a
file offers stands in a header of its name. There is no exception list.
"""
import os
import subprocess
import tempfile

from house import INCLUDE, KERNELS, Tap, floor_files, floors, objects, plant, resolve, run, sources, symbols

# 64-bit code of a release build, 32-bit code of a debug build.
SIM_BUILDS = ["clang64", "gcc32"]


def file_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def files_of(folder):
    return {file_of(path) for path in sources(folder + "/*.[ch]")}


def needs_of(folder, builds):
    """{(file, file that it needs): {reasons}}."""
    needs = {}

    def add(user, used, reason):
        if user != used:
            needs.setdefault((user, used), set()).add(reason)

    for path in sources(folder + "/*.[ch]"):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for _, include in INCLUDE.findall(text):
            target = resolve(path, include)
            if target is not None and os.path.dirname(target) == folder:
                add(file_of(path), file_of(target), "#include " + os.path.basename(target))
    for build in builds:
        table = symbols(objects(build, folder))
        owner = {name: file_of(path) for path, (defined, _) in table.items() for name in defined}
        for path, (_, undefined) in table.items():
            for name in undefined & owner.keys():
                add(file_of(path), owner[name], name)
    return needs


def reached_from(start, needs):
    """All that the file needs, and what that needs."""
    reached, pending = set(), [start]
    while pending:
        user = pending.pop()
        more = {used for one, used in needs if one == user} - reached
        reached |= more
        pending.extend(more)
    return reached


def edge_text(edge, needs):
    return "%s needs %s: %s" % (edge + (", ".join(sorted(needs[edge])),))


def circle_problems(needs):
    """One text for each circle: its members, and what ties them."""
    reached = {user: reached_from(user, needs) for user, _ in needs}
    circles = {frozenset(other for other in all_of if file in reached.get(other, ())) for file, all_of in reached.items()
               if file in all_of}
    for circle in sorted(circles, key=sorted):
        edges = [edge_text(edge, needs) for edge in sorted(needs) if set(edge) <= circle]
        yield "\n  ".join(["a circle of %d files: %s" % (len(circle), ", ".join(sorted(circle)))] + edges)


def order_problems(listed, present, needs):
    names = [name for name, _ in listed]
    rank = {name: number for number, name in enumerate(names)}
    problems = ["%s is not in the list" % name for name in sorted(present - set(names))]
    problems += ["%s is in the list, and is no file" % name for name in names if name not in present]
    problems += ["%s is in the list twice" % name for name in sorted(rank) if names.count(name) > 1]
    problems += ["%s has no idea" % name for name, idea in listed if idea == ""]
    return problems + [edge_text(edge, needs) + ": it stands above" for edge in sorted(needs)
                       if set(edge) <= set(names) and rank[edge[1]] > rank[edge[0]]]


def functions_in(paths):
    """What universal-ctags takes for a function in these headers, declared or defined."""
    result = subprocess.run(["ctags", "--languages=C", "--langmap=C:.c.h", "--kinds-C=fp", "-x", "-L", "-"],
                            input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True)
    return ["%s is in %s" % (line.split()[0], line.split()[3]) for line in result.stdout.splitlines()]


BAD_TREE = {
    "src/FLOORS": "base x.h\n  low   the bottom\n  high  the top\n\nleap  # nothing of its own\n  gone  what left\n  data\n  data  again\n",
    "src/base/internal.h": "struct field {\n    int (*hook)(int x);\n};\nint offer(int x);\n",
    "src/base/low.c": "void high(void);\nvoid low(void);\nvoid low(void) { high(); }\n",
    "src/base/high.c": "void high(void);\nvoid high(void) {}\n",
    "src/leap/new.h": '#include "leap/data.h"\n',
    "src/leap/data.h": "extern int number;\n",
    "src/leap/data.c": '#include "leap/data.h"\n#include "leap/new.h"\nint number = 1;\n',
    "sim/a.c": "extern int b;\nint *a(void);\nint *a(void) { return &b; }\n",
    "sim/b.c": "int *c(void);\nint b;\nint *d(void);\nint *d(void) { return c(); }\n",
    "sim/c.c": "int *a(void);\nint *c(void);\nint *c(void) { return a(); }\n",
    "sim/d.c": "int *d(void);\nint *e(void);\nint *e(void) { return d(); }\n",
}


def build_bad_tree(folder):
    plant(folder, BAD_TREE)
    for path in sources("src/*/*.c", "sim/*.c"):
        output = "build/sample/" + path[:-1] + "o"
        os.makedirs(os.path.dirname(output), exist_ok=True)
        run(["gcc", "-Isrc", "-c", path, "-o", output])


def own_test(tap):
    """Would it be noticed? A small tree with a circle of each kind, an edge upward, and a list that is wrong."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        build_bad_tree(folder)
        lists = floor_files()
        tap.ok([] if [name for name, _ in floors()] == ["base", "leap"] else "it was not", "a floor's line is told from a file's")
        needs = needs_of("src/base", ["sample"])
        problems = order_problems(lists["base"], files_of("src/base"), needs)
        tap.ok([] if problems == ["internal is not in the list", "low needs high: high: it stands above"]
               else problems, "a call upward is noticed")
        tap.ok(circle_problems(needs), "what goes upward only is no circle")
        problems = functions_in(["src/base/internal.h"])
        tap.ok([] if problems == ["offer is in src/base/internal.h"] else problems, "a function of internal.h is noticed")
        needs = needs_of("src/leap", ["sample"])
        circles = list(circle_problems(needs))
        tap.ok([] if len(circles) == 1 and circles[0].startswith("a circle of 2 files: data, new") else circles,
               "a circle of includes is noticed")
        problems = order_problems(lists["leap"], files_of("src/leap"), needs)
        tap.ok([] if problems == ["new is not in the list", "gone is in the list, and is no file", "data is in the list twice",
                                  "data has no idea"] else problems, "a list that is wrong is noticed")
        circles = list(circle_problems(needs_of("sim", ["sample"])))
        tap.ok([] if circles == ["a circle of 3 files: a, b, c\n  a needs b: b\n  b needs c: c\n  c needs a: a"] else circles,
               "a circle of calls and data is noticed, and what ties it is told")
        os.chdir(home)


def main():
    tap = Tap()
    own_test(tap)
    lists = floor_files()
    for floor, _ in floors():
        folder = "src/" + floor
        needs = needs_of(folder, KERNELS)
        tap.ok(circle_problems(needs), "%s: no circle of files" % floor)
        tap.ok(order_problems(lists[floor], files_of(folder), needs), "%s: its files in the order of src/FLOORS" % floor)
    tap.ok(functions_in(sources("src/*/internal.h")), "internal.h has no function")
    missing = [build for build in SIM_BUILDS if not objects(build, "sim")]
    tap.ok(["no objects in build/" + build for build in missing], "sim: objects to look at")
    tap.ok(circle_problems(needs_of("sim", SIM_BUILDS)), "sim: no circle of files")
    tap.done()


main()
