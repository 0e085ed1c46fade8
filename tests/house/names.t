#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""names.t - a name means one thing in the whole library: src/, adapters/, port/x86/ and the public headers.

Sources have names of their own, and so have headers, but for internal.h, of which each folder may have one. What stands at
file scope has a name of its own, be it static, a macro, a type or a constant; so all sources compile as one translation
unit, in each kernel's way. There is no exception list.
"""
import json
import os
import shlex
import subprocess
import tempfile

from house import KERNELS, Tap, library, plant, run, sources

TAGS = {"struct", "union", "enum"}


def library_c():
    return library() + sources("port/x86/*.c")


def library_h():
    return sources("src/*/*.h", "adapters/*.h", "port/x86/*.h", "include/ashlar/*.h")


def same_names(paths):
    """Those that share a base name with another; internal.h is a folder's own."""
    folders = {}
    for path in paths:
        if os.path.basename(path) != "internal.h":
            folders.setdefault(os.path.basename(path), []).append(os.path.dirname(path))
    return ["%s is in %s" % (name, ", ".join(where)) for name, where in sorted(folders.items()) if len(where) > 1]


def file_scope(paths):
    """{(tag or name, name): {(kind, path)}} of what universal-ctags finds; locals are not among it."""
    result = subprocess.run(["ctags", "--languages=C", "--langmap=C:.c.h", "--kinds-C=defgstuv", "--fields=+K",
                             "--output-format=json", "-f", "-", "-L", "-"],
                            input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in result.stdout.splitlines():
        tag = json.loads(line)
        if not tag["name"].startswith("__anon"):
            space = "tag" if tag["kind"] in TAGS else "name"
            found.setdefault((space, tag["name"]), set()).add((tag["kind"], tag["path"]))
    return found


def same_meanings(paths):
    for (_, name), places in sorted(file_scope(paths).items()):
        if len({path for _, path in places}) > 1:
            yield "%s is %s" % (name, ", ".join("%s of %s" % place for place in sorted(places)))


def one_unit(paths, command):
    """What the compiler says of all sources as one; the command is that of a single source."""
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, "all.c")
        with open(unit, "w", encoding="utf-8") as file:
            file.writelines('#include "%s"\n' % path for path in paths)
        status, text = run(shlex.split(command) + ["-I.", "-c", unit, "-o", os.path.join(folder, "all.o")])
    lines = [line for line in text.splitlines() if "error:" in line or "warning:" in line]
    return (lines[:20] or ["it does not compile:\n" + text]) if status != 0 else []


def kernel_command(kernel):
    try:
        with open("build/%s/flags" % kernel, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return "false"


BAD_TREE = {
    "src/base/a.c": "static int same(int x)\n{\n    return x;\n}\nint a(int x);\nint a(int x)\n{\n    return same(x);\n}\n",
    "src/base/a.h": "struct thing {\n    int x;\n};\n#define LIMIT 1\n",
    "src/base/internal.h": "",
    "src/heap/b.c": "static int same(int x)\n{\n    return x + 1;\n}\nint b(int x);\nint b(int x)\n{\n    return same(x);\n}\n",
    "src/heap/a.c": "int a_too;\nstruct thing {\n    int y;\n};\nstatic int LIMIT;\n",
    "src/heap/a.h": "",
    "src/heap/internal.h": "",
    "src/heap/unused.c": "static int nobody(void)\n{\n    return 1;\n}\n",
}


def own_test(tap):
    """Would it be noticed? A small tree with names that mean two things."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, BAD_TREE)
        for ending in "ch":
            problems = same_names(sources("src/*/*." + ending))
            tap.ok([] if problems == ["a.%s is in src/base, src/heap" % ending] else problems,
                   "two files with one name are noticed: *." + ending)
        problems = list(same_meanings(sources("src/*/*.[ch]")))
        wanted = ["LIMIT is macro of src/base/a.h, variable of src/heap/a.c",
                  "same is function of src/base/a.c, function of src/heap/b.c",
                  "thing is struct of src/base/a.h, struct of src/heap/a.c"]
        tap.ok([] if sorted(problems) == sorted(wanted) else problems, "what has two meanings is noticed")
        command = "gcc -Wall -Wextra -Werror -O2"
        tap.ok(one_unit(["src/base/a.c"], command), "one source alone is a unit")
        problems = one_unit(["src/base/a.c", "src/heap/b.c"], command)
        tap.ok([] if len(problems) == 1 and "redefinition" in problems[0] else problems, "two statics with one name are noticed")
        problems = one_unit(["src/heap/unused.c"], command)
        tap.ok([] if len(problems) == 1 and "unused-function" in problems[0] else problems, "a warning is noticed")
        os.chdir(home)


def main():
    tap = Tap()
    own_test(tap)
    tap.ok(same_names(library_c()), "no two sources have one name")
    tap.ok(same_names(library_h()), "no two headers have one name, but for internal.h")
    tap.ok(same_meanings(library_c() + library_h()), "what stands at file scope has a name of its own")
    for kernel in KERNELS:
        tap.ok(one_unit(library_c(), kernel_command(kernel)), "%s: all sources compile as one translation unit" % kernel)
    tap.done()


main()
