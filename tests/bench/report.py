"""report.py FOLDER JSON...: writes FOLDER/cpu.md, the tables that docs/benchmarks.md includes, and FOLDER/*.svg, the plots, from what exactmoe_bench wrote
(--benchmark_out). Several files are one measurement in parts; of a row that is in two, the later counts. Needs matplotlib for the plots;
--tables leaves them out. What was measured with --instructions=AVX2 becomes FOLDER/cpu_avx2.md, without plots."""
import json
import pathlib
import sys

COMMAND = "./run bench --peers --growth --docs"
SHAPES = {"a": "D 2048, F 1024, E 64, K 8 (OLMoE)", "b": "D 2048, F 768, E 128, K 8 (Qwen3-30B-A3B)",
          "c": "D 4096, F 1792, E 8, K 2 (Mixtral, an eighth of its F)", "d": "D 1024, F 2816, E 8, K 2"}


class Row:
    """One engine in one cell."""

    def __init__(self, entry):
        group, *parts, engine = entry["name"].removesuffix("/iterations:1/manual_time").split("/")
        self.group, self.engine = group, engine.removeprefix("engine:")
        keys = dict(part.split(":", 1) for part in parts)
        self.shape, self.route, self.preset = keys.get("shape", ""), keys.get("route", ""), keys.get("preset", "")
        self.sizes = ", ".join(f"{axis} {keys[axis]}" for axis in "DEK" if axis in keys)
        self.T, self.threads = int(keys["T"]), int(keys["threads"])
        self.problem = entry.get("error_message", "")
        self.library = entry.get("label", "")
        self.values = entry

    def __getattr__(self, name):
        return self.values[name]

    @property
    def ours(self):
        return self.engine.startswith("ours-")

    @property
    def sixteen(self):
        return self.engine.endswith("16")


class Rows:
    """All rows, to be picked from by what they are."""

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)

    def where(self, **wanted):
        return Rows([r for r in self.rows if all(getattr(r, key) == value for key, value in wanted.items())])

    def timed(self):
        return Rows([r for r in self.rows if not r.problem])

    def each(self, key):
        return list(dict.fromkeys(getattr(r, key) for r in self.rows))

    def one(self, **wanted):
        found = self.where(**wanted).rows
        return found[0] if found else None


def load(files):
    rows, contexts = {}, []
    for file in files:
        document = json.loads(pathlib.Path(file).read_text())
        contexts.append(document["context"])
        rows.update((entry["name"], Row(entry)) for entry in document["benchmarks"])
    order = {"ours-f32": 0, "ours-bf16": 1, "ours-f16": 2}
    contexts[-1]["parts"] = len(contexts)
    return contexts[-1], Rows(sorted(rows.values(), key=lambda r: order.get(r.engine, 3)))


def table(head, lines):
    """Markdown; the first column is text, the others are numbers."""
    return "\n".join(["| " + " | ".join(line) + " |" for line in [head, ["---"] + ["---:"] * (len(head) - 1), *lines]]) + "\n"


def percent(share):
    return f"{100 * share:.0f} %"


def number(value):
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"


def cell(row):
    if row is None:
        return ""
    return "no number" if row.problem else f"{number(row.tokens_per_second)} ({percent(row.share_of_ceiling)})"


def best(rows):
    return max(rows, key=lambda r: r.tokens_per_second, default=None)


def ratio(ours, peers):
    """Ours to the fastest of them, and its name."""
    peer = best(peers)
    if ours is None or ours.problem or peer is None:
        return ""
    return f"{ours.tokens_per_second / peer.tokens_per_second:.2f}x {peer.engine}"


