#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""lengths.t - function lengths by folder, as ctags sees them, and lines of files and of floors: none is over its limit."""
import os
import subprocess
import sys
import tempfile

from house import Tap, floors, note, plant, sources

LIMIT = 60
FLOOR_LINES = 4000
FILE_LINES = 500
PUBLIC_HEADER_LINES = 350


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return sum(1 for _ in file)


def over(limit, paths):
    counts = [(path, lines_of(path)) for path in paths]
    return ["%s has %d lines" % row for row in counts if row[1] > limit]


def floor_lines():
    return [(floor, sum(map(lines_of, sources("src/%s/*.[ch]" % floor)))) for floor, _ in floors()]


def large_floors(counts):
    return ["%s has %d lines" % row for row in counts if row[1] > FLOOR_LINES]


def own_test(tap):
    """Would it be noticed? A floor of two files, of which one is too long, and together they are too much."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, {"src/FLOORS": "base\n", "src/base/a.c": "\n" * FILE_LINES,
                       "src/base/b.h": "\n" * (FLOOR_LINES - FILE_LINES)})
        problems = over(FILE_LINES, sources("src/*/*.[ch]"))
        tap.ok([] if problems == ["src/base/b.h has 3500 lines"] else problems, "a file that is too long is noticed")
        tap.ok(large_floors(floor_lines()), "a floor of %d lines is not too large" % FLOOR_LINES)
        with open("src/base/a.c", "a", encoding="utf-8") as file:
            file.write("\n")
        problems = large_floors(floor_lines())
        tap.ok([] if problems == ["base has 4001 lines"] else problems, "one of a line more is")
        os.chdir(home)


def size_tests(tap):
    counts = floor_lines()
    for row in counts:
        note("%-16s %6d lines" % row)
    tap.ok(large_floors(counts), "no floor over %d lines" % FLOOR_LINES)
    tap.ok(over(FILE_LINES, sources("src/*/*.[ch]", "sim/*.[ch]")), "no file of src/ or sim/ over %d lines" % FILE_LINES)
    tap.ok(over(PUBLIC_HEADER_LINES, sources("include/ashlar/*.h")), "no public header over %d lines" % PUBLIC_HEADER_LINES)


def main():
    tap = Tap()
    own_test(tap)
    size_tests(tap)
    report = subprocess.run(["tools/function-lengths"], stdout=subprocess.PIPE, text=True, check=False)
    if report.returncode != 0:
        sys.exit("function-lengths failed")
    for line in report.stdout.splitlines():
        note(line)
    listing = subprocess.run(["tools/function-lengths", "--over", str(LIMIT)], stdout=subprocess.PIPE, text=True, check=True)
    long = listing.stdout.splitlines()
    tap.ok(long, "no function over %d lines" % LIMIT)
    library = [line for line in report.stdout.splitlines() if line.startswith("library ")]
    median = float(library[0].split()[1]) if library else 0
    tap.ok([] if 0 < median <= 15 else "median %s" % median, "the library's median is at most 15 lines")
    tap.done()


main()
