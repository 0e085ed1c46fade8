#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""format.t - every C source is laid out as .clang-format says. `make format` does it."""
from house import Tap, our_c, run


def main():
    tap = Tap()
    wrong = []
    for path in our_c():
        status, text = run(["clang-format", "--dry-run", "-Werror", path])
        if status != 0:
            wrong.append(path + ": " + text.splitlines()[0])
    tap.ok(wrong, "laid out by .clang-format: %d files" % len(our_c()))
    tap.done()


main()
