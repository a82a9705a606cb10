# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One token through a trained layer
#
# A small Qwen3-MoE, trained on English text, reads a verse byte by byte. One of its layers has 16 experts, and every token visits four of
# them. We follow a single token from the router to the output, read every stage from a trace of `moe`, and compute each one again in
# numpy. Not approximately: **the same bits**, because the order of every rounding is fixed (`docs/numerics.md`).

# %%
import hashlib

import matplotlib.pyplot as plt
import numpy as np

import exactmoe
from exactmoe import chain, exp, fma, hexes, same_bits, silu

folder = exactmoe.ROOT / "tests/data/checkpoints/qwen3-moe-tiny"
layer, t = 1, 100

trace = exactmoe.model_trace(folder, layer)
text = (folder / "text.txt").read_bytes()
for name, values in vars(trace).items():
    print(f"{name:10}", values.dtype, list(values.shape))

# %% [markdown]
# Those are all the stages there are. `T = 256` tokens came in, each with `D = 64` numbers; `R = 1024` rows went to experts, four for each token.
#
# The token we follow:

# %%
print(text[:t].decode()[-60:] + "[" + text[t:t + 1].decode() + "]" + text[t + 1:t + 30].decode())
x = exactmoe.read_safetensors(folder / "capture.safetensors")[f"layers.{layer}.input"][t]
weights = exactmoe.read_safetensors(folder / "model.safetensors")
mlp = f"model.layers.{layer}.mlp."
print("x begins", hexes(x[:4]))

# %% [markdown]
# ## 1. Logits: one inner product for each expert
#
#     z[e] = sum over d of x[d] W[e,d]
#
# One accumulator, d ascending, each step a fused multiply-add.

# %%
z = chain(x, weights[mlp + "gate.weight"])
print(hexes(z[:4]))
print("same bits as the trace:", same_bits(z, trace.logits[t]))

# %% [markdown]
# The order matters. The same products, added the other way round:

# %%
backwards = chain(x[::-1], weights[mlp + "gate.weight"][:, ::-1])
print("logits that change when the sum runs backwards:", int(np.sum(backwards != z)), "of", z.size)
first = int(np.flatnonzero(backwards != z)[0])
print(f"expert {first}, forwards  ", hexes(z[first]))
print(f"expert {first}, backwards ", hexes(backwards[first]))

# %% [markdown]
# ## 2. Scores: softmax
#
#     e[i] = exp(z[i] - max),  p[i] = e[i] / (e[0] + e[1] + ...)

# %%
e = exp(z - z.max())
total = np.float32(0)
for value in e:
    total = total + value
p = e / total
print(hexes(p[:4]))
print("same bits as the trace:", same_bits(p, trace.scores[t]))

# %% [markdown]
# ## 3. The choice, and the weights
#
# The four best, equal scores to the smaller index. Then each is divided by the sum of the four, added best first.

# %%
chosen = sorted(range(p.size), key=lambda i: (-p[i], i))[:4]
total = np.float32(0)
for i in chosen:
    total = total + p[i]
w = p[chosen] / total
print("experts", chosen, "weights", hexes(w))
print("same as the trace:", chosen == trace.selected[t].tolist() and same_bits(w, trace.weights[t]))

# %%
# NBVAL_IGNORE_OUTPUT
figure, axis = plt.subplots(figsize=(8, 2.6))
axis.bar(range(p.size), p, color=["#c8553d" if i in chosen else "#b8c4cc" for i in range(p.size)])
axis.set(xlabel="expert", ylabel="score", xticks=range(p.size), title=f"token {t}: the router's scores; the chosen ones in red")
for side in ("top", "right"):
    axis.spines[side].set_visible(False)
plt.show()

# %% [markdown]
# ## 4. The experts
#
#     hidden = silu(W_gate x) * (W_up x)        96 numbers
#     out    = W_down hidden                    64 numbers
#
# In the trace the rows of all tokens are sorted by expert; `positions` tells where ours stand.

# %%
rows = []
for k, expert in enumerate(chosen):
    name = f"{mlp}experts.{expert}."
    gate = chain(x, weights[name + "gate_proj.weight"])
    up = chain(x, weights[name + "up_proj.weight"])
    hidden = silu(gate) * up
    out = chain(hidden, weights[name + "down_proj.weight"])
    rows.append(out)
    r = trace.positions[t, k]
    print(f"slot {k}: expert {expert:2}, row {r:4}, same bits: hidden {same_bits(hidden, trace.hidden[r])}, out",
          same_bits(out, trace.expert_out[r]), " out[0] =", hexes(out[0]))

# %% [markdown]
# ## 5. Back together
#
#     y[d] = sum over k of w[k] out_k[d]        slot 0 first

# %%
y = np.zeros(x.size, np.float32)
for k, out in enumerate(rows):
    y = fma(w[k], out, y)
print(hexes(y[:4]))
print("same bits as the trace:", same_bits(y, trace.output[t]))

# %% [markdown]
# That is the whole layer. What did each expert contribute? And how busy are the experts over the whole verse?

# %%
# NBVAL_IGNORE_OUTPUT
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.8), gridspec_kw={"width_ratios": [3, 2]})
bottom_up, bottom_down = np.zeros(24), np.zeros(24)
for k, out in enumerate(rows):
    part = (w[k] * out)[:24]
    bottom = np.where(part >= 0, bottom_up, bottom_down)
    left.bar(range(24), part, bottom=bottom, label=f"expert {chosen[k]}", color=plt.cm.viridis(k / 4))
    bottom_up, bottom_down = bottom_up + np.maximum(part, 0), bottom_down + np.minimum(part, 0)
left.plot(range(24), y[:24], "k_", markersize=10)
left.set(xlabel="d (the first 24)", title="what each expert adds; the dash is their sum")
left.legend(fontsize=7, ncols=2)
load = np.bincount(trace.selected.ravel(), minlength=p.size)
right.bar(range(p.size), load, color="#5b8aa6")
right.axhline(load.mean(), color="k", linewidth=0.8)
right.set(xlabel="expert", title="tokens of each expert; the line would be even")
for axis in (left, right):
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
plt.tight_layout()
plt.show()

# %% [markdown]
# ## The batch does not matter
#
# The reference computed this token among 255 others; numpy computed it alone. The bits are the same, and so they are on every tier and with any
# number of threads. One number stands for the whole output of the layer:

# %%
print(hashlib.sha256(trace.output.tobytes()).hexdigest()[:16])
