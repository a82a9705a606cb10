// Experts choose tokens: every stage against the reference, whatever threads and traces.
#include "cpu/expert_choice.h"

#include "reference/expert_choice.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

void expect_same_layer(const ExpertChoiceLayer& layer, const ConstMatrix& x,
                       const std::string& name) {
  const cpu::PreparedExpertChoice prepared = cpu::prepare(layer);
  expect_same_pass(
      [&](Trace* trace) { return reference::expert_choice(layer, x, trace); },
      [&](Trace* trace, int threads) { return cpu::expert_choice(prepared, x, trace, threads); },
      layer.shared ? 11 : 10, name);
}

ExpertChoiceLayer make_expert_choice(Draw& draw, Index D, Index F, Index E, Index C, Index group) {
  return {.router = draw.matrix(E, D),
          .bias = {},
          .places = C,
          .group = group,
          .experts = make_experts(draw, E, F, D, D == 5),
          .shared = {}};
}

// Batches of one group of any size, and of several.
TEST(CpuExpertChoice, EverySizeHasTheReferencesBits) {
  Draw draw(71);
  int count = 0;
  for (const auto& [T, group] : {std::array<Index, 2>{0, 0},
                                 {0, 4},
                                 {1, 0},
                                 {2, 1},
                                 {3, 0},
                                 {5, 5},
                                 {7, 0},
                                 {31, 0},
                                 {33, 0},
                                 {33, 11},
                                 {33, 1},
                                 {32, 8}})
    for (const Index D : {1, 5, 33})
      for (const Index E : {1, 3, 7})
        for (const Index C : {Index{0}, Index{1}, Index{3}, T, T + 7}) {
          ExpertChoiceLayer layer = make_expert_choice(draw, D, 9, E, C, group);
          if (count % 3 == 0) layer.bias = draw.vector(E);
          if (count++ % 4 == 0) layer.shared = Shared{{}, make_ffn(draw, 3, D, true, false), {}};
          const auto name = fmt::format("T={} group={} D={} E={} C={}", T, group, D, E, C);
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, D), name));
        }
  EXPECT_EQ(count, 12 * 3 * 3 * 5);
}

// Caps that bind, that leave slots empty, that change nothing; ties and NaN among the scores.
TEST(CpuExpertChoice, CappedChoicesHaveTheReferencesBits) {
  Draw draw(77);
  int count = 0;
  for (const auto& [T, group] : {std::array<Index, 2>{0, 0}, {0, 4}, {1, 0}, {7, 0}, {33, 11}, {32, 8}})
    for (const Index E : {1, 3, 7})
      for (const Index C : {Index{0}, Index{1}, Index{3}, T + 7})
        for (const Index cap : {1, 2, 3, 40}) {
          ExpertChoiceLayer layer = make_expert_choice(draw, 5, 9, E, C, group);
          layer.most_experts = cap;
          layer.nonfinite = NonFinite::allow;
          Matrix x = draw.matrix(T, 5);
          if (count % 3 == 0) layer.router.setZero();
          if (count % 4 == 0 && T > 2) x(2, 3) = NAN;
          if (count++ % 5 == 0) layer.shared = Shared{{}, make_ffn(draw, 3, 5, true, false), {}};
          const auto name = fmt::format("T={} group={} E={} C={} cap={}", T, group, E, C, cap);
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, name));
        }
  EXPECT_EQ(count, 6 * 3 * 4 * 4);
}

TEST(CpuExpertChoice, TiesGoToTheEarlierToken) {
  Draw draw(72);
  ExpertChoiceLayer layer = make_expert_choice(draw, 5, 7, 3, 2, 4);
  layer.router.setZero();
  Recording trace;
  const Matrix x = draw.matrix(12, 5);
  (void)cpu::expert_choice(cpu::prepare(layer), x, &trace);
  const Stage* selected = trace.find("selected");
  ASSERT_NE(selected, nullptr);
  const auto& lists = std::get<1>(selected->values);
  ASSERT_EQ(lists.size(), 3U * 3U * 2U);
  for (std::size_t i = 0; i < lists.size(); i++) ASSERT_EQ(lists[i], static_cast<int>(i % 2));
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "ties"));
}

