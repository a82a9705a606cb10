// The shared expert against the reference, bit for bit.
#include "cpu/shared.h"

#include "reference/shared.h"
#include "tests/cpu/support.h"

namespace moe::test {
namespace {

TEST(CpuShared, HasTheReferencesBits) {
  Draw draw(43);
  for (const Index T : kSizes)
    for (const Index D : {1, 5, 33})
      for (const bool gate : {false, true}) {
        Shared shared;
        shared.ffn = make_ffn(draw, 21, D, true, D == 5);
        if (gate) shared.gate = draw.matrix(1, D);
        const Matrix x = draw.matrix(T, D);
        const Matrix expected = reference::run_shared(shared, x, nullptr);
        const cpu::PreparedShared prepared = cpu::prepare(shared);
        for (const int threads : kThreads) {
          Recording trace;
          ASSERT_TRUE(same_bits(expected, cpu::run_shared(prepared, x, &trace, threads)))
              << fmt::format("T={} D={} gate={}", T, D, gate);
          ASSERT_NE(trace.find("shared"), nullptr);
        }
        const Shared back = cpu::unpack(prepared);
        ASSERT_TRUE(same_bits(shared.gate, back.gate));
      }
}

// The two joins that leave the routed experts less than all.
TEST(CpuShared, SharesAreTheReferences) {
  Draw draw(44);
  Index compared = 0;
  for (const SharedJoin join : {SharedJoin::blended, SharedJoin::weighed})
    for (const Index T : kSizes)
      for (const Index D : {1, 5, 33}) {
        const bool weighed = join == SharedJoin::weighed;
        Shared shared{{}, make_ffn(draw, 9, D, true, false), draw.matrix(weighed ? 2 : 1, D), join};
        if (weighed && D != 5) shared.gate_bias = draw.vector(2);
        const Matrix x = draw.matrix(T, D);
        const cpu::PreparedShared prepared = cpu::prepare(shared);
        Matrix room = draw.matrix(T, D);
        Matrix expected = room;
        reference::make_room(shared, x, expected);
        const Vector kept = cpu::shares(prepared, x, 2).kept;
        ASSERT_EQ(kept.size(), T);
        for (Index t = 0; t < T; t++) room.row(t) *= kept[t];
        ASSERT_TRUE(same_bits(expected, room));
        ASSERT_TRUE(same_bits(reference::run_shared(shared, x, nullptr),
                              cpu::run_shared(prepared, x, nullptr, 3)));
        const Shared back = cpu::unpack(prepared);
        ASSERT_TRUE(same_bits(shared.gate, back.gate));
        ASSERT_TRUE(same_bits(Matrix(shared.gate_bias), Matrix(back.gate_bias)));
        ASSERT_EQ(back.join, join);
        compared += room.size();
      }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace moe::test
