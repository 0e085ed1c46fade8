#!/usr/bin/env python3
# SPDX-License-Identifier: 0BSD
"""broken.t - does the simulated machine notice? The library is broken on purpose, one order of steps at a time, and
tests/kva/random_smp.c must fail with each, or another program of several CPUs that is named for it.

  tests/sim/broken.t [NAME...]      those alone; all of them in check-long, else the quick ones

A breakage is a text that is replaced in the sources; where the text is no longer there, the list has to follow. What is
said of each: the formats and policies that were run, in how many of them a seed failed, and the first seed of each.
"""
import os
import re
import shlex
import subprocess
import sys

BUILD = "build/broken"
SEEDS = 300
TWO_LEVEL, PAE, FOUR, FIVE, PAE_L1TF = range(5)
AUTO, PREALLOCATE, EAGER, LAZY, HYBRID, SEQ = range(6)
ALL_FORMATS = [TWO_LEVEL, PAE, FOUR, FIVE]
WIDE = [(FOUR, PREALLOCATE), (FIVE, EAGER), (FOUR, SEQ)]
STACKS = [(FOUR, PREALLOCATE), (PAE, PREALLOCATE)]
SOME = [(PAE, PREALLOCATE), (TWO_LEVEL, LAZY), (FOUR, HYBRID)]
FORMAT_NAMES = ["two-level", "PAE", "4-level", "5-level", "PAE/L1TF"]
POLICY_NAMES = ["AUTO", "PREALLOCATE", "EAGER", "LAZY", "HYBRID", "SEQ"]

GROWTH, ROOTS, CPUS, FAULT = "src/tables/growth.c", "src/tables/roots.c", "src/space/cpus.c", "src/space/space_fault.c"
SHOOTDOWN, TABLES, PURGE = "src/tables/flush.c", "src/tables/tables.c", "src/kva/purge.c"
TOKEN = "src/base/token.c"
QUICK = ["early-free", "no-shootdown", "bit-cleared-early", "reference-first", "mask-read-plain"]
# The mask is read before this CPU flushes, which would drain its store buffer.
FLUSH_LAST = (SHOOTDOWN, "    flush_here(gather, here);\n    bool others = read_mask(gather->space, cpu, mask);\n",
              "    bool others = read_mask(gather->space, cpu, mask);\n    flush_here(gather, here);\n")
RELOADS_USER = "    if (retry && ashlar_paging_root_needs_reload(ashlar_half.paging)) {"
RELOADS_KERNEL = "    if (retry && ashlar_paging_root_needs_reload(paging)) {"

LATE_FLUSH = ("    struct ashlar_gather late;\n    ashlar_gather_init(&late, %s);\n"
              "    ashlar_gather_add(&late, first, pages);\n    ashlar_gather_finish(&late);\n")
WITH_LARGE = [(f, p) for f in (PAE, FOUR, FIVE) for p in (PREALLOCATE, HYBRID)]

