// A whole layer on the device against the reference: every stage, bit for bit.
#include "cuda/sparse.h"

#include <thread>

#include "reference/sparse.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

SparseLayer layer_with_everything(Draw& draw, Index D, Index F, Index E, Index K, WeightOn on) {
  SparseLayer layer = make_layer(draw, D, F, E, K, true);
  layer.router.config.weight_on = on;
  layer.shared = Shared{{}, make_ffn(draw, F + 1, D, true, false), draw.matrix(1, D)};
  return layer;
}

TEST(CudaSparse, EveryStageHasTheReferencesBits) {
  Draw draw(71);
  const Index shapes[][5] = {{0, 3, 4, 2, 1},  {1, 1, 1, 1, 1},   {5, 7, 3, 4, 2},
                             {33, 31, 65, 8, 3}, {127, 12, 20, 3, 2}, {9, 33, 5, 64, 8}};
  for (const auto& [T, D, F, E, K] : shapes)
    for (const WeightOn on : {WeightOn::output, WeightOn::input}) {
      const SparseLayer layer = layer_with_everything(draw, D, F, E, K, on);
      const Matrix x = draw.matrix(T, D);
      const std::string name = fmt::format("T={} D={} F={} E={} K={}", T, D, F, E, K);
      Recording expected;
      const Matrix y = reference::sparse(layer, x, &expected);
      const cuda::PreparedSparse prepared = cuda::prepare(layer);
      in_every_order([&] {
        Recording found;
        ASSERT_TRUE(same_bits(y, cuda::sparse(prepared, x, &found))) << name;
        expect_same_stages(expected, found, name);
        ASSERT_TRUE(same_bits(y, cuda::sparse(prepared, x))) << name << " without a trace";
      });
    }
}

// Capacities and unused slots: no place, one, more than tokens; every priority; groups that do not
// divide T; ties, and numbers that are none.
TEST(CudaSparse, EveryStageWithLimitedPlacesHasTheReferencesBits) {
  Draw draw(75);
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const Priority priority :
         {Priority::choice, Priority::token, Priority::score, Priority::confidence})
      for (const Index C : {Index{0}, Index{1}, Index{4}, T + 1}) {
        SparseLayer layer = layer_with_everything(draw, 5, 6, 4, 3, WeightOn::output);
        layer.nonfinite = NonFinite::allow;
        layer.router.config.weight_on = C == 1 ? WeightOn::input : WeightOn::output;
        layer.router.config.later = C == 4 ? LaterSlots::above_threshold : LaterSlots::all;
        layer.router.config.later_threshold = 0.2F;
        layer.capacity = Capacity{.places = C, .group = T % 2 == 0 ? 0 : 5, .priority = priority};
        if (C != 0) layer.capacity->after = Normalisation::sum;
        layer.capacity->epsilon = 1e-9F;
        if (C > T) layer.shared = std::nullopt;
        Matrix x = with_ties(draw.matrix(T, 5));
        if (C == 4) x = with_nan(x);
        expect_same_pass(reference::sparse, cuda::sparse, layer, cuda::prepare(layer), x,
                         fmt::format("T={} priority {} C={}", T, static_cast<int>(priority), C));
      }
}

TEST(CudaSparse, ThreadsShareAPreparedLayer) {
  Draw draw(72);
  const SparseLayer layer = layer_with_everything(draw, 9, 10, 4, 2, WeightOn::output);
  const cuda::PreparedSparse prepared = cuda::prepare(layer);
  const Matrix x[] = {draw.matrix(6, 9), draw.matrix(11, 9)};
  int same[] = {0, 0};
  std::thread threads[2];
  for (int i : {0, 1})
    threads[i] = std::thread([&, i] {
      const Matrix expected = reference::sparse(layer, x[i]);
      for (int repeat = 0; repeat < 5; repeat++)
        same[i] += static_cast<bool>(same_bits(expected, cuda::sparse(prepared, x[i])));
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same[0], 5);
  EXPECT_EQ(same[1], 5);
}

TEST(CudaSparse, UnpackingGivesTheSameLayer) {
  Draw draw(73);
  SparseLayer layer = layer_with_everything(draw, 6, 7, 3, 2, WeightOn::input);
  layer.capacity = Capacity{.places = 2, .priority = Priority::score};
  const SparseLayer back = cuda::unpack(cuda::prepare(layer));
  const Matrix x = draw.matrix(5, 6);
  EXPECT_TRUE(same_bits(reference::sparse(layer, x), reference::sparse(back, x)));
  EXPECT_TRUE(same_bits(layer.router.weight, back.router.weight));
  EXPECT_TRUE(same_bits(layer.shared->gate, back.shared->gate));
}

TEST(CudaSparse, RefusesWhatTheReferenceRefuses) {
  Draw draw(74);
  SparseLayer layer = make_layer(draw, 4, 5, 3, 2);
  const cuda::PreparedSparse prepared = cuda::prepare(layer);
  EXPECT_THROW(cuda::sparse(prepared, Matrix::Zero(2, 5)), Error);
  Matrix x = Matrix::Zero(2, 4);
  x(1, 2) = std::nanf("");
  EXPECT_THROW(cuda::sparse(prepared, x), Error);
  layer.router.config.chosen = 4;
  EXPECT_THROW(cuda::prepare(layer), Error);
}

}  // namespace
}  // namespace moe::test
