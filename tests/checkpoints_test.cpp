// The trained checkpoints of tests/data/checkpoints: all tiers have the same bits, choose the
// experts that the float64 capture chose, and lie within the derived bound of it.
#include <gtest/gtest.h>

#include "reference/io/hugging_face.h"
#include "reference/io/safetensors.h"
#include "tests/support/oracle.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

class Checkpoint : public ::testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(, Checkpoint,
                         ::testing::Values("mixtral-tiny", "qwen3-moe-tiny", "deepseek-v3-tiny",
                                           "gpt-oss-tiny", "olmoe-tiny"),
                         [](const auto& at) {
                           std::string name = at.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST_P(Checkpoint, SameBitsOnEveryTierAndWithinTheBoundOfTheCapture) {
  const std::string folder = std::string(MOE_TEST_DATA "/checkpoints/") + GetParam();
  const io::Model model(folder);
  const io::ArrayTable capture = io::read_safetensors(folder + "/capture.safetensors");
  Count count;
  ASSERT_EQ(model.info().moe_layers.size(), 3U);
  for (const Index L : model.info().moe_layers) {
    const std::string prefix = "layers." + std::to_string(L) + ".";
    const SparseLayer layer = model.load_layer(L);
    const LayerSizes size = sizes(layer);
    const std::vector<float> input = io::to_f32(capture.at(prefix + "input"));
    const Index T = static_cast<Index>(input.size()) / size.width;
    ASSERT_EQ(T, 256);
    const Matrix x = Eigen::Map<const Matrix>(input.data(), T, size.width);
    const std::string repeat = "moe model " + folder + " --layers " + std::to_string(L);

    const Pass expected = run(check::tiers()[0], layer, x);
    const IntMatrix chosen = integers(capture.at(prefix + "topk_idx"), T, size.chosen);
    EXPECT_EQ(int_stage(expected.trace, "selected"), chosen) << repeat;
    const check::Bounded bounded = check::bound(layer, x, chosen);
    const double ratios[] = {
        expect_within(stage(expected.trace, "logits"),
                      doubles(capture.at(prefix + "router_logits"), T, size.experts),
                      bounded.logits_bound, prefix + "router_logits"),
        expect_within(stage(expected.trace, "weights"),
                      doubles(capture.at(prefix + "topk_w"), T, size.chosen), bounded.weights_bound,
                      prefix + "topk_w"),
        expect_within(expected.y, doubles(capture.at(prefix + "output"), T, size.width),
                      bounded.output_bound, prefix + "output")};
    std::printf("%s layer %d: error/bound logits %.3f, weights %.3f, output %.3f\n", GetParam(),
                int(L), ratios[0], ratios[1], ratios[2]);

    for (const check::Tier& tier : check::tiers()) {
      if (tier.name == "reference") continue;
      // Emulated kernels are slow: their tokens are the first of each layer.
      const Index tokens = tier.name == "cuda-emulated" ? 24 : T;
      for (const int threads : {1, 2}) {
        if (!tier.skipped.empty()) {
          count.skipped(tier);
          continue;
        }
        const Pass part = run(check::tiers()[0], layer, x.topRows(tokens));
        EXPECT_TRUE(same_trace(part.trace, run(tier, layer, x.topRows(tokens), threads).trace,
                               tier.name, repeat))
            << repeat;
        count.ran(tier.name);
      }
    }
  }
  count.check({{"cpu", 6}, {"cuda", 6}, {"cuda-emulated", 6}});
}

}  // namespace
}  // namespace moe::test