# name: (formats and policies, [(file, text, instead)])
BREAKAGES = {
    "no-local-flush": (SOME, [(SHOOTDOWN, "    flush_here(gather, here);\n    bool others", "    bool others")]),
    "hidden-in-halves": ([(PAE_L1TF, PREALLOCATE)], [("src/arch/entry_runs.c", "entry_cas_64(whole(low), old, old ^ toggle);",
                                                       "(entry_store_absent_64(whole(low), old ^ toggle), true);")]),
    "no-shootdown": (SOME, [(SHOOTDOWN, "    unsigned asked = others ?",
                             "    others = false;\n    unsigned asked = others ?")]),
    "no-wait": (SOME, [(SHOOTDOWN, "        wait_for_answers(mask);\n", "        (void)wait_for_answers;\n")]),
    "early-free": (SOME, [("src/space/mapping.c", "        ashlar_gather_finish(&gather);\n    }\n    ashlar_alone_exit();\n    return status;\n}\n\n"
                           "ashlar_status ashlar_pages_withdraw",
                           "    }\n    ashlar_alone_exit();\n    return status;\n}\n\nashlar_status ashlar_pages_withdraw"),
                          ("src/space/changes.c", "    ashlar_gather_finish(&gather);\n}\n\nCOLD static size_t collect_piece", "}\n\nCOLD static size_t collect_piece"),
                          ("src/space/changes.c", "        collect_to_pool(&cursor);\n    }\n    ashlar_tables_prune(space, first, pages);",
                           "        collect_to_pool(&cursor);\n    }\n" + LATE_FLUSH % "space" + "    ashlar_tables_prune(space, first, pages);"),
                          ("src/kva/commit.c", "    (void)ashlar_pages_collect(first, pages);\n}",
                           "    (void)ashlar_pages_collect(first, pages);\n" + LATE_FLUSH % "NULL" + "}")]),
    "purge-before-flush": (SOME, [(PURGE, "        ashlar_gather_finish(&gather);\n        ashlar_kva.purges++;\n",
                                   "        ashlar_kva.purges++;\n"),
                                  (PURGE, "        give_purged_frames(purge);\n        atomic_store(",
                                   "        give_purged_frames(purge);\n        ashlar_gather_finish(&gather);\n        atomic_store(")]),
    "two-purgers": (SOME, [(PURGE, "    if (ashlar_alone_take(&purge->token)) {\n        pages = purge_given(purge);\n"
                            "        ashlar_alone_give(&purge->token);\n    }\n", "    pages = purge_given(purge);\n")]),
    "recover-alone": (STACKS, [(PURGE, "    if (!ashlar_token_get(&purge->token)) {\n        return false;\n    }\n    (void)ashlar_alone_enter();\n    bool recovered",
                                "    if (!ashlar_token_try(&purge->token)) {\n        return ashlar_magazines_empty(arena);\n    }\n    (void)ashlar_alone_enter();\n    bool recovered")]),
    "recover-unseen": (STACKS, [(PURGE, "ashlar_purge_returns() != seen ||", "ashlar_purge_returns() + 1u == seen ||")]),
    "token-unwoken": (STACKS, [(TOKEN, "    if (atomic_exchange_u32(&token->taken, TOKEN_FREE) == TOKEN_WAITED) {",
                                "    atomic_store_u32(&token->taken, TOKEN_FREE);\n    if (ashlar_token_is_taken(token)) {")]),
    "token-unmarked": (STACKS, [(TOKEN, "atomic_cas_u32(&token->taken, TOKEN_TAKEN, TOKEN_WAITED)",
                                 "atomic_load_u32(&token->taken) == TOKEN_TAKEN"),
                                (TOKEN, "ashlar_wait_while(&token->taken, TOKEN_WAITED)",
                                 "ashlar_wait_while(&token->taken, TOKEN_TAKEN)")]),
    "token-spins": (STACKS, [(TOKEN, "            ashlar_wait_while(&token->taken, TOKEN_WAITED);", "            ashlar_port_relax();")]),
    "large-unflushed": (WITH_LARGE, [(PURGE, "        ashlar_gather_add_all(&gather);", "        ;")]),
    "large-block-early": (WITH_LARGE, [("src/kva/kva_large.c", "    ashlar_purge_add(range);", "    (void)ashlar_pages_collect"
                                        "(range->first, pages);\n    ashlar_purge_add(range);")]),
    "answer-before-flush": (SOME, [(SHOOTDOWN, "    flush_here(&gather, here);\n    atomic_store_u32(&box->answered, asked);",
                                    "    atomic_store_u32(&box->answered, asked);\n    flush_here(&gather, here);")]),
    "answer-reread": ([(f, p) for f in ALL_FORMATS for p in (PREALLOCATE, EAGER, LAZY)], [(SHOOTDOWN, "atomic_store_u32(&box->answered, asked)",
                              "atomic_store_u32(&box->answered, atomic_load_u32(&box->asked))")]),
    "wait-interrupts-off": (SOME, [(SHOOTDOWN, "        wait_for_answers(mask);\n",
                                    "        uintptr_t off = ashlar_port_irq_save();\n        wait_for_answers(mask);\n"
                                    "        ashlar_port_irq_restore(off);\n")]),
    # Whoever waits for a lock answers meanwhile, so that it is the check that notices.
    "wait-lock-held": (SOME, [("src/space/changes.c", "&gather);\n        ashlar_cursor_pause(cursor);\n    }\n    ashlar_gather_finish(&gather);",
                               "&gather);\n        ashlar_gather_finish(&gather);\n        ashlar_gather_init(&gather, cursor->space);\n"
                               "        ashlar_cursor_pause(cursor);\n    }")]),
    "mask-read-early": (SOME, [
        ("src/tables/gather.c", '#include "tables/gather.h"\n',
         '#include "tables/gather.h"\n#include "tables/kernel_half.h"\n#include <ashlar/port.h>\n'),
        ("src/tables/gather.c", "void ashlar_gather_init(struct ashlar_gather *gather, struct ashlar_space *space)\n{",
         "extern uint32_t early[64];\nuint32_t early[64];\n"
         "void ashlar_gather_init(struct ashlar_gather *gather, struct ashlar_space *space)\n{\n"
         "    if (ashlar_port_context() == ASHLAR_CONTEXT_THREAD) {\n"
         "        early[ashlar_port_cpu()] = space != NULL ? space->cpus[0] : ashlar_half.online[0];\n    }"),
        (SHOOTDOWN, "    mask[cpu / 32u] &=", "    extern uint32_t early[64];\n    mask[0] = early[cpu];\n    mask[cpu / 32u] &=")]),
    "bit-after-root": (SOME, [(CPUS, "    set_cpu_bit(space, cpu, true);\n    load_root(space, cpu);",
                               "    load_root(space, cpu);\n    set_cpu_bit(space, cpu, true);")]),
    "bit-cleared-early": (SOME[::-1], [(CPUS, "    set_cpu_bit(space, cpu, true);\n",
                                  "    set_cpu_bit(space, cpu, true);\n    set_cpu_bit(old, cpu, false);\n")]),
    "join-without-flush": (SOME, [(SHOOTDOWN, "1u << (cpu % 32u));\n    ashlar_port_flush_all();", "1u << (cpu % 32u));")]),
    "table-unflushed": (SOME, [(TABLES, "    ashlar_gather_finish(&gather);\n    ashlar_frames_give_bulk",
                                "    ashlar_frames_give_bulk")]),
    "reference-first": ([(f, EAGER) for f in (TWO_LEVEL, FOUR, FIVE)] + [(TWO_LEVEL, HYBRID), (FOUR, HYBRID)], [
        (GROWTH, "    ashlar_half.pending = *growth;\n", "    ashlar_half.pending = *growth;\n"
         "    void *first = ashlar_root_open(ashlar_half.root);\n    (void)ashlar_slots_add(first, growth);\n"
         "    ashlar_port_close_frame(first);\n"),
        (ROOTS, "#define PUSH_BATCH 32u", "#define PUSH_BATCH 1u")]),
    "copy-before-joining": ([(f, EAGER) for f in (TWO_LEVEL, FOUR, FIVE)], [
        (ROOTS, "    space->generation = atomic_load_u32", "    (void)ashlar_slots_copy(root);\n    space->generation = atomic_load_u32"),
        (ROOTS, "    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);\n    (void)ashlar_slots_copy(root);\n",
         "    (void)ashlar_slots_copy(root);\n    uintptr_t interrupts = ashlar_lock_take(&ashlar_half.lock);\n"),
        (ROOTS, "    ashlar_lock_give(&ashlar_half.lock, interrupts);\n    (void)ashlar_slots_copy(root);\n",
         "    ashlar_lock_give(&ashlar_half.lock, interrupts);\n")]),
    "join-ignores-pending": ([(f, p) for f in (TWO_LEVEL, FOUR) for p in (EAGER, HYBRID)], [
        (ROOTS, "    (void)ashlar_slots_add(root, &ashlar_half.pending);\n", ""),
        (ROOTS, "    list_append(&ashlar_half.spaces, &space->link);",  # else a root that joins is visited all the same
         "    list_append(ashlar_half.spaces.next, &space->link);"),
        (ROOTS, "#define PUSH_BATCH 32u", "#define PUSH_BATCH 1u")]),
    "no-reload": ([(PAE, p) for p in range(1, 6)], [
        (FAULT, RELOADS_USER, "    if (retry && root == 0) {"), (FAULT, RELOADS_KERNEL, "    if (retry && paging == NULL) {")]),
    "no-reload-user": ([(PAE, p) for p in range(1, 6)], [(FAULT, RELOADS_USER, "    if (retry && root == 0) {")]),
    "no-reload-kernel": ([(PAE, p) for p in range(1, 6)], [(FAULT, RELOADS_KERNEL, "    if (retry && paging == NULL) {")]),
    "directory-one-page-flushed": ([(PAE, p) for p in range(1, 6)], [
        (TABLES, "            ashlar_gather_add_all(gather);", "            ;")]),
    "check-before-pull": ([(f, p) for f in (TWO_LEVEL, PAE, FOUR, FIVE) for p in (LAZY, SEQ)], [
        (FAULT, "retry = pull_one_slot(root, page) ||",
         "retry = tables_allow(ashlar_half.root, page, error) || pull_one_slot(root, page) ||")]),
    "torn-store": ([(PAE, p) for p in range(1, 6)], [
        ("src/arch/access.h", "    ASHLAR_STORE(&entry_low(entry)[1], high);\n"
         "    ASHLAR_YIELD();\n    ASHLAR_STORE(entry_low(entry), low);\n}",
         "    ASHLAR_STORE(entry_low(entry), low);\n"
         "    ASHLAR_YIELD();\n    ASHLAR_STORE(&entry_low(entry)[1], high);\n}")]),
    "lost-dirty": ([(f, PREALLOCATE) for f in ALL_FORMATS], [
        ("src/arch/entry_runs.c", "(old & bits.settled) == bits.settled && change_plainly", "(old & bits.present) != 0 && change_plainly")]),
    "demand-busy-by-value": ([(PAE, p) for p in range(1, 6)], [
        ("src/kva/demand.c", '#include "arch/error_code.h"\n', '#include "arch/entry.h"\n#include "arch/error_code.h"\n'),
        ("src/kva/demand.c", "    if (ours && (note & NOTE_BUSY) != 0) {",
         "    if (ours && spot.entry == ashlar_entry_encode_note(ashlar_half.paging, note | NOTE_BUSY)) {")]),
    "demand-one-look": ([(f, PREALLOCATE) for f in ALL_FORMATS], [
        (FAULT, "pull_one_slot(root, page) || tables_allow(root, page, error);", "pull_one_slot(root, page);")]),
    "asid-not-renewed": (WIDE, [(SHOOTDOWN, "ashlar_asids_are_used() && gather->space != NULL", "gather->space == gather->space + 1")]),
    "asid-renewed-late": (WIDE, [
        (SHOOTDOWN, "ashlar_asids_are_used() && gather->space != NULL", "gather->space == gather->space + 1"),
        (SHOOTDOWN, "        wait_for_answers(mask);\n    }\n}",
         "        wait_for_answers(mask);\n    }\n    if (ashlar_asids_are_used() && gather->space != NULL) {\n"
         "        ashlar_asid_renew(gather->space);\n    }\n}")]),
    "asid-interrupts-on": (WIDE, [
        (CPUS, "    uintptr_t interrupts = ashlar_port_irq_save();\n    ashlar_port_set_root(ashlar_asid_root(space, cpu));\n"
         "    ashlar_port_irq_restore(interrupts);", "    ashlar_port_set_root(ashlar_asid_root(space, cpu));")]),
    "asid-read-before-bit": (WIDE, [
        (CPUS, "    set_cpu_bit(space, cpu, true);\n    load_root(space, cpu);",
         "    ashlar_phys early = ashlar_asids_are_used() ? ashlar_asid_root(space, cpu) : ashlar_space_root(space);\n"
         "    set_cpu_bit(space, cpu, true);\n    ashlar_port_set_root(early);")]),
    "pull-generation-late": ([(f, SEQ) for f in ALL_FORMATS], [
        (CPUS, "    uint32_t generation = atomic_load_u32(&ashlar_half.generation);\n    void *root", "    void *root"),
        (CPUS, "    atomic_store_u32(&space->generation, generation);",
         "    atomic_store_u32(&space->generation, atomic_load_u32(&ashlar_half.generation));")]),
    "mask-read-plain": (SOME, [FLUSH_LAST, (SHOOTDOWN, "atomic_fetch_or_u32(&cpus[word], 0);", "atomic_load_u32(&cpus[word]);")]),
    "mask-before-flush": (SOME, [FLUSH_LAST]),
    "mask-read-plain-after-flush": (SOME, [
        (SHOOTDOWN, "atomic_fetch_or_u32(&cpus[word], 0);", "atomic_load_u32(&cpus[word]);")]),
    "kick-overtakes": (SOME, [
        ("sim/schedule.c", "sim_buffer_store(&schedule.cpu[i].kicked, sizeof schedule.cpu[i].kicked, 1);", "schedule.cpu[i].kicked = 1;")]),
}
# What must fail, if it is not random_smp.
PROGRAMS = {"recover-alone": "stacks_smp", "recover-unseen": "stacks_smp", "two-purgers": "waiting_smp", "token-unwoken": "waiting_smp",
            "token-unmarked": "waiting_smp", "token-spins": "waiting_smp"}
