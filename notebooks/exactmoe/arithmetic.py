"""The numerics contract in numpy: chains of fused multiply-adds, and functions rounded once (docs/numerics.md)."""
import re

import numpy as np


def fma(a, b, c):
    """a * b + c of binary32 numbers, rounded once. numpy has no such function, so: the product is exact in binary64; the sum is rounded
    there to odd (if inexact, to the neighbour whose last bit is 1), after which rounding to binary32 is right whatever was lost."""
    with np.errstate(all="ignore"):
        product = np.multiply(a, b, dtype=np.float64)
        c = np.asarray(c, np.float64)
        total = product + c
        virtual = total - product
        error = (product - (total - virtual)) + (c - virtual)  # exactly what the sum lost
        bits = total.view(np.int64) if total.ndim else np.atleast_1d(total).view(np.int64)[0]
        outward = (error > 0) == (total > 0)  # the true value lies away from zero
        odd = np.where((error != 0) & (bits % 2 == 0), np.where(outward, bits + 1, bits - 1), bits)
        return np.asarray(odd, np.int64).view(np.float64).astype(np.float32)


def chain(x, w, start=0.0):
    """start + sum over d of w[:,d] x[d], one accumulator for each row of w, d ascending: what `linear` does for one token."""
    acc = np.full(w.shape[0], start, np.float32)
    for d in range(w.shape[1]):
        acc = fma(w[:, d], x[d], acc)
    return acc


def _rounded_once(function):
    def value(x):
        with np.errstate(over="ignore"):
            return function(np.asarray(x, np.float64)).astype(np.float32)
    value.__doc__ = "Evaluated in binary64 and rounded to binary32: correct unless the value is within 1e-9 ulp or so of a tie."
    return value


exp = _rounded_once(np.exp)
sigmoid = _rounded_once(lambda x: 1 / (1 + np.exp(-x)))
silu = _rounded_once(lambda x: x / (1 + np.exp(-x)))


def hexes(values):
    """Numbers in hexadecimal floating point: what is printed is what was computed."""
    return " ".join(re.sub(r"\.?0+p", "p", float(v).hex()) for v in np.ravel(values))


def same_bits(a, b):
    """Equal shapes and equal bits; a NaN equals a NaN; -0 does not equal +0."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    if a.shape != b.shape:
        return False
    return bool(np.all((a.view(np.uint32) == b.view(np.uint32)) | (np.isnan(a) & np.isnan(b))))
