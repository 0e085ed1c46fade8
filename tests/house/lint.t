#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""lint.t - each C source is in one part of the lint, and no part is so large that it takes a minute.

The parts are tests of their own, build/lint/tests/house/lint-K.t (make/check.mk): clang-tidy and cppcheck have nothing to
say about their files. Alone: make check T=house/lint, or make lint.
"""
import json
import os

from house import Tap, make_variable, our_c, run

FILES_MOST = 8


def main():
    tap = Tap()
    new = "compile_commands.json.%d" % os.getpid()
    with open(new, "w", encoding="utf-8") as file:
        file.write(run(["tools/compile-commands"])[1])
    os.replace(new, "compile_commands.json")
    parts = int(make_variable("LINT_PARTS") or 0)
    tests = make_variable("LINT_TESTS").split()
    tap.ok([] if parts > 0 and len(tests) == parts else ["%d parts, %d tests" % (parts, len(tests))], "each part has its test")
    seen = []
    problems = []
    for part in range(1, parts + 1):
        status, text = run(["tools/lint", "--list", "--part", "%d/%d" % (part, parts)])
        files = text.split()
        seen += files
        if status != 0 or len(files) > FILES_MOST:
            problems.append("part %d: status %d, %d files" % (part, status, len(files)))
    tap.ok(problems, "a part has at most %d files" % FILES_MOST)
    sources = sorted(path for path in our_c() if path.endswith(".c"))
    tap.ok([] if sorted(seen) == sources else sorted(set(sources) ^ set(seen)) or ["a file is in two parts"],
           "each source is in one part")
    with open("compile_commands.json", encoding="utf-8") as file:
        tap.ok([] if len(json.load(file)) == len(sources) else ["other files"], "and the compile database has them all")
    tap.done()


main()
