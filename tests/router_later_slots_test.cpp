// How many of its slots a token uses: by chance, above a threshold, until a mass.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "check/case.h"
#include "reference/error.h"
#include "reference/numerics/elementary.h"
#include "reference/router.h"
#include "tests/support/rows.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

using check::Case;
using check::make_batch;
using check::make_sparse_layer;
using check::parse_case;

// GShard: the second expert stays with probability min(1, 2 g2), its weight as it was.
TEST(LaterSlots, SecondExpertStaysByChance) {
  const Case c = parse_case("preset=gshard_random T=4000 D=6 F=1 E=4 K=2 C=8000 seed=8");
  Case all = c;
  all.preset = "gshard";
  const Recording drawn = reference_trace(c, make_batch(c)), kept = reference_trace(all, make_batch(c));
  const Matrix g = stage(kept, "weights"), w = stage(drawn, "weights");
  const IntMatrix S = int_stage(drawn, "selected");
  double expected = 0, variance = 0, found = 0;
  for (Index t = 0; t < c.T; t++) {
    const double p = std::min(1.0, 2 * double{g(t, 1)});
    expected += p;
    variance += p * (1 - p);
    found += S(t, 1) >= 0 ? 1 : 0;
    EXPECT_EQ(w(t, 0), g(t, 0));
    EXPECT_EQ(w(t, 1), S(t, 1) >= 0 ? g(t, 1) : 0);
  }
  EXPECT_NEAR(found, expected, 5 * std::sqrt(variance));
  EXPECT_LT(found, 0.9 * double(c.T));
}

// Scores 1/2, 1/4, 1/8, 1/8 of four experts, best first in the order 2, 0, 3, 1.
Routing thinned(LaterSlots later, float threshold, Normalisation normalisation = Normalisation::none) {
  Router router;
  router.config = {.chosen = 3, .normalisation = normalisation, .later = later, .later_threshold = threshold};
  router.weight.resize(4, 1);
  const float log_2 = numerics::log(2.0F);
  router.weight << log_2, 0, 2 * log_2, 0x1p-20F;  // a tie that is none
  return reference::route(router, Matrix::Ones(1, 1), nullptr);
}

std::vector<int> used(const Routing& routing) {
  for (Index k = 0; k < routing.selected.cols(); k++) {
    const float w = routing.weights(0, k);
    EXPECT_TRUE(routing.selected(0, k) < 0 ? w == 0 : w > 0.1F) << "slot " << k << " weighs " << w;
  }
  return {routing.selected.row(0).begin(), routing.selected.row(0).end()};
}

// Before slots 0, 1, 2 the scores sum to 0, 1/2, 3/4: a slot is used where that is less than the mass. Not
// what the weights sum to, which are 4/7, 2/7, 1/7 once divided: 4/7 would empty slot 1 at 0.55.
TEST(LaterSlots, SlotsUntilAMass) {
  using Slots = std::vector<int>;
  const auto until = [](float mass, Normalisation n = Normalisation::none) {
    return used(thinned(LaterSlots::until_mass, mass, n));
  };
  EXPECT_EQ(until(0), (Slots{2, -1, -1}));
  EXPECT_EQ(until(0.45F), (Slots{2, -1, -1}));
  EXPECT_EQ(until(0.55F), (Slots{2, 0, -1}));
  EXPECT_EQ(until(0.7F), (Slots{2, 0, -1}));
  EXPECT_EQ(until(0.8F), (Slots{2, 0, 3}));
  EXPECT_EQ(until(0.55F, Normalisation::sum), (Slots{2, 0, -1}));
  // Equal scores of exactly 1/4: 1/4 + 1/4 is not less than 1/2.
  Router router;
  router.config = {.chosen = 4, .later = LaterSlots::until_mass, .later_threshold = 0.5F};
  router.weight = Matrix::Zero(4, 1);
  EXPECT_EQ(used(reference::route(router, Matrix::Ones(1, 1), nullptr)), (Slots{0, 1, -1, -1}));
}