# Harmless, and why.
HARMLESS = {
    "demand-busy-by-value": "the page takes its number's place by one exchange, so whoever is told nothing finds it and tries again",
    "pull-generation-late": "a fault brings what a switch has missed",
    "mask-before-flush": "the mask is read by a read-modify-write, which drains the store buffer",
    "mask-read-plain-after-flush": "the flush before it drains the store buffer: INVLPG and loads of CR4 serialize",
}
# Found more rarely.
RARE = {"asid-interrupts-on": 1000, "asid-read-before-bit": 1000}
# Seen only where stores become visible late, in so many seeds; without that not found at all.
BUFFERED = {"mask-read-plain": 1000, "kick-overtakes": SEEDS}


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False, **more)


def variable(name):
    return run(["make", "-s", "print-" + name]).stdout.strip()


class Variant:
    """One way to compile: commands, asked for once."""

    def __init__(self, name):
        self.name = name
        self.compile = shlex.split(variable("COMPILE_" + name))
        self.link = shlex.split(variable("COMPILER_" + name) + " " + variable("FLAGS_" + name) + " " + variable("LINK_" + name))
        self.archives = ["build/%s/lib%s.a" % (name, floor) for floor in variable("FLOORS").split()]
        self.archives = [path for path in self.archives + ["build/%s/libsim.a" % name] if os.path.exists(path)]


