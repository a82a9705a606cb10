#!/usr/bin/env python3
"""What the GPU will run: fused multiply-adds where they were asked for, and nowhere else.

device_code.py reads PTX; this reads the machine code that the assembler made of it. Compares the floating-point instructions of the
kernels named below, on every architecture, with what the source says. Ends with status 77, which counts as skipped, where there is no
nvcc or no cuobjdump (which calls nvdisasm from its own folder).
"""
import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Kernel -> its floating-point instructions: how many, or ANY for at least one. Instructions not listed must be absent. Kernels with
# elementary functions are not here: what those hold is for device_code.py to judge.
ANY = "any"
INTEGER_DIVISION = {"MUFU.RCP": ANY}  # begins with an estimate in floating point
EXPECTED = {
    "sass_canary.cu": {
        "canary_separate": {"FMUL": 1, "FADD": 1},
        "canary_fused": {"FFMA": 1},
        "canary_double": {"DMUL": 1, "DADD": 1},
    },
    "linear.cu": {"linear_kernel": {"FFMA": ANY, **INTEGER_DIVISION}, "plan_kernel": {**INTEGER_DIVISION}},
    "combine.cu": {"combine_kernel": {"FFMA": ANY}},
    "dispatch.cu": {"count_kernel": {}, "scan_chunks_kernel": {}, "scan_experts_kernel": {}, "place_kernel": {**INTEGER_DIVISION}, "gather_kernel": {"FMUL": ANY}},
}
# Tests and moves (FSETP, FSEL, ...) round nothing and are not counted.
FLOAT = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?((?:FFMA2?|FMUL2?|FADD2?|DFMA|DMUL|DADD|MUFU|HFMA2|HADD2|HMUL2|FSWZADD)\b\S*)")


def kernels(cuobjdump, path):
    """Yields (kernel, counts of its floating-point instructions), once for each architecture."""
    environment = {**os.environ, "PATH": f"{Path(cuobjdump).parent}{os.pathsep}{os.environ['PATH']}"}
    text = subprocess.run([cuobjdump, "-sass", path], check=True, capture_output=True, text=True, env=environment).stdout
    for block in re.split(r"\n\s*Function : ", text)[1:]:
        found = (m.group(1) for m in map(FLOAT.match, block.splitlines()) if m)
        # HFMA2 of constants is how the assembler writes a number into a register: no arithmetic.
        yield block.split("\n", 1)[0].strip(), collections.Counter(i for i in found if not i.startswith("HFMA2"))


def judge(counts, expected):
    return counts.keys() == expected.keys() and all(n in (ANY, counts[i]) for i, n in expected.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nvcc", default="")
    parser.add_argument("--cuobjdump", default="")
    parser.add_argument("--flags", required=True, help="separated by |")
    parser.add_argument("--architectures", nargs="+", required=True)
    parser.add_argument("--folders", nargs="+", type=Path, required=True, help="where the kernel files are")
    options = parser.parse_args()
    for tool in ("nvcc", "cuobjdump"):
        if not getattr(options, tool) or getattr(options, tool).endswith("NOTFOUND"):
            print(f"skipped: no {tool} on this machine")
            return 77
    codes = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in options.architectures]
    bad = seen = 0
    with tempfile.TemporaryDirectory() as folder:
        for file, expected in EXPECTED.items():
            source = next(f / file for f in options.folders if (f / file).exists())
            object_file = f"{folder}/{file}.o"
            command = [options.nvcc, *options.flags.split("|"), "-O3", *codes, "-c", source, "-o", object_file]
            done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                sys.exit(done.stdout)
            missing = {name: len(options.architectures) for name in expected}
            for name, counts in kernels(options.cuobjdump, object_file):
                key = next((k for k in expected if k in name), None)
                ok = key is not None and judge(counts, expected[key])
                if key is not None:
                    missing[key] -= 1
                seen += 1
                bad += not ok
                if not ok:
                    print(f"BAD {file} {name}: {dict(sorted(counts.items()))}, expected {expected.get(key, 'no such kernel')}")
            for name, left in missing.items():
                if left > 0:
                    bad += 1
                    print(f"BAD {file}: {name} is missing on {left} of {len(options.architectures)} architectures")
    print(f"{seen} kernels, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
