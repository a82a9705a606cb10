#!/usr/bin/env python3
"""Breaks the tiers one line at a time and demands that a test fails, with a report that points at the broken stage.

usage: mutate.py [--source DIR] [--build DIR] [--list | --fit] [NAME ...]

Works on a copy of the tree with a build folder of its own, so nothing in the source is touched. Each mutation replaces a text that
must stand exactly once in its file: a mutation that no longer fits the code is itself a failure. A mutation is caught if the check
ends with a failure and prints what it is expected to print (a stage, usually). First the unbroken copy must pass every check.
Ends with the line `N passed, N failed`.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from mutations import MUTATIONS

KEPT = ("CMakeLists.txt", "CMakePresets.json", "cmake", "reference", "cpu", "cuda", "check", "tools", "tests")


def copy_tree(source, target):
    """The files a build needs; times are kept, so that an earlier build of the copy stays valid."""
    for name in KEPT:
        path = source / name
        if path.is_file():
            target.mkdir(parents=True, exist_ok=True)
            if not (target / name).exists() or (target / name).read_bytes() != path.read_bytes():
                shutil.copy2(path, target / name)
        elif path.is_dir():
            for root, folders, files in os.walk(path):
                folders[:] = [f for f in folders if f != "__pycache__"]
                there = target / Path(root).relative_to(source)
                there.mkdir(parents=True, exist_ok=True)
                for file in files:
                    a, b = Path(root) / file, there / file
                    if not b.exists() or b.read_bytes() != a.read_bytes():
                        shutil.copy2(a, b)


def run(command, **options):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def build(folder, target):
    done = run(["cmake", "--build", str(folder), "--target", target])
    return done.returncode == 0, done.stdout


def find_program(folder, name):
    found = [p for p in folder.rglob(name) if p.is_file() and os.access(p, os.X_OK)]
    if len(found) != 1:
        raise SystemExit(f"mutate: {len(found)} programs named {name} under {folder}, expected one")
    return found[0]


def check(folder, mutation):
    """(did the check fail, what it printed)"""
    program = find_program(folder, mutation.target)
    try:
        done = run([str(program), *mutation.arguments], timeout=600)
    except subprocess.TimeoutExpired as late:
        return True, f"no end after {late.timeout} s"
    return done.returncode != 0, done.stdout


def misfit(source, mutation):
    """None if the text to replace stands once in its file, else a sentence."""
    count = (source / mutation.file).read_text().count(mutation.old)
    return None if count == 1 else f"{mutation.name}: {mutation.file} holds the text to replace {count} times, expected once"


def judge(folder, copy, mutation):
    """None if the mutation is caught, else why not."""
    if problem := misfit(copy, mutation):
        return problem
    path = copy / mutation.file
    text = path.read_text()
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        built, log = build(folder, mutation.target)
        if not built:
            return "the broken code does not compile:\n" + log[-2000:]
        failed, output = check(folder, mutation)
        if not failed:
            return "every check passed although the code was broken"
        if not re.search(mutation.report, output):
            return f"the check failed, but its report does not match /{mutation.report}/:\n" + output[:3000]
        return None
    finally:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--build", type=Path, help="where the copy and its build live (default: build/mutations)")
    parser.add_argument("--list", action="store_true", help="names and what they break")
    parser.add_argument("--fit", action="store_true", help="only whether each still fits the code; builds nothing")
    parser.add_argument("names", nargs="*", help="only these")
    options = parser.parse_args()
    unknown = set(options.names) - {m.name for m in MUTATIONS}
    if unknown:
        raise SystemExit(f"mutate: no mutation named {', '.join(sorted(unknown))}")
    chosen = [m for m in MUTATIONS if not options.names or m.name in options.names]
    if options.list:
        for m in chosen:
            print(f"{m.name:28} {m.file:28} {m.breaks}")
        return 0

    if options.fit:
        misfits = [problem for m in chosen if (problem := misfit(options.source, m))]
        print("\n".join([*misfits, f"{len(chosen) - len(misfits)} passed, {len(misfits)} failed"]))
        return bool(misfits)

    place = options.build or options.source / "build" / "mutations"
    copy, folder = place / "source", place / "build"
    copy_tree(options.source, copy)
    configured = run(["cmake", "-S", str(copy), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DEXACTMOE_CUDA=OFF"])
    if configured.returncode:
        raise SystemExit("mutate: the copy does not configure:\n" + configured.stdout)

    passed = failed = 0
    for probe in {(m.target, m.arguments): m for m in chosen}.values():
        built, log = build(folder, probe.target)
        if not built:
            raise SystemExit("mutate: the unbroken copy does not build:\n" + log[-3000:])
        broken, output = check(folder, probe)
        if broken:
            raise SystemExit(f"mutate: {probe.target} fails on unbroken code:\n" + output[-3000:])
    for mutation in chosen:
        start = time.monotonic()
        problem = judge(folder, copy, mutation)
        passed, failed = passed + (problem is None), failed + (problem is not None)
        print(f"{'caught' if problem is None else 'MISSED'}  {mutation.name:28} {mutation.breaks} ({time.monotonic() - start:.0f} s)", flush=True)
        if problem:
            print("        " + problem.replace("\n", "\n        "), flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