def layer_table(rows):
    tokens = sorted(rows.each("T"))
    lines = []
    for engine in rows.each("engine"):
        of = rows.where(engine=engine)
        if of.timed().rows:
            lines.append([f"**{engine}**" if engine.startswith("ours-") else engine, *(cell(of.one(T=T)) for T in tokens)])
    peers = [r for r in rows.timed() if not r.ours]
    for engine, sixteen in (("ours-f32", False), ("ours-bf16", False), ("ours-bf16", True)):
        of = [[p for p in peers if p.T == T and p.sixteen == sixteen] for T in tokens]
        if any(of) and rows.where(engine=engine).timed().rows:
            lines.append([f"{engine} to the best {'16-bit' if sixteen else 'f32'} peer",
                          *(ratio(rows.one(engine=engine, T=T), p) for T, p in zip(tokens, of))])
    ceilings = [rows.where(T=T).timed().rows[0] for T in tokens]
    lines.append(["ceiling, GFLOP/s and GB/s",
                  *(f"{c.ceiling_fma_gflops:.0f}, {c.ceiling_read_gbytes_per_second:.0f}" for c in ceilings)])
    return table(["tokens/s (share of the ceiling)", *(f"T = {T}" for T in tokens)], lines)


def threads_text(n):
    return "1 thread" if n == 1 else f"{n} threads"


def layer_section(rows):
    text = []
    for threads in sorted(rows.each("threads"), reverse=True):
        for route in rows.where(threads=threads).each("route"):
            for shape in sorted(rows.where(threads=threads, route=route).each("shape")):
                of = rows.where(threads=threads, route=route, shape=shape)
                if not of.timed().rows:
                    continue
                spread = "uniform routing" if route == "uniform" else "routing by Zipf's law, exponent 1"
                text.append(f"### Shape {shape}, {threads_text(threads)}, {spread}\n\n{SHAPES.get(shape, '')}\n\n{layer_table(of)}")
    return "\n".join(text)


def behind_section(rows, engine, sixteen):
    """Where that engine of ours is not the fastest beside peers with weights as wide."""
    lines = []
    for r in rows.where(engine=engine).timed():
        peer = best(p for p in rows.where(shape=r.shape, route=r.route, T=r.T, threads=r.threads).timed()
                    if not p.ours and p.sixteen == sixteen)
        if peer is not None and peer.tokens_per_second > r.tokens_per_second:
            lines.append([f"{r.shape}, {r.route}, T = {r.T}, {threads_text(r.threads)}", peer.engine,
                          f"{r.tokens_per_second / peer.tokens_per_second:.2f}x", percent(r.share_of_ceiling), percent(peer.share_of_ceiling)])
    width = "16-bit" if sixteen else "binary32"
    if not lines:
        return f"{engine} is ahead of every {width} peer in every cell.\n"
    return table([f"cell, {width} peers", f"ahead of {engine}", "ours to it", "our share", "its share"], sorted(lines))


def place(row, key):
    """Where a row stands on the axis of growth: T, threads, or E of shape E16."""
    value = str(getattr(row, key))
    return int(value[1:]) if value.startswith("E") else int(value) if value.isdigit() else 0


def growth_section(rows):
    text = []
    for group, key, words in (("growth_T", "T", "tokens"), ("growth_E", "shape", "experts"), ("growth_threads", "threads", "threads")):
        of = rows.where(group=group).timed()
        if not of.rows:
            continue
        engines = of.each("engine")
        lines = []
        for at, T in sorted({(place(r, key), r.T) for r in of}):
            row = {r.engine: r for r in of if (place(r, key), r.T) == (at, T)}
            allowed = max(row.values(), key=lambda r: r.model_tokens_per_second) if row else None
            lines.append([*([str(at)] if key != "T" else []), str(T), *(cell(row.get(e)) for e in engines),
                          number(allowed.model_tokens_per_second)])
        head = [*([words] if key != "T" else []), "T", *engines, "what the ceiling allows at most"]
        text.append(f"### Over {words}\n\n" + table(head, lines))
    return "\n".join(text)


def variants_section(rows):
    lines = [[r.engine, number(r.tokens_per_second), f"{r.gflops:.0f}", percent(r.share_of_fma), f"{1e3 * r.T / r.tokens_per_second:.1f}"]
             for r in rows.timed()]
    return table(["variant", "tokens/s", "GFLOP/s of the experts", "share of the multiply-add peak", "ms"], lines)


