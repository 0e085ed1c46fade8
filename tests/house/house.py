# SPDX-License-Identifier: 0BSD
"""house.py - what the tests of the house share: TAP, and what the sources are. Run them from the repository root."""
import glob
import os
import re
import subprocess
import sys

os.environ.setdefault("LC_ALL", "C.UTF-8")
FREESTANDING_HEADERS = {"stddef.h", "stdint.h", "stdbool.h", "stdarg.h", "limits.h"}
OUTSIDE = {"memcpy", "memset", "memmove", "memcmp"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
KERNELS = [width + kind for width in ("i386", "x86_64") for kind in ("", "-debug", "-clang", "-clang-debug")]


class Tap:
    """One stream of results. `problems` is what is wrong, one line each; a result is good if there is none."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, problems, text):
        problems = [problems] if isinstance(problems, str) else list(problems)
        self.count += 1
        self.failed += bool(problems)
        print("%sok %d - %s" % ("not " if problems else "", self.count, text))
        for problem in problems[:60]:
            print("#   " + problem.replace("\n", "\n#   "))
        sys.stdout.flush()
        return not problems

    def skip(self, text, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, text, why))

    def done(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)


def note(text):
    print("# " + text)


def plan_lines():
    """[(does the line begin a floor, its words)] of src/FLOORS."""
    with open("src/FLOORS", encoding="utf-8") as file:
        lines = [line.split("#")[0] for line in file]
    return [(not line[0].isspace(), line.split()) for line in lines if line.strip()]


def floors():
    """The floors from the bottom up: [(name, [public headers])]."""
    return [(words[0], words[1:]) for begins, words in plan_lines() if begins]


def floor_files():
    """{floor: its files from the bottom up, [(name, its idea)]}. NAME stands for NAME.c, NAME.h, or both."""
    files, listed = {}, None
    for begins, words in plan_lines():
        if begins:
            listed = files.setdefault(words[0], [])
        else:
            listed.append((words[0], " ".join(words[1:])))
    return files


def sources(*patterns):
    return sorted(path for pattern in patterns for path in glob.glob(pattern, recursive=True))


def library():
    return sources(*("src/%s/*.c" % floor for floor, _ in floors())) + sources("adapters/*.c")


def our_c():
    """All C that is ours, headers too; tests/must_fail is wrong on purpose."""
    folders = ["include/ashlar", "src/*", "adapters", "port/*", "kernel", "kernel/*", "kernel/*/*", "sim", "tests", "tests/*",
               "bench", "tools", "examples", "examples/*"]
    files = sources(*(folder + "/*." + ending for folder in folders for ending in "ch"))
    return [path for path in files if not path.startswith("tests/must_fail/")]


def plant(folder, tree):
    """Write {path: text} below the folder, and go there: the small trees in which a test sees whether it would notice."""
    for path, text in tree.items():
        os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
            file.write(text)
    os.chdir(folder)


def resolve(path, include):
    """The file that an include means, or None where it is no file of ours."""
    for base in (os.path.dirname(path), "src", "include", "sim", "kernel", "tests", "port", "."):
        candidate = os.path.normpath(os.path.join(base, include))
        if os.path.exists(candidate):
            return candidate
    return None


def objects(build, *folders, ending="o"):
    """What was made of these folders' sources in build/BUILD, if the source is there still."""
    made = sources(*("build/%s/%s/*.%s" % (build, folder, ending) for folder in folders))
    return [path for path in made if os.path.exists(path.split("/", 2)[2][:-len(ending)] + "c")]


def symbols(paths):
    """{object: (defined global names, undefined names)} by nm."""
    table = {}
    for path in paths:
        status, text = run(["nm", "--format=posix", path])
        if status != 0:
            sys.exit("nm failed on %s: %s" % (path, text))
        kinds = [line.split()[:2] for line in text.splitlines()]
        table[path] = ({name for name, kind in kinds if kind.isupper() and kind != "U"},
                       {name for name, kind in kinds if kind in "Uw"})
    return table


def run(command, **options):
    """(status, output and errors as one text)."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                            check=False, **options)
    return result.returncode, result.stdout


def tracked():
    """Files of the repository, as git lists them."""
    status, text = run(["git", "ls-files", "--cached", "--others", "--exclude-standard"])
    if status != 0:
        return [path for path in sources("**/*") if os.path.isfile(path) and not path.startswith("build/")]
    return [path for path in text.splitlines() if os.path.isfile(path)]


def make_variable(name):
    """What the Makefile says."""
    # A make that runs the caller has nothing to tell this one, which would warn of it.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    status, text = run(["make", "--no-print-directory", "-s", "print-" + name], env=environment)
    return text.strip() if status == 0 else ""
