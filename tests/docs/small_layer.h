// The tokens, routers and experts of the worked examples, small enough for paper, and stages as text.
#pragma once
#include <utility>

#include "reference/dispatch.h"
#include "reference/layer.h"
#include "reference/trace.h"
#include "tests/docs/docs_fragments.h"

namespace moe::docs {

/// A matrix of that many rows from its numbers, row-major.
Matrix matrix(Index rows, const std::vector<float>& values);

/// Four tokens of width 2: [4,2].
const Matrix& small_tokens();

/// Three experts with D = F = 2 and SwiGLU; of them, or of them and a fourth, the first E.
Experts small_experts(Index E = 3);

/// Its three router rows and those K, softmax scores.
Router small_router(Index K);

/// "(1 0) (0 1)".
std::string rows(const Matrix& m);
/// "1, 2"
std::string list(const std::vector<Index>& values);
/// Tokens, router rows and experts of an example: what a reader needs to redo it.
std::string givens(const std::string& first_line, const Experts& experts);

/// Row r of a stage: its values with a comma between. Throws std::runtime_error if there is no such stage.
std::string row(const Recording& trace, std::string_view stage, Index r);
/// Element of a stage of integers.
Index integer(const Recording& trace, std::string_view stage, Index r, Index c);
/// Rows of a stage.
Index height(const Recording& trace, std::string_view stage);

/// Tables "experts" (one row for each dispatched row) and "back together" (one row for each token).
///   experts: [T,K] stage of chosen experts; weights: that of the weights that combine uses.
///   positions: that of the rows.
std::string experts_table(const Recording& trace, std::string_view experts, std::string_view positions);
std::string back_table(const Recording& trace, std::string_view positions, std::string_view weights);

}  // namespace moe::docs
