#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""hooks.t - port.h's table says which floors call which hook, as the objects' undefined symbols have it; and how many hooks the
heap alone and the frames alone need, as docs/porting.md does. The least CPU is checked when the library is built: i486 does, i386 says so."""
import re

from house import Tap, floors, objects, run, symbols

ROW = re.compile(r"^ \*   ((?:\w+, )*\w+)  +((?:\w+ ?)+)$", re.M)
ALONE = re.compile(r"\(((?:\w+, )*\w+)\): (\d+)")


def called():
    """{floor: hooks that its objects call}."""
    found = {}
    for floor, _ in floors():
        needs = set().union(*(undefined for _, undefined in symbols(objects("clang64", "src/" + floor)).values()))
        found[floor] = {name[len("ashlar_port_"):] for name in needs if name.startswith("ashlar_port_")}
    return found


def problems(text, calls):
    """What the head of port.h says, against {floor: hooks}."""
    table = {hook: callers.split() for hooks, callers in ROW.findall(text) for hook in hooks.split(", ")}
    real = {hook: [floor for floor, hooks in calls.items() if hook in hooks] for hook in set().union(*calls.values())}
    for hook in sorted(set(table) | set(real)):
        if table.get(hook) != real.get(hook):
            yield "%s: port.h says %s, the objects %s" % (hook, table.get(hook), real.get(hook))
    rows = ALONE.findall(text)
    if len(rows) != 2:
        yield "port.h does not say what the heap and the frames need alone"
    for names, count in rows:
        need = set().union(*(calls[name] for name in names.split(", ")))
        if len(need) != int(count):
            yield "%s: port.h says %s, the objects %u: %s" % (names, count, len(need), ", ".join(sorted(need)))


def porting_problems(header, document):
    """docs/porting.md names the same floors, and as many hooks in words."""
    words = ["five", "six", "seven", "eight", "nine", "ten", "eleven"]
    for names, count in ALONE.findall(header):
        folders = ", ".join("`src/%s`" % name for name in names.split(", "))
        if folders not in document or words[int(count) - 5] not in document[document.index(folders):][:120]:
            yield "docs/porting.md does not say that %s take %s hooks" % (folders, count)


def builds_for(cpu):
    return run(["gcc", "-m32", "-march=" + cpu, "-std=c11", "-ffreestanding", "-fsyntax-only", "-Iinclude", "-Isrc", "src/base/lock.c"])


def main():
    tap = Tap()
    with open("include/ashlar/port.h", encoding="utf-8") as file:
        text = file.read()
    tap.ok(problems(text, called()), "port.h says which floors call which hook")
    with open("docs/porting.md", encoding="utf-8") as file:
        document = re.sub(r"\s+", " ", file.read())
    tap.ok(porting_problems(text, document), "docs/porting.md says the same of the heap and the frames alone")
    tap.ok([] if list(porting_problems(text, document.replace("`src/runs`, ", ""))) else "nothing noticed",
           "a floor that is left out there is noticed")
    tap.ok([] if list(problems(text.replace("tables kva runs heap", "tables kva heap"), called())) else "nothing noticed",
           "a caller that is left out is noticed")
    status, output = builds_for("i486")
    tap.ok(output if status != 0 else [], "an i486 does")
    status, output = builds_for("i386")
    tap.ok([] if status != 0 and "an i486 is the least" in output else output or "it builds", "an i386 does not, and is told why")
    tap.done()


main()
