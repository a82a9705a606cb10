// Dispatch against the reference, bit for bit.
#include "cpu/dispatch.h"

#include "tests/cpu/support.h"

namespace moe::test {
namespace {

TEST(CpuDispatch, PlacesAndGathersAsTheReference) {
  Draw draw(31);
  Index compared = 0;
  for (const Index T : kSizes)
    for (const auto& [E, K, first] :
         {std::array<Index, 3>{1, 1, 0}, {8, 2, 0}, {8, 3, 5}, {5, 5, 0}})
      for (const Index D : {1, 2, 7, 33})
        for (const WeightOn on : {WeightOn::output, WeightOn::input}) {
          const Routing routing = make_routing(draw, T, E, K, first, on);
          const Matrix wide = draw.matrix(T, D + 3);
          const ConstMatrix x = wide.leftCols(D);
          const Dispatch expected = reference::place(routing, E, nullptr);
          Recording trace;
          const Dispatch found = cpu::place(routing, E, &trace);
          ASSERT_EQ(expected.offsets, found.offsets);
          ASSERT_EQ(expected.tokens, found.tokens);
          ASSERT_EQ(expected.slots, found.slots);
          ASSERT_EQ(expected.positions, found.positions);
          ASSERT_NE(trace.find("positions"), nullptr);

          const Matrix rows = reference::gather(expected, routing, x, nullptr);
          for (const int threads : kThreads) {
            ASSERT_TRUE(same_bits(rows, cpu::gather(found, routing, x, &trace, threads)));
          }
          ASSERT_NE(trace.find("dispatched"), nullptr);
          compared += rows.size();
        }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace moe::test