def router_section(rows):
    lines = []
    for preset in rows.each("preset"):
        for T in rows.where(preset=preset).each("T"):
            logits, route = (rows.where(preset=preset, T=T).timed().one(engine=engine) for engine in ("logits", "route"))
            if logits is None or route is None:
                continue
            times = [T / row.tokens_per_second for row in (logits, route)]
            lines.append([preset, route.sizes, str(T), number(1e6 * times[0]), percent(logits.share_of_fma), number(1e6 * times[1]),
                          percent(1 - times[0] / times[1])])
    return table(["router of", "sizes", "T", "logits, us", "share of the multiply-add peak", "all of it, us", "of which choosing"], lines)


def packing_section(rows):
    lines = [[f"{r.shape}, {r.engine.removeprefix('ours-')}", f"{r.weight_gigabytes:.2f}", f"{r.real_time / 1e3:.2f}",
              f"{r.source_gbytes_per_second:.2f}", *(f"{share:.3f}x" for share in (r.memory_prepared, r.memory_few_tokens, r.memory_many_tokens))]
             for r in sorted(rows.timed(), key=lambda r: r.shape)]
    return table(["shape, format", "weights, GB", "s", "GB/s of f32 source", "memory prepared", "having run T = 16", "having run T = 2048"], lines)


def libraries(rows):
    names = dict.fromkeys(r.library for r in rows.timed() if r.library)
    missing = dict.fromkeys(f"{r.engine} ({r.problem})" for r in rows if r.problem)
    text = "Peers: " + ("; ".join(names) or "none") + "."
    return text + (" Without a number: " + "; ".join(missing) + "." if missing else "")


def page(context, rows):
    layers = rows.where(group="layer")
    only = context.get("restricted_to", "")
    machine = context.get("processor", "unknown processor") + (f" restricted to {only}" if only else "")
    command = f"./run bench --peers --docs --instructions={only} --only=layer --routes=uniform" if only else COMMAND
    parts = [f"Measured on {machine}, {context['date'][:10]}; written by `{command}`{PARTS if context['parts'] > 1 else ''}.\n\n{libraries(rows)}\n"]
    if layers.rows:
        head, level = ("", "###") if only else ("## Engines and peers\n\n![share of the ceiling over T](share_of_ceiling.svg)\n\n", "##")
        parts.append(head + layer_section(layers))
        if any(not r.ours for r in layers.timed()):
            parts.append(f"{level} Where a peer is ahead\n\n" + behind_section(layers, "ours-f32", sixteen=False))
            parts.append(behind_section(layers, "ours-bf16", sixteen=True))
    if rows.where(group="variants").rows:
        first = rows.where(group="variants").rows[0]
        parts.append(f"## Variants at equal active operations\n\nD 1024, F 704, four networks a token, T = {first.T}, "
                     f"{threads_text(first.threads)}. {VARIANTS}\n\n" + variants_section(rows.where(group="variants")))
    if rows.where(group="router").rows:
        parts.append(f"## Routers of many experts\n\n{ROUTER}\n\n" + router_section(rows.where(group="router")))
    if rows.where(group="packing").rows:
        parts.append(f"## Preparing a layer\n\n{PACKING}\n\n" + packing_section(rows.where(group="packing")))
    if any(r.group.startswith("growth") for r in rows):
        parts.append("## How the cost grows\n\n![tokens a second over T, experts and threads](growth.svg)\n\n" + GROWTH + "\n\n"
                     + growth_section(rows))
    return "\n".join(parts)


PARTS = " (measured in parts, `--shapes=a` and so on, and put together by `tests/bench/report.py`)"
VARIANTS = """Dense holds four networks and visits all of them, the others hold 32. Expert choice and capacity have 32 places an expert; capacity
counts dropped tokens as computed. Soft also mixes: its logits, slots and combination are work that the GFLOP/s here leave out."""
ROUTER = """Logits, scores, keys, the K best and their weights, on all threads; the bits are checked first. The weights of a router fit a cache,
and here they are in it: within a model one token would wait for them as for an expert's."""
PACKING = """Once for each layer, on all threads, into memory that is new to the program (most of the time of f32 goes into the system's clearing
of it). Memory is what stays resident, as a share of the weights in that format: the prepared layer, then with what it keeps for the next pass
after one over 16 and one over 2048 tokens."""
GROWTH = """The model: a batch takes as long as reading the touched weights at the measured bandwidth or doing the multiply-adds at the measured peak,
whichever is longer. T and threads on shape d; experts with D 1024, F 704, K 2, so that the active size stays."""


