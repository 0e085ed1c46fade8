#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""contexts.t - docs/contexts.md, the heads of the functions, and the test of them say the same.

Each function that has a row begins with CONTEXTS(boot, thread, off, interrupt, NMI), the row's words; where the row says
`(unasked)`, with CONTEXTS_UNASKED. No other function has one. tests/boot/contexts.c calls each whose row says no to some
context, with the same words.
"""
import os
import re
import sys
import tempfile

from house import Tap, floors, plant, sources

sys.path.insert(0, "tools")
from cparse import Parser  # noqa: E402

TABLE, TEST = "docs/contexts.md", "tests/boot/contexts.c"
WORDS = {"yes": "yes", "no": "no", "less": "less", "pinned": "pinned", "kernel half only": "kernel(space)"}
HEAD = re.compile(r"^(CONTEXTS(?:_UNASKED)?)\((.*)\);$", re.S)
CASE = re.compile(r"\bCASE\((ashlar_\w+),[\s\\]*\"([a-z]+ [a-z]+ [a-z]+ [a-z]+ [a-z() ]+)\"", re.S)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def table_rows():
    """({function: (macro, its words)}, problems)."""
    rows, problems = {}, []
    for line in read(TABLE).splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        problems += ["%s: '%s' is no word of a row" % (cells[0], cell) for cell in cells[1:6] if cell not in WORDS]
        words = [WORDS.get(cell, cell) for cell in cells[1:6]]
        for name, unasked in re.findall(r"`(ashlar_\w+)`( \(unasked\))?", cells[0]):
            rows[name] = ("CONTEXTS_UNASKED" if unasked else "CONTEXTS", words)
    return rows, problems


def heads():
    """{function: (path, macro or None, words, further macros)} of all in src/ with a body."""
    found = {}
    for path in sources(*("src/%s/*.c" % floor for floor, _ in floors())):
        parser = Parser(read(path))
        for function in parser.functions():
            texts = [parser.source(one.first, one.last) for one in function.body.bodies]
            head = HEAD.match(texts[0]) if texts else None
            text = parser.source(function.body.first, function.body.last)
            others = len(re.findall(r"\bCONTEXTS(?:_UNASKED)?\(", text)) - (head is not None)
            words = re.split(r",\s*", head.group(2)) if head else []
            found[function.name] = (path, head.group(1) if head else None, words, others)
    return found


def head_problems():
    rows, problems = table_rows()
    defined = heads()
    for name, (macro, words) in sorted(rows.items()):
        if name not in defined:
            problems.append("%s has a row, and no body in src/" % name)
            continue
        path, has, says, _ = defined[name]
        if has is None:
            problems.append("%s: %s does not begin with %s(%s)" % (path, name, macro, ", ".join(words)))
        elif (has, says) != (macro, words):
            problems.append("%s: %s says %s(%s), its row %s(%s)" % (path, name, has, ", ".join(says), macro, ", ".join(words)))
    for name, (path, has, _, others) in sorted(defined.items()):
        if (has is not None and name not in rows) or others:
            problems.append("%s: CONTEXTS in %s, where no row speaks of it" % (path, name))
    return problems


def case_problems():
    """Whatever is forbidden somewhere is called there by the test."""
    rows, _ = table_rows()
    cases = {name: words.split(" ") for name, words in CASE.findall(read(TEST))}
    forbidden = {name: words for name, (macro, words) in rows.items()
                 if macro == "CONTEXTS" and any(word not in ("yes", "less", "pinned") for word in words)}
    for name in sorted(set(forbidden) | set(cases)):
        if cases.get(name) != forbidden.get(name):
            yield "%s: the test says %s, its row %s" % (name, cases.get(name), forbidden.get(name))


def broken(change):
    """What is noticed in a small tree after {path: (old, new)} was changed in it."""
    tree = {
        "src/FLOORS": "base x.h\n    one\n",
        TABLE: "| `ashlar_a`, `ashlar_b` | yes | no | less | no | kernel half only | none | no |\n"
               "| `ashlar_c` (unasked) | no | no | yes | no | no | none | no |\n",
        "src/base/one.c": "void ashlar_a(void)\n{\n    CONTEXTS(yes, no, less, no, kernel(space));\n    f();\n}\n"
                          "void ashlar_b(void)\n{\n    CONTEXTS(yes, no, less, no, kernel(space));\n}\n"
                          "void ashlar_c(void)\n{\n    CONTEXTS_UNASKED(no, no, yes, no, no);\n}\n"
                          "static void d(void)\n{\n    f();\n}\n",
        TEST: "CASE(ashlar_a, \"yes no less no kernel(space)\", 0),\nCASE(ashlar_b, \"yes no less no kernel(space)\", 0),\n",
    }
    for path, (old, new) in change.items():
        assert old in tree[path]
        tree[path] = tree[path].replace(old, new, 1)
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, tree)
        found = head_problems() + list(case_problems())
        os.chdir(home)
    return found


def noticed(tap, path, old, new, want, text):
    found = broken({path: (old, new)})
    tap.ok([] if any(want in problem for problem in found) else found or ["nothing noticed"], "noticed: " + text)


def main():
    tap = Tap()
    tap.ok(head_problems(), "each function with a row says at its head what the row says")
    tap.ok(case_problems(), TEST + " calls each that is forbidden somewhere")
    one, head = "src/base/one.c", "    CONTEXTS(yes, no, less, no, kernel(space));\n"
    tap.ok(broken({}), "nothing is found where all is well")
    noticed(tap, one, head + "    f();", "    f();", "ashlar_a does not begin", "no macro")
    noticed(tap, one, head + "    f();\n", "    f();\n" + head, "ashlar_a does not begin", "a macro that is not first")
    noticed(tap, one, "less, no,", "yes, no,", "ashlar_a says", "a macro with another word")
    noticed(tap, one, "CONTEXTS_UNASKED", "CONTEXTS", "ashlar_c says", "a hook that is asked too early")
    noticed(tap, one, "static void d(void)\n{\n", "static void d(void)\n{\n" + head, "no row speaks", "a macro without a row")
    noticed(tap, TABLE, "`ashlar_c`", "`ashlar_e`, `ashlar_c`", "ashlar_e has a row, and no body", "a row without a function")
    noticed(tap, TABLE, "| less |", "| maybe |", "'maybe' is no word", "a word that means nothing")
    noticed(tap, TEST, "ashlar_b, \"yes no less", "ashlar_b, \"yes no yes", "ashlar_b: the test says", "a test with another word")
    noticed(tap, TEST, "CASE(ashlar_b", "OTHER(ashlar_b", "ashlar_b: the test says None", "a function that is not called")
    tap.done()


main()
