// The weighted sum on the device against the reference, bit for bit.
#include "cuda/combine.h"

#include "reference/combine.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

TEST(CudaCombine, EveryShapeHasTheReferencesBits) {
  Draw draw(51);
  for (const WeightOn on : {WeightOn::output, WeightOn::input})
    for (const Index D : {1, 3, 4, 5, 31, 127, 520})
      for (const Index T : {0, 1, 2, 33})
        for (const Index K : {1, 2, 5, 8}) {
          Routing routing = make_routing(draw, T, 8, K, 0, on);
          make_wild(draw, routing, K % 2 == 0, false);
          std::optional<Capacity> capacity;
          if (K == 5) capacity = Capacity{.places = T / 2};
          const Dispatch dispatch = reference::place(routing, 8, capacity, nullptr);
          const Matrix rows = draw.matrix(dispatch.offsets.back(), D);
          Recording expected;
          const Matrix y = reference::combine(dispatch, routing, rows, &expected);
          in_every_order([&] {
            Recording found;
            const std::string name = fmt::format("T={} D={} K={}", T, D, K);
            ASSERT_TRUE(same_bits(y, cuda::combine(dispatch, routing, rows, &found))) << name;
            expect_same_stages(expected, found, name);
          });
        }
}

// What a slot without a row would add: its weight is 0, and there is no row to read.
TEST(CudaCombine, TokensWithoutRowsGetZero) {
  const Routing routing{IntMatrix::Constant(3, 2, -1), Matrix::Zero(3, 2), Matrix::Zero(3, 2),
                        WeightOn::output};
  const Dispatch dispatch = reference::place(routing, 2, std::nullopt, nullptr);
  in_every_order([&] {
    const Matrix y = cuda::combine(dispatch, routing, Matrix(0, 5), nullptr);
    ASSERT_TRUE(same_bits(Matrix(Matrix::Zero(3, 5)), y));
  });
}

}  // namespace
}  // namespace moe::test
