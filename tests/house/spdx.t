#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""spdx.t - every source names its licence first, then says in at most 60 lines what it is; nothing is left unfinished."""
import re

from house import Tap, our_c, sources, tracked

LINE = "SPDX-License-Identifier: 0BSD"
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
NO_LICENCE_LINE = re.compile(r"(\.md|\.gitignore|\.gitkeep|\.txt|\.csv|\.map|\.svg|\.png)$|^LICENSE$|^src/FLOORS$|"
                             r"^docs/|^\.(editorconfig|clang-format|clang-tidy)$|^tests/.*/(maps|data)/")


def lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def opening_comment_lines(text):
    """Lines of the theory statement: the comment after the licence line."""
    match = re.match(r"[^\n]*\n/\*.*?\*/", text, re.S)
    return match.group(0).count("\n") if match else 0


def main():
    tap = Tap()
    c_files = our_c() + sources("kernel/**/*.S", "tests/must_fail/*.c")
    tap.ok([path for path in c_files if lines(path)[:1] != ["/* %s */" % LINE]], "C sources: the licence on line 1")
    others = [path for path in tracked() if path not in c_files and not NO_LICENCE_LINE.search(path)]
    tap.ok([path for path in others if not any(LINE in line for line in lines(path)[:3])],
           "all others: the licence in the first 3 lines")
    long, silent = [], []
    for path in our_c():
        text = "\n".join(lines(path))
        count = opening_comment_lines(text)
        if count > 60:
            long.append("%s: %d lines" % (path, count))
        if count == 0:
            silent.append(path)
    tap.ok(silent, "C sources: an opening comment says what the file is")
    tap.ok(long, "C sources: it has at most 60 lines")
    tap.ok(["%s:%d: %s" % (path, number, line.strip()) for path in c_files for number, line in enumerate(lines(path), 1)
            if UNFINISHED.search(line)], "C sources: no marks of unfinished work")
    tap.done()


main()
