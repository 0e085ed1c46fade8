#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""must_fail.t - the strict warnings are on: each file here compiles with -w, and does not with our flags.

A file is named after the warning that it earns (vla.c: -Wvla); gcc and clang must both name it. `Only: clang` in the
opening comment: gcc has no such warning. `Says: a b`: the names under which it is reported, where they differ. Every
warning of the Makefile has a file, and so is shown to be in force.
"""
import os
import re

from house import Tap, make_variable, run, sources

# Groups, and what names no warning of its own.
NOT_ONE = {"-Werror"}


def main():
    tap = Tap()
    flags = make_variable("WARNINGS").split() + make_variable("INCLUDES").split()
    warnings = {"gcc": flags, "clang": flags + ["-Wthread-safety"]}
    base = ["-std=c11", "-O2", "-ffreestanding", "-c", "-o", "/dev/null"]
    for path in sources("tests/must_fail/*.c"):
        name = os.path.basename(path)[:-2]
        with open(path, encoding="utf-8") as file:
            text = file.read()
        only = re.search(r"Only: (gcc|clang)", text)
        says = re.search(r"Says: (.*?) \*/", text)
        names = says.group(1).split() if says else [name]
        for compiler in [only.group(1)] if only else ["gcc", "clang"]:
            status, text = run([compiler] + base + ["-w", "-Iinclude", "-Isrc", path])
            tap.ok([] if status == 0 else text, "%s: %s.c is C" % (compiler, name))
            status, text = run([compiler] + base + warnings[compiler] + [path])
            tap.ok([] if status != 0 else "it compiled", "%s: %s.c is refused" % (compiler, name))
            named = re.search(r"\[-Werror[=,](-W)?(%s)\]" % "|".join(names), text)
            tap.ok([] if named else "another reason:\n" + text, "%s: because of -W%s" % (compiler, " or ".join(names)))
    here = {os.path.basename(path)[:-2] for path in sources("tests/must_fail/*.c")}
    wanted = {flag[2:] for flag in warnings["clang"] if flag.startswith("-W") and flag not in NOT_ONE}
    tap.ok(["no tests/must_fail/%s.c" % name for name in sorted(wanted - here)], "every warning has a file")
    tap.done()


main()
