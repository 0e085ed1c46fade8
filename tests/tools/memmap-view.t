#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""memmap-view.t - the tool from outside: both forms of input, --plain against a second opinion, errors, exit statuses."""
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "house"))
from house import Tap  # noqa: E402

TOOL = os.environ.get("MEMMAP_VIEW", "build/host/memmap-view")
FRAME = 4096
GOOD, UNUSABLE, BAD_LINE, TROUBLE = 0, 1, 2, 3
# Least restrictive first.
TYPES = ["usable", "loader", "acpi", "module", "kernel", "framebuffer", "nvs", "reserved", "bad"]
LINUX = {"usable": "usable", "reserved": "reserved", "acpi": "ACPI data", "nvs": "ACPI NVS", "bad": "unusable"}

QEMU = """\
[    0.000000] Linux version 6.1.0 (gcc) #1 SMP PREEMPT_DYNAMIC
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved
[    0.000000] BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x000000007ffdffff] usable
[    0.000000] BIOS-e820: [mem 0x000000007ffe0000-0x000000007fffffff] reserved
[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x000000013fffffff] usable
[    0.000000] NX (Execute Disable) protection: active
"""


def run(text, *options):
    """(exit status, standard output, standard error); the text comes from a file called map.txt."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "map.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([TOOL, *options, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def usable(entries, limit):
    """What --plain should print, from the definition: the frames all bytes of which are usable and nothing else."""
    points = sorted({point for base, length, _ in entries for point in (base, min(base + length, 1 << 64))} | {limit})
    runs = []
    for low, high in zip(points, points[1:]):
        top = max((TYPES.index(kind) for base, length, kind in entries if base <= low < base + length), default=-1)
        if top == 0 and low < limit:
            if runs and runs[-1][1] == low:
                runs[-1][1] = high
            else:
                runs.append([low, high])
    lines = []
    for low, high in runs:
        low = max((low + FRAME - 1) // FRAME, 1) * FRAME
        high = high // FRAME * FRAME
        if low < high:
            lines.append("0x%x 0x%x\n" % (low, high))
    return "".join(lines)


def is_equal(tap, got, want, name):
    tap.ok([] if got == want else ["got  %r" % (got,), "want %r" % (want,)], name)


def has(tap, text, parts, name):
    tap.ok(["%r is missing in %r" % (part, text) for part in parts if part not in text], name)


def test_plain(tap):
    is_equal(tap, run(QEMU, "--plain"), (GOOD, "0x1000 0x9f000\n0x100000 0x7ffe0000\n0x100000000 0x140000000\n", ""),
             "a dmesg, plain")
    is_equal(tap, run(QEMU, "--plain", "--limit", "0x100000000"), (GOOD, "0x1000 0x9f000\n0x100000 0x7ffe0000\n", ""),
             "[fault 11] below 4 GiB")
    is_equal(tap, run(QEMU, "--plain", "--width=32")[1], "0x1000 0x9f000\n0x100000 0x7ffe0000\n", "the same as a width")
    is_equal(tap, run("0x0 0x9fc00 usable\n"), run("0x0 0x9fc00 usable"), "the last line may lack its end")
    done = subprocess.run([TOOL, "--plain", "-"], input="0x0 0x9fc00 usable # comment\n", stdout=subprocess.PIPE, text=True)
    is_equal(tap, (done.returncode, done.stdout), (GOOD, "0x1000 0x9f000\n"), "standard input")


def random_entries(chance):
    entries = []
    for _ in range(chance.randint(1, 20)):
        base = chance.randrange(0, 64 * FRAME, 256)
        if chance.random() < 0.2:
            base += (1 << 32) - 32 * FRAME
        length = chance.randrange(0, chance.choice([2, 20, 64]) * FRAME, 256)
        entries.append((base, length, "usable" if chance.random() < 0.6 else chance.choice(TYPES)))
    return entries


def test_random(tap):
    problems = []
    for seed in range(60):
        chance = random.Random(seed)
        entries = random_entries(chance)
        limit = chance.choice([1 << 52, 1 << 32, 32 * FRAME])
        text = "".join("0x%x 0x%x %s\n" % entry for entry in entries)
        linux = [entry for entry in entries if entry[2] in LINUX and entry[0] + entry[1] != 0]
        log = "".join("[ 0.0] BIOS-e820: [mem 0x%016x-0x%016x] %s\n" % (base, base + length - 1, LINUX[kind])
                      for base, length, kind in linux)
        for given, source in ((entries, text), (linux, log)):
            want = usable(given, limit)
            status, out, _ = run(source, "--plain", "--limit", hex(limit))
            if out != want or status != (GOOD if want else UNUSABLE):
                problems.append("seed %d: status %d, got %r, want %r for\n%s" % (seed, status, out, want, source))
    tap.ok(problems[:1], "60 random maps in both forms, against a second opinion")


def test_report(tap):
    status, out, err = run(QEMU.replace("0x000000007ffdffff", "0x000000007ffe07ff"))
    is_equal(tap, (status, err), (GOOD, ""), "a report")
    has(tap, out, ["What came in: 6 entries", "639 KiB", "What was decided", "frame 0 is never used", "3 KiB of usable RAM",
                   "the more restrictive wins, reserved", "What came out", "Totals", "2.9 GiB"],
        "it has its four parts, with reasons and sizes")
    has(tap, run("0x1000 0x1000 usable\n0x2000 0x1000 usable\n")[1], ["2 usable entries touch or overlap"], "what is joined")
    has(tap, run("0x1000 0x1000 usable\n0x0 0x1000 4711\n0x5 0x0 bad\n")[1],
        ["type 4711 is not known", "0 bytes says nothing"], "what is unknown, what is empty")
    has(tap, run("0x1000 0x1000 usable\n")[1], ["nothing to decide", "What came out: 1 entry"], "a map that is fine as it is")


def test_left_out(tap):
    out = run(QEMU + "[    0.0] BIOS-e820: [gap 0x140000000-0xffffffff]\n# BIOS-e820: [mem 0x1000-0x1fff] usable\n")[1]
    has(tap, out, ["left out: 3 lines, from line 1 on: no line of a map", "left out: 1 line, from line 10 on: a gap",
                   "left out: 1 line, from line 11 on: a comment"], "[fault 202] what is left out of a log is said")
    iomem = "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n  01000000-01e0ffff : Kernel code\n" \
            "fec00000-fec003ff : IOAPIC 0\n"
    is_equal(tap, run(iomem, "--plain"), (GOOD, "0x1000 0x9f000\n0x100000 0x7ffe0000\n", ""), "[fault 202] /proc/iomem")
    has(tap, run(iomem)[1], ["What came in: 2 entries", "left out: 2 lines, from line 3 on: no memory"],
        "[fault 202] devices are left out, and said")
    tap.ok([] if "left out" not in run("0x0 0x9fc00 usable\n# why\n")[1] else ["left out"], "nothing is left out of our own form")
    has(tap, run("0-0 : System RAM\n")[2], ["map.txt:1: ", "root"], "[fault 202] addresses that Linux hides")
    is_equal(tap, run(QEMU.replace("BIOS-e820:", "#1 Xen:"), "--plain"), run(QEMU, "--plain"), "[fault 202] any prefix, and Xen")


def test_hole(tap):
    status, out, _ = run("0x0 0x4000000 usable\n")
    has(tap, out, ["384 KiB of usable at 640 KiB to 1 MiB"], "[fault 200] a PC's hole is told")
    is_equal(tap, run("0x0 0x4000000 usable\n", "--plain")[1], "0x1000 0xa0000\n0x100000 0x4000000\n", "[fault 200] and taken out")
    is_equal(tap, run("0x0 0x4000000 usable\n", "--plain", "--no-pc")[1], "0x1000 0x4000000\n", "[fault 200] but for no PC")
    is_equal(tap, status, GOOD, "[fault 200] all is well")


def test_errors(tap):
    status, out, err = run("0x1000 0x1000 usable\n0x4000 0x1000 useable\n0x5000 0x1000 usable\n")
    is_equal(tap, status, BAD_LINE, "a line that makes no sense")
    has(tap, err, ["map.txt:2: ", "useable", "1 line makes no sense"], "is named, with file, number and culprit")
    has(tap, out, ["0x0000000000005000"], "the others are not lost")
    is_equal(tap, run("0x1000 0x1000 usable\nwhat\n", "--plain")[:2], (BAD_LINE, ""), "scripts get nothing from such a file")
    has(tap, run(QEMU + "0x1 0x2 three\n")[2], ["map.txt:10: "], "in a dmesg, too")
    for text, number, reason in (("# nothing\n", 1, "empty"), ("0x0 0x1000000 acpi\n", 2, "no usable RAM"),
                                 ("0x0 0x1000000 usable\n0x0 0x100000000 reserved\n", 3, "reserved by other entries")):
        status, out, err = run(text, "--plain")
        is_equal(tap, (status, out), (UNUSABLE, ""), "[fault %d] an unusable map" % number)
        has(tap, err, ["map.txt: ", reason], "[fault %d] and why" % number)


def test_options(tap):
    help_text = subprocess.run([TOOL, "--help"], stdout=subprocess.PIPE, text=True)
    is_equal(tap, help_text.returncode, GOOD, "--help")
    has(tap, help_text.stdout, ["--plain", "--limit", "--width", "Exit status"], "it explains options and statuses")
    for words in ([], ["a", "b"], ["--what", "-"], ["--limit", "much", "-"], ["--limit", "-1", "-"], ["--limit", "4095", "-"],
                  ["--width", "31", "-"], ["--width", "53", "-"], ["/nonexistent/map"], ["/"]):
        done = subprocess.run([TOOL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        tap.ok([] if done.returncode == TROUBLE and done.stdout == "" and done.stderr else [repr(done)],
               "refused: %s" % (" ".join(words) or "no words"))


def main():
    tap = Tap()
    test_plain(tap)
    test_random(tap)
    test_report(tap)
    test_left_out(tap)
    test_hole(tap)
    test_errors(tap)
    test_options(tap)
    tap.done()


main()
