// Dispatch against the reference, bit for bit.
#include "cpu/dispatch.h"

#include <vector>

#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

bool same_dispatch(const Dispatch& expected, const Dispatch& found) {
  return expected.offsets == found.offsets && expected.tokens == found.tokens &&
         expected.slots == found.slots && expected.positions == found.positions;
}

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
          const Dispatch expected = reference::place(routing, E, std::nullopt, nullptr);
          Recording trace;
          const Dispatch found = cpu::place(routing, E, std::nullopt, &trace);
          ASSERT_TRUE(same_dispatch(expected, found));
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

constexpr Priority kPriorities[] = {Priority::choice, Priority::token, Priority::score,
                                    Priority::confidence};

// Places, the weights after dropping, and the rows: every priority, some slots not used.
TEST(CpuDispatch, LimitedPlacesAreTheReferences) {
  Draw draw(33);
  Index dropped = 0, placed = 0;
  for (const Index T : kSizes)
    for (const auto& [E, K] : {std::array<Index, 2>{1, 1}, {8, 2}, {5, 5}, {3, 2}})
      for (const Index C : {Index{0}, Index{1}, Index{2}, T / 2, T, T + 1})
        for (const Index group : {0, 1, 3, 8, 200})
          for (const Priority priority : kPriorities)
            for (const Normalisation after :
                 {Normalisation::none, Normalisation::sum, Normalisation::max_sum}) {
              Routing routing = make_routing_with_gaps(draw, T, E, K, 5, WeightOn::output);
              if (T > 3) routing.chosen_scores.bottomRows(2).setConstant(NAN);
              const Capacity capacity{.places = C,
                                      .group = group,
                                      .priority = priority,
                                      .after = after,
                                      .epsilon = 1e-9F};
              const auto name = fmt::format("T={} E={} K={} C={} group={} priority {}", T, E, K, C,
                                            group, int(priority));
              const Dispatch expected = reference::place(routing, E, capacity, nullptr);
              const Dispatch found = cpu::place(routing, E, capacity, nullptr);
              ASSERT_TRUE(same_dispatch(expected, found)) << name;
              Routing other = routing;
              Recording expected_trace, found_trace;
              reference::drop_weights(capacity, expected, routing, &expected_trace);
              cpu::drop_weights(capacity, found, other, &found_trace);
              ASSERT_TRUE(same_stages(expected_trace, found_trace)) << name;
              ASSERT_TRUE(same_bits(routing.weights, other.weights)) << name;
              const Matrix x = draw.matrix(T, 3);
              ASSERT_TRUE(same_bits(reference::gather(expected, routing, x, nullptr),
                                    cpu::gather(found, routing, x, nullptr, 2)));
              placed += static_cast<Index>(found.tokens.size());
              dropped += T * K - static_cast<Index>(found.tokens.size());
            }
  EXPECT_GT(placed, 0);
  EXPECT_GT(dropped, 0);
}

// Four tokens, two experts, one place each: who has it under each priority.
TEST(CpuDispatch, EachPriorityServesSomeoneElseFirst) {
  Routing routing{IntMatrix(4, 2), Matrix::Ones(4, 2), Matrix(4, 2)};
  routing.selected << 1, 0, 0, 1, 0, 1, 0, 1;
  routing.chosen_scores << 0.5F, 0.4F, 0.6F, 0.4F, 0.7F, 0.1F, 0.3F, 0.9F;
  const std::vector<std::vector<Index>> holders = {{1, 0}, {0, 0}, {2, 3}, {2, 0}};
  for (std::size_t p = 0; p < std::size(kPriorities); p++) {
    const Capacity capacity{.places = 1, .priority = kPriorities[p]};
    EXPECT_EQ(cpu::place(routing, 2, capacity, nullptr).tokens, holders[p]) << p;
  }
}

}  // namespace
}  // namespace moe::test
