// Two levels: every stage against the reference, whatever threads and traces.
#include "cpu/hierarchical.h"

#include "reference/hierarchical.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

void expect_same_layer(const HierarchicalLayer& layer, const ConstMatrix& x,
                       const std::string& name) {
  const cpu::PreparedHierarchical prepared = cpu::prepare(layer);
  expect_same_pass(
      [&](Trace* trace) { return reference::hierarchical(layer, x, trace); },
      [&](Trace* trace, int threads) { return cpu::hierarchical(prepared, x, trace, threads); }, 15,
      name);
}

struct Sizes {
  Index E1, K1, E2, K2;
};

HierarchicalLayer make_hierarchical(Draw& draw, Index D, const Sizes& size) {
  HierarchicalLayer layer;
  layer.outer = make_router(draw, size.E1, D, size.K1);
  for (Index i = 0; i < size.E1; i++) layer.inner.push_back(make_router(draw, size.E2, D, size.K2));
  layer.experts = make_experts(draw, size.E1 * size.E2, 9, D, D == 5);
  return layer;
}

constexpr Sizes kLevels[] = {{1, 1, 1, 1}, {1, 1, 5, 2}, {5, 2, 1, 1}, {3, 2, 4, 2}, {4, 4, 3, 3}};

TEST(CpuHierarchical, EverySizeHasTheReferencesBits) {
  Draw draw(91);
  int count = 0;
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const Index D : {1, 5, 33})
      for (const Sizes& size : kLevels)
        for (const SecondGroup second : {SecondGroup::as_first, SecondGroup::best_only}) {
          HierarchicalLayer layer = make_hierarchical(draw, D, size);
          layer.second_group = second;
          for (Router& router : layer.inner)
            router.config.normalisation = count % 2 == 0 ? Normalisation::sum : Normalisation::none;
          const auto name = fmt::format("T={} D={} E1={} K1={} E2={} K2={} second {}", T, D,
                                        size.E1, size.K1, size.E2, size.K2, int(second));
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, D), name));
          count++;
        }
  EXPECT_EQ(count, 8 * 3 * 5 * 2);
}

// Places at both levels, later slots at both, and scores that tie.
TEST(CpuHierarchical, LimitedPlacesHaveTheReferencesBits) {
  Draw draw(92);
  int count = 0;
  for (const Index T : {1, 5, 33})
    for (const Index C : {Index{0}, Index{1}, Index{3}, T})
      for (const Priority priority :
           {Priority::choice, Priority::token, Priority::score, Priority::confidence})
        for (const LaterSlots later :
             {LaterSlots::all, LaterSlots::none, LaterSlots::above_threshold})
          for (const SecondGroup second : {SecondGroup::as_first, SecondGroup::best_only}) {
            HierarchicalLayer layer = make_hierarchical(draw, 5, {3, 2, 4, 2});
            layer.second_group = second;
            if (count % 2 == 0)
              layer.outer_capacity = Capacity{.places = C, .group = 4, .priority = priority};
            if (count % 3 != 0) layer.inner_capacity = Capacity{.places = C, .priority = priority};
            layer.outer.config.later = count % 5 == 0 ? LaterSlots::none : LaterSlots::all;
            if (count % 7 == 0) layer.outer.weight.setZero();
            for (Router& router : layer.inner) {
              router.config.later = later;
              router.config.later_threshold = 0.2F;
            }
            const auto name = fmt::format("T={} C={} priority {} later {} second {}", T, C,
                                          int(priority), int(later), int(second));
            ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, 5), name));
            count++;
          }
  EXPECT_EQ(count, 3 * 4 * 4 * 3 * 2);
}

TEST(CpuHierarchical, NonFiniteNumbersPassWhereAllowed) {
  Draw draw(93);
  HierarchicalLayer layer = make_hierarchical(draw, 5, {3, 2, 4, 2});
  layer.second_group = SecondGroup::best_only;
  layer.nonfinite = NonFinite::allow;
  layer.experts.ffn[1].up(3, 3) = NAN;
  Matrix x = draw.matrix(18, 5);
  x(3, 3) = NAN;
  x(4, 4) = INFINITY;
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "non-finite"));
}

TEST(CpuHierarchical, UnpackingGivesTheSameBits) {
  Draw draw(94);
  HierarchicalLayer layer = make_hierarchical(draw, 19, {3, 2, 4, 2});
  layer.outer_capacity = Capacity{.places = 3};
  layer.inner_capacity = Capacity{.places = 2};
  layer.second_group = SecondGroup::best_only;
  layer.nonfinite = NonFinite::allow;
  layer.inner[1].bias = draw.vector(4);
  const HierarchicalLayer back = cpu::unpack(cpu::prepare(layer));
  EXPECT_TRUE(same_bits(layer.outer.weight, back.outer.weight));
  ASSERT_EQ(back.inner.size(), 3U);
  for (std::size_t i = 0; i < 3; i++) {
    EXPECT_TRUE(same_bits(layer.inner[i].weight, back.inner[i].weight));
    EXPECT_TRUE(same_bits(layer.inner[i].bias, back.inner[i].bias));
    EXPECT_EQ(back.inner[i].config.chosen, 2);
  }
  EXPECT_TRUE(same_experts(layer.experts, back.experts));
  ASSERT_TRUE(back.outer_capacity && back.inner_capacity);
  EXPECT_EQ(back.outer_capacity->places, 3);
  EXPECT_EQ(back.inner_capacity->places, 2);
  EXPECT_EQ(back.second_group, SecondGroup::best_only);
  EXPECT_EQ(back.nonfinite, NonFinite::allow);
}

TEST(CpuHierarchical, RefusesWhatTheReferenceRefuses) {
  Draw draw(95);
  HierarchicalLayer layer = make_hierarchical(draw, 9, {3, 2, 4, 2});
  const cpu::PreparedHierarchical prepared = cpu::prepare(layer);
  Matrix x = draw.matrix(6, 9);
  EXPECT_EQ(refusal([&] { (void)cpu::hierarchical(prepared, x); }), "accepted");
  EXPECT_NE(refusal([&] { (void)cpu::hierarchical(prepared, x, nullptr, -1); }), "accepted");
  x(4, 3) = NAN;
  for (const Matrix& bad : {x, draw.matrix(6, 8)}) {
    const std::string words = refusal([&] { (void)reference::hierarchical(layer, bad); });
    EXPECT_NE(words, "accepted");
    EXPECT_EQ(words, refusal([&] { (void)cpu::hierarchical(prepared, bad); }));
  }
  layer.inner.pop_back();
  const std::string words =
      refusal([&] { (void)reference::hierarchical(layer, draw.matrix(6, 9)); });
  EXPECT_NE(words, "accepted");
  EXPECT_EQ(words, refusal([&] { (void)cpu::prepare(layer); }));
}

}  // namespace
}  // namespace moe::test