def broken_texts(name):
    """{path: what it says after the breakage}."""
    texts = {}
    for path, old, new in BREAKAGES[name][1]:
        text = texts.get(path)
        if text is None:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        if text.count(old) < 1:
            sys.exit("Bail out! %s: %s has no such text any more: %r" % (name, path, old))
        texts[path] = text.replace(old, new, 1)
    return texts


def broken_sources(name):
    """Write the changed files; returns the C files that are compiled anew."""
    texts = broken_texts(name)
    for path, text in texts.items():
        target = os.path.join(BUILD, name, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
    files = [os.path.join(BUILD, name, path) for path in texts if path.endswith(".c")]
    for path in texts:
        if path.endswith(".h"):
            folder = os.path.dirname(path)
            files += [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".c")]
    return files


def build(name, variant):
    objects = []
    for number, path in enumerate(broken_sources(name)):
        target = "%s/%s/%s-%d.o" % (BUILD, name, variant.name, number)
        command = [variant.compile[0], "-w", "-I%s/%s/src" % (BUILD, name)] + variant.compile[1:]
        command = [word for word in command if word != "-Werror" and not word.startswith("-W") or word == "-w"]
        result = run(command + ["-ffreestanding", "-D_GNU_SOURCE", "-c", path, "-o", target])
        if result.returncode != 0:
            sys.exit("Bail out! %s does not compile:\n%s" % (name, result.stdout))
        objects.append(target)
    program = "%s/%s/%s" % (BUILD, name, variant.name)
    test = "build/%s/tests/kva/%s.o" % (variant.name, PROGRAMS.get(name, "random_smp"))
    result = run(variant.link + ["-o", program, test] + objects + ["-Wl,--start-group"] + variant.archives +
                 ["-Wl,--end-group", "-pthread"])
    if result.returncode != 0:
        sys.exit("Bail out! %s does not link:\n%s" % (name, result.stdout))
    return program


