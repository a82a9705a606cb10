// Drawings about cost.
#include <fmt/format.h>

#include <algorithm>

#include "reference/accounting/step.h"
#include "tests/docs/accounting_models.h"
#include "tests/docs/docs_fragments.h"
#include "tests/docs/svg.h"

namespace moe::docs {
namespace {

using namespace accounting;

double real(Index n) { return static_cast<double>(n); }

std::size_t family(const Counted& c) {
  if (c.counts[Component::routed_experts].total == 0) return 7;
  if (c.name.starts_with("DeepSeek")) return 0;
  if (c.name.starts_with("Qwen")) return 1;
  if (c.name.starts_with("Mixtral") || c.name.starts_with("Phi") || c.name.starts_with("DBRX") || c.name.starts_with("OLMoE")) return 2;
  if (c.name.starts_with("Switch") || c.name.starts_with("ST") || c.name.starts_with("NLLB") || c.name.starts_with("GLaM")) return 4;
  if (c.name.starts_with("Jamba") || c.name.starts_with("MiniMax") || c.name.starts_with("Nemotron")) return 5;
  return 3;
}

}  // namespace

std::string total_against_active() {
  Plot plot("Total against active parameters (C1)",
            {"total parameters", 1e9, 2e12, true, {{1e9, "1 B"}, {1e10, "10 B"}, {1e11, "100 B"}, {1e12, "1 T"}}},
            {"active for one token", 1e8, 2e11, true, {{1e8, "0.1 B"}, {1e9, "1 B"}, {1e10, "10 B"}, {1e11, "100 B"}}});
  for (const double share : {1.0, 0.1, 0.01})
    plot.line({{1e9 * std::max(1.0, 0.1 / share), 1e9 * share * std::max(1.0, 0.1 / share)}, {std::min(2e12, 2e11 / share), std::min(2e11, 2e12 * share)}}, "#bbb",
              fmt::format("{:.0f} %", 100 * share), true);
  for (const Counted& c : all_counted()) {
    if (c.counts.total < 1'000'000'000) continue;
    plot.point(real(c.counts.total), real(c.counts.c1), colour(family(c)), c.name, c.counts.total > 300'000'000'000);
  }
  return plot.text();
}

std::string decode_bytes_over_batch() {
  Plot plot("Bytes that one decode step reads, bf16 weights, context 4096",
            {"sequences in the batch", 1, 1024, true, {{1, "1"}, {4, "4"}, {16, "16"}, {64, "64"}, {256, "256"}, {1024, "1024"}}},
            {"bytes", 1e9, 4e12, true, {{1e9, "1 GB"}, {1e10, "10 GB"}, {1e11, "100 GB"}, {1e12, "1 TB"}}});
  std::size_t i = 0;
  for (const char* name : {"Mixtral-8x7B", "Qwen3-30B-A3B", "DeepSeek-V3", "gpt-oss-20b", "OLMoE-1B-7B-0924", "Llama-3-70B"}) {
    const Counted c = counted(name);
    std::vector<std::pair<double, double>> all, weights_only;
    for (Index B = 1; B <= 1024; B *= 2) {
      const StepBytes bytes = step_bytes(c.model, formats_all(Format::bf16), B, 4096, {});
      all.emplace_back(real(B), bytes.sum());
      weights_only.emplace_back(real(B), bytes.dense + bytes.experts);
    }
    plot.line(all, colour(i), name);
    plot.line(weights_only, colour(i), "", true);
    i++;
  }
  return plot.text();
}

std::string component_shares() {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < kComponents; i++) parts.emplace_back(name_of(static_cast<Component>(i)));
  std::vector<Bar> rows;
  for (const Counted& c : all_counted()) {
    Bar bar{c.name, {}};
    for (const Count& n : c.counts.components) bar.parts.push_back(real(n.active) / real(c.counts.c1));
    rows.push_back(bar);
  }
  return bars("Of what one token meets (C1): the share of each component", parts, rows);
}

}  // namespace moe::docs
