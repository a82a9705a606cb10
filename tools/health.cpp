#include "tools/health.h"

#include <fmt/format.h>

#include "reference/health.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"
#include "tools/run_tiers.h"

namespace moe::tools {
namespace {

using namespace moe::reference;

// What the metrics read of a pass.
struct Pass {
  Matrix p;  // [T,E] probabilities
  IntMatrix selected;
  Counts load;
  Entropy entropy;
  Drops drops;
  float of_mean = 0;  // of the mean probabilities, / log E
};

Matrix probabilities(const SparseLayer& layer, const Recording& trace) {
  const Score score = layer.router.config.score;
  if (score == Score::sigmoid || score == Score::sqrt_softplus) return normalised_scores(numbers(trace, "scores"));
  const Matrix z = numbers(trace, "logits");
  Matrix p(z.rows(), z.cols());
  for (Index t = 0; t < z.rows(); t++) {
    const std::vector<float> row = softmax({z.row(t).begin(), z.row(t).end()});
    for (Index e = 0; e < z.cols(); e++) p(t, e) = row[static_cast<std::size_t>(e)];
  }
  return p;
}

Pass look(const SparseLayer& layer, const Recording& trace) {
  Pass pass{.p = probabilities(layer, trace), .selected = integers(trace, "selected"), .load = {}, .entropy = {}, .drops = {}};
  const Index E = pass.p.cols();
  pass.load = counts(pass.selected, E);
  pass.entropy = entropy(pass.p);
  pass.drops = drops(pass.selected, integers(trace, "positions"));
  if (E > 1) pass.of_mean = pass.entropy.of_mean / numerics::log(static_cast<float>(E));
  return pass;
}

float balance(const Pass& pass) { return balance_loss(balance_named("megatron"), pass.p, pass.selected, 1); }

}  // namespace

Json health_json(const SparseLayer& layer, const Recording& trace) {
  const Pass pass = look(layer, trace);
  return {{"load", pass.load},
          {"max_over_mean", max_over_mean(pass.load)},
          {"load_cv", load_cv(pass.load)},
          {"gini", gini(pass.load)},
          {"dead_experts", dead_experts(pass.load, 0)},
          {"entropy", pass.entropy.relative},
          {"entropy_of_mean", pass.of_mean},
          {"drop_rate", pass.drops.rate},
          {"balance", balance(pass)}};
}

std::string describe_health(const SparseLayer& layer, const Recording& trace) {
  const Pass pass = look(layer, trace);
  const std::size_t dead = dead_experts(pass.load, 0).size();
  std::string text = fmt::format("  load max/mean {:.2f}, CV {:.2f}, {} of {} experts idle; balance {:.3f}; entropy {:.0f} % of a token, {:.0f} % of the mean",
                                 max_over_mean(pass.load), load_cv(pass.load), dead, pass.load.size(), balance(pass),
                                 100 * pass.entropy.relative, 100 * pass.of_mean);
  if (layer.capacity) text += fmt::format("; {:.1f} % dropped", 100 * pass.drops.rate);
  return paint(Ink::dim, text) + "\n";
}

}  // namespace moe::tools
