// The auxiliary losses of layer files, each by the convention of the software that its kind of layer comes from: docs/losses.md.
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
  const double inner = T == 0 ? 0 : sum / static_cast<double>(E1 * (T / size));
  return balance("gshard", numbers(trace, "logits"), 1, size) + inner;
}

void add(const io::ArrayTable& arrays, const char* name, Expected& expected, std::function<double(const Recording&)> loss) {
  const io::Array* array = to_compare(arrays, std::string("out.") + name, expected);
  if (array == nullptr) return;
  expected.others.push_back({name, rows_of(*array, 1, 1), [loss = std::move(loss)](const Recording& trace) -> MatrixD {
                               return MatrixD::Constant(1, 1, loss(trace));
                             }});
}

// Without places: Hugging Face's for a softmax over all experts. With them: Switch's of each sequence, Tensor2Tensor's of each group.
void add_balance(const io::ArrayTable& arrays, const SparseLayer& layer, Expected& expected) {
  const Index K = layer.router.config.chosen;
  const auto loss = [](const char* convention, Index chosen, Index sequence) {
    return [=](const Recording& trace) {
      const Matrix z = numbers(trace, "logits");
      return balance(convention, z, chosen, sequence == 0 ? z.rows() : sequence);
    };
  };
  const bool sigmoid = layer.router.config.score == Score::sigmoid || layer.router.config.raw_weight == RawWeight::sigmoid_of_chosen;
  if (!layer.capacity && !sigmoid) add(arrays, "aux_load_balance", expected, loss("hugging_face", K, 0));
  if (!layer.capacity) return;
  if (layer.capacity->rule == CapacityRule::mesh)
    add(arrays, "aux_loss", expected, loss("gshard", 1, layer.capacity->group));
  else if (K == 1)
    add(arrays, "aux_load_balance", expected, loss("switch_sequence", 1, layer.capacity->group));
}

}  // namespace

void add_losses(const io::ArrayTable& arrays, const Layer& layer, const Matrix& x, Expected& expected) {
  if (const auto* sparse = std::get_if<SparseLayer>(&layer)) {
    add_balance(arrays, *sparse, expected);
    add(arrays, "aux_z", expected, [](const Recording& trace) { return double{z_loss(numbers(trace, "logits"), 1)}; });
  } else if (const auto* levels = std::get_if<HierarchicalLayer>(&layer); levels != nullptr && levels->outer_capacity) {
    add(arrays, "aux_loss", expected, [=, layer = *levels](const Recording& trace) { return two_level_loss(layer, x, trace); });
  }
}

}  // namespace moe::tools
