// The router, whole and step by step, against the reference, bit for bit.
#include "cpu/router.h"

#include <vector>

#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

constexpr Score kScores[] = {Score::logit, Score::softmax, Score::sigmoid, Score::sqrt_softplus};
constexpr RawWeight kRawWeights[] = {RawWeight::score, RawWeight::softmax_of_chosen,
                                     RawWeight::sigmoid_of_chosen, RawWeight::near_tie_softmax};
constexpr Normalisation kNormalisations[] = {Normalisation::none, Normalisation::sum,
                                             Normalisation::max_sum, Normalisation::l2};

// All four stages of the two tiers.
void expect_same_routing(const Router& router, const Matrix& x, const std::string& name,
                         bool to_all = false) {
  Recording expected;
  const Routing e = to_all ? reference::route_to_all(router, x, &expected)
                           : reference::route(router, x, &expected);
  const cpu::PreparedRouter prepared = cpu::prepare(router);
  ASSERT_EQ(expected.stages.size(), 4U);
  for (const int threads : {1, 3}) {
    Recording found;
    const Routing f = to_all ? cpu::route_to_all(prepared, x, &found, threads)
                             : cpu::route(prepared, x, &found, threads);
    ASSERT_TRUE(same_stages(expected, found)) << name;
    ASSERT_EQ(e.selected, f.selected) << name;
    ASSERT_TRUE(same_bits(e.weights, f.weights)) << name;
    ASSERT_TRUE(same_bits(e.chosen_scores, f.chosen_scores)) << name;
    ASSERT_EQ(e.weight_on, f.weight_on) << name;
  }
}

TEST(CpuRouter, EveryChoiceHasTheReferencesBits) {
  Draw draw(21);
  int count = 0;
  for (const Score score : kScores)
    for (const RawWeight raw : kRawWeights)
      for (const Normalisation normalisation : kNormalisations)
        for (const bool biased : {false, true})
          for (const GroupLimit& groups : {GroupLimit{}, GroupLimit{4, 2, GroupScore::max},
                                           GroupLimit{4, 2, GroupScore::sum_of_top2, 0.0F},
                                           GroupLimit{12, 4, GroupScore::sum_of_top2}}) {
            const Index E = 12, K = 3, D = 9;
            Router router;
            router.config = {.chosen = K,
                             .score = score,
                             .key = biased ? SelectionKey::score_plus_bias : SelectionKey::score,
                             .groups = groups,
                             .raw_weight = raw,
                             .normalisation = normalisation,
                             .epsilon = 1e-20F,
                             .scale = biased ? 2.5F : 1.0F,
                             .weight_on = biased ? WeightOn::input : WeightOn::output};
            router.weight = draw.matrix(E, D);
            if (count % 2 == 0) router.bias = draw.vector(E);
            if (biased) router.selection_bias = draw.vector(E);
            const auto name =
                fmt::format("score {} raw {} normalisation {} biased {} groups {}/{}", int(score),
                            int(raw), int(normalisation), biased, groups.kept, groups.count);
            ASSERT_NO_FATAL_FAILURE(expect_same_routing(router, draw.matrix(11, D), name));
            count++;
          }
  EXPECT_EQ(count, 4 * 4 * 4 * 2 * 4);
}

TEST(CpuRouter, EverySizeHasTheReferencesBits) {
  Draw draw(22);
  for (const Index T : kSizes)
    for (const Index E : {1, 2, 3, 5, 7, 31, 33, 127, 300})
      for (const Index K : {Index{1}, E / 2, E}) {
        if (K < 1) continue;
        Router router;
        router.config.chosen = K;
        router.config.normalisation = Normalisation::sum;
        router.weight = draw.matrix(E, 7);
        ASSERT_NO_FATAL_FAILURE(
            expect_same_routing(router, draw.matrix(T, 7), fmt::format("T={} E={} K={}", T, E, K)));
      }
}

// Slots after the first that are not used: none, by weight, by mass; thresholds that some scores
// equal, and NaN.
TEST(CpuRouter, LaterSlotsAreThinnedAsInTheReference) {
  Draw draw(25);
  Index unused = 0, used = 0;
  for (const LaterSlots later :
       {LaterSlots::all, LaterSlots::none, LaterSlots::above_threshold, LaterSlots::until_mass})
    for (const float threshold : {0.0F, 0.125F, 0.5F, 0.9F, 2.0F, NAN})
      for (const Index T : {0, 1, 7, 33})
        for (const auto& [E, K] : {std::array<Index, 2>{1, 1}, {8, 2}, {8, 8}, {33, 5}})
          for (const bool even : {false, true}) {
            Router router = make_router(draw, E, 7, K);
            if (even) router.weight.setZero();  // all scores 1/E
            router.config.later = later;
            router.config.later_threshold = threshold;
            router.config.normalisation = T == 7 ? Normalisation::sum : Normalisation::none;
            Matrix x = draw.matrix(T, 7);
            if (T == 33) x(5, 5) = NAN;
            const auto name =
                fmt::format("later {} threshold {} T={} E={} K={}", int(later), threshold, T, E, K);
            ASSERT_NO_FATAL_FAILURE(expect_same_routing(router, x, name));
            const Routing routing = cpu::route(cpu::prepare(router), x, nullptr);
            unused += (routing.selected.array() < 0).count();
            used += (routing.selected.array() >= 0).count();
          }
  EXPECT_GT(unused, 0);
  EXPECT_GT(used, 0);
}