def first_seed(program, paging, policy, seeds=SEEDS, buffers=True):
    """The first seed that fails and how, or (None, "")."""
    environment = dict(os.environ, ASHLAR_SHRINK="0", ASHLAR_SEEDS=str(seeds), ASHLAR_FORMAT=str(paging), ASHLAR_POLICY=str(policy))
    environment.pop("ASHLAR_SEED", None)
    if not buffers:
        environment["ASHLAR_BUFFERS"] = "0"
    try:
        result = run([program], env=environment, timeout=200)
    except subprocess.TimeoutExpired:
        return "?", "does not end"
    match = re.search(r"^# seed (\d+): (.*)", result.stdout, re.M)
    if match:
        return int(match.group(1)) + 1, match.group(2)
    return (None, "") if result.returncode == 0 else ("?", "ends with %d" % result.returncode)


def check(number, name, variants, pairs):
    found, how, unbuffered = [], "", []
    for paging, policy in pairs:
        variant = variants["yield32" if paging in (TWO_LEVEL, PAE, PAE_L1TF) else "yield64"]
        if variant.name not in check.programs:
            check.programs[variant.name] = build(name, variant)
        seeds = BUFFERED.get(name, RARE.get(name, SEEDS))
        seed, text = first_seed(check.programs[variant.name], paging, policy, seeds)
        if seed is not None:
            found.append("%s %s %s" % (FORMAT_NAMES[paging], POLICY_NAMES[policy], seed))
            how = how or text
        if name in BUFFERED and first_seed(check.programs[variant.name], paging, policy, seeds, False)[0] is not None:
            unbuffered.append("%s %s" % (FORMAT_NAMES[paging], POLICY_NAMES[policy]))
    check.programs.clear()
    harmless = HARMLESS.get(name)
    passed = (not found if harmless else bool(found)) and not unbuffered
    said = "harmless: " + harmless if harmless else "found"
    said += ", and not without store buffers" if name in BUFFERED else ""
    print("%sok %d - %s: %s, first seeds: %s" % ("" if passed else "not ", number, name, said, ", ".join(found) or "none"))
    if how:
        print("# %s" % how)
    if unbuffered:
        print("# without store buffers as well: " + ", ".join(unbuffered))
    sys.stdout.flush()
    return passed


check.programs = {}


def main(names):
    long = bool(os.environ.get("ASHLAR_LONG"))
    wanted = names or (list(BREAKAGES) if long else QUICK)
    for name in BREAKAGES:
        broken_texts(name)
    made = run(["make", "-s"] + ["build/%s/tests/kva/%s" % (name, program) for name in ("yield32", "yield64")
                                for program in ["random_smp"] + sorted(set(PROGRAMS.values()))])
    if made.returncode != 0:
        sys.exit("Bail out! programs of several CPUs are not built:\n" + made.stdout)
    variants = {name: Variant(name) for name in ("yield32", "yield64")}
    passed = [check(number, name, variants, BREAKAGES[name][0] if long or names else BREAKAGES[name][0][:1])
              for number, name in enumerate(wanted, 1)]
    print("1..%d" % len(passed))
    sys.exit(0 if all(passed) else 1)


main(sys.argv[1:])
