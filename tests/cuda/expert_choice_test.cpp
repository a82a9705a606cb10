// Experts choose tokens, on the device against the reference: every stage, bit for bit.
#include "cuda/expert_choice.h"

#include "reference/expert_choice.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

ExpertChoiceLayer make_expert_choice(Draw& draw, Index D, Index F, Index E, bool shared) {
  ExpertChoiceLayer layer;
  layer.router = draw.matrix(E, D);
  layer.experts = make_experts(draw, E, D, F);
  if (shared) {
    layer.bias = draw.vector(E);
    layer.shared = Shared{{}, make_ffn(draw, F + 1, D, true, false), draw.matrix(1, D)};
  }
  layer.nonfinite = NonFinite::allow;
  return layer;
}

// One group, several, one token each; nobody is taken, one is, all are; tokens that tie.
TEST(CudaExpertChoice, EveryStageHasTheReferencesBits) {
  Draw draw(91);
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const Index group : {Index{0}, Index{1}, T % 3 == 0 ? Index{3} : T})
      for (const Index C : {Index{0}, Index{1}, Index{3}, T + 2})
        for (const auto& [D, F, E] : {std::array<Index, 3>{3, 4, 1}, {5, 7, 3}}) {
          ExpertChoiceLayer layer = make_expert_choice(draw, D, F, E, E == 3);
          layer.places = C;
          layer.group = group;
          Matrix x = with_ties(draw.matrix(T, D));
          if (C == 3) x = with_nan(x);
          expect_same_pass(reference::expert_choice, cuda::expert_choice, layer,
                           cuda::prepare(layer), x,
                           fmt::format("T={} group={} C={} E={}", T, group, C, E));
        }
}

// Groups of more tokens than a block has threads, and than two; more experts than a warp has lanes.
TEST(CudaExpertChoice, LargeGroupsAndManyExperts) {
  Draw draw(92);
  for (const auto& [T, group, E, C] :
       {std::array<Index, 4>{300, 0, 2, 70}, {520, 0, 1, 300}, {514, 257, 1, 256}, {9, 3, 40, 2}}) {
    ExpertChoiceLayer layer = make_expert_choice(draw, 3, 2, E, false);
    layer.places = C;
    layer.group = group;
    const Matrix x = with_nan(with_ties(draw.matrix(T, 3)));
    expect_same_pass(reference::expert_choice, cuda::expert_choice, layer, cuda::prepare(layer), x,
                     fmt::format("T={} group={} C={} E={}", T, group, C, E));
  }
}

// Caps that bind, that leave slots empty, that change nothing; tokens that tie, NaN.
TEST(CudaExpertChoice, CappedChoicesHaveTheReferencesBits) {
  Draw draw(95);
  for (const auto& [T, group] : {std::array<Index, 2>{0, 0}, {1, 0}, {7, 0}, {12, 4}, {33, 11}})
    for (const Index C : {Index{0}, Index{1}, Index{3}, T + 2})
      for (const Index cap : {1, 2, 3})
        for (const Index E : {1, 3, 5}) {
          ExpertChoiceLayer layer = make_expert_choice(draw, 5, 4, E, E == 3);
          layer.places = C;
          layer.group = group;
          layer.most_experts = cap;
          Matrix x = with_ties(draw.matrix(T, 5));
          if (C == 3) x = with_nan(x);
          expect_same_pass(reference::expert_choice, cuda::expert_choice, layer,
                           cuda::prepare(layer), x,
                           fmt::format("T={} group={} C={} E={} cap={}", T, group, C, E, cap));
        }
}

TEST(CudaExpertChoice, UnpackingGivesTheSameLayer) {
  Draw draw(93);
  ExpertChoiceLayer layer = make_expert_choice(draw, 6, 7, 3, true);
  layer.places = 4;
  layer.group = 5;
  layer.most_experts = 2;
  const ExpertChoiceLayer back = cuda::unpack(cuda::prepare(layer));
  EXPECT_TRUE(same_bits(layer.router, back.router));
  EXPECT_TRUE(same_bits(layer.bias, back.bias));
  expect_same_experts(layer.experts, back.experts);
  ASSERT_TRUE(back.shared.has_value());
  EXPECT_TRUE(same_bits(layer.shared->gate, back.shared->gate));
  EXPECT_EQ(layer.places, back.places);
  EXPECT_EQ(layer.group, back.group);
  EXPECT_EQ(layer.most_experts, back.most_experts);
  EXPECT_EQ(layer.nonfinite, back.nonfinite);
}

TEST(CudaExpertChoice, RefusesWhatTheReferenceRefuses) {
  Draw draw(94);
  ExpertChoiceLayer layer = make_expert_choice(draw, 4, 5, 3, false);
  layer.nonfinite = NonFinite::refuse;
  layer.group = 3;
  const cuda::PreparedExpertChoice prepared = cuda::prepare(layer);
  EXPECT_NO_THROW(cuda::expert_choice(prepared, Matrix::Zero(6, 4)));
  EXPECT_THROW(cuda::expert_choice(prepared, Matrix::Zero(7, 4)), Error);
  EXPECT_THROW(cuda::expert_choice(prepared, Matrix::Zero(6, 5)), Error);
  EXPECT_THROW(cuda::expert_choice(prepared, with_nan(Matrix::Zero(3, 4))), Error);
  layer.places = -1;
  EXPECT_THROW(cuda::prepare(layer), Error);
  layer.places = 1;
  layer.most_experts = -1;
  EXPECT_THROW(cuda::prepare(layer), Error);
}

}  // namespace
}  // namespace moe::test
