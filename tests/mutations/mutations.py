"""The breaks that mutate.py tries: each a slip that someone could make in good faith, and the stage that the report must name."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    old: str  # stands exactly once in the file
    new: str
    breaks: str  # in words
    report: str  # regular expression that the failing check must print
    target: str = "grid_test"
    arguments: tuple = ("--gtest_filter=Grid.*",)


def stage(*names):
    """The comparator's report with one of these as the first stage that differs."""
    return rf"(?m)^stage +({'|'.join(names)}) \("


MUTATIONS = [
    # ------------------------------------------------------------------------------- reference
    Mutation("reference_unfused", "reference/linear.cpp",
             "sum = std::fma(a[d], b[d], sum);", "sum = a[d] * b[d] + sum;",
             "a product is rounded before it is added", stage("logits")),
    Mutation("reference_library_exp", "reference/router_scores.cpp",
             "numerics::exp(z[i] - largest)", "std::exp(z[i] - largest)",
             "the C library's exponential", stage("scores", "weights")),
    Mutation("reference_slots_backwards", "reference/combine.cpp",
             "for (Index k = 0; k < K; k++) {", "for (Index k = K - 1; k >= 0; k--) {",
             "slots are added last to first", stage("combined")),
    Mutation("reference_gate_for_up", "reference/expert.cpp",
             "gated_activation(activation, gate(r, f), hidden(r, f))", "gated_activation(activation, hidden(r, f), gate(r, f))",
             "gate and up change places", stage("hidden")),
    Mutation("reference_wrong_group", "reference/router_selection.cpp",
             "kept[e / std::size_t(size)]", "kept[e % judged.size()]",
             "an expert belongs to another group", stage("selected")),
    # ------------------------------------------------------------------------------------- cpu
    Mutation("cpu_k_backwards", "cpu/multiply.cpp",
             "two_k<Format, R, P>(a + 2 * i * R, b + i * pair_bytes, panel_bytes, acc)",
             "two_k<Format, R, P>(a + (kStep - 2 - 2 * i) * R, b + (kStep / 2 - 1 - i) * pair_bytes, panel_bytes, acc)",
             "each stretch of a chain runs backwards", stage("logits")),
    Mutation("cpu_last_tile_skipped", "cpu/multiply.cpp",
             "for (Index t = block.first_tile; t < block.last_tile; t++) {",
             "for (Index t = block.first_tile; t < block.last_tile - 1; t++) {",
             "the last tile of a block is not computed", stage("logits", "hidden", "expert_out", "shared")),
    Mutation("cpu_sum_in_pairs", "cpu/router.cpp",
             "for (const float p_i : p) sum = sum + p_i;",
             "for (std::size_t i = 0; i < p.size(); i += 2) sum = sum + (i + 1 < p.size() ? p[i] + p[i + 1] : p[i]);",
             "the softmax's sum is made in pairs", stage("scores", "weights")),
    Mutation("cpu_unfused_combine", "cpu/combine.cpp",
             "sum[d] = std::fma(weight, row[d], sum[d]);", "sum[d] = weight * row[d] + sum[d];",
             "the weighted sum is not fused", stage("combined")),
    Mutation("cpu_silu_in_two_steps", "cpu/activation.cpp",
             "hidden[i] = numerics::silu(gate[i]) * up[i];", "hidden[i] = gate[i] * numerics::sigmoid(gate[i]) * up[i];",
             "silu is rounded twice: x times sigmoid(x)", stage("hidden", "shared")),
    Mutation("cpu_later_of_equals", "cpu/router.cpp",
             "std::ranges::greater()", "[](std::uint64_t a, std::uint64_t b) { return a >> 32 > b >> 32; }",
             "equal scores come in any order", stage("selected")),
    # ------------------------------------------------------------------------------------ cuda
    Mutation("cuda_barrier_dropped", "cuda/dispatch.cu",
             "  __syncthreads();  // without it: the experts of neighbours are not there yet\n", "",
             "a barrier is missing before a pair looks at its neighbours", stage("positions")),
    Mutation("cuda_stores_not_awaited", "cuda/multiply.cuh",
             "    store(tiles, 0);\n    __syncthreads();", "    store(tiles, 0);\n    //",
             "a barrier is missing between storing a tile and reading it", stage("logits")),
    Mutation("cuda_syncwarp_dropped", "cuda/router.cu",
             "  __syncwarp();  // without it: lane 0 adds what other lanes have not written yet\n", "",
             "a warp's barrier is missing in the softmax", stage("scores", "weights")),
    Mutation("cuda_padded_tail", "cuda/multiply.cuh",
             "d < depth - d0; d++", "d < kDepth; d++",
             "the last, shallow tile is taken for a whole one", stage("logits")),
    Mutation("cuda_unfused_lane", "cuda/combine.cu",
             "sum.z = __fmaf_rn(w, v.z, sum.z);", "sum.z = __fadd_rn(__fmul_rn(w, v.z), sum.z);",
             "one column in four is not fused", stage("combined")),
    Mutation("cuda_first_slot_for_all", "cuda/dispatch.cu",
             "rows.data + positions[pair] * rows.stride + d", "rows.data + positions[t * K] * rows.stride + d",
             "all copies of a token go to the row of its first slot", stage("dispatched")),
    Mutation("cuda_bias_of_first_expert", "cuda/expert.cu",
             "const Index bias_offset = tile.expert * row_stride(up.outputs) + n;", "const Index bias_offset = n;",
             "every expert takes the first one's bias", stage("hidden")),
    # -------------------------------------------------------------------- what all tiers share
    Mutation("shared_zero_signs_differ", "reference/numerics/top_k_key.h",
             "u = u == sign ? 0 : u;", "u = u == sign ? sign : u;",
             "-0 ranks below +0 on every tier", r"TopKKey", "numerics_top_k_key_test", ()),
    Mutation("shared_bf16_of_nan", "reference/numerics/formats.h",
             "is_nan(x) ? 0x7fc0 : rounded", "rounded",
             "a NaN becomes infinity or zero in bf16", r"Formats\.EncodingNan", "numerics_formats_test", ()),
]
