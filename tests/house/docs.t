#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""docs.t - the documents speak of what is there: links, paths in `backticks`, make targets, and tests of faults.

docs/faults.md is made by tools/faults-table out of tests/faults.txt and of `[fault N]` in tests; here the two are compared.
docs/architecture.md has each floor's files, as src/FLOORS lists them; docs/contexts.md a row for each public function of the
floors from memmap up.
"""
import os
import re
import subprocess
import sys

from house import Tap, floors, run, sources, tracked

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:src|tests|tools|kernel|docs|include|examples|sim|adapters|port|bench|make)/[^`\s]*)`")
TARGET = re.compile(r"`make ([a-z][a-z_.-]*)[^`]*`|^ *\$? ?make ([a-z][a-z_.-]*)", re.M)
CONTEXT_HEADERS = [header for floor, owned in floors() if floor not in ("base", "arch") for header in owned]
# The repository speaks of the project alone.
ALIEN = re.compile(r"/wor[k]/|/tm[p]/w/|\.\./share[d]\b|\bshared/(design|research)|\b[Ii]ssue #?[0-9]|\bthis session\b|"
                   r"\bseed document")


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def documents():
    return [path for path in tracked() if path.endswith(".md")]


def anchors(path):
    """Names that a renderer gives to headings."""
    found = set()
    for line in read(path).splitlines():
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(text.replace(" ", "-"))
    return found


def bad_links(path):
    for link in LINK.findall(read(path)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        full = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(full):
            yield "%s: %s is not there" % (path, link)
        elif anchor and full.endswith(".md") and anchor not in anchors(full):
            yield "%s: %s has no such heading" % (path, link)


def bad_paths(path):
    for name in PATH.findall(read(path)):
        name = re.sub(r"[:#].*$", "", name).rstrip(".,;")
        if not re.search(r"[<>{}…]|\bNAME\b|\bN\b", name) and not sources(name):
            yield "%s: `%s` is not there" % (path, name)


def bad_targets(path):
    _, text = run(["make", "-s", "help"])
    known = set(re.findall(r"^  (\S+)", text, re.M))
    for quoted, plain in TARGET.findall(read(path)):
        if (quoted or plain) not in known:
            yield "%s: make %s is no target" % (path, quoted or plain)


def fault_problems():
    """docs/faults.md is what tools/faults-table makes of the catalogue and of the tests as they are now."""
    result = subprocess.run(["tools/faults-table"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        return [result.stdout.strip()]
    if not os.path.exists("docs/faults.md") or read("docs/faults.md") != result.stdout:
        return ["docs/faults.md is not up to date: tools/faults-table > docs/faults.md"]
    return []


def file_problems():
    """docs/architecture.md has the table of files that tools/files-table makes of src/FLOORS."""
    status, text = run(["tools/files-table"])
    if status != 0:
        return [text.strip()]
    return [] if text in read("docs/architecture.md") else ["docs/architecture.md is not up to date: tools/files-table --write"]


def public_functions():
    found = set()
    for header in CONTEXT_HEADERS:
        text = re.sub(r"/\*.*?\*/", "", read("include/ashlar/" + header), flags=re.S)
        text = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", "", text, flags=re.M)
        found |= set(re.findall(r"\b(ashlar_\w+)\(", text))
    return found


def context_problems():
    rows = "\n".join(line.split("|")[1] for line in read("docs/contexts.md").splitlines() if line.startswith("| `"))
    named = re.findall(r"`(ashlar_\w+)`", rows)
    functions = public_functions()
    problems = ["%s has no row" % name for name in sorted(functions - set(named))]
    problems += ["%s is not there" % name for name in sorted(set(named) - functions)]
    return problems + ["%s has two rows" % name for name in sorted(set(named)) if named.count(name) > 1]


def alien_words():
    for path in tracked():
        for number, line in enumerate(read(path).splitlines(), 1):
            if ALIEN.search(line) and path != "tests/house/docs.t" and not path.endswith(".csv"):
                yield "%s:%d: %s" % (path, number, line.strip()[:120])


def example_problems():
    """The README's example is the heart of examples/kernel/main.c, to the letter."""
    example = read("examples/kernel/main.c")
    heart = example[example.rindex("\nvoid kernel_main("):].strip()
    return [] if heart in read("README.md") else ["README.md: not what examples/kernel/main.c has"]


def main():
    tap = Tap()
    for path in documents():
        tap.ok(bad_links(path), path + ": links")
        tap.ok(bad_paths(path), path + ": paths")
        tap.ok(bad_targets(path), path + ": make targets")
    tap.ok(fault_problems(), "docs/faults.md is what the catalogue and the tests say")
    tap.ok(file_problems(), "docs/architecture.md has the files of src/FLOORS in their order")
    tap.ok(context_problems(), "docs/contexts.md has a row for each public function")
    tap.ok(example_problems(), "the README's example is the one that is built and run")
    tap.ok(alien_words(), "the repository speaks of the project alone")
    help_text = run(["make", "-s", "help"])[1]
    listed = set(re.findall(r"^  (\S+)", help_text, re.M))
    phony = {name for path in ["Makefile"] + sources("make/*.mk") for line in re.findall(r"^\.PHONY: (.*)", read(path), re.M)
             for name in line.split()}
    tap.ok(sorted(phony - listed - {"FORCE", "check-build"}), "make help lists every target")
    tap.done()


main()
