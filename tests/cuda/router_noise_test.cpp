// Routers that draw, look token ids up or read changed tokens, on the device against the reference.
#include "cuda/router.h"
#include "tests/cuda/support.h"
#include "tests/support/drawn_routers.h"

namespace moe::test {
namespace {

TEST(CudaRouterNoise, EveryDrawnRouterHasTheReferencesBits) {
  Draw draw(21);
  int noisy = 0;
  const int count = for_every_drawn_router(draw, [&](const Router& router, const Matrix& x,
                                                     const Batch& batch, const std::string& name) {
    Recording expected;
    const Routing e = reference::route(router, x, &expected, batch);
    noisy += expected.find("noisy_logits") != nullptr ? 1 : 0;
    const cuda::PreparedRouter prepared = cuda::prepare(router);
    in_every_order([&] {
      Recording found;
      const Routing f = cuda::route(prepared, x, &found, batch);
      expect_same_stages(expected, found, name);
      ASSERT_EQ(e.selected, f.selected) << name;
      ASSERT_TRUE(same_bits(e.weights, f.weights)) << name;
      ASSERT_TRUE(same_bits(e.chosen_scores, f.chosen_scores)) << name;
      const Routing untraced = cuda::route(prepared, x, nullptr, batch);
      ASSERT_EQ(e.selected, untraced.selected) << name;
      ASSERT_TRUE(same_bits(e.weights, untraced.weights)) << name;
    });
  });
  EXPECT_EQ(count, 164);
  EXPECT_EQ(noisy, 40);
}

TEST(CudaRouterNoise, UnpackingGivesTheSameBits) {
  Draw draw(22);
  for_every_drawn_router(draw, [&](const Router& router, const Matrix&, const Batch&,
                                   const std::string& name) {
    const Router back = cuda::unpack(cuda::prepare(router));
    EXPECT_TRUE(same_bits(router.input_gain, back.input_gain)) << name;
    EXPECT_TRUE(same_bits(router.expert_scale, back.expert_scale)) << name;
    EXPECT_TRUE(same_bits(router.noise_weight, back.noise_weight)) << name;
    EXPECT_EQ(router.table, back.table) << name;
    EXPECT_EQ(router.unscored, back.unscored) << name;
  });
}

}  // namespace
}  // namespace moe::test
