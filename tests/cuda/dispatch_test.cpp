// Placing and gathering rows on the device against the reference.
#include "cuda/dispatch.h"

#include "tests/cuda/support.h"

namespace moe::test {
namespace {

void expect_same_dispatch(const Routing& routing, Index E, const std::string& name) {
  Recording expected, found;
  const Dispatch e = reference::place(routing, E, &expected);
  const Dispatch f = cuda::place(routing, E, &found);
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
    const Routing routing = make_routing(draw, T, E, K, used, WeightOn::output);
    in_every_order(
        [&] { expect_same_dispatch(routing, E, fmt::format("T={} E={} K={}", T, E, K)); });
  }
}

TEST(CudaDispatch, GathersAsTheReferenceDoes) {
  Draw draw(32);
  for (const WeightOn on : {WeightOn::output, WeightOn::input})
    for (const Index D : {1, 2, 3, 4, 5, 31, 33, 127, 520})
      for (const Index T : {0, 1, 7, 40}) {
        const Routing routing = make_routing(draw, T, 6, 3, 0, on);
        const Matrix x = draw.matrix(T, D);
        const Dispatch dispatch = reference::place(routing, 6, nullptr);
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
  Routing routing{IntMatrix::Zero(2, 1), Matrix::Ones(2, 1), WeightOn::output};
  routing.selected(1, 0) = 3;
  EXPECT_THROW(cuda::place(routing, 3, nullptr), Error);
  routing.selected(1, 0) = -1;
  EXPECT_THROW(cuda::place(routing, 3, nullptr), Error);
}

}  // namespace
}  // namespace moe::test
