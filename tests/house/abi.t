#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""abi.t - options that a kernel sets differently from the library: no public structure differs in size, or nothing links.

A user of struct ashlar_space, the one that depends on ASHLAR_MAX_CPUS, is linked to the archives of the clang64 build with
--gc-sections, and with -flto; with the options that the library was built with it links, with others it must not.
"""
import os
import re
import tempfile

from house import Tap, floors, run, sources

OPTIONS = [["-DASHLAR_DEBUG=1"], ["-DASHLAR_DEBUG=0"], ["-DASHLAR_MAX_CPUS=1"], ["-DASHLAR_MAX_CPUS=256"],
           ["-DASHLAR_FLUSH_THRESHOLD_PAGES=1"], ["-DASHLAR_SHARING_BUILT=1"]]
BY_CPUS = {"ashlar_space"}
WAYS = [["-O2", "-ffunction-sections", "-Wl,--gc-sections"], ["-O2", "-flto", "-ffunction-sections", "-Wl,--gc-sections"]]
USER = """#include <ashlar/space.h>
static struct ashlar_space space;
int main(void)
{
    return (int)ashlar_space_create(&space);
}
"""


def structures():
    """Those that are complete in the public headers."""
    found = set()
    for header in sources("include/ashlar/*.h"):
        with open(header, encoding="utf-8") as file:
            found |= set(re.findall(r"^struct (ashlar_\w+) \{", file.read(), re.M))
    return sorted(found)


def sizes(folder, options, width):
    source, program = os.path.join(folder, "sizes.c"), os.path.join(folder, "sizes")
    with open(source, "w", encoding="utf-8") as file:
        names = [os.path.basename(header) for header in sources("include/ashlar/*.h")]
        file.write("#include <stdio.h>\n" + "".join("#include <ashlar/%s>\n" % name for name in names) + "int main(void)\n{\n" +
                   "".join('    printf("%s %%u\\n", (unsigned)sizeof(struct %s));\n' % (name, name) for name in structures()) +
                   "    return 0;\n}\n")
    status, text = run(["gcc", width, "-Iinclude", *options, "-o", program, source])
    if status == 0:
        status, text = run([program])
    return dict(line.split() for line in text.splitlines()) if status == 0 else text


def link(folder, options, way):
    source = os.path.join(folder, "user.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write(USER)
    archives = ["build/clang64/lib%s.a" % floor for floor, _ in floors()] + ["build/clang64/libsim.a"]
    return run(["clang" if "-flto" not in way else "gcc", "-Iinclude", *options, *way, "-o", os.path.join(folder, "user"), source,
                "-Wl,--start-group", *archives, "-Wl,--end-group", "-pthread"])


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        for width in "-m64", "-m32":
            usual = sizes(folder, [], width)
            tap.ok(usual if isinstance(usual, str) else [], "public structures can be measured, %s: %u" % (width, len(usual)))
            for options in OPTIONS:
                other = sizes(folder, options, width)
                changed = {name for name in usual if usual[name] != other[name]}
                tap.ok(sorted(changed - BY_CPUS), "%s %s: no structure differs but by what does not link" % (width, options[0]))
        for way in WAYS:
            status, text = link(folder, [], way)
            tap.ok(text if status != 0 else [], "a user with the library's options links: %s" % " ".join(way))
            for cpus in "1", "256":
                status, text = link(folder, ["-DASHLAR_MAX_CPUS=" + cpus], way)
                tap.ok([] if status != 0 and "ashlar_space_create_for_%s_cpus" % cpus in text else "it links: " + text,
                       "one with ASHLAR_MAX_CPUS=%s does not: %s" % (cpus, " ".join(way)))
    tap.done()


main()
