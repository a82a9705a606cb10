// The shared expert on the device against the reference, bit for bit.
#include "cuda/shared.h"

#include "cuda/routed.h"
#include "reference/routed.h"
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

// The two joins that leave the routed experts less than all.
TEST(CudaShared, JoinsHaveTheReferencesBits) {
  Draw draw(62);
  for (const SharedJoin join : {SharedJoin::blended, SharedJoin::weighed})
    for (const Index T : {0, 1, 7, 33}) {
      const bool weighed = join == SharedJoin::weighed;
      const Experts experts = make_experts(draw, 3, 5, 4);
      Shared shared{{}, make_ffn(draw, 9, 5, true, false), draw.matrix(weighed ? 2 : 1, 5), join};
      if (weighed && T != 7) shared.gate_bias = draw.vector(2);
      const Routing routing = make_routing(draw, T, 3, 2, 0, WeightOn::output);
      const Dispatch dispatch = reference::place(routing, 3, std::nullopt, nullptr);
      const Matrix x = draw.matrix(T, 5);
      expect_same_pass(
          [&](Trace* trace) {
            return reference::run_routed(experts, shared, routing, dispatch, x, trace);
          },
          [&](Trace* trace) {
            return cuda::run_routed(cuda::prepare(experts), cuda::prepare(shared), routing, dispatch,
                                    x, trace);
          },
          fmt::format("join {} T={}", static_cast<int>(join), T));
      const Shared back = cuda::unpack(cuda::prepare(shared));
      EXPECT_TRUE(same_bits(shared.gate, back.gate));
      EXPECT_TRUE(same_bits(shared.gate_bias, back.gate_bias));
      EXPECT_EQ(shared.join, back.join);
    }
}

}  // namespace
}  // namespace moe::test
