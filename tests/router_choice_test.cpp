// Routers that look up, cast lots or divide evenly: what the reference does against what the papers say.
// That the other tiers do the same is the business of variants_test.
#include "reference/router_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "check/case.h"
#include "reference/error.h"
#include "reference/numerics/elementary.h"
#include "reference/sparse.h"
#include "tests/support/rows.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;
using check::make_batch;
using check::make_sparse_layer;
using check::make_tokens;
using check::parse_case;

// A Hash layer: the table and nothing else decides, with weight 1.
TEST(RouterChoice, TableFollowsTheIds) {
  const Case c = parse_case("preset=hash T=4 D=5 F=3 E=3 K=1 seed=9");
  const SparseLayer layer = make_sparse_layer(c);
  Batch batch{.ids = {7, 0, 7, 60}};
  Recording trace;
  reference::sparse(layer, make_tokens(c), &trace, batch);
  const IntMatrix selected = int_stage(trace, "selected");
  for (Index t = 0; t < 4; t++)
    EXPECT_EQ(selected(t, 0), layer.router.table(batch.ids[std::size_t(t)], 0));
  EXPECT_TRUE(same_bits(Matrix::Ones(4, 1), stage(trace, "weights")));
  EXPECT_EQ(trace.find("logits"), nullptr);
}

// DeepSeek-V4's first layers: experts by id, weights from the scores, normalised and scaled.
TEST(RouterChoice, TableMayTakeWeightsFromScores) {
  const Case c = parse_case("preset=deepseek_v4_hash T=6 D=5 F=3 E=8 K=3 seed=9");
  const Recording trace = reference_trace(c, make_batch(c));
  const Matrix scores = stage(trace, "scores"), weights = stage(trace, "weights");
  const IntMatrix selected = int_stage(trace, "selected");
  for (Index t = 0; t < c.T; t++) {
    double sum = 0;
    for (Index k = 0; k < 3; k++) sum += double{scores(t, selected(t, k))};
    for (Index k = 0; k < 3; k++)  // a sum of 3, a division, a product: 4 roundings and one more
      EXPECT_NEAR(weights(t, k), 1.5 * double{scores(t, selected(t, k))} / sum, 5 * 0x1p-24 * 1.5);
  }
}

