#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""messages.t - a message of the library that begins with a floor's name begins with that of the floor in whose folder it stands, so
that a reader finds it."""
import os
import re
import tempfile

from house import Tap, floors, plant, sources

MESSAGE = re.compile(r'\b(?:ASHLAR_CHECK|ashlar_panic|ashlar_log|ashlar_tell_context|return)\b[^;"]*"([a-z]+): ')


def problems(floor, names):
    for path in sources("src/%s/*.[ch]" % floor):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for match in MESSAGE.finditer(text):
            if match.group(1) != floor and match.group(1) in names:
                yield "%s:%d: a message begins with \"%s: \"" % (path, text.count("\n", 0, match.end()) + 1, match.group(1))


def own_test(tap):
    """Would it be noticed? A message of another floor, over two lines; and one that names a file."""
    home = os.getcwd()
    names = {"base", "space", "heap"}
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, {"src/FLOORS": "base\nheap\n", "src/base/wait.c": 'ASHLAR_CHECK(a, "wait: none");\n',
                       "src/heap/a.c": 'ASHLAR_CHECK(a,\n    "space: %d", 1);\nashlar_panic("heap: b");\nreturn "c";\n'})
        found = list(problems("heap", names))
        tap.ok([] if found == ['src/heap/a.c:2: a message begins with "space: "'] else found, "another floor's name is noticed")
        tap.ok(list(problems("base", names)), "a file's name is not")
        os.chdir(home)


def main():
    tap = Tap()
    own_test(tap)
    names = {floor for floor, _ in floors()}
    for floor in sorted(names):
        tap.ok(list(problems(floor, names)), "messages of %s name no other floor" % floor)
    tap.done()


main()
