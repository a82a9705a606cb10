#include "tests/docs/small_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace moe::docs {
namespace {

Ffn network(const std::vector<float>& gate, const std::vector<float>& up, const std::vector<float>& down) {
  return {.gate = matrix(2, gate), .up = matrix(2, up), .down = matrix(2, down),
          .gate_bias = {}, .up_bias = {}, .down_bias = {}};
}

const Stage& stage(const Recording& trace, std::string_view name) {
  const Stage* found = trace.find(name);
  if (found == nullptr) throw std::runtime_error(fmt::format("the trace has no stage {}", name));
  return *found;
}

// (token, expert) of every dispatched row.
std::vector<std::pair<Index, Index>> owners(const Recording& trace, std::string_view experts, std::string_view positions) {
  std::vector<std::pair<Index, Index>> result(static_cast<std::size_t>(height(trace, "dispatched")));
  for (Index t = 0; t < height(trace, positions); t++)
    for (Index k = 0; k < stage(trace, positions).shape[1]; k++)
      if (const Index r = integer(trace, positions, t, k); r >= 0)
        result[static_cast<std::size_t>(r)] = {t, integer(trace, experts, t, k)};
  return result;
}

}  // namespace

Matrix matrix(Index rows, const std::vector<float>& values) {
  Matrix m(rows, static_cast<Index>(values.size()) / rows);
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

const Matrix& small_tokens() {
  static const Matrix tokens = matrix(4, {1, 2, 2, 1, -1, -2, 1, 1});
  return tokens;
}

Experts small_experts(Index E) {
  Experts experts;
  experts.ffn = {network({1, 0, 0, 1}, {1, 1, 1, -1}, {1, 0, 0, 1}), network({0, 1, 1, 0}, {2, 0, 0, 2}, {1, 1, 1, -1}),
                 network({-1, 0, 0, -1}, {1, 0, 0, 1}, {0, 1, 1, 0}), network({1, 1, 1, -1}, {1, 0, 0, 1}, {1, 0, 0, 1})};
  experts.ffn.resize(static_cast<std::size_t>(E));
  return experts;
}

Router small_router(Index K) {
  return {.config = {.chosen = K}, .weight = matrix(3, {1, 0, 0, 1, -0.5F, -0.5F}), .bias = {}, .selection_bias = {}};
}

std::string rows(const Matrix& m) {
  std::string text;
  for (Index r = 0; r < m.rows(); r++) {
    text += r == 0 ? "(" : " (";
    for (Index c = 0; c < m.cols(); c++) text += fmt::format("{}{}", c == 0 ? "" : " ", m(r, c));
    text += ")";
  }
  return text;
}

std::string list(const std::vector<Index>& values) {
  std::string text;
  for (const Index value : values) text += fmt::format("{}{}", text.empty() ? "" : ", ", value);
  return text;
}

std::string givens(const std::string& first_line, const Experts& experts) {
  Table table({"", "rows of W_gate", "rows of W_up", "rows of W_down"});
  for (std::size_t e = 0; e < experts.ffn.size(); e++)
    table.row({fmt::format("expert {}", e), rows(experts.ffn[e].gate), rows(experts.ffn[e].up), rows(experts.ffn[e].down)});
  return fmt::format("{} Tokens: {}.\n\n{}", first_line, rows(small_tokens()), table.text());
}

std::string row(const Recording& trace, std::string_view name, Index r) {
  const Stage& values = stage(trace, name);
  std::string text;
  for (Index c = 0; c < values.shape[1]; c++) {
    const auto i = static_cast<std::size_t>(r * values.shape[1] + c);
    text += c == 0 ? "" : ", ";
    if (const auto* reals = std::get_if<std::vector<float>>(&values.values)) text += decimal(reals->at(i));
    else text += fmt::format("{}", std::get<std::vector<std::int32_t>>(values.values).at(i));
  }
  return text;
}

Index integer(const Recording& trace, std::string_view name, Index r, Index c) {
  const Stage& values = stage(trace, name);
  return std::get<std::vector<std::int32_t>>(values.values).at(static_cast<std::size_t>(r * values.shape[1] + c));
}

Index height(const Recording& trace, std::string_view name) { return stage(trace, name).shape[0]; }

std::string experts_table(const Recording& trace, std::string_view experts, std::string_view positions) {
  Table table({"row", "of token", "for expert", "dispatched", "hidden", "expert_out"});
  const auto owner = owners(trace, experts, positions);
  for (std::size_t i = 0; i < owner.size(); i++) {
    const auto r = static_cast<Index>(i);
    table.row({fmt::format("{}", r), fmt::format("{}", owner[i].first), fmt::format("{}", owner[i].second),
               row(trace, "dispatched", r), row(trace, "hidden", r), row(trace, "expert_out", r)});
  }
  return table.text();
}

std::string back_table(const Recording& trace, std::string_view positions, std::string_view weights) {
  Table table({"token", "positions", "weights", "combined", "output"});
  for (Index t = 0; t < height(trace, "output"); t++)
    table.row({fmt::format("{}", t), row(trace, positions, t), row(trace, weights, t), row(trace, "combined", t),
               row(trace, "output", t)});
  return table.text();
}

}  // namespace moe::docs
