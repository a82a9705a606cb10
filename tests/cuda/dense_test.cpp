// Every expert for every token, on the device against the reference: every stage, bit for bit.
#include "cuda/dense.h"

#include "reference/dense.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

DenseLayer make_dense(Draw& draw, Index D, Index F, Index E, bool shared) {
  DenseLayer layer;
  layer.gate.weight = draw.matrix(E, D);
  layer.experts = make_experts(draw, E, D, F);
  if (shared) {
    layer.gate.bias = draw.vector(E);
    layer.shared = Shared{{}, make_ffn(draw, F + 1, D, true, false), draw.matrix(1, D)};
  }
  layer.nonfinite = NonFinite::allow;
  return layer;
}

TEST(CudaDense, EveryStageHasTheReferencesBits) {
  Draw draw(81);
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const auto& [D, F, E] :
         {std::array<Index, 3>{1, 1, 1}, {3, 4, 2}, {5, 7, 3}, {31, 9, 33}})
      for (const Score score : {Score::softmax, Score::sigmoid}) {
        DenseLayer layer = make_dense(draw, D, F, E, E % 2 == 1);
        layer.gate.config.score = score;
        layer.gate.config.scale = score == Score::sigmoid ? 0.3F : 1;
        layer.gate.config.weight_on = T == 5 ? WeightOn::input : WeightOn::output;
        Matrix x = draw.matrix(T, D);
        if (T == 7) x = with_nan(x);
        expect_same_pass(reference::dense, cuda::dense, layer, cuda::prepare(layer), x,
                         fmt::format("T={} D={} F={} E={}", T, D, F, E));
      }
}

TEST(CudaDense, UnpackingGivesTheSameLayer) {
  Draw draw(82);
  const DenseLayer layer = make_dense(draw, 6, 7, 3, true);
  const DenseLayer back = cuda::unpack(cuda::prepare(layer));
  EXPECT_TRUE(same_bits(layer.gate.weight, back.gate.weight));
  EXPECT_TRUE(same_bits(layer.gate.bias, back.gate.bias));
  expect_same_experts(layer.experts, back.experts);
  ASSERT_TRUE(back.shared.has_value());
  EXPECT_TRUE(same_bits(layer.shared->gate, back.shared->gate));
  EXPECT_TRUE(same_bits(layer.shared->ffn.up, back.shared->ffn.up));
  EXPECT_EQ(layer.nonfinite, back.nonfinite);
}

TEST(CudaDense, RefusesWhatTheReferenceRefuses) {
  Draw draw(83);
  DenseLayer layer = make_dense(draw, 4, 5, 3, false);
  layer.nonfinite = NonFinite::refuse;
  const cuda::PreparedDense prepared = cuda::prepare(layer);
  EXPECT_THROW(cuda::dense(prepared, Matrix::Zero(2, 5)), Error);
  EXPECT_THROW(cuda::dense(prepared, with_nan(Matrix::Zero(2, 4))), Error);
  layer.gate.weight.resize(2, 4);
  EXPECT_THROW(cuda::prepare(layer), Error);
}

}  // namespace
}  // namespace moe::test
