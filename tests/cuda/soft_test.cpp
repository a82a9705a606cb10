// Soft MoE on the device against the reference: every stage, bit for bit.
#include "cuda/soft.h"

#include "reference/soft.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

constexpr SoftNormalisation kNormalisations[] = {SoftNormalisation::none, SoftNormalisation::l2,
                                                 SoftNormalisation::rms};

SoftLayer make_soft(Draw& draw, Index D, Index F, Index E, Index S, SoftNormalisation kind) {
  SoftLayer layer;
  layer.phi = draw.matrix(E * S, D);
  layer.slots = S;
  layer.normalisation = kind;
  layer.scale = kind == SoftNormalisation::l2 ? 1.7F : 1;
  if (kind == SoftNormalisation::rms) {
    layer.token_gamma = draw.vector(D);
    layer.slot_gamma = draw.vector(D);
  }
  layer.experts = make_experts(draw, E, D, F);
  layer.nonfinite = NonFinite::allow;
  return layer;
}

TEST(CudaSoft, EveryStageHasTheReferencesBits) {
  Draw draw(101);
  for (const SoftNormalisation kind : kNormalisations)
    for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
      for (const Index group : {Index{0}, Index{1}, T % 3 == 0 ? Index{3} : T})
        for (const auto& [D, F, E, S] :
             {std::array<Index, 4>{1, 1, 1, 1}, {5, 7, 3, 2}, {33, 4, 2, 17}}) {
          if (S == 17 && group == 1) continue;  // many rows, nothing new
          SoftLayer layer = make_soft(draw, D, F, E, S, kind);
          layer.group = group;
          Matrix x = draw.matrix(T, D);
          if (S == 2 && T > 2) x.row(1).setZero();  // nothing to divide by
          if (S == 2 && T == 7) x = with_nan(x);
          expect_same_pass(reference::soft, cuda::soft, layer, cuda::prepare(layer), x,
                           fmt::format("T={} group={} D={} E={} S={}", T, group, D, E, S));
        }
}

// Several tiles in both directions of a transposed matrix, and of a product.
TEST(CudaSoft, LargeGroupsAndWideRows) {
  Draw draw(102);
  for (const auto& [T, group, D, E, S] :
       {std::array<Index, 5>{130, 65, 70, 3, 11}, {150, 0, 3, 1, 140}, {66, 33, 130, 2, 1}}) {
    SoftLayer layer = make_soft(draw, D, 5, E, S, SoftNormalisation::rms);
    layer.group = group;
    expect_same_pass(reference::soft, cuda::soft, layer, cuda::prepare(layer), draw.matrix(T, D),
                     fmt::format("T={} group={} D={} E={} S={}", T, group, D, E, S));
  }
}

TEST(CudaSoft, UnpackingGivesTheSameLayer) {
  Draw draw(103);
  for (const SoftNormalisation kind : kNormalisations) {
    SoftLayer layer = make_soft(draw, 6, 7, 3, 2, kind);
    layer.group = 4;
    const SoftLayer back = cuda::unpack(cuda::prepare(layer));
    EXPECT_TRUE(same_bits(layer.phi, back.phi));
    EXPECT_TRUE(same_bits(layer.token_gamma, back.token_gamma));
    EXPECT_TRUE(same_bits(layer.slot_gamma, back.slot_gamma));
    expect_same_experts(layer.experts, back.experts);
    EXPECT_EQ(layer.slots, back.slots);
    EXPECT_EQ(layer.group, back.group);
    EXPECT_EQ(layer.normalisation, back.normalisation);
    EXPECT_EQ(layer.scale, back.scale);
    EXPECT_EQ(layer.nonfinite, back.nonfinite);
  }
}

TEST(CudaSoft, RefusesWhatTheReferenceRefuses) {
  Draw draw(104);
  SoftLayer layer = make_soft(draw, 4, 5, 3, 2, SoftNormalisation::none);
  layer.nonfinite = NonFinite::refuse;
  layer.group = 3;
  const cuda::PreparedSoft prepared = cuda::prepare(layer);
  EXPECT_NO_THROW(cuda::soft(prepared, Matrix::Zero(6, 4)));
  EXPECT_THROW(cuda::soft(prepared, Matrix::Zero(7, 4)), Error);
  EXPECT_THROW(cuda::soft(prepared, Matrix::Zero(6, 5)), Error);
  EXPECT_THROW(cuda::soft(prepared, with_nan(Matrix::Zero(3, 4))), Error);
  layer.slots = 3;
  EXPECT_THROW(cuda::prepare(layer), Error);
}

}  // namespace
}  // namespace moe::test
