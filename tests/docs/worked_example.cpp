// Token choice on four tokens and three experts, every number from a trace of the reference.
#include <fmt/format.h>

#include <algorithm>

#include "reference/sparse.h"
#include "tests/docs/docs_fragments.h"

namespace moe::docs {
namespace {

Matrix matrix(Index rows, const std::vector<float>& values) {
  Matrix m(rows, static_cast<Index>(values.size()) / rows);
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

Ffn network(const std::vector<float>& gate, const std::vector<float>& up, const std::vector<float>& down) {
  return {.gate = matrix(2, gate), .up = matrix(2, up), .down = matrix(2, down),
          .gate_bias = {}, .up_bias = {}, .down_bias = {}};
}

SparseLayer layer() {
  SparseLayer l;
  l.router.config = {.chosen = 2, .normalisation = Normalisation::sum};
  l.router.weight = matrix(3, {1, 0, 0, 1, -0.5F, -0.5F});
  l.experts.ffn = {network({1, 0, 0, 1}, {1, 1, 1, -1}, {1, 0, 0, 1}),
                   network({0, 1, 1, 0}, {2, 0, 0, 2}, {1, 1, 1, -1}),
                   network({-1, 0, 0, -1}, {1, 0, 0, 1}, {0, 1, 1, 0})};
  return l;
}

const Matrix kTokens = matrix(4, {1, 2, 2, 1, -1, -2, 1, 1});

std::string element(const Stage& stage, std::size_t i) {
  if (const auto* reals = std::get_if<std::vector<float>>(&stage.values)) return decimal((*reals)[i]);
  return fmt::format("{}", std::get<std::vector<std::int32_t>>(stage.values)[i]);
}

// Row r of a stage: its values with a space between.
std::string cells(const Stage& stage, Index r) {
  const Index width = stage.shape[1];
  std::string text;
  for (Index c = 0; c < width; c++) text += fmt::format("{}{}", c == 0 ? "" : ", ", element(stage, std::size_t(r * width + c)));
  return text;
}

std::string weights_table(const SparseLayer& l) {
  const auto rows = [](const Matrix& m) {
    std::string text;
    for (Index r = 0; r < m.rows(); r++) {
      text += r == 0 ? "(" : " (";
      for (Index c = 0; c < m.cols(); c++) text += fmt::format("{}{}", c == 0 ? "" : " ", m(r, c));
      text += ")";
    }
    return text;
  };
  Table table({"", "rows of W_gate", "rows of W_up", "rows of W_down"});
  for (std::size_t e = 0; e < l.experts.ffn.size(); e++)
    table.row({fmt::format("expert {}", e), rows(l.experts.ffn[e].gate), rows(l.experts.ffn[e].up), rows(l.experts.ffn[e].down)});
  return fmt::format("Router rows: {}. Tokens: {}.\n\n{}", rows(l.router.weight), rows(kTokens), table.text());
}

// (token, expert) of every dispatched row.
std::vector<std::pair<Index, Index>> owners(const Recording& trace) {
  const auto& rows = std::get<std::vector<std::int32_t>>(trace.find("positions")->values);
  const auto& experts = std::get<std::vector<std::int32_t>>(trace.find("selected")->values);
  const std::size_t K = static_cast<std::size_t>(trace.find("positions")->shape[1]);
  std::vector<std::pair<Index, Index>> result(rows.size());
  for (std::size_t i = 0; i < rows.size(); i++) result[std::size_t(rows[i])] = {static_cast<Index>(i / K), experts[i]};
  return result;
}

}  // namespace

std::string worked_example() {
  const SparseLayer l = layer();
  Recording trace;
  reference::sparse(l, kTokens, &trace);
  const auto row = [&](const char* stage, Index r) { return cells(*trace.find(stage), r); };
  const Index T = kTokens.rows();

  std::string text = weights_table(l) +
                     "\n**The router.** logits: inner products with the router's rows. scores: softmax along a row. selected: the two "
                     "largest, best first. weights: their scores divided by their sum.\n\n";
  Table router({"token", "logits", "scores", "selected", "weights"});
  for (Index t = 0; t < T; t++)
    router.row({fmt::format("{}", t), row("logits", t), row("scores", t), row("selected", t), row("weights", t)});
  text += router.text() +
          "\n**The experts.** dispatched: the tokens, sorted by expert. hidden: silu(gate) · up, by the row's own expert. expert_out: hidden "
          "through its W_down.\n\n";
  Table experts({"row", "of token", "for expert", "dispatched", "hidden", "expert_out"});
  const auto owner = owners(trace);
  for (std::size_t r = 0; r < owner.size(); r++) {
    const auto [t, e] = owner[r];
    const auto i = static_cast<Index>(r);
    experts.row({fmt::format("{}", r), fmt::format("{}", t), fmt::format("{}", e), row("dispatched", i), row("hidden", i), row("expert_out", i)});
  }
  text += experts.text() +
          "\n**Back together.** positions: the rows that hold a token's choices. combined: those rows, weighted and added, slot 0 first. "
          "output: the same, as this layer has no shared expert.\n\n";
  Table back({"token", "positions", "weights", "combined", "output"});
  for (Index t = 0; t < T; t++)
    back.row({fmt::format("{}", t), row("positions", t), row("weights", t), row("combined", t), row("output", t)});
  return text + back.text();
}

}  // namespace moe::docs
