#!/usr/bin/env python3
"""Layer files of the variants, computed by numpy in float64: usage make.py FOLDER.

Written from the descriptions of Tensor2Tensor's top-2 gate (flat and two-level), NLLB's and Switch's capacity, expert choice and
Soft MoE, as einsums over one-hot tensors, so that nothing here resembles the loops it is compared with. Inputs are float32.
"""
import json
import pathlib
import sys

import numpy as np

D, F = 12, 10
random = np.random.default_rng(7)


def numbers(*shape, scale=1.0):
    return (random.normal(size=shape) * scale).astype(np.float32).astype(np.float64)


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def ffn(x, w_in, w_down):
    """x [E,...,D]: the rows of each expert."""
    hidden = np.maximum(np.einsum("e...d,efd->e...f", x, w_in), 0)
    return np.einsum("e...f,edf->e...d", hidden, w_down)


def save(name, meta, inputs, outputs):
    arrays = {"meta": np.frombuffer(json.dumps({**meta, "act": "relu", "name": name, "source": "make.py, numpy in float64"}).encode(), np.uint8)}
    arrays |= {"in." + k: np.asarray(v, np.float32) for k, v in inputs.items()}
    for k, v in outputs.items():
        v = np.asarray(v)
        arrays["out." + k] = v.astype(np.float64 if v.dtype.kind == "f" else np.int64)
    np.savez(FOLDER / f"{name}.npz", **arrays)


# ------------------------------------------------------------------------------------ Tensor2Tensor


def earlier(mask):
    return np.cumsum(mask, axis=-2) - mask


def top2(x, w, policy, threshold, factor, importance=None):
    """Combine weights [...,n,E,C] of Tensor2Tensor's gate; x [...,n,D]."""
    n, E = x.shape[-2], w.shape[-2]
    p = softmax(np.einsum("...nd,...ed->...ne", x, w))
    first = np.eye(E)[p.argmax(-1)]
    if importance is not None:
        first = first * (importance == 1)[..., None]
    rest = p * (1 - first)
    second = np.eye(E)[rest.argmax(-1)]
    if importance is not None:
        second = second * (importance > 0)[..., None]
    g = [(p * first).sum(-1), (rest * np.eye(E)[rest.argmax(-1)]).sum(-1)]
    total = g[0] + g[1] + 1e-9
    g = [g[0] / total, g[1] / total]
    if policy == "none":
        second = second * 0
    if policy == "threshold":
        second = second * (g[1] > threshold)[..., None]
    C = max(4, min(n, int(n * factor / E)))
    combine = np.zeros(p.shape + (C,))
    taken = np.zeros(p.shape[:-2] + (1, E))
    for gate, mask in zip(g, (first, second)):
        place = (earlier(mask) + taken) * mask
        mask = mask * (place < C)
        taken = taken + mask.sum(-2, keepdims=True)
        row = np.minimum(place.sum(-1), C - 1).astype(int)
        combine += (gate[..., None] * mask)[..., None] * np.eye(C)[row][..., None, :]
    return combine


def flat(name, groups, n, E, policy, threshold, factor, spread):
    x, w = numbers(groups, n, D), numbers(E, D, scale=spread / np.sqrt(D))
    w_in, w_down = numbers(E, F, D, scale=0.3), numbers(E, D, F, scale=0.3)
    c = top2(x, w, policy, threshold, factor)
    y = np.einsum("ebcd,bnec->bnd", ffn(np.einsum("bnd,bnec->ebcd", x, (c != 0) * 1.0), w_in, w_down), c)
    save(name, {"kind": "top2_capacity", "second_policy": policy, "threshold": threshold, "capacity_factor": factor, "eps": 1e-9, "experts": E},
         {"x": x, "router_w": w, "w_in": w_in, "w_down": w_down}, {"y": y, "combine": c})


def two_level(name, groups, n, E1, E2, policy, threshold, factor, spread):
    x, outer, inner = numbers(groups, n, D), numbers(E1, D, scale=spread / np.sqrt(D)), numbers(E1, E2, D, scale=spread / np.sqrt(D))
    w_in, w_down = numbers(E1 * E2, F, D, scale=0.3), numbers(E1 * E2, D, F, scale=0.3)
    co = top2(x, outer, policy, threshold, factor)
    rows = np.einsum("bnd,bnec->ebcd", x, (co != 0) * 1.0)
    weight = co.transpose(2, 0, 3, 1).sum(-1)
    ci = top2(rows, inner[:, None], policy, threshold, factor, 0.5 * ((weight > 0.5) * 1.0 + (weight > 0)))
    own = np.einsum("ebnd,ebnfc->efbcd", rows, (ci != 0) * 1.0)
    out = ffn(own.reshape((E1 * E2,) + own.shape[2:]), w_in, w_down).reshape(own.shape)
    y = np.einsum("ebcd,bnec->bnd", np.einsum("efbcd,ebnfc->ebnd", out, ci), co)
    save(name, {"kind": "hierarchical_top2_capacity", "second_policy": policy, "threshold": threshold, "capacity_factor": factor, "eps": 1e-9,
                "experts": [E1, E2]},
         {"x": x, "router_outer_w": outer, "router_inner_w": inner, "w_in": w_in, "w_down": w_down},
         {"y": y, "combine_outer": co, "combine_inner": ci})


# ----------------------------------------------------------------------------------- NLLB and Switch