TEST(CpuRouter, RoutesToAllAsTheReference) {
  Draw draw(26);
  for (const Score score : kScores)
    for (const Index T : kSizes)
      for (const Index E : {1, 3, 33}) {
        Router router = make_router(draw, E, 5, 1);
        router.config.score = score;
        router.config.scale = 2.5F;
        router.config.weight_on = T % 2 == 0 ? WeightOn::output : WeightOn::input;
        if (E == 3) router.bias = draw.vector(E);
        const auto name = fmt::format("score {} T={} E={}", int(score), T, E);
        ASSERT_NO_FATAL_FAILURE(expect_same_routing(router, draw.matrix(T, 5), name, true));
      }
}

TEST(CpuRouter, TiesZerosAndNaNsAreChosenInOrder) {
  const std::vector<std::vector<float>> rows = {
      {0.0F, -0.0F, 0.0F, -0.0F},
      {NAN, 1.0F, NAN, 1.0F, -INFINITY},
      {INFINITY, NAN, -INFINITY, INFINITY, -0.0F, 0.0F},
      {NAN, NAN, NAN},
      {3.0F},
      std::vector<float>(500, 1.0F),
  };
  for (const std::vector<float>& c : rows)
    for (std::size_t K = 1; K <= c.size(); K++) {
      const std::vector<Index> expected = reference::top_k(c, static_cast<Index>(K));
      std::vector<std::int32_t> found(K);
      cpu::top_k(c, found);
      ASSERT_EQ(expected, std::vector<Index>(found.begin(), found.end()));
    }
}

TEST(CpuRouter, StepsHaveTheReferencesBits) {
  Draw draw(23);
  for (const Index E : {1, 2, 5, 8, 31, 33, 127, 256}) {
    std::vector<float> z;
    for (Index e = 0; e < E; e++) z.push_back(draw.number(8));
    if (E % 2 == 1) z[0] = E == 127 ? NAN : INFINITY;
    std::vector<float> found(z.size());
    cpu::softmax(z, found);
    EXPECT_TRUE(same_bits(reference::softmax(z), found)) << E;
    for (const Score score : kScores) {
      const std::vector<float> s = reference::scores(score, z);
      cpu::scores(score, z, found);
      EXPECT_TRUE(same_bits(s, found)) << E;

      Router router;
      router.config.key = SelectionKey::score_plus_bias;
      router.selection_bias = draw.vector(E);
      std::vector<float> c(z.size());
      cpu::selection_keys(router.config, router.selection_bias, s, c);
      EXPECT_TRUE(same_bits(reference::selection_keys(router, s), c)) << E;

      const std::vector<Index> S = reference::top_k(c, (E + 1) / 2);
      const std::vector<std::int32_t> S32(S.begin(), S.end());
      std::vector<float> w(S.size());
      for (const RawWeight raw : kRawWeights) {
        router.config.raw_weight = raw;
        router.config.normalisation = Normalisation::l2;
        cpu::weights(router.config, z, s, S32, w);
        EXPECT_TRUE(same_bits(reference::weights(router.config, z, s, S), w)) << E;
      }
    }
  }
}

TEST(CpuRouter, UnpackingGivesTheSameBits) {
  Draw draw(24);
  Router router;
  router.config.chosen = 3;
  router.config.scale = 2.5F;
  router.weight = draw.matrix(33, 7);
  router.bias = draw.vector(33);
  router.selection_bias = draw.vector(33);
  const Router back = cpu::unpack(cpu::prepare(router));
  EXPECT_TRUE(same_bits(router.weight, back.weight));
  EXPECT_TRUE(same_bits(router.bias, back.bias));
  EXPECT_TRUE(same_bits(router.selection_bias, back.selection_bias));
  EXPECT_EQ(back.config.chosen, 3);
  EXPECT_EQ(back.config.scale, 2.5F);
}

}  // namespace
}  // namespace moe::test