// Dynamic MoE: as few of the best experts as sum to 0.4, with their probabilities as weights; Mesh: the second
// of two where it has more than a fifth of their sum.
TEST(LaterSlots, AdaptiveNumberOfExperts) {
  const Case c = parse_case("preset=dynamic_moe T=300 D=16 F=1 E=16 K=16 seed=6");
  const Recording trace = reference_trace(c, make_batch(c));
  const Matrix p = stage(trace, "scores"), w = stage(trace, "weights");
  const IntMatrix S = int_stage(trace, "selected");
  std::map<Index, int> numbers;
  for (Index t = 0; t < c.T; t++) {
    double before = 0;
    Index n = 0;
    for (; n < 16 && S(t, n) >= 0; n++) {
      EXPECT_LT(before, 0.4 + 1e-6) << t;
      before += double{p(t, S(t, n))};
      EXPECT_EQ(w(t, n), p(t, S(t, n)));
    }
    EXPECT_GT(before, 0.4 - 1e-6) << t;
    numbers[n]++;
  }
  EXPECT_GE(numbers.size(), 4U) << "some tokens need more experts than others";
  const Case two = parse_case("preset=mesh_threshold T=300 D=16 F=1 E=8 K=2 C=600 seed=6");
  Case all = two;
  all.preset = "mesh_top2";
  all.threshold = 1e-6F;  // a chance of 1
  const Recording thinned = reference_trace(two, make_batch(two)), whole = reference_trace(all, make_batch(two));
  Index alone = 0;
  for (Index t = 0; t < two.T; t++) {
    const float second = stage(whole, "weights")(t, 1);
    EXPECT_EQ(int_stage(thinned, "selected")(t, 1), second > 0.2F ? int_stage(whole, "selected")(t, 1) : -1);
    alone += second > 0.2F ? 0 : 1;
  }
  EXPECT_GT(alone, 10);
  EXPECT_LT(alone, 290);
}

// The weights are held against the threshold as they are used, divided or not: 1/2, 1/4, 1/8 or 4/7, 2/7, 1/7.
// What is left is not divided again.
TEST(LaterSlots, SlotsAboveAThreshold) {
  using Slots = std::vector<int>;
  const auto above = [](float threshold, Normalisation n = Normalisation::none) {
    return used(thinned(LaterSlots::above_threshold, threshold, n));
  };
  EXPECT_EQ(above(0.1F), (Slots{2, 0, 3}));
  EXPECT_EQ(above(0.2F), (Slots{2, 0, -1}));
  EXPECT_EQ(above(0.26F), (Slots{2, -1, -1}));
  EXPECT_EQ(above(0.26F, Normalisation::sum), (Slots{2, 0, -1}));
  EXPECT_EQ(above(2), (Slots{2, -1, -1}));  // the first slot always
  const Routing left = thinned(LaterSlots::above_threshold, 0.26F, Normalisation::sum);
  EXPECT_NEAR(left.weights(0, 0), 4.0 / 7, 1e-6);  // the scores are off by 2^-20 / 8, of 0.57 that is 1e-7
  EXPECT_NEAR(left.weights(0, 1), 2.0 / 7, 1e-6);
  Router router;
  router.config = {.chosen = 2, .later = LaterSlots::above_threshold, .later_threshold = 0.25F};
  router.weight = Matrix::Zero(4, 1);
  EXPECT_EQ(used(reference::route(router, Matrix::Ones(1, 1), nullptr)), (Slots{0, -1}));
}

TEST(LaterSlots, RawLogitsHaveNoMass) {
  SparseLayer layer = make_sparse_layer(parse_case("preset=gpt_oss E=4 K=2"));
  validate(layer);
  layer.router.config.later = LaterSlots::until_mass;
  layer.router.config.later_threshold = 0.5F;
  try {
    validate(layer);
    ADD_FAILURE() << "not refused";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "router uses slots until their scores sum to 0.5, and its scores are raw logits, expected "
                           "softmax, sigmoid or sqrt_softplus for until_mass");
  }
  layer.router.config.score = Score::sigmoid;
  validate(layer);
}

}  // namespace
}  // namespace moe::test
