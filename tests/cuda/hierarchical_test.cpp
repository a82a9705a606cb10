// Two levels on the device against the reference: every stage, bit for bit.
#include "cuda/hierarchical.h"

#include "reference/hierarchical.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

struct Size {
  Index D, F, E1, K1, E2, K2;
};

HierarchicalLayer make_hierarchical(Draw& draw, const Size& size) {
  HierarchicalLayer layer;
  layer.outer.config = {.chosen = size.K1, .normalisation = Normalisation::sum};
  layer.outer.weight = draw.matrix(size.E1, size.D);
  for (Index i = 0; i < size.E1; i++) {
    Router router;
    router.config = {.chosen = size.K2, .normalisation = Normalisation::sum, .epsilon = 1e-9F};
    router.weight = draw.matrix(size.E2, size.D);
    if (i % 2 == 1) router.bias = draw.vector(size.E2);
    layer.inner.push_back(router);
  }
  layer.experts = make_experts(draw, size.E1 * size.E2, size.D, size.F);
  layer.nonfinite = NonFinite::allow;
  return layer;
}

constexpr Size kShapes[] = {{1, 1, 1, 1, 1, 1}, {3, 4, 2, 1, 3, 2}, {5, 3, 3, 2, 4, 3},
                            {7, 5, 4, 3, 2, 2}, {2, 2, 2, 2, 33, 32}};

TEST(CudaHierarchical, EveryStageHasTheReferencesBits) {
  Draw draw(111);
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const Size& size : kShapes)
      for (const SecondGroup second : {SecondGroup::as_first, SecondGroup::best_only}) {
        HierarchicalLayer layer = make_hierarchical(draw, size);
        layer.second_group = second;
        Matrix x = with_ties(draw.matrix(T, size.D));
        if (T == 7) x = with_nan(x);
        expect_same_pass(reference::hierarchical, cuda::hierarchical, layer, cuda::prepare(layer),
                         x, fmt::format("T={} E1={} E2={}", T, size.E1, size.E2));
      }
}

// Places limited at either level, slots unused at either level, weights of the best alone.
TEST(CudaHierarchical, CapacitiesAndUnusedSlotsHaveTheReferencesBits) {
  Draw draw(112);
  constexpr LaterSlots kLater[] = {LaterSlots::all, LaterSlots::none, LaterSlots::above_threshold,
                                   LaterSlots::until_mass};
  for (const Index T : {0, 1, 2, 7, 33})
    for (const LaterSlots outer : kLater)
      for (const LaterSlots inner : kLater)
        for (const Index C : {Index{0}, Index{1}, Index{5}, 4 * T}) {
          if (outer != LaterSlots::all && inner != LaterSlots::all && outer != inner) continue;
          HierarchicalLayer layer = make_hierarchical(draw, kShapes[2]);
          layer.outer.config.later = outer;
          layer.outer.config.later_threshold = 0.4F;
          for (Router& router : layer.inner) {
            router.config.later = inner;
            router.config.later_threshold = 0.3F;
            if (C == 1) router.config.normalisation = Normalisation::none;
          }
          layer.second_group = C == 5 ? SecondGroup::as_first : SecondGroup::best_only;
          if (C != 1) layer.outer_capacity = Capacity{.places = C, .priority = Priority::score};
          if (C != 0) layer.inner_capacity = Capacity{.places = C, .group = T % 7 == 0 ? 3 : 0};
          expect_same_pass(reference::hierarchical, cuda::hierarchical, layer,
                           cuda::prepare(layer), with_ties(draw.matrix(T, kShapes[2].D)),
                           fmt::format("T={} later {} {} C={}", T, static_cast<int>(outer),
                                       static_cast<int>(inner), C));
        }
}

TEST(CudaHierarchical, UnpackingGivesTheSameLayer) {
  Draw draw(113);
  HierarchicalLayer layer = make_hierarchical(draw, kShapes[2]);
  layer.second_group = SecondGroup::best_only;
  layer.outer_capacity = Capacity{.places = 3};
  layer.inner_capacity = Capacity{.places = 4, .priority = Priority::token};
  const HierarchicalLayer back = cuda::unpack(cuda::prepare(layer));
  EXPECT_TRUE(same_bits(layer.outer.weight, back.outer.weight));
  ASSERT_EQ(layer.inner.size(), back.inner.size());
  for (std::size_t i = 0; i < layer.inner.size(); i++) {
    EXPECT_TRUE(same_bits(layer.inner[i].weight, back.inner[i].weight));
    EXPECT_TRUE(same_bits(layer.inner[i].bias, back.inner[i].bias));
  }
  expect_same_experts(layer.experts, back.experts);
  Recording expected, found;
  const Matrix x = draw.matrix(9, kShapes[2].D);
  reference::hierarchical(layer, x, &expected);
  reference::hierarchical(back, x, &found);
  expect_same_stages(expected, found, "the choices too");
}

TEST(CudaHierarchical, RefusesWhatTheReferenceRefuses) {
  Draw draw(114);
  HierarchicalLayer layer = make_hierarchical(draw, kShapes[1]);
  layer.nonfinite = NonFinite::refuse;
  const cuda::PreparedHierarchical prepared = cuda::prepare(layer);
  EXPECT_THROW(cuda::hierarchical(prepared, Matrix::Zero(2, 4)), Error);
  EXPECT_THROW(cuda::hierarchical(prepared, with_nan(Matrix::Zero(2, 3))), Error);
  layer.inner[1].config.chosen = 1;
  EXPECT_THROW(cuda::prepare(layer), Error);
}

}  // namespace
}  // namespace moe::test
