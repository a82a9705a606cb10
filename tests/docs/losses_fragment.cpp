// The balance losses, the z-loss and the bias of the four tokens of the other examples.
#include <fmt/format.h>

#include "reference/health.h"
#include "reference/losses.h"
#include "reference/sparse.h"
#include "tests/docs/small_layer.h"

namespace moe::docs {
namespace {

constexpr Index kExperts = 3, kChosen = 2;
constexpr float kStep = 0.125F;  // u of the bias, large so that it shows

std::string number(Index i) { return fmt::format("{}", i); }

// A stage [T,E] of real numbers, or [T,K] of integers.
template <class M, class Value>
M stage(const Recording& trace, std::string_view name) {
  const Stage& found = *trace.find(name);
  const auto& values = std::get<std::vector<Value>>(found.values);
  M m(found.shape[0], found.shape[1]);
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

std::string tokens_table(const Recording& trace, const Matrix& logits) {
  Table table({"token", "logits", "scores p", "selected", "lse(z)"});
  for (Index t = 0; t < logits.rows(); t++) {
    const std::vector<float> z(logits.row(t).begin(), logits.row(t).end());
    table.row({number(t), row(trace, "logits", t), row(trace, "scores", t), row(trace, "selected", t),
               decimal(reference::log_sum_exp(z))});
  }
  return table.text();
}

std::string experts_table(const Matrix& p, const IntMatrix& selected) {
  const Counts first = reference::counts(selected, kExperts, Counted::first_choice), all = reference::counts(selected, kExperts);
  const Index T = p.rows();
  const Vector of_first = reference::load_fractions(reference::balance_named("switch"), first, T, kChosen);
  const Vector of_all = reference::load_fractions(reference::balance_named("megatron"), all, T, kChosen);
  const Vector P = reference::mean_scores(p, T);
  const Vector bias = reference::bias_update(Vector::Zero(kExperts), all, kStep, BiasRule::sign);
  Table table({"expert", "n, first choices", "f = E n / T", "n, all choices", "f = E n / (K T)", "P", "bias, from 0"});
  for (Index e = 0; e < kExperts; e++)
    table.row({number(e), number(first[std::size_t(e)]), decimal(of_first[e]), number(all[std::size_t(e)]), decimal(of_all[e]),
               decimal(P[e]), decimal(bias[e])});
  return table.text();
}

std::string losses_table(const Matrix& p, const IntMatrix& selected) {
  Table table({"loss, alpha = 1", "over", "value", "at a fair share"});
  for (const char* name : {"switch", "switch_sequence", "flaxformer", "megatron", "deepseek_v2"}) {
    const Balance& balance = reference::balance_named(name);
    const Index sequence = balance.per_sequence ? 2 : 0;
    table.row({fmt::format("`{}`", name), sequence == 0 ? "the batch" : "tokens 0, 1 and tokens 2, 3",
               decimal(reference::balance_loss(balance, p, selected, 1, sequence)),
               number(reference::balanced_value(balance, kChosen))});
  }
  const Balance& megatron = reference::balance_named("megatron");
  table.row({"`megatron`", "tokens 0, 1", decimal(reference::balance_loss(megatron, p.topRows(2), selected.topRows(2), 1)), "1"});
  table.row({"`megatron`", "tokens 2, 3", decimal(reference::balance_loss(megatron, p.bottomRows(2), selected.bottomRows(2), 1)), "1"});
  return table.text();
}

}  // namespace

std::string losses_example() {
  Recording trace;
  const SparseLayer layer{.router = small_router(kChosen), .capacity = {}, .experts = small_experts(), .shared = {}};
  reference::sparse(layer, small_tokens(), &trace);
  const Matrix logits = stage<Matrix, float>(trace, "logits"), p = stage<Matrix, float>(trace, "scores");
  const IntMatrix selected = stage<IntMatrix, std::int32_t>(trace, "selected");
  const Counts all = reference::counts(selected, kExperts);
  Vector n(kExperts);
  for (Index e = 0; e < kExperts; e++) n[e] = static_cast<float>(all[std::size_t(e)]);
  return fmt::format("Router rows: {}. Tokens: {}.\n\n", rows(layer.router.weight), rows(small_tokens())) +
         tokens_table(trace, logits) + "\n" + experts_table(p, selected) + "\n" + losses_table(p, selected) +
         fmt::format("\nz-loss with coefficient 1: {}. Of all choices: CV^2 {} (divisor E) or {} (E - 1), MaxVio {}. The bias moves by u = {}.\n",
                     decimal(reference::z_loss(logits, 1)), decimal(reference::cv_squared(n, Variance::population, 0)),
                     decimal(reference::cv_squared(n, Variance::unbiased, 0)), decimal(reference::max_violation(all)), decimal(kStep));
}

}  // namespace moe::docs
