// Layers that other people's code computed in float64 (tests/data/vectors), and the literal vectors
// of the specification.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "reference/activation.h"
#include "reference/error.h"
#include "reference/io/layer_file.h"
#include "reference/io/npz.h"
#include "reference/router.h"
#include "tests/support/oracle.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

// Files of a kind that is not token choice; how many there are is known, so that none is passed
// over by mistake.
bool is_topk(const std::string& path) {
  return io::to_characters(io::read_npz(path).at("meta")).find("\"kind\": \"topk\"") !=
         std::string::npos;
}

void check_file(const std::string& path, Count& count) {
  SCOPED_TRACE(path);
  const io::LayerFile file = io::read_layer_file(path);
  const auto& layer = std::get<SparseLayer>(file.layer);
  const LayerSizes size = sizes(layer);
  const Index T = file.x.rows();
  const Pass pass = run(check::tiers()[0], file.layer, file.x);

  const IntMatrix expected = integers(file.arrays.at("out.topk_idx"), T, size.chosen);
  const check::DoubleMatrix expected_weights =
      doubles(file.arrays.at("out.topk_w"), T, size.chosen);
  const IntMatrix selected = int_stage(pass.trace, "selected");
  const check::Bounded bounded = check::bound(layer, file.x, selected);
  const Matrix weights = stage(pass.trace, "weights");
  const bool any_order = layer.router.config.key == SelectionKey::score_plus_bias;
  for (Index t = 0; t < T; t++) {
    std::set<std::int32_t> a, b;
    for (Index k = 0; k < size.chosen; k++) {
      a.insert(selected(t, k));
      b.insert(expected(t, k));
      EXPECT_TRUE(any_order || selected(t, k) == expected(t, k)) << "token " << t << " slot " << k;
      for (Index j = 0; j < size.chosen; j++) {
        if (expected(t, j) != selected(t, k)) continue;
        const double error = std::fabs(double{weights(t, k)} - expected_weights(t, j));
        EXPECT_LE(error, bounded.weights_bound(t, k)) << "token " << t << " slot " << k;
      }
    }
    EXPECT_EQ(a, b) << "token " << t;
  }
  const check::DoubleMatrix y = doubles(file.arrays.at("out.y"), T, size.width);
  expect_within(pass.y, y, bounded.output_bound, "y");
  expect_within(stage(pass.trace, "logits"),
                doubles(file.arrays.at("out.router_logits"), T, size.experts), bounded.logits_bound,
                "logits");
  const double tolerance = 1e-5 * y.cwiseAbs().maxCoeff();
  expect_within(pass.y, y, check::DoubleMatrix::Constant(T, size.width, tolerance), "y by 1e-5");

  for (const check::Tier& tier : check::tiers()) {
    if (tier.name == "reference") continue;
    if (!tier.skipped.empty()) {
      count.skipped(tier);
      continue;
    }
    EXPECT_TRUE(same_trace(pass.trace, run(tier, file.layer, file.x, 2).trace, tier.name, path))
        << "moe layer " << path;
    count.ran(tier.name);
  }
}

// The other kinds: the same bits on every tier, and the distance that the format allows.
void check_other_file(const std::string& path, Count& count) {
  SCOPED_TRACE(path);
  const io::LayerFile file = io::read_layer_file(path);
  const Pass pass = run(check::tiers()[0], file.layer, file.x);
  const std::vector<double> y = io::to_f64(file.arrays.at("out.y"));
  ASSERT_EQ(static_cast<Index>(y.size()), pass.y.size());
  double largest = 0;
  for (const double value : y) largest = std::max(largest, std::fabs(value));
  ASSERT_GT(largest, 0);
  for (std::size_t i = 0; i < y.size(); i++)
    ASSERT_TRUE(std::fabs(double{pass.y.data()[i]} - y[i]) <= 1e-5 * largest) << "value " << i;
  for (const check::Tier& tier : check::tiers()) {
    if (tier.name == "reference") continue;
    if (!tier.skipped.empty()) {
      count.skipped(tier);
      continue;
    }
    EXPECT_TRUE(same_trace(pass.trace, run(tier, file.layer, file.x, 2).trace, tier.name, path))
        << "moe layer " << path;
    count.ran(tier.name);
  }
}

TEST(Vectors, EveryLayerFile) {
  Count count;
  int files = 0, others = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MOE_TEST_DATA "/vectors/layers")) {
    if (entry.path().extension() != ".npz") continue;
    if (is_topk(entry.path())) {
      files++;
      check_file(entry.path(), count);
    } else {
      others++;
      check_other_file(entry.path(), count);
    }
  }
  EXPECT_EQ(files, 10);
  EXPECT_EQ(others, 5);
  count.check({{"cpu", 15}, {"cuda", 15}, {"cuda-emulated", 15}});
}

// Every switch of the other kinds, with many drops: tests/data/variants/make.py, numpy in binary64.
TEST(Vectors, EveryVariantFile) {
  Count count;
  for (const auto& entry : std::filesystem::directory_iterator(MOE_TEST_DATA "/variants"))
    if (entry.path().extension() == ".npz") check_other_file(entry.path(), count);
  count.check({{"cpu", 21}, {"cuda", 21}, {"cuda-emulated", 21}});
}

// ---------------------------------------------------------------------------- literal vectors,
// section J

using Values = std::vector<float>;
using Experts = std::vector<Index>;

