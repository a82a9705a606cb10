// The shared expert on the device against the reference, bit for bit.
#include "cuda/shared.h"

#include "reference/shared.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

Shared make_shared_expert(Draw& draw, Index F, Index D, bool gate, bool gated) {
  Shared shared{{.gated = gated}, make_ffn(draw, F, D, gated, true), {}};
  if (gate) shared.gate = draw.matrix(1, D);
  return shared;
}

TEST(CudaShared, EveryShapeHasTheReferencesBits) {
  Draw draw(61);
  for (const bool gate : {false, true})
    for (const bool gated : {false, true})
      for (const auto& [T, D, F] : {std::array<Index, 3>{0, 3, 2}, {1, 1, 1}, {5, 33, 7},
                                    {40, 6, 65}, {130, 9, 17}}) {
        const Shared shared = make_shared_expert(draw, F, D, gate, gated);
        const Matrix x = draw.matrix(T, D);
        Recording expected;
        const Matrix y = reference::run_shared(shared, x, &expected);
        const std::string name = fmt::format("T={} D={} F={} gate={}", T, D, F, gate);
        in_every_order([&] {
          Recording found;
          ASSERT_TRUE(same_bits(y, cuda::run_shared(cuda::prepare(shared), x, &found))) << name;
          expect_same_stages(expected, found, name);
        });
        const Shared back = cuda::unpack(cuda::prepare(shared));
        EXPECT_TRUE(same_bits(shared.gate, back.gate));
        EXPECT_TRUE(same_bits(shared.ffn.up, back.ffn.up));
        EXPECT_TRUE(same_bits(shared.ffn.down_bias, back.ffn.down_bias));
      }
}

}  // namespace
}  // namespace moe::test
