// Token choice on four tokens and three experts, every number from a trace of the reference.
#include <fmt/format.h>

#include "reference/sparse.h"
#include "tests/docs/small_layer.h"

namespace moe::docs {

std::string worked_example() {
  SparseLayer l{.router = small_router(2), .capacity = {}, .experts = small_experts(), .shared = {}};
  l.router.config.normalisation = Normalisation::sum;
  Recording trace;
  reference::sparse(l, small_tokens(), &trace);

  std::string text = givens(fmt::format("Router rows: {}.", rows(l.router.weight)), l.experts) +
                     "\n**The router.** logits: inner products with the router's rows. scores: softmax along a row. selected: the two "
                     "largest, best first. weights: their scores divided by their sum.\n\n";
  Table router({"token", "logits", "scores", "selected", "weights"});
  for (Index t = 0; t < small_tokens().rows(); t++)
    router.row({fmt::format("{}", t), row(trace, "logits", t), row(trace, "scores", t), row(trace, "selected", t),
                row(trace, "weights", t)});
  text += router.text() +
          "\n**The experts.** dispatched: the tokens, sorted by expert. hidden: silu(gate) · up, by the row's own expert. expert_out: hidden "
          "through its W_down.\n\n";
  text += experts_table(trace, "selected", "positions") +
          "\n**Back together.** positions: the rows that hold a token's choices. combined: those rows, weighted and added, slot 0 first. "
          "output: the same, as this layer has no shared expert.\n\n";
  return text + back_table(trace, "positions", "weights");
}

}  // namespace moe::docs
