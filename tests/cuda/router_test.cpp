// The router's kernels against the reference, all four stages, bit for bit.
#include "cuda/router.h"

#include <limits>

#include "tests/cuda/support.h"

namespace moe::test {
namespace {

constexpr Score kScores[] = {Score::logit, Score::softmax, Score::sigmoid, Score::sqrt_softplus};
constexpr RawWeight kRawWeights[] = {RawWeight::score, RawWeight::softmax_of_chosen,
                                     RawWeight::sigmoid_of_chosen, RawWeight::near_tie_softmax};
constexpr Normalisation kNormalisations[] = {Normalisation::none, Normalisation::sum,
                                             Normalisation::max_sum, Normalisation::l2};
const GroupLimit kGroups[] = {GroupLimit{}, GroupLimit{4, 2, GroupScore::max},
                              GroupLimit{4, 2, GroupScore::sum_of_top2, 0.0F},
                              GroupLimit{12, 4, GroupScore::sum_of_top2}};

void expect_same_routing(const Router& router, const Matrix& x, const std::string& name) {
  Recording expected, found;
  const Routing e = reference::route(router, x, &expected);
  const Routing f = cuda::route(cuda::prepare(router), x, &found);
  expect_same_stages(expected, found, name);
  ASSERT_EQ(e.selected, f.selected) << name;
  ASSERT_TRUE(same_bits(e.weights, f.weights)) << name;
  ASSERT_EQ(e.weight_on, f.weight_on) << name;
  ASSERT_TRUE(same_bits(e.chosen_scores, f.chosen_scores)) << name;
  const Routing untraced = cuda::route(cuda::prepare(router), x, nullptr);
  ASSERT_EQ(e.selected, untraced.selected) << name;
  ASSERT_TRUE(same_bits(e.weights, untraced.weights)) << name;
}

Router make_router(Draw& draw, Index E, Index D, const RouterConfig& config) {
  Router router;
  router.config = config;
  router.weight = draw.matrix(E, D);
  if (config.key == SelectionKey::score_plus_bias) router.selection_bias = draw.vector(E, 0.1F);
  return router;
}

TEST(CudaRouter, EveryChoiceHasTheReferencesBits) {
  Draw draw(11);
  const Index E = 12, D = 9, T = 6;
  std::vector<std::pair<Router, Matrix>> cases;
  for (const Score score : kScores)
    for (const RawWeight raw : kRawWeights)
      for (const Normalisation normalisation : kNormalisations)
        for (const bool biased : {false, true})
          for (const GroupLimit& groups : kGroups)
            cases.emplace_back(
                make_router(draw, E, D,
                            {.chosen = 3,
                             .score = score,
                             .key = biased ? SelectionKey::score_plus_bias : SelectionKey::score,
                             .groups = groups,
                             .raw_weight = raw,
                             .normalisation = normalisation,
                             .epsilon = 1e-20F,
                             .scale = 2.5F}),
                draw.matrix(T, D));
  ASSERT_EQ(cases.size(), 512U);
  in_every_order([&] {
    for (std::size_t i = 0; i < cases.size(); i++)
      expect_same_routing(cases[i].first, cases[i].second, fmt::format("case {}", i));
  });
}

// Any number of experts and slots: one, a warp's lanes and one more, and more than lie in shared
// memory (E = 3200 and 6000).
TEST(CudaRouter, AnyNumberOfExpertsAndSlots) {
  Draw draw(12);
  const Index sizes[][3] = {{1, 1, 3},    {2, 1, 5},    {2, 2, 1},    {31, 4, 7},   {32, 32, 4},
                            {33, 33, 5},  {64, 6, 9},   {256, 8, 17}, {512, 10, 3}, {1000, 40, 3},
                            {3200, 3, 2}, {6000, 65, 1}};
  for (const auto& [E, K, T] : sizes)
    for (const Score score : {Score::softmax, Score::sigmoid}) {
      const Router router = make_router(
          draw, E, 3, {.chosen = K, .score = score, .normalisation = Normalisation::sum});
      const Matrix x = draw.matrix(T, 3);
      const std::string name = fmt::format("E={} K={} T={}", E, K, T);
      in_every_order([&] { expect_same_routing(router, x, name); });
    }
}

// Slots after the first that are not used, for thresholds below, among and above what they are held
// against.
TEST(CudaRouter, LaterSlots) {
  Draw draw(15);
  int unused = 0, used = 0;
  for (const LaterSlots later :
       {LaterSlots::none, LaterSlots::above_threshold, LaterSlots::until_mass})
    for (const float threshold : {-1.0F, 0.0F, 0.2F, 0.5F, 1.0F, std::nanf("")})
      for (const auto& [E, K, T] :
           {std::array<Index, 3>{1, 1, 3}, {2, 2, 7}, {8, 5, 33}, {40, 34, 5}, {3200, 3, 2}})
        for (const Score score : {Score::softmax, Score::sigmoid}) {
          const Router router = make_router(draw, E, 3,
                                            {.chosen = K,
                                             .score = score,
                                             .normalisation = Normalisation::sum,
                                             .later = later,
                                             .later_threshold = threshold});
          const Matrix x = with_ties(draw.matrix(T, 3));
          const Routing expected = reference::route(router, x, nullptr);
          unused += static_cast<int>((expected.selected.array() < 0).count());
          used += static_cast<int>((expected.selected.array() >= 0).count());
          const std::string name = fmt::format("later {} threshold {} E={} K={} T={}",
                                               static_cast<int>(later), threshold, E, K, T);
          in_every_order([&] { expect_same_routing(router, x, name); });
        }
  EXPECT_GT(unused, 1000);
  EXPECT_GT(used, 1000);
}

TEST(CudaRouter, EveryExpertForEveryToken) {
  Draw draw(16);
  for (const Score score : kScores)
    for (const Index E : {1, 2, 7, 31, 32, 33, 70})
      for (const Index T : {0, 1, 3, 9}) {
        Router router = make_router(draw, E, 5, {.score = score, .scale = 1.7F});
        if (E % 2 == 0) router.bias = draw.vector(E);
        const Matrix x = draw.matrix(T, 5);
        Recording expected;
        const Routing e = reference::route_to_all(router, x, &expected);
        in_every_order([&] {
          Recording found;
          const Routing f = cuda::route_to_all(cuda::prepare(router), x, &found);
          expect_same_stages(expected, found, fmt::format("E={} T={}", E, T));
          ASSERT_EQ(e.selected, f.selected);
          ASSERT_TRUE(same_bits(e.weights, f.weights));
          ASSERT_TRUE(same_bits(e.chosen_scores, f.chosen_scores));
        });
      }
}

TEST(CudaRouter, ManyGroups) {
  Draw draw(13);
  for (const GroupScore judged : {GroupScore::max, GroupScore::sum_of_top2})
    for (const Index groups : {Index{8}, Index{40}, Index{120}}) {
      const Router router =
          make_router(draw, 240, 5,
                      {.chosen = 6,
                       .score = Score::sigmoid,
                       .key = SelectionKey::score_plus_bias,
                       .groups = {.count = groups, .kept = groups / 2, .score = judged},
                       .normalisation = Normalisation::sum});
      const Matrix x = draw.matrix(9, 5);
      in_every_order([&] { expect_same_routing(router, x, fmt::format("{} groups", groups)); });
    }
}

// Ties go to the smaller index, -0 equals +0, NaN comes last.
TEST(CudaRouter, TiesZerosAndNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Score score : kScores)
    for (const RawWeight raw : kRawWeights) {
      Router router;
      router.config = {.chosen = 4, .score = score, .raw_weight = raw};
      if (raw == RawWeight::score) router.config.later = LaterSlots::until_mass;
      router.config.later_threshold = 0.9F;
      router.weight.resize(8, 1);
      router.weight << 1, -0.0F, 0, nan, 1, infinity, -infinity, nan;
      Matrix x(4, 1);
      x << 1, 0, -1, nan;
      in_every_order([&] { expect_same_routing(router, x, "wild logits"); });
    }
}

TEST(CudaRouter, UnpackingGivesTheSameBits) {
  Draw draw(14);
  Router router = make_router(draw, 10, 7, {.chosen = 2, .key = SelectionKey::score_plus_bias});
  router.bias = draw.vector(10);
  const Router back = cuda::unpack(cuda::prepare(router));
  EXPECT_TRUE(same_bits(router.weight, back.weight));
  EXPECT_TRUE(same_bits(router.bias, back.bias));
  EXPECT_TRUE(same_bits(router.selection_bias, back.selection_bias));
}

}  // namespace
}  // namespace moe::test
