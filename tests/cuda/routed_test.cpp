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

// Experts that compute nothing after those that do, a latent space around them, the token itself in
// the end; each with and without the others.
TEST(CudaRouted, IdentitiesLatentSpaceAndResidualHaveTheReferencesBits) {
  Draw draw(86);
  for (const Index T : {0, 1, 7, 33})
    for (const Index identities : {0, 1, 3})
      for (const bool with_latent : {false, true})
        for (const bool residual : {false, true})
          for (const WeightOn on : {WeightOn::output, WeightOn::input}) {
            const Index D = 6, L = with_latent ? 3 : D, E = 2 + identities;
            Experts experts = make_experts(draw, 2, L, 5);
            experts.identities = identities;
            std::optional<Latent> latent;
            if (with_latent) latent = Latent{draw.matrix(L, D), draw.matrix(D, L)};
            const Shared shared{{}, make_ffn(draw, 3, D, true, true), draw.matrix(1, D)};
            Routing routing = make_routing(draw, T, E, 2, 0, on);
            make_wild(draw, routing, true, false);
            const Dispatch dispatch = reference::place(routing, E, std::nullopt, nullptr);
            const Matrix x = draw.matrix(T, D);
            const cuda::PreparedExperts prepared = cuda::prepare(experts);
            expect_same_pass(
                [&](Trace* trace) {
                  return reference::run_routed(experts, shared, routing, dispatch, x, trace, latent,
                                               residual);
                },
                [&](Trace* trace) {
                  return cuda::run_routed(prepared, cuda::prepare(shared), routing, dispatch, x,
                                          trace, cuda::prepare(latent), residual);
                },
                fmt::format("T={} identities={} L={} residual={}", T, identities, L, residual));
            EXPECT_EQ(cuda::unpack(prepared).identities, identities);
            const std::optional<Latent> back = cuda::unpack(cuda::prepare(latent));
            ASSERT_EQ(back.has_value(), with_latent);
            if (with_latent) { EXPECT_TRUE(same_bits(latent->up, back->up)); }
          }
}

}  // namespace
}  // namespace moe::test
