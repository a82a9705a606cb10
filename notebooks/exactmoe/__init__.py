"""Runs `moe`, reads what it wrote, and repeats its arithmetic in numpy, to the bit.

    trace = exactmoe.model_trace("tests/data/checkpoints/qwen3-moe-tiny", layer=1)
    trace.logits[20], trace.selected[20], trace.output[20]
"""
from exactmoe.arithmetic import chain, exp, fma, hexes, same_bits, sigmoid, silu
from exactmoe.program import ROOT, model_trace, moe, read_trace
from exactmoe.safetensors import read_safetensors

__all__ = ["ROOT", "chain", "exp", "fma", "hexes", "model_trace", "moe", "read_safetensors", "read_trace", "same_bits", "sigmoid",
           "silu"]
