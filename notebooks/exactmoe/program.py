"""The command line `moe`, and the traces it writes."""
import os
import pathlib
import subprocess
import tempfile
import types

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def moe(*arguments):
    """Runs `moe ARGUMENTS`; returns what it printed. Raises RuntimeError with its message if it fails."""
    program = os.environ.get("EXACTMOE_MOE", str(ROOT / "build/release/tools/moe"))
    if not os.path.exists(program):
        raise RuntimeError(f"{program} is missing: build it (./run moe list), or name it in EXACTMOE_MOE")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(f"moe {' '.join(map(str, arguments))}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def read_trace(path):
    """A trace file as a namespace of arrays: logits, scores, selected, weights, ... output."""
    with np.load(path) as file:
        return types.SimpleNamespace(**{name: file[name] for name in file.files})


def model_trace(folder, layer, tier="reference"):
    """Every stage of one layer of a checkpoint folder, run on the tokens captured beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "trace.npz")
        moe("model", folder, "--layers", layer, "--tier", tier, "--out", path)
        return read_trace(path)
