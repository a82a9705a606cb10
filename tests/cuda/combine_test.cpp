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
          const Routing routing = make_routing(draw, T, 8, K, 0, on);
          const Dispatch dispatch = reference::place(routing, 8, nullptr);
          const Matrix rows = draw.matrix(T * K, D);
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

}  // namespace
}  // namespace moe::test
