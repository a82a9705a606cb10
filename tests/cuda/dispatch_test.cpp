// Placing and gathering rows on the device against the reference.
#include "cuda/dispatch.h"

#include "tests/cuda/support.h"

namespace moe::test {
namespace {

void expect_same_dispatch(const Routing& routing, Index E, const std::string& name,
                          const std::optional<Capacity>& capacity = std::nullopt) {
  Recording expected, found;
  const Dispatch e = reference::place(routing, E, capacity, &expected);
  const Dispatch f = cuda::place(routing, E, capacity, &found);
  ASSERT_EQ(e.offsets, f.offsets) << name;
  ASSERT_EQ(e.tokens, f.tokens) << name;
  ASSERT_EQ(e.slots, f.slots) << name;
  ASSERT_EQ(e.positions, f.positions) << name;
  expect_same_stages(expected, found, name);
}

// From no pair to several chunks of 256 pairs; from one expert to several rounds of 256.
TEST(CudaDispatch, PlacesAsTheReferenceDoes) {
  Draw draw(31);
  const Index sizes[][4] = {{0, 3, 2, 0},    {1, 1, 1, 0},     {2, 2, 2, 0},    {7, 8, 3, 0},
                            {31, 33, 4, 5},  {127, 16, 4, 15}, {300, 1, 1, 0},  {257, 2, 1, 1},
                            {129, 256, 8, 0}, {90, 512, 10, 3}, {65, 1000, 33, 700}};
  for (const auto& [T, E, K, first] : sizes) {
    const Index used = E - first < K ? E - K : first;  // experts before `used` get nobody
    Routing routing = make_routing(draw, T, E, K, used, WeightOn::output);
    for (const bool gaps : {false, true}) {
      make_wild(draw, routing, gaps, false);
      const std::string name = fmt::format("T={} E={} K={} gaps={}", T, E, K, gaps);
      in_every_order([&, experts = E] { expect_same_dispatch(routing, experts, name); });
    }
  }
}

TEST(CudaDispatch, NobodyChoseAnything) {
  Routing routing{IntMatrix::Constant(5, 2, -1), Matrix::Zero(5, 2), Matrix::Zero(5, 2),
                  WeightOn::output};
  in_every_order([&] { expect_same_dispatch(routing, 3, "all slots empty"); });
}

constexpr Priority kPriorities[] = {Priority::choice, Priority::token, Priority::score,
                                    Priority::confidence};

// Who finds a place, with ties and NaN among the scores, unused slots, groups that do not divide T,
// no place at all and places for everybody.
TEST(CudaDispatch, PlacesAreFoundAsInTheReference) {
  Draw draw(33);
  int dropped = 0;
  for (const Priority priority : kPriorities)
    for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
      for (const Index group : {0, 1, 2, 7, 40})
        for (const Index C : {Index{0}, Index{1}, Index{3}, T, 5 * T + 1}) {
          const Index E = 5, K = 1 + static_cast<Index>(draw.word() % 5);
          Routing routing = make_routing(draw, T, E, K, 0, WeightOn::output);
          make_wild(draw, routing, draw.word() % 2 == 0, draw.word() % 2 == 0);
          const Capacity capacity{.places = C, .group = group, .priority = priority};
          const IntMatrix placed = reference::places_found(capacity, routing, E);
          dropped += static_cast<int>(placed.size() - placed.sum());
          const std::string name = fmt::format("priority {} T={} K={} group={} C={}",
                                               static_cast<int>(priority), T, K, group, C);
          in_every_order([&] {
            ASSERT_EQ(placed, cuda::places_found(capacity, routing, E)) << name;
            expect_same_dispatch(routing, E, name, capacity);
          });
        }
  EXPECT_GT(dropped, 1000);
}

// More pairs of a group than a block has threads, and than two; every rule for C.
TEST(CudaDispatch, PlacesInLargeGroupsAndByEveryRule) {
  Draw draw(34);
  for (const Priority priority : kPriorities)
    for (const auto& [T, K, group] :
         {std::array<Index, 3>{300, 2, 0}, {129, 2, 0}, {128, 2, 64}, {400, 1, 390}}) {
      Routing routing = make_routing(draw, T, 4, K, 0, WeightOn::output);
      make_wild(draw, routing, true, true);
      const std::string name = fmt::format("T={} K={} group={}", T, K, group);
      for (const CapacityRule rule : {CapacityRule::mesh, CapacityRule::megatron}) {
        const Capacity capacity{
            .rule = rule, .factor = 0.7, .group = group, .priority = priority};
        in_every_order([&] { expect_same_dispatch(routing, 4, name, capacity); });
      }
    }
}

TEST(CudaDispatch, WeightsAfterDroppingHaveTheReferencesBits) {
  Draw draw(35);
  for (const Normalisation after :
       {Normalisation::none, Normalisation::sum, Normalisation::max_sum})
    for (const float epsilon : {0.0F, 1e-20F, 0.75F})
      for (const Index T : {0, 1, 2, 33, 300})
        for (const bool nan : {false, true}) {
          const Capacity capacity{.places = T / 3, .after = after, .epsilon = epsilon};
          Routing routing = make_routing(draw, T, 6, 4, 0, WeightOn::output);
          make_wild(draw, routing, true, nan);
          const Dispatch dispatch = reference::place(routing, 6, capacity, nullptr);
          Recording expected;
          Routing e = routing;
          reference::drop_weights(capacity, dispatch, e, &expected);
          in_every_order([&] {
            Recording found;
            Routing f = routing;
            cuda::drop_weights(capacity, dispatch, f, &found);
            ASSERT_TRUE(same_bits(e.weights, f.weights)) << "T=" << T;
            ASSERT_TRUE(same_bits(e.chosen_scores, f.chosen_scores)) << "T=" << T;
            expect_same_stages(expected, found, fmt::format("T={} epsilon={}", T, epsilon));
          });
        }
}

TEST(CudaDispatch, GathersAsTheReferenceDoes) {
  Draw draw(32);
  for (const WeightOn on : {WeightOn::output, WeightOn::input})
    for (const Index D : {1, 2, 3, 4, 5, 31, 33, 127, 520})
      for (const Index T : {0, 1, 7, 40}) {
        Routing routing = make_routing(draw, T, 6, 3, 0, on);
        make_wild(draw, routing, D % 2 == 0, false);
        const Matrix x = draw.matrix(T, D);
        std::optional<Capacity> capacity;
        if (D % 3 == 0) capacity = Capacity{.places = T / 4};
        const Dispatch dispatch = reference::place(routing, 6, capacity, nullptr);
        Recording expected, found;
        const Matrix rows = reference::gather(dispatch, routing, x, &expected);
        in_every_order([&] {
          found.stages.clear();
          ASSERT_TRUE(same_bits(rows, cuda::gather(dispatch, routing, x, &found)));
          expect_same_stages(expected, found, fmt::format("T={} D={}", T, D));
        });
      }
}

TEST(CudaDispatch, RefusesExpertsThatAreNone) {
  Routing routing{IntMatrix::Zero(2, 1), Matrix::Ones(2, 1), Matrix::Ones(2, 1),
                  WeightOn::output};
  EXPECT_NO_THROW(cuda::place(routing, 3, std::nullopt, nullptr));
  routing.selected(1, 0) = 3;
  EXPECT_THROW(cuda::place(routing, 3, std::nullopt, nullptr), Error);
  routing.selected(1, 0) = -2;
  EXPECT_THROW(cuda::place(routing, 3, std::nullopt, nullptr), Error);
}

}  // namespace
}  // namespace moe::test