def nllb(name, T, E, C, prioritised, before):
    x, w, w_in, w_down = numbers(T, D), numbers(E, D, scale=0.5), numbers(E, F, D, scale=0.3), numbers(E, D, F, scale=0.3)
    p = softmax(x @ w.T)
    first = np.eye(E)[p.argmax(1)]
    second = np.eye(E)[(p * (1 - first)).argmax(1)]
    line = np.argsort(-p.max(1), kind="stable") if prioritised else np.arange(T)
    place = [np.empty((T, E)) for _ in range(2)]
    for i, mask in enumerate((first, second)):
        place[i][line] = earlier(mask[line]) + (first.sum(0) if i else 0)
    kept = [first * (place[0] < C), second * (place[1] < C)]
    g = [(p * m).sum(1) for m in ((first, second) if before else kept)]
    total = np.maximum(g[0] + g[1], np.finfo(float).eps)
    c = sum((gate / total)[:, None] * mask for gate, mask in zip(g, kept))
    y = np.einsum("te,etd->td", c, ffn(np.repeat(x[None], E, 0), w_in, w_down))
    save(name, {"kind": "capacity", "router": "top2", "capacity": C, "bpr": prioritised, "normalize_before_dropping": before},
         {"x": x, "router_w": w, "w_in": w_in, "w_down": w_down},
         {"y": y, "router_logits": x @ w.T, "combine": c, "dropped_routes": int(2 * T - (c != 0).sum())})


def switch(name, sequences, S, E, C):
    x, w, w_in, w_down = numbers(sequences * S, D), numbers(E, D), numbers(E, F, D), numbers(E, D, F)
    p = softmax(x @ w.T)
    mask = np.eye(E)[p.argmax(1)].reshape(sequences, S, E)
    c = (mask * (earlier(mask) < C)).reshape(-1, E) * p.max(1)[:, None]
    y = np.einsum("te,etd->td", c, ffn(np.repeat(x[None], E, 0), w_in, w_down))
    save(name, {"kind": "capacity", "router": "switch_top1", "capacity": C, "seq": S, "batch": sequences},
         {"x": x, "router_w": w, "w_in": w_in, "w_down": w_down},
         {"y": y, "router_logits": x @ w.T, "combine": c, "dropped_tokens": int((c.sum(1) == 0).sum())})


# ------------------------------------------------------------------------- expert choice and Soft MoE


def expert_choice(name, groups, T, E, C):
    x, w, w_in, w_down = numbers(groups, T, D), numbers(E, D), numbers(E, F, D), numbers(E, D, F)
    s = softmax(x @ w.T)
    chosen = np.argsort(-s, axis=1, kind="stable")[:, :C].transpose(0, 2, 1)  # [groups,E,C]
    takes = np.eye(T)[chosen].sum(2)  # [groups,E,T]
    y = np.einsum("gte,get,egtd->gtd", s, takes, ffn(np.repeat(x[None], E, 0), w_in, w_down))
    save(name, {"kind": "expert_choice", "capacity": C}, {"x": x, "router_w": w, "w_in": w_in, "w_down": w_down},
         {"y": y, "gates": s, "ec_idx": chosen, "ec_w": np.take_along_axis(s.transpose(0, 2, 1), chosen, 2),
          "experts_per_token": takes.sum(1).astype(int)})


def soft(name, kind, groups, T, E, S):
    x, phi, w_in, w_down = numbers(groups, T, D), numbers(E, S, D), numbers(E, F, D), numbers(E, D, F)
    inputs = {"x": x, "phi": phi, "w_in": w_in, "w_down": w_down}
    tokens, slots, mixed = x, phi, x
    if kind == "l2_scale":
        inputs["scale"] = numbers()
        tokens, slots = (v / np.sqrt((v**2).sum(-1, keepdims=True) + 1e-6) for v in (x, phi))
        slots = inputs["scale"] * slots
    if kind == "rmsnorm_gains":
        inputs |= {"norm_gamma": numbers(D), "slot_gamma": numbers(D)}
        unit = lambda v: np.sqrt(D) * v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)
        tokens, slots = unit(x) * inputs["norm_gamma"], unit(phi) * inputs["slot_gamma"]
        mixed = tokens
    z = np.einsum("gtd,esd->gtes", tokens, slots)
    dispatch, combine = softmax(z, 1), softmax(z.reshape(groups, T, -1)).reshape(z.shape)
    out = ffn(np.einsum("gtd,gtes->egsd", mixed, dispatch), w_in, w_down)
    save(name, {"kind": "soft", "soft": kind, "experts": E, "slots": S}, inputs,
         {"y": np.einsum("egsd,gtes->gtd", out, combine), "dispatch": dispatch, "combine": combine})


FOLDER = pathlib.Path(sys.argv[1])
for policy, threshold in (("all", None), ("none", None), ("threshold", 0.3)):
    flat(f"top2_{policy}", 2, 24, 4, policy, threshold, 1.25, 2)
    flat(f"top2_tight_{policy}", 3, 40, 4, policy, threshold, 0.5, 6)
    two_level(f"two_level_{policy}", 2, 16, 4, 4, policy, threshold, 2.0, 2)
    two_level(f"two_level_tight_{policy}", 1, 48, 4, 3, policy, threshold, 0.6, 5)
for prioritised in (False, True):
    for before in (False, True):
        nllb(f"nllb_{'prioritised' if prioritised else 'in_order'}_divided_{'before' if before else 'after'}", 40, 5, 7, prioritised, before)
switch("switch_three_sequences", 3, 13, 4, 2)
expert_choice("expert_choice_three_groups", 3, 11, 5, 4)
for kind in ("plain", "l2_scale", "rmsnorm_gains"):
    soft(f"soft_{kind}", kind, 2, 9, 3, 2)