def share_plot(rows, file, plt):
    threads = max(rows.each("threads"))
    rows = rows.where(threads=threads, route="uniform").timed()
    shapes = sorted(rows.each("shape"))
    engines = rows.each("engine")
    figure, axes = plt.subplots(1, len(shapes), figsize=(3.4 * len(shapes), 3.6), sharey=True, squeeze=False, layout="constrained")
    for axis, shape in zip(axes[0], shapes):
        for i, engine in enumerate(engines):
            line = sorted(rows.where(shape=shape, engine=engine), key=lambda r: r.T)
            ours = engine.startswith("ours-")
            axis.plot([r.T for r in line], [100 * r.share_of_ceiling for r in line], color=plt.get_cmap("tab20")(i),
                      label=engine if shape == shapes[0] else None, linewidth=2.4 if ours else 1, marker="o" if ours else ".",
                      linestyle="--" if engine.endswith("16") else "-", zorder=3 if ours else 2)
        axis.set(xscale="log", xlabel="T", title=f"shape {shape}", xticks=[1, 16, 256, 2048], xticklabels=["1", "16", "256", "2048"])
        axis.minorticks_off()
        axis.axhline(100, color="gray", linewidth=0.8)
        axis.grid(alpha=0.3)
    axes[0][0].set(ylabel=f"% of the ceiling, {threads_text(threads)}", ylim=(0, None))
    figure.legend(loc="outside lower center", ncols=5, fontsize="small", frameon=False)
    figure.savefig(file, metadata={"Date": None})


def growth_plot(rows, file, plt):
    panels = [("growth_T", "T", "tokens"), ("growth_E", "shape", "experts"), ("growth_threads", "threads", "threads")]
    panels = [p for p in panels if rows.where(group=p[0]).timed().rows]
    figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels), 3.4), squeeze=False, layout="constrained")
    for axis, (group, key, words) in zip(axes[0], panels):
        of = rows.where(group=group).timed()
        for i, engine in enumerate(e for e in of.each("engine") if e in ("ours-f32", "ours-bf16")):
            for T in [None] if group == "growth_T" else sorted(of.each("T")):
                line = of.where(engine=engine) if T is None else of.where(engine=engine, T=T)
                line = sorted(line, key=lambda r: place(r, key))
                x = [place(r, key) for r in line]
                color = plt.get_cmap("tab10")(i)
                axis.plot(x, [r.tokens_per_second for r in line], "o-", color=color, label=engine + (f", T {T}" if T else ""), markersize=3)
                axis.plot(x, [r.model_tokens_per_second for r in line], "--", color=color, linewidth=0.8)
        axis.set(xlabel=words, yscale="log")
        if group == "growth_threads":
            axis.set_xticks(sorted(of.each("threads")))
        else:
            axis.set_xscale("log", base=2)
        axis.legend(fontsize="small", frameon=False)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("tokens/s; dashed: what the ceiling allows")
    figure.savefig(file, metadata={"Date": None})


def main(arguments):
    tables_only = "--tables" in arguments
    folder, *files = [a for a in arguments if a != "--tables"]
    folder = pathlib.Path(folder)
    context, rows = load(files)
    folder.mkdir(parents=True, exist_ok=True)
    only = context.get("restricted_to", "")
    (folder / f"cpu{'_' if only else ''}{only.lower()}.md").write_text(page(context, rows))
    if tables_only or only:
        return
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "exactmoe", "svg.fonttype": "none"})
    import matplotlib.pyplot as plt
    if rows.where(group="layer").timed().rows:
        share_plot(rows.where(group="layer"), folder / "share_of_ceiling.svg", plt)
    if any(r.group.startswith("growth") for r in rows):
        growth_plot(rows, folder / "growth.svg", plt)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1:])