void expect_near(const Values& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); i++)
    EXPECT_LE(std::fabs(double{found[i]} - expected[i]), 2e-7 * std::max(1.0, expected[i]))
        << i << ": " << found[i] << ", expected " << expected[i];
}

const Values kLogits{0.5F, -1.0F, 2.0F, 1.5F, 0.0F, -0.5F};

Values weights_of(RouterConfig config, const Values& bias = {}) {
  config.chosen = 2;
  Router router;
  router.config = config;
  if (!bias.empty()) {
    router.config.key = SelectionKey::score_plus_bias;
    router.selection_bias = Eigen::Map<const Vector>(bias.data(), Index(bias.size()));
  }
  const Values s = reference::scores(config.score, kLogits);
  const Experts S = reference::top_k(reference::selection_keys(router, s), 2);
  EXPECT_EQ(S, bias.empty() ? (Experts{2, 3}) : (Experts{0, 3}));
  return reference::weights(config, kLogits, s, S);
}

TEST(Literal, J1Scores) {
  expect_near(reference::softmax(kLogits),
              {0.106411153, 0.023743538, 0.476901702, 0.289255504, 0.064541627, 0.039146476});
  expect_near(reference::scores(Score::sigmoid, kLogits),
              {0.622459331, 0.268941421, 0.880797078, 0.817574476, 0.5, 0.377540669});
  expect_near(reference::scores(Score::sqrt_softplus, kLogits),
              {0.986953385, 0.559697854, 1.458399126, 1.304382336, 0.832554611, 0.688532486});
}

TEST(Literal, J1Weights) {
  expect_near(weights_of({.raw_weight = RawWeight::softmax_of_chosen}), {0.622459331, 0.377540669});
  expect_near(weights_of({.normalisation = Normalisation::sum}), {0.622459331, 0.377540669});
  expect_near(weights_of({}), {0.476901702, 0.289255504});
  RouterConfig sigmoid{.score = Score::sigmoid, .normalisation = Normalisation::sum};
  expect_near(weights_of(sigmoid), {0.518612712, 0.481387288});
  sigmoid.scale = 2.5F;
  expect_near(weights_of(sigmoid), {1.296531780, 1.203468220});
  sigmoid.scale = 1;
  expect_near(weights_of(sigmoid, {0.6F, 0, -0.3F, 0, 0, 0}), {0.432253276, 0.567746724});
  expect_near(weights_of({.score = Score::sqrt_softplus, .normalisation = Normalisation::sum}),
              {0.527873502, 0.472126498});
  expect_near(
      reference::weights({.raw_weight = RawWeight::sigmoid_of_chosen}, kLogits, kLogits, {2}),
      {0.880797078});
}

Experts limited(const Values& s, const Values& bias, Index groups, Index kept, GroupScore score,
                float excluded, Index K) {
  Router router;
  router.config.groups = {groups, kept, score, excluded};
  if (!bias.empty()) {
    router.config.key = SelectionKey::score_plus_bias;
    router.selection_bias = Eigen::Map<const Vector>(bias.data(), Index(bias.size()));
  }
  return reference::top_k(reference::selection_keys(router, s), K);
}

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

TEST(Literal, J2GroupLimit) {
  const Values s{.9F, .1F, .5F, .55F, .6F, .2F, .45F, .58F};
  EXPECT_EQ(limited(s, {}, 4, 2, GroupScore::max, kExcluded, 3), (Experts{0, 4, 5}));
  EXPECT_EQ(limited(s, {}, 4, 2, GroupScore::sum_of_top2, kExcluded, 3), (Experts{7, 3, 2}));
}

TEST(Literal, J5MaskValue) {
  const Values s{.40F, .35F, .05F, .06F, .30F, .31F, .02F, .03F};
  const Values bias{0, 0, -.2F, -.2F, 0, 0, 0, 0};
  EXPECT_EQ(limited(s, bias, 2, 1, GroupScore::sum_of_top2, kExcluded, 4), (Experts{0, 1, 3, 2}));
  EXPECT_EQ(limited(s, bias, 2, 1, GroupScore::sum_of_top2, 0, 4), (Experts{0, 1, 4, 5}));
}

TEST(Literal, J10Activations) {
  Activation a{
      .function = Nonlinearity::swish, .gated = true, .limit = 7, .slope = 1.702F, .up_offset = 1};
  const auto near = [](float found, double expected) {
    EXPECT_LE(std::fabs(double{found} - expected), 3e-7 * std::fabs(expected)) << found;
  };
  near(reference::gated_activation(a, 1, 2), 2.537387298);
  near(reference::gated_activation(a, 8, 9), 55.999625025);
  near(reference::gated_activation(a, -8, -9), 5.859857319e-05);
  EXPECT_EQ(reference::gated_activation(a, 0.5F, -1), 0);
  const auto at_one = [&](Nonlinearity f, float slope) {
    a.function = f;
    a.slope = slope;
    return reference::nonlinearity(a, 1);
  };
  near(at_one(Nonlinearity::silu, 1), 0.731058579);
  near(at_one(Nonlinearity::gelu, 1), 0.841344746);
  near(at_one(Nonlinearity::gelu_tanh, 1), 0.841191991);
  near(at_one(Nonlinearity::swish, 1.702F), 0.845795766);
}

}  // namespace
}  // namespace moe::test
