// Routers that draw, look up or divide evenly, and the ways a shared expert joins, on the four tokens of the other examples.
#include <fmt/format.h>

#include "reference/presets.h"
#include "reference/sparse.h"
#include "tests/docs/small_layer.h"

namespace moe::docs {
namespace {

std::string number(Index i) { return fmt::format("{}", i); }

// Training step `step` of the tokens, whose ids are 2, 0, 1, 2.
Batch training(std::uint32_t step) {
  return {.ids = {2, 0, 1, 2}, .first = 0, .seed = 3, .step = step, .training = true};
}

Recording run(const Router& router, const Batch& batch, const std::optional<Shared>& shared = {}) {
  const SparseLayer layer{.router = router, .capacity = {}, .experts = small_experts(), .shared = shared};
  Recording trace;
  reference::sparse(layer, small_tokens(), &trace, batch);
  return trace;
}

Router by_table() {
  Router router = small_router(1);
  router.weight.resize(0, 2);
  router.unscored = 3;
  router.config = {.chosen = 1, .choice = Choice::table, .raw_weight = RawWeight::one};
  router.table.resize(3, 1);
  router.table << 1, 0, 2;
  return router;
}

Router by_lot() {
  Router router = by_table();
  router.config.choice = Choice::random;
  router.table.resize(0, 0);
  return router;
}

Router evenly() {  // BASE: two tokens for each of two experts
  Router router = small_router(1);
  router.weight.conservativeResize(2, 2);
  router.config = {.chosen = 1, .score = Score::logit, .choice = Choice::balanced, .raw_weight = RawWeight::sigmoid_of_chosen};
  return router;
}

Recording run_base(bool in_training) {
  const SparseLayer layer{.router = evenly(), .capacity = {}, .experts = small_experts(2), .shared = {}, .residual = true};
  Batch batch = training(0);
  batch.training = in_training;
  Recording trace;
  reference::sparse(layer, small_tokens(), &trace, batch);
  return trace;
}

std::string noise_table() {
  Router router = small_router(2);
  router.config.noise_kind = Noise::learned_gaussian;
  router.config.noise = 0.01F;
  router.config.score = Score::logit;
  router.config.raw_weight = RawWeight::softmax_of_chosen;
  router.noise_weight = Matrix::Zero(3, 2);
  Table table({"token", "logits", "noisy_logits, step 0", "selected", "weights", "selected at step 1", "selected afterwards"});
  Batch after = training(0);
  after.training = false;
  const Recording first = run(router, training(0)), next = run(router, training(1)), clean = run(router, after);
  for (Index t = 0; t < 4; t++)
    table.row({number(t), row(first, "logits", t), row(first, "noisy_logits", t), row(first, "selected", t), row(first, "weights", t),
               row(next, "selected", t), row(clean, "selected", t)});
  return table.text();
}

std::string later_table() {
  Router router = small_router(2);
  router.config.normalisation = Normalisation::sum;
  const Recording all = run(router, training(0));
  router.config.later = LaterSlots::random;
  router.config.later_threshold = 0.5F;
  const Recording drawn = run(router, training(0)), next = run(router, training(1));
  Table table({"token", "selected", "weights", "chance of the second", "kept at step 0", "kept at step 1"});
  for (Index t = 0; t < 4; t++) {
    const std::string weights = row(all, "weights", t);
    const float second = std::stof(weights.substr(weights.find(',') + 1));
    table.row({number(t), row(all, "selected", t), weights, decimal(std::min(1.0F, 2 * second)), row(drawn, "selected", t),
               row(next, "selected", t)});
  }
  return table.text();
}

std::string near_tie_table() {
  Router router = small_router(2);
  router.config = preset("phimoe").router;
  router.config.noise_kind = Noise::none;
  router.config.near_tie = 0.25F;
  Batch after = training(0);
  after.training = false;
  const Recording first = run(router, training(0)), next = run(router, training(1)), clean = run(router, after);
  Table table({"token", "logits", "drawn at step 0", "weights", "drawn at step 1", "weights", "afterwards", "weights"});
  for (Index t = 0; t < 4; t++)
    table.row({number(t), row(first, "logits", t), row(first, "selected", t), row(first, "weights", t), row(next, "selected", t),
               row(next, "weights", t), row(clean, "selected", t), row(clean, "weights", t)});
  return table.text();
}

}  // namespace

std::string router_choice_example() {
  std::string text = givens(fmt::format("Router rows: {}. Token ids: 2, 0, 1, 2. Seed 3.", rows(small_router(1).weight)), small_experts()) +
                     "\n**Table, lot, auction.** One expert a token. The table sends id 0 to expert 1, id 1 to expert 0, id 2 to expert 2. The lot is THOR's: one for "
                     "a training batch, one for each token afterwards. The auction is BASE's, with experts 0 and 1: two tokens each in training, the better "
                     "expert afterwards.\n\n";
  Batch after = training(0);
  after.training = false;
  const Recording table = run(by_table(), after), lot = run(by_lot(), training(0)), next = run(by_lot(), training(1)),
                  each = run(by_lot(), after), base = run_base(true), free = run_base(false);
  Table choices({"token", "by table", "by lot, step 0", "by lot, step 1", "by lot, afterwards", "affinities", "evenly", "afterwards", "its weight"});
  for (Index t = 0; t < 4; t++)
    choices.row({number(t), row(table, "selected", t), row(lot, "selected", t), row(next, "selected", t), row(each, "selected", t),
                 row(base, "logits", t), row(base, "selected", t), row(free, "selected", t), row(base, "weights", t)});
  return text + choices.text() +
         "\n**Noise.** Shazeer's router with noise weights of zero, as they are before the first step: a deviation of ln 2 + 0.01 for every logit. K = 2.\n\n" +
         noise_table() + "\n**A second expert by chance.** GShard: weights divided by their sum, then the second stays with probability min(1, 2 w).\n\n" +
         later_table() +
         "\n**Near ties.** SparseMixer with a gap of half, so that something ties, and no jitter. K = 2.\n\n" + near_tie_table();
}

std::string shared_example() {
  const Router router = [] {
    Router r = small_router(2);
    r.config.normalisation = Normalisation::sum;
    return r;
  }();
  Shared shared{.activation = {}, .ffn = small_experts(4).ffn[3], .gate = {}};
  struct Join {
    const char* name;
    SharedJoin join;
    Matrix gate;
  };
  const std::vector<Join> joins = {{"added, no gate", SharedJoin::added, {}},
                                   {"added, sigmoid", SharedJoin::added, matrix(1, {1, -1})},
                                   {"blended", SharedJoin::blended, matrix(1, {1, -1})},
                                   {"weighed", SharedJoin::weighed, matrix(2, {0, 0, 1, -1})}};
  std::string text = givens("The layer of [token choice](sparse.md), and as shared expert the network of expert 3 below. Gate: (1 -1), weighed: (0 0) (1 -1).",
                            small_experts(4)) +
                     "\n**Four ways to join.** shared: the network's output times its share. output: what is left of combined, plus shared.\n\n";
  std::vector<Recording> traces;
  for (const Join& j : joins) {
    shared.join = j.join;
    shared.gate = j.gate;
    traces.push_back(run(router, {}, shared));
  }
  Table first({"token", "combined", "shared, no gate", "output", "shared, sigmoid", "output"});
  Table second({"token", "shared, blended", "output", "shared, weighed", "output"});
  for (Index t = 0; t < 4; t++) {
    first.row({number(t), row(traces[0], "combined", t), row(traces[0], "shared", t), row(traces[0], "output", t),
               row(traces[1], "shared", t), row(traces[1], "output", t)});
    second.row({number(t), row(traces[2], "shared", t), row(traces[2], "output", t), row(traces[3], "shared", t),
                row(traces[3], "output", t)});
  }
  return text + first.text() + "\n" + second.text() +
         "\nThe last two are the same function: softmax of (0, z) is (1 - sigmoid(z), sigmoid(z)) in the real numbers, and here the outputs may part in the last bit.\n";
}

}  // namespace moe::docs
