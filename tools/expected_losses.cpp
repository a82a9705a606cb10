// The auxiliary losses of layer files, each by the convention of the software that its kind of layer comes from: docs/losses.md.
#include <algorithm>
#include <cmath>

#include "reference/io/array_values.h"
#include "reference/linear.h"
#include "reference/losses.h"
#include "reference/router.h"
#include "tools/expected.h"
#include "tools/run_tiers.h"

namespace moe::tools {
namespace {

using namespace moe::reference;

Matrix softmax_rows(const Matrix& z) {
  Matrix p(z.rows(), z.cols());
  for (Index t = 0; t < z.rows(); t++) {
    const std::vector<float> row = softmax({z.row(t).begin(), z.row(t).end()});
    for (Index e = 0; e < z.cols(); e++) p(t, e) = row[static_cast<std::size_t>(e)];
  }
  return p;
}

// Of the logits' softmax; who is best is read from the logits, which round less.
double balance(const char* convention, const Matrix& logits, Index K, Index sequence) {
  return double{balance_loss(balance_named(convention), softmax_rows(logits), best_experts(logits, K), 1, sequence)};
}

// The inner loss of group i for the tokens of one group of tokens: it counts those that hold a place of i as their first choice, and
// divides by the places.
double inner_loss(const Router& router, const Matrix& x, const std::vector<bool>& first, Index C) {
  const Balance& gshard = balance_named("gshard");
  const Matrix z = linear(real_tokens(x, first), router.weight, router.bias);
  const Counts n = counts(best_experts(z, 1), z.cols(), Counted::first_choice);
  return double{balance_sum(load_fractions(gshard, n, C, 1), mean_scores(softmax_rows(z), C))};
}

// Tensor2Tensor's two levels: the outer loss, and the mean of the inner ones over all groups.
double two_level_loss(const HierarchicalLayer& layer, const Matrix& x, const Recording& trace) {
  const IntMatrix selected = integers(trace, "selected"), positions = integers(trace, "positions");
  const Matrix g = numbers(trace, "weights");
  const Index T = x.rows();
  const auto E1 = static_cast<Index>(layer.inner.size());
  const Index size = layer.outer_capacity->group == 0 ? T : layer.outer_capacity->group;
  const Index C = places(*layer.outer_capacity, size, E1, 2);
  double sum = 0;
  for (Index from = 0; from < T; from += size)
    for (Index i = 0; i < E1; i++) {
      std::vector<bool> first(static_cast<std::size_t>(size), false);
      for (Index t = 0; t < size; t++)
        for (Index k = 0; k < selected.cols(); k++)
          if (selected(from + t, k) == i && positions(from + t, k) >= 0 && g(from + t, k) > 0.5F) first[static_cast<std::size_t>(t)] = true;
      sum += inner_loss(layer.inner[static_cast<std::size_t>(i)], x.middleRows(from, size), first, C);
    }
  const Index losses = T == 0 ? 0 : E1 * (T / size);
  const double inner = T == 0 ? 0 : sum / static_cast<double>(losses);
  return balance("gshard", numbers(trace, "logits"), 1, size) + inner;
}

using Loss = std::function<double(const Recording&)>;

// One loss, or where a family has several readings those: the nearest one is compared.
void add(const io::ArrayTable& arrays, const char* name, Expected& expected, std::vector<Loss> readings) {
  const io::Array* array = to_compare(arrays, std::string("out.") + name, expected);
  if (array == nullptr) return;
  const MatrixD value = rows_of(*array, 1, 1);
  expected.others.push_back({name, value, [readings = std::move(readings), wanted = value(0, 0)](const Recording& trace) -> MatrixD {
                               double best = readings.front()(trace);
                               for (std::size_t i = 1; i < readings.size(); i++) {
                                 const double other = readings[i](trace);
                                 if (!(std::abs(best - wanted) <= std::abs(other - wanted))) best = other;
                               }
                               return MatrixD::Constant(1, 1, best);
                             }});
}

// Of the logits' softmax, over sequences of so many tokens (0: all are one).
Loss of_softmax(const char* convention, Index K, Index sequence) {
  return [=](const Recording& trace) {
    const Matrix z = numbers(trace, "logits");
    return balance(convention, z, K, sequence == 0 ? std::max(Index{1}, z.rows()) : sequence);
  };
}

// NLLB counts first choices over the whole batch. Its own program averages the softmax; Hugging Face's class hands on what is left
// of it after dropping: the weights of the choices that found a place.
std::vector<Loss> nllb(Index E) {
  const Loss of_kept = [E](const Recording& trace) {
    const IntMatrix selected = integers(trace, "selected");
    const Matrix kept = gates(selected, numbers(trace, "kept_weights"), E);
    return double{balance_loss(balance_named("gshard"), kept, selected, 1)};
  };
  return {of_softmax("gshard", 1, 0), of_kept};
}

// DeepSeek-V3's, the file being one sequence: the K best scores without bias and groups, or the choice as it was made; or
// Hugging Face's function for all models, which takes the softmax of the logits.
std::vector<Loss> of_sigmoid(Index K) {
  const auto deepseek = [K](bool as_chosen) {
    return [=](const Recording& trace) {
      const Matrix s = numbers(trace, "scores");
      const IntMatrix chosen = as_chosen ? integers(trace, "selected") : best_experts(s, K);
      return double{balance_loss(balance_named("deepseek_v3"), s, chosen, 1, std::max(Index{1}, s.rows()))};
    };
  };
  return {deepseek(false), deepseek(true), of_softmax("hugging_face", K, 0)};
}

// Without places: Hugging Face's for a softmax over all experts, DeepSeek's for sigmoids. With them: Switch's of each sequence,
// NLLB's of the batch, Tensor2Tensor's of each group.
void add_balance(const io::ArrayTable& arrays, const SparseLayer& layer, Expected& expected) {
  const RouterConfig& router = layer.router.config;
  const Index K = router.chosen;
  if (!layer.capacity) {
    if (router.score == Score::sigmoid) add(arrays, "aux_load_balance", expected, of_sigmoid(K));
    else if (router.raw_weight != RawWeight::sigmoid_of_chosen) add(arrays, "aux_load_balance", expected, {of_softmax("hugging_face", K, 0)});
  } else if (layer.capacity->rule == CapacityRule::mesh) {
    add(arrays, "aux_loss", expected, {of_softmax("gshard", 1, layer.capacity->group)});
  } else if (K == 1) {
    add(arrays, "aux_load_balance", expected, {of_softmax("switch_sequence", 1, layer.capacity->group)});
  } else {
    add(arrays, "aux_load_balance", expected, nllb(layer.router.weight.rows()));
  }
}

}  // namespace

void add_losses(const io::ArrayTable& arrays, const Layer& layer, const Matrix& x, Expected& expected) {
  if (const auto* sparse = std::get_if<SparseLayer>(&layer)) {
    add_balance(arrays, *sparse, expected);
    add(arrays, "aux_z", expected, {[](const Recording& trace) { return double{z_loss(numbers(trace, "logits"), 1)}; }});
  } else if (const auto* levels = std::get_if<HierarchicalLayer>(&layer); levels != nullptr && levels->outer_capacity) {
    add(arrays, "aux_loss", expected, {[=, layer = *levels](const Recording& trace) { return two_level_loss(layer, x, trace); }});
  }
}

}  // namespace moe::tools
