#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""headers.t - each public header compiles alone, as C89, C11 and C++98, pedantically, by both compilers, 32 and 64 bits."""
import os
import tempfile

from house import Tap, run, sources

LANGUAGES = [("c89", "c"), ("c11", "c"), ("c++98", "c++")]
COMPILERS = [["gcc"], ["gcc", "-m32"], ["clang"], ["clang", "-m32"]]
FLAGS = "-pedantic-errors -Wall -Wextra -Werror -ffreestanding -fsyntax-only -Iinclude".split()


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        for header in sources("include/ashlar/*.h"):
            name = os.path.basename(header)
            for standard, language in LANGUAGES:
                source = os.path.join(folder, "alone." + ("c" if language == "c" else "cc"))
                with open(source, "w", encoding="utf-8") as file:
                    file.write("#include <ashlar/%s>\n#include <ashlar/%s>\nint main(void);\nint main(void)\n{\n    return 0;\n}\n"
                               % (name, name))
                problems = []
                for compiler in COMPILERS:
                    command = compiler + ["-x", language, "-std=" + standard] + FLAGS + [source]
                    status, text = run(command)
                    if status != 0:
                        problems.append(" ".join(command) + "\n" + "\n".join(text.splitlines()[:6]))
                tap.ok(problems, "%s alone as %s" % (name, standard))
    tap.done()


main()
