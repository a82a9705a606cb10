// From rows to outputs on the device against the reference, for routings no router made.
#include "cuda/routed.h"

#include "reference/routed.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

TEST(CudaRouted, EveryStageHasTheReferencesBits) {
  Draw draw(85);
  for (const Index T : {0, 1, 2, 3, 7, 33})
    for (const WeightOn on : {WeightOn::output, WeightOn::input})
      for (const bool with_shared : {false, true})
        for (const Index C : {Index{0}, Index{2}, T}) {
          const Experts experts = make_experts(draw, 4, 5, 6);
          std::optional<Shared> shared;
          if (with_shared) shared = Shared{{}, make_ffn(draw, 3, 5, true, true), draw.matrix(1, 5)};
          Routing routing = make_routing(draw, T, 4, 3, 0, on);
          make_wild(draw, routing, C == 2, false);
          const Dispatch dispatch = reference::place(routing, 4, Capacity{.places = C}, nullptr);
          const Matrix x = draw.matrix(T, 5);
          Recording expected;
          const Matrix y = reference::run_routed(experts, shared, routing, dispatch, x, &expected);
          const cuda::PreparedExperts prepared = cuda::prepare(experts);
          std::optional<cuda::PreparedShared> prepared_shared;
          if (shared) prepared_shared = cuda::prepare(*shared);
          in_every_order([&] {
            Recording found;
            ASSERT_TRUE(same_bits(
                y, cuda::run_routed(prepared, prepared_shared, routing, dispatch, x, &found)));
            expect_same_stages(expected, found, fmt::format("T={} C={}", T, C));
          });
        }
}

}  // namespace
}  // namespace moe::test
