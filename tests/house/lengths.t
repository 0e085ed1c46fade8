#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""lengths.t - function lengths by folder, as ctags sees them; none over 60 lines."""
import subprocess
import sys

from house import Tap, note

LIMIT = 60


def main():
    tap = Tap()
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
