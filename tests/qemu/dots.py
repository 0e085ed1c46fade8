#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""dots.py DUMP TEXT - does the first line of a screen (QEMU's screendump, a PPM) show the text in the kernel's font?"""
import re
import sys

WIDTH, HEIGHT, WIDE = 6, 9, 1000


def font():
    rows = re.findall(r"\{((?:0x[0-9a-f]{2}(?:, )?){8})\}", open("kernel/io/font.c", encoding="utf-8").read())
    return [[int(value, 16) for value in row.split(", ")] for row in rows]


def lit(letters, text):
    """Rows of dots of a line of text."""
    return ["".join("".join("#" if y < 8 and letters[ord(c) - 32][y] >> (4 - x) & 1 else "." for x in range(5)) + "."
                    for c in text) for y in range(HEIGHT)]


def main():
    data = open(sys.argv[1], "rb").read()
    _, size, _, dots = data.split(b"\n", 3)
    width, height = map(int, size.split())
    scale = 1 if width < WIDE else 2
    shown = ["".join("#" if dots[(y * scale * width + x * scale) * 3] > 127 else "." for x in range(width // scale))
             for y in range(min(HEIGHT, height // scale))]
    wanted = lit(font(), sys.argv[2])
    sys.exit(not any(all(row[at:at + len(line)] == line for row, line in zip(shown, wanted))
                     for at in range(0, width // scale, WIDTH)))


main()
