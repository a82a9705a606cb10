// Places: how many there are by each rule, and who gets them.
#include "reference/capacity.h"

#include <gtest/gtest.h>

#include "reference/dispatch.h"
#include "reference/numerics/place_in_line.h"

namespace moe::test {
namespace {

constexpr CapacityRule kRules[] = {
    CapacityRule::mesh,       CapacityRule::flaxformer, CapacityRule::lingvo,
    CapacityRule::vmoe,       CapacityRule::deepspeed,  CapacityRule::megatron,
    CapacityRule::megablocks, CapacityRule::tutel,      CapacityRule::fastmoe,
    CapacityRule::nllb,       CapacityRule::maxtext,    CapacityRule::hunyuan};

// The capacity examples of the specification's section I: what each project's own code gives.
TEST(Capacity, EveryRuleGivesItsExamples) {
  struct Row {
    Index T, E, K;
    double factor;
    Index C[12];
  };
  const Row rows[] = {
      {10, 4, 1, 1.25, {4, 4, 4, 4, 4, 4, 3, 3, 3, 6, 3, 2}},
      {10, 4, 2, 1.25, {4, 4, 4, 8, 7, 7, 6, 6, 6, 6, 6, 5}},
      {1024, 64, 2, 1.25, {20, 20, 20, 40, 40, 40, 40, 40, 40, 32, 40, 32}},
      {7, 8, 2, 1.0, {4, 4, 4, 4, 4, 2, 1, 2, 1, 2, 2, 2}},
      {1000, 64, 8, 1.0, {15, 16, 16, 128, 125, 125, 125, 128, 125, 32, 125, 125}},
  };
  for (const Row& row : rows)
    for (std::size_t i = 0; i < std::size(kRules); i++) {
      const Capacity capacity{.rule = kRules[i], .factor = row.factor};
      EXPECT_EQ(places(capacity, row.T, row.E, row.K), row.C[i])
          << "rule " << i << " T=" << row.T << " K=" << row.K;
    }
  EXPECT_EQ(places({.places = 3}, 100, 4, 2), 3);
}

Routing routing_of(const std::vector<std::vector<std::int32_t>>& chosen,
                   const std::vector<std::vector<float>>& scores) {
  const auto T = static_cast<Index>(chosen.size());
  const auto K = static_cast<Index>(chosen[0].size());
  Routing routing{IntMatrix(T, K), Matrix(T, K), Matrix(T, K), WeightOn::output};
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++) {
      routing.selected(t, k) = chosen[std::size_t(t)][std::size_t(k)];
      routing.weights(t, k) = routing.chosen_scores(t, k) = scores[std::size_t(t)][std::size_t(k)];
    }
  return routing;
}

IntMatrix matrix(const std::vector<std::vector<std::int32_t>>& rows) {
  IntMatrix m(static_cast<Index>(rows.size()), static_cast<Index>(rows[0].size()));
  for (Index r = 0; r < m.rows(); r++)
    for (Index c = 0; c < m.cols(); c++) m(r, c) = rows[std::size_t(r)][std::size_t(c)];
  return m;
}

// Section J.3: E = 2, C = 2, tokens (0,1), (0,1), (1,0).
TEST(Capacity, PrioritiesDropDifferentPairs) {
  const Routing routing =
      routing_of({{0, 1}, {0, 1}, {1, 0}}, {{.6F, .3F}, {.5F, .4F}, {.9F, .1F}});
  const auto found = [&](Priority priority) {
    return reference::places_found({.places = 2, .priority = priority}, routing, 2);
  };
  EXPECT_EQ(found(Priority::choice), matrix({{1, 1}, {1, 0}, {1, 0}}));
  EXPECT_EQ(found(Priority::token), matrix({{1, 1}, {1, 1}, {0, 0}}));
  EXPECT_EQ(found(Priority::score), matrix({{1, 0}, {1, 1}, {1, 0}}));
  EXPECT_EQ(found(Priority::confidence), matrix({{1, 1}, {1, 0}, {1, 0}}));
}

// Ties go to the earlier token; confidence orders the tokens of each choice.
TEST(Capacity, TiesGoToTheEarlierToken) {
  const Routing routing = routing_of({{0}, {0}, {0}}, {{.5F}, {.7F}, {.5F}});
  const auto found = [&](Priority priority, Index C) {
    return reference::places_found({.places = C, .priority = priority}, routing, 1);
  };
  EXPECT_EQ(found(Priority::confidence, 1), matrix({{0}, {1}, {0}}));
  EXPECT_EQ(found(Priority::confidence, 2), matrix({{1}, {1}, {0}}));
  EXPECT_EQ(found(Priority::score, 2), matrix({{1}, {1}, {0}}));
  EXPECT_EQ(found(Priority::choice, 0), matrix({{0}, {0}, {0}}));
  EXPECT_EQ(found(Priority::choice, 9), matrix({{1}, {1}, {1}}));
}

// Tokens of a group share places; unused slots take none.
TEST(Capacity, GroupsAreSeparateAndUnusedSlotsTakeNoPlace) {
  const Routing routing =
      routing_of({{0, -1}, {0, -1}, {0, -1}, {-1, 0}}, {{1, 0}, {1, 0}, {1, 0}, {0, 1}});
  EXPECT_EQ(reference::places_found({.places = 1, .group = 2}, routing, 1),
            matrix({{1, 0}, {0, 0}, {1, 0}, {0, 0}}));
  const Dispatch dispatch = reference::place(routing, 1, Capacity{.places = 1, .group = 2}, nullptr);
  EXPECT_EQ(dispatch.offsets, (std::vector<Index>{0, 2}));
  EXPECT_EQ(dispatch.tokens, (std::vector<Index>{0, 2}));
  EXPECT_EQ(dispatch.positions, matrix({{0, -1}, {-1, -1}, {1, -1}, {-1, -1}}));
}

// NLLB's two orders: divided before dropping, or what is left divided by its own sum.
TEST(Capacity, WeightsBeforeAndAfterDropping) {
  Routing routing = routing_of({{0, 1}, {0, 1}}, {{.5F, .25F}, {.5F, .25F}});
  Capacity capacity{.places = 1, .after = Normalisation::none};
  const Dispatch dispatch = reference::place(routing, 2, capacity, nullptr);
  Routing before = routing;
  reference::drop_weights(capacity, dispatch, before, nullptr);
  EXPECT_EQ(before.weights(0, 0), .5F);
  EXPECT_EQ(before.weights(0, 1), .25F);
  EXPECT_EQ(before.weights(1, 0), 0);
  EXPECT_EQ(before.weights(1, 1), 0);
  capacity.after = Normalisation::sum;
  routing.selected(1, 1) = 2;  // nobody else wants expert 2
  const Dispatch other = reference::place(routing, 3, capacity, nullptr);
  reference::drop_weights(capacity, other, routing, nullptr);
  EXPECT_EQ(routing.weights(0, 0), .5F / .75F);
  EXPECT_EQ(routing.weights(1, 0), 0);
  EXPECT_EQ(routing.weights(1, 1), 1);
}

}  // namespace
}  // namespace moe::test