TEST(CpuExpertChoice, TokenNobodyTakesGetsPlusZero) {
  Draw draw(73);
  const ExpertChoiceLayer layer = make_expert_choice(draw, 5, 7, 1, 2, 0);
  const Matrix y = cpu::expert_choice(cpu::prepare(layer), draw.matrix(6, 5));
  int nobody = 0;
  for (Index t = 0; t < 6; t++) {
    const Matrix row = y.row(t);
    if (same_bits(Matrix(Matrix::Zero(1, 5)), row)) nobody++;
  }
  EXPECT_EQ(nobody, 4);
}

TEST(CpuExpertChoice, NonFiniteNumbersPassWhereAllowed) {
  Draw draw(74);
  ExpertChoiceLayer layer = make_expert_choice(draw, 5, 7, 3, 4, 9);
  layer.nonfinite = NonFinite::allow;
  layer.experts.ffn[1].up(3, 3) = NAN;
  Matrix x = draw.matrix(18, 5);
  x(3, 3) = NAN;
  x(4, 4) = INFINITY;
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "non-finite"));
}

TEST(CpuExpertChoice, UnpackingGivesTheSameBits) {
  Draw draw(75);
  ExpertChoiceLayer layer = make_expert_choice(draw, 19, 35, 5, 3, 4);
  layer.bias = draw.vector(5);
  layer.shared = Shared{{}, make_ffn(draw, 3, 19, true, true), draw.matrix(1, 19)};
  layer.most_experts = 2;
  layer.nonfinite = NonFinite::allow;
  const ExpertChoiceLayer back = cpu::unpack(cpu::prepare(layer));
  EXPECT_TRUE(same_bits(layer.router, back.router));
  EXPECT_TRUE(same_bits(layer.bias, back.bias));
  EXPECT_EQ(back.places, 3);
  EXPECT_EQ(back.group, 4);
  EXPECT_EQ(back.most_experts, 2);
  EXPECT_TRUE(same_experts(layer.experts, back.experts));
  ASSERT_TRUE(back.shared.has_value());
  EXPECT_TRUE(same_bits(layer.shared->gate, back.shared->gate));
  EXPECT_EQ(back.nonfinite, NonFinite::allow);
}

TEST(CpuExpertChoice, RefusesWhatTheReferenceRefuses) {
  Draw draw(76);
  ExpertChoiceLayer layer = make_expert_choice(draw, 9, 5, 4, 2, 3);
  const cpu::PreparedExpertChoice prepared = cpu::prepare(layer);
  Matrix x = draw.matrix(6, 9);
  EXPECT_EQ(refusal([&] { (void)cpu::expert_choice(prepared, x); }), "accepted");
  EXPECT_NE(refusal([&] { (void)cpu::expert_choice(prepared, x, nullptr, -1); }), "accepted");
  x(4, 3) = NAN;
  for (const Matrix& bad : {x, draw.matrix(6, 8), draw.matrix(7, 9)}) {
    const std::string words = refusal([&] { (void)reference::expert_choice(layer, bad); });
    EXPECT_NE(words, "accepted");
    EXPECT_EQ(words, refusal([&] { (void)cpu::expert_choice(prepared, bad); }));
  }
  layer.places = -1;
  const std::string words =
      refusal([&] { (void)reference::expert_choice(layer, draw.matrix(6, 9)); });
  EXPECT_NE(words, "accepted");
  EXPECT_EQ(words, refusal([&] { (void)cpu::prepare(layer); }));
  layer.places = 2;
  layer.most_experts = -1;
  EXPECT_EQ(refusal([&] { (void)cpu::prepare(layer); }),
            "-1 experts per token at most, expected 1 or more, or 0 for no cap");
}

}  // namespace
}  // namespace moe::test
