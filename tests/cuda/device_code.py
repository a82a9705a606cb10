#!/usr/bin/env python3
"""Compiles one kernel file with nvcc for several architectures and judges the code.

Fails if a kernel spills registers, or if the PTX holds floating-point arithmetic that the numerics contract forbids: flushing
subnormals (.ftz), approximations (.approx), or an operation that is not rounded to nearest (.rn). Ends with status 77, which counts
as skipped, where there is no nvcc.
"""
import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Arithmetic whose rounding must be written out: an add or mul without .rn may be fused with its neighbour by the assembler.
ARITHMETIC = re.compile(r"^\s*(?:@!?%p\d+\s+)?((?:add|sub|mul|fma|mad|div|rcp|sqrt|rsqrt|ex2|lg2|sin|cos|tanh)\.\S*f(?:32|64)\S*)", re.M)
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
KERNEL = re.compile(r"Compiling entry function '(\S+)' for '(sm_\w+)'")


def run(command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nvcc", default="")
    parser.add_argument("--flags", required=True, help="separated by |")
    parser.add_argument("--architectures", nargs="+", required=True)
    parser.add_argument("--kernel", type=Path, required=True)
    options = parser.parse_args()
    if not options.nvcc or options.nvcc.endswith("NOTFOUND"):
        print("skipped: no nvcc on this machine")
        return 77
    command = [options.nvcc, *options.flags.split("|"), "-O3"]
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        codes = [f"-gencode=arch=compute_{a},code=[sm_{a},compute_{a}]" for a in options.architectures]
        log = run([*command, *codes, "--keep", f"--keep-dir={folder}", "-Xptxas=-v", "-c", options.kernel, "-o", f"{folder}/kernel.o"])
        names, spills = KERNEL.findall(log), SPILLS.findall(log)
        if len(names) != len(spills):
            bad.append(f"{len(names)} kernels but {len(spills)} lines about spills")
        for (name, architecture), (stores, loads) in zip(names, spills):
            if stores != "0" or loads != "0":
                bad.append(f"{name} spills on {architecture}: {stores} bytes stored, {loads} loaded")
        texts = list(Path(folder).glob("*.ptx"))
        if len(texts) != len(options.architectures):
            bad.append(f"{len(texts)} PTX files for {len(options.architectures)} architectures")
        operations = 0
        for text in texts:
            for operation in ARITHMETIC.findall(text.read_text()):
                operations += 1
                if ".rn" not in operation or ".ftz" in operation or ".approx" in operation:
                    bad.append(f"{text.name}: {operation}")
    print(f"{options.kernel.name}: {len(names)} kernels on {', '.join('sm_' + a for a in options.architectures)}, "
          f"{operations} arithmetic instructions, {len(bad)} problems")
    print("\n".join(sorted(set(bad))))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
