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

}  // namespace
}  // namespace moe::test
