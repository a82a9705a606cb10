// Routers that draw, look token ids up or read changed tokens, against the reference, bit for bit.
#include "cpu/router.h"
#include "tests/cpu/layers.h"
#include "tests/support/drawn_routers.h"

namespace moe::test {
namespace {

TEST(CpuRouterNoise, EveryDrawnRouterHasTheReferencesBits) {
  Draw draw(21);
  int noisy = 0;
  const int count = for_every_drawn_router(draw, [&](const Router& router, const Matrix& x,
                                                     const Batch& batch, const std::string& name) {
    Recording expected;
    const Routing e = reference::route(router, x, &expected, batch);
    noisy += expected.find("noisy_logits") != nullptr ? 1 : 0;
    const cpu::PreparedRouter prepared = cpu::prepare(router);
    for (const int threads : kThreads) {
      Recording found;
      const Routing f = cpu::route(prepared, x, &found, threads, batch);
      ASSERT_TRUE(same_stages(expected, found)) << name;
      ASSERT_EQ(e.selected, f.selected) << name;
      ASSERT_TRUE(same_bits(e.weights, f.weights)) << name;
      ASSERT_TRUE(same_bits(e.chosen_scores, f.chosen_scores)) << name;
    }
  });
  EXPECT_EQ(count, 164);
  EXPECT_EQ(noisy, 40);
}

TEST(CpuRouterNoise, UnpackingGivesTheSameBits) {
  Draw draw(22);
  for_every_drawn_router(draw, [&](const Router& router, const Matrix&, const Batch&,
                                   const std::string& name) {
    const Router back = cpu::unpack(cpu::prepare(router));
    EXPECT_TRUE(same_bits(router.input_gain, back.input_gain)) << name;
    EXPECT_TRUE(same_bits(router.expert_scale, back.expert_scale)) << name;
    EXPECT_TRUE(same_bits(router.noise_weight, back.noise_weight)) << name;
    EXPECT_EQ(router.table, back.table) << name;
    EXPECT_EQ(router.unscored, back.unscored) << name;
  });
}

}  // namespace
}  // namespace moe::test
