// The weighted sum against the reference, bit for bit.
#include "cpu/combine.h"

#include "reference/combine.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

TEST(CpuCombine, HasTheReferencesBits) {
  Draw draw(32);
  Index compared = 0;
  for (const Index T : kSizes)
    for (const Index K : {1, 2, 5})
      for (const Index D : {1, 2, 7, 33, 127})
        for (const WeightOn on : {WeightOn::output, WeightOn::input}) {
          const Routing routing = D % 2 == 0 ? make_routing(draw, T, 6, K, 0, on)
                                             : make_routing_with_gaps(draw, T, 6, K, 3, on);
          const Dispatch dispatch = reference::place(routing, 6, std::nullopt, nullptr);
          const Matrix wide = draw.matrix(dispatch.offsets.back(), D + 3);
          const ConstMatrix rows = wide.leftCols(D);
          const Matrix y = reference::combine(dispatch, routing, rows, nullptr);
          const Matrix shared = draw.matrix(T, D);
          for (const int threads : kThreads) {
            Recording trace;
            ASSERT_TRUE(same_bits(y, cpu::combine(dispatch, routing, rows, &trace, threads)));
            ASSERT_NE(trace.find("combined"), nullptr);
            Matrix combined(T, D);
            Matrix sum(T, D);
            cpu::combine_and_add(dispatch, routing, rows,
                                 {.shared = shared.data(), .combined = combined.data()},
                                 sum.data(), threads);
            ASSERT_TRUE(same_bits(y, combined));
            ASSERT_TRUE(same_bits(Matrix(y + shared), sum));
            const Vector keep = draw.vector(T);
            Matrix scaled = y;
            for (Index t = 0; t < T; t++) scaled.row(t) *= keep[t];
            const cpu::Beside beside{.shared = shared.data(), .keep = keep.data()};
            cpu::combine_and_add(dispatch, routing, rows, beside, sum.data(), threads);
            ASSERT_TRUE(same_bits(Matrix(scaled + shared), sum));
            Matrix in_place = y;
            cpu::add_shared(beside, in_place, threads);
            ASSERT_TRUE(same_bits(Matrix(scaled + shared), in_place));
          }
          compared += y.size();
        }
  EXPECT_GT(compared, 0);
}

TEST(CpuCombine, TokenWithoutRowsGetsPlusZero) {
  Routing routing{IntMatrix::Constant(3, 2, -1), Matrix::Constant(3, 2, -1.0F), Matrix::Ones(3, 2)};
  routing.selected(1, 1) = 0;
  const Dispatch dispatch = reference::place(routing, 1, std::nullopt, nullptr);
  const Matrix y = cpu::combine(dispatch, routing, Matrix::Constant(1, 5, 3.0F), nullptr);
  Matrix expected = Matrix::Zero(3, 5);
  expected.row(1).setConstant(-3.0F);
  EXPECT_TRUE(same_bits(expected, y));
}

}  // namespace
}  // namespace moe::test
