#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""stack.t - nothing recurses, and no call into the library needs 1 KiB of stack on i386.

Read from what gcc tells of each object of build/i386 (-fcallgraph-info=su): frames and direct calls, after inlining.
A call through a pointer counts as one of CALLBACK_BYTES, for a callback that the caller brought.
The way down into a fatal report does not count: nothing returns from there, and it has a limit of its own.
"""
import re

from house import Tap, floors, note, objects

LIMIT_BYTES = 1024
CALLBACK_BYTES = 64
FATAL = "ashlar_panic"
NODE = re.compile(r'node: \{ title: "([^"]*)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
BYTES = re.compile(r"\\n(\d+) bytes \(([^)]*)\)")


def read_graph():
    """(bytes of each function's frame, callees of each, what is not static)."""
    frames, calls, unbounded = {}, {}, []
    folders = ["src/" + floor for floor, _ in floors()] + ["adapters"]
    for path in objects("i386", *folders, ending="ci"):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for title, label in NODE.findall(text):
            match = BYTES.search(label)
            if match:
                frames[title] = int(match.group(1))
                if match.group(2) not in ("static", "dynamic,bounded"):
                    unbounded.append("%s: %s" % (title, match.group(2)))
        for source, target in EDGE.findall(text):
            calls.setdefault(source, set()).add(target)
    return frames, calls, unbounded


def short(title):
    return title.split(":")[-1]


class Depth:
    """The deepest way down from each function. Walks with a stack of its own, children before parents."""

    def __init__(self, frames, calls):
        self.frames, self.calls = frames, calls
        self.deepest, self.way, self.cycles = {}, {}, []

    def children(self, title):
        return [callee for callee in sorted(self.calls.get(title, ())) if short(callee) != FATAL]

    def measure(self, root):
        pending, open_path = [(root, False)], []
        while pending:
            title, done = pending.pop()
            if done:
                open_path.pop()
                self.close(title)
            elif title in open_path:
                self.cycles.append(" -> ".join(map(short, open_path[open_path.index(title):] + [title])))
            elif title not in self.deepest:
                open_path.append(title)
                pending.append((title, True))
                pending.extend((child, False) for child in self.children(title))

    def close(self, title):
        own = CALLBACK_BYTES if title == "__indirect_call" else self.frames.get(title, 0)
        # A call pushes the return address; gcc counts that in the callee's frame.
        best = max(self.children(title), key=lambda child: self.deepest.get(child, 0), default=None)
        self.deepest[title] = own + (self.deepest.get(best, 0) if best else 0)
        self.way[title] = best


def main():
    tap = Tap()
    frames, calls, unbounded = read_graph()
    tap.ok([] if frames else "no .ci files: build build/i386 first", "call graphs to look at: %d functions" % len(frames))
    tap.ok(unbounded, "no frame of unknown size")
    depth = Depth(frames, calls)
    for title in sorted(frames):
        depth.measure(title)
    tap.ok(depth.cycles, "nothing recurses")
    entries = sorted((title for title in frames if short(title).startswith("ashlar_")), key=lambda t: -depth.deepest[t])
    deep = ["%s: %d bytes" % (title, depth.deepest[title]) for title in entries if depth.deepest[title] >= LIMIT_BYTES]
    if entries:
        way, at = [], entries[0]
        while at:
            way.append("%s %d" % (short(at), frames.get(at, 0)))
            at = depth.way.get(at)
        note("deepest: %d bytes: %s" % (depth.deepest[entries[0]], " > ".join(way)))
    for title in entries[1:6]:
        note("then: %s %d" % (short(title), depth.deepest[title]))
    tap.ok(deep, "every entry point needs less than %d bytes of stack" % LIMIT_BYTES)
    fatal = max((depth.deepest[title] for title in frames if short(title) == FATAL), default=0)
    tap.ok([] if 0 < fatal < LIMIT_BYTES else "%d bytes" % fatal, "a fatal report needs less than that, too: %d" % fatal)
    tap.done()


main()