TEST(RouterChoice, IdsAreChecked) {
  const Case c = parse_case("preset=hash T=3 E=3 K=1");
  const auto message = [&](std::vector<std::int32_t> ids) -> std::string {
    try {
      reference_trace(c, {.ids = std::move(ids)});
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({1, 2}), "router reads a table of token ids, and 2 ids came, expected 3");
  EXPECT_EQ(message({1, 61, 2}), "token 1 has id 61, expected 0 to 60");
  EXPECT_EQ(message({1, 2, -1}), "token 2 has id -1, expected 0 to 60");
}

std::map<int, int> counts(const IntMatrix& m) {
  std::map<int, int> count;
  for (Index i = 0; i < m.size(); i++) count[m.data()[i]]++;
  return count;
}

// THOR: one lot for a training batch and another in the next step; a lot for each token afterwards.
TEST(RouterChoice, ThorDrawsOncePerBatchInTraining) {
  std::map<int, int> batches;
  for (std::uint32_t step = 0; step < 400; step++) {
    const IntMatrix S = random_choice(9, 4, 1, {.seed = 5, .step = step, .training = true});
    ASSERT_EQ(counts(S).size(), 1U) << "step " << step;
    batches[S(0, 0)]++;
  }
  const std::map<int, int> tokens = counts(random_choice(40000, 4, 1, {.seed = 5}));
  ASSERT_EQ(batches.size(), 4U);
  ASSERT_EQ(tokens.size(), 4U);
  for (int e = 0; e < 4; e++) {  // five standard deviations of a binomial
    EXPECT_NEAR(batches.at(e), 100, 5 * std::sqrt(400 * 0.25 * 0.75));
    EXPECT_NEAR(tokens.at(e), 10000, 5 * std::sqrt(40000 * 0.25 * 0.75));
  }
}

// BASE: in training every expert gets its share of tokens, later the best expert whatever its load;
// the weight is the sigmoid of the affinity either way, and the token itself is added.
TEST(RouterChoice, BaseBalancesInTrainingOnly) {
  for (const char* route : {"uniform", "skew:2", "one"}) {
    const Case c = parse_case(std::string("preset=base T=24 D=8 F=5 E=6 seed=4 route=") + route);
    Batch batch = make_batch(c);
    const Recording evaluation = reference_trace(c, batch);
    batch.training = true;
    const Recording training = reference_trace(c, batch);
    for (const auto& [e, n] : counts(int_stage(training, "selected"))) EXPECT_EQ(n, 4) << e;
    EXPECT_EQ(counts(int_stage(training, "selected")).size(), 6U);
    const Matrix z = stage(evaluation, "logits");
    for (const Recording* trace : {&evaluation, &training}) {
      const IntMatrix S = int_stage(*trace, "selected");
      for (Index t = 0; t < c.T; t++)
        EXPECT_EQ(stage(*trace, "weights")(t, 0), numerics::sigmoid(z(t, S(t, 0))));
      EXPECT_TRUE(
          same_bits(Matrix(stage(*trace, "combined") + make_tokens(c)), stage(*trace, "output")));
    }
    for (Index t = 0; t < c.T; t++)
      EXPECT_EQ(z(t, int_stage(evaluation, "selected")(t, 0)), z.row(t).maxCoeff());
    Case odd = c;
    odd.T = 25;
    EXPECT_THROW(reference_trace(odd, batch), Error);
  }
}

TEST(RouterChoice, NonsenseIsRefused) {
  const auto refused = [](const std::string& line, void (*change)(SparseLayer&)) {
    SparseLayer layer = make_sparse_layer(parse_case(line));
    change(layer);
    EXPECT_THROW(validate(layer), Error) << line;
  };
  refused("preset=hash K=1", [](SparseLayer& l) { l.router.table(3, 0) = 8; });
  refused("preset=hash K=1", [](SparseLayer& l) { l.router.table.resize(0, 1); });
  refused("preset=hash K=1", [](SparseLayer& l) { l.router.unscored = 7; });
  refused("preset=hash K=1",
          [](SparseLayer& l) { l.router.config.normalisation = Normalisation::sum; });
  refused("preset=thor K=1", [](SparseLayer& l) { l.router.config.choice = Choice::top_k; });
  refused("preset=base", [](SparseLayer& l) { l.router.config.chosen = 2; });
  refused("preset=shazeer2017", [](SparseLayer& l) { l.router.noise_weight.resize(0, 0); });
  refused("preset=vmoe", [](SparseLayer& l) { l.router.config.noise = -1; });
  refused("preset=gshard_random", [](SparseLayer& l) { l.router.config.later_threshold = 0; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.near_tie = -0.01F; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.near_tie = NAN; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.score = Score::softmax; });
  refused("preset=phimoe", [](SparseLayer& l) { l.router.config.groups = {.count = 4, .kept = 2}; });
  refused("preset=dynamic_moe", [](SparseLayer& l) { l.router.config.later_threshold = NAN; });
  refused("preset=mesh_threshold", [](SparseLayer& l) { l.router.config.later_threshold = INFINITY; });
  refused("preset=gemma4", [](SparseLayer& l) { l.router.input_gain.resize(3); });
  refused("preset=gemma4", [](SparseLayer& l) { l.router.expert_scale[2] = NAN; });
  refused("preset=mixtral", [](SparseLayer& l) { l.router.table.setZero(2, 2); });
  refused("preset=nemotron3_super", [](SparseLayer& l) { l.latent->up.resize(3, 3); });
  refused("preset=longcat", [](SparseLayer& l) { l.experts.identities = -1; });
  refused("preset=minimax_blended", [](SparseLayer& l) { l.shared->gate.resize(0, 0); });
  refused("preset=residual_moe", [](SparseLayer& l) { l.shared->gate_bias.resize(1); });
}

}  // namespace
}  // namespace moe::test
