// The mixture tree on four tokens: forward, posteriors, and a few steps of each way to fit it.
#include <fmt/format.h>

#include "reference/mixture_tree_fit.h"
#include "reference/mixture_tree_online.h"
#include "tests/docs/small_layer.h"

namespace moe::docs {
namespace {

using reference::GateFit;
using reference::MixtureTree;
using reference::TreeFitOptions;

// (x, 1) for x = -2, -1, 1, 2, and |x|.
const Matrix& tokens() {
  static const Matrix x = matrix(4, {-2, 1, -1, 1, 1, 1, 2, 1});
  return x;
}

const Matrix& targets() {
  static const Matrix y = matrix(4, {2, 1, 1, 2});
  return y;
}

MixtureTree small_tree() {
  return {.top = matrix(2, {1, 0, -1, 0}), .lower = {matrix(2, {0, 1, 0, 0}), matrix(2, {0, 0, 1, 0})},
          .experts = {matrix(1, {1, 0}), matrix(1, {0, 1}), matrix(1, {-1, 0}), matrix(1, {0, 0})}, .variance = 0.25F};
}

std::string numbers(const Matrix& m, Index r) {
  std::string text;
  for (Index c = 0; c < m.cols(); c++) text += (c == 0 ? "" : ", ") + decimal(m(r, c));
  return text;
}

std::string forward_table() {
  const std::vector<std::string> stages{"logits", "scores", "inner_scores", "expert_out", "combined", "output"};
  Recording trace;
  mixture_tree(small_tree(), tokens(), &trace);
  std::vector<std::string> head{"token"};
  head.insert(head.end(), stages.begin(), stages.end());
  Table table(head);
  for (Index t = 0; t < 4; t++) {
    std::vector<std::string> cells{fmt::format("{}", t)};
    for (const std::string& stage : stages) cells.push_back(row(trace, stage, t));
    table.row(cells);
  }
  return table.text();
}

std::string posteriors_table() {
  const auto h = posteriors(small_tree(), tokens(), targets());
  Table table({"token", "y", "h_i", "h_{j\\|i}", "h_ij", "ln P(y\\|x)"});
  for (Index t = 0; t < 4; t++)
    table.row({fmt::format("{}", t), numbers(targets(), t), numbers(h.outer, t), numbers(h.inner, t), numbers(h.joint, t),
               decimal(h.log_likelihood[t])});
  return table.text();
}

std::string experts_of(const MixtureTree& tree) {
  std::string text;
  for (const Matrix& u : tree.experts) text += fmt::format("{}({:.4f} {:.4f})", text.empty() ? "" : " ", u(0, 0), u(0, 1));
  return text;
}

std::string fits_table() {
  const auto fitted = [](const TreeFitOptions& options) { return fit(small_tree(), tokens(), targets(), options); };
  constexpr int iterations = 8;
  const auto one = fitted({.iterations = iterations});
  const auto two = fitted({.gates = GateFit::least_squares, .iterations = iterations});
  const auto learned = fitted({.iterations = iterations, .learn_variance = true, .smallest_variance = 1e-2});
  Table table({"iterations", "Algorithm 1", "Algorithm 2", "Algorithm 1, sigma^2 learned"});
  for (std::size_t n = 0; n <= iterations; n++)
    table.row({fmt::format("{}", n), fmt::format("{:.9f}", one.log_likelihood[n]), fmt::format("{:.9f}", two.log_likelihood[n]),
               fmt::format("{:.9f}", learned.log_likelihood[n])});
  Table after({"", "experts (slope, intercept)", "sigma^2", "means of the four tokens"});
  const auto add = [&](const char* name, const MixtureTree& tree) {
    const Matrix mu = mixture_tree(tree, tokens());
    after.row({name, experts_of(tree), decimal(tree.variance),
               fmt::format("{:.4f}, {:.4f}, {:.4f}, {:.4f}", mu(0, 0), mu(1, 0), mu(2, 0), mu(3, 0))});
  };
  add("start", small_tree());
  add("Algorithm 1", one.tree);
  add("Algorithm 2", two.tree);
  add("sigma^2 learned", learned.tree);
  return table.text() + "\nWhere they end:\n\n" + after.text();
}

std::string online_table() {
  reference::OnlineTree tree = reference::online(small_tree());
  Table table({"after token", "experts (slope, intercept)", "R of expert 0"});
  for (Index t = 0; t < 4; t++) {
    learn(tree, tokens().row(t), targets().row(t));
    const Matrix64& r = tree.expert_inverse[0];
    table.row({fmt::format("{}", t), experts_of(narrowed(tree.weights, reference::TreeLink::identity)),
               fmt::format("({:.4f} {:.4f}) ({:.4f} {:.4f})", r(0, 0), r(0, 1), r(1, 0), r(1, 1))});
  }
  return table.text();
}

}  // namespace

std::string mixture_tree_example() {
  const MixtureTree tree = small_tree();
  return fmt::format("Tokens (x 1): {}. Top gate v: {}. Lower gates: {} and {}. Experts U, in order: {} {} {} {}. Link: identity, "
                     "sigma^2 = {}.\n\n**Forward.**\n\n",
                     rows(tokens()), rows(tree.top), rows(tree.lower[0]), rows(tree.lower[1]), rows(tree.experts[0]),
                     rows(tree.experts[1]), rows(tree.experts[2]), rows(tree.experts[3]), tree.variance) +
         forward_table() + "\n**Posteriors** of the targets y = |x|.\n\n" + posteriors_table() +
         "\n**Fitting.** The log likelihood of the four tokens; a learned sigma^2 is not below 0.01.\n\n" + fits_table() +
         "\n**One token at a time**, from the same start, lambda = 0.99, R = I at first.\n\n" + online_table();
}

}  // namespace moe::docs
