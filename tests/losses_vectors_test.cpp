// Losses that other people's code computed: literals of their test suites, and layer files.
#include <gtest/gtest.h>

#include <cmath>

#include "reference/io/array_values.h"
#include "reference/io/npz.h"
#include "reference/linear.h"
#include "reference/losses.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using namespace moe::reference;

// The literals of the test suites of V-MoE and of Hugging Face (tests/data/vectors/literal).
// Roundings: inputs 1, sums T, means 1, as above; digits as printed there.
TEST(LossesVectors, LiteralsOfOtherTestSuites) {
  const Matrix probs = matrix({{0.35490513F, 0.60419905F},
                               {0.4275843F, 0.23061597F},
                               {0.32985854F, 0.43953657F},
                               {0.25099766F, 0.27730572F},
                               {0.7678207F, 0.71474564F}});
  const IntMatrix index = integers({{0}, {1}, {1}, {0}, {0}});
  near(balance_loss(balance_named("switch"), probs, index, 1), 0.8741045, 12, 0.5e-7);

  const Matrix g = matrix({{.5F, .4F, .1F}, {.3F, .3F, .4F}, {.1F, .2F, .7F}, {.8F, .2F, 0}});
  near(balance_loss(balance_named("gshard"), g, best_experts(g, 1), 1), 1.0875, 12);
  // CV^2 = 0.0387: the differences cancel. Sums near 1.2 carry 5 roundings, the differences of 0.2
  // so 6 times as many, squared twice that.
  near(cv_squared(column_sums(g), Variance::population, 0), 0.03874999, 80, 1e-8);

  const Matrix z = matrix({{.9F, .06F, .04F}, {.7F, .18F, .12F}, {.85F, .05F, .1F}});
  const Matrix noise =
      matrix({{-.037F, .026F, -.018F}, {-.074F, .045F, -.015F}, {-.067F, -.059F, .073F}});
  const Matrix thr = thresholds(z + noise, 2, Threshold::kth_largest);
  const Matrix P = chance_of_choice(z, thr, Matrix::Constant(3, 3, 0.1F));
  // |u| <= 8, u phi(u) <= 0.25, inputs of 1 against std of 0.1: some 100 roundings of the mean.
  near(cv_squared(column_sums(P), Variance::population, 0), 0.48573864536, 200);
}

float to_float(const io::Array& scalar) {
  return static_cast<float>(io::to_f64(scalar).at(0));
}

Matrix floats(const io::ArrayTable& file, const std::string& name, Index rows) {
  const std::vector<float> v = io::to_f32(file.at(name));
  return Eigen::Map<const Matrix>(v.data(), rows, static_cast<Index>(v.size()) / rows);
}

// Layers other people's code computed in binary64: name, convention, K, experts, tokens, sequence.
// All within 1e-5, which a few dozen roundings and logits of D = 32 terms stay far below.
TEST(LossesVectors, AuxiliaryLossesOfLayerFiles) {
  struct File {
    const char* name;
    const char* balance;
    Index K, E, T, sequence;
  };
  const File files[] = {{"mixtral_small", "hugging_face", 2, 4, 7, 0},
                        {"mixtral_skewed", "hugging_face", 2, 8, 40, 0},
                        {"qwen3_moe_no_renorm", "hugging_face", 3, 12, 9, 0},
                        {"switch_cap_drops", "switch_sequence", 1, 4, 32, 16}};
  for (const File& f : files) {
    const std::string path = MOE_TEST_DATA "/vectors/layers/" + std::string(f.name) + ".npz";
    const io::ArrayTable file = io::read_npz(path);
    const Matrix x = floats(file, "in.x", f.T);
    const Matrix z = linear(x, floats(file, "in.router_w", f.E), Vector());
    const Matrix p = softmax_rows(z);
    const IntMatrix S = best_experts(p, f.K);
    const Balance& row = balance_named(f.balance);
    const float expected = to_float(file.at("out.aux_load_balance"));
    const float z_expected = to_float(file.at("out.aux_z"));
    EXPECT_NEAR(balance_loss(row, p, S, 1, f.sequence), expected, 1e-5 * expected) << f.name;
    EXPECT_NEAR(z_loss(z, 1), z_expected, 1e-5 * z_expected) << f.name;
    if (f.sequence == 0) continue;  // elsewhere the sequences matter
    EXPECT_GT(std::fabs(balance_loss(balance_named("switch"), p, S, 1) - expected), 1e-3);
  }
}

// lucidrains' two-level layer: outer loss + mean over groups of the inner ones. A group counts only
// tokens that chose it first, and divides by its C = 8 places.
TEST(LossesVectors, AuxiliaryLossOfTheTwoLevelFile) {
  const io::ArrayTable file = io::read_npz(MOE_TEST_DATA "/vectors/layers/t2t_hier_roomy.npz");
  const Balance& gshard = balance_named("gshard");
  const Matrix x = floats(file, "in.x", 8);
  const Matrix inner_w = floats(file, "in.router_inner_w", 16);
  const Matrix outer =
      softmax_rows(linear(x, floats(file, "in.router_outer_w", 4), Vector()));
  const IntMatrix groups = best_experts(outer, 2);
  float inner = 0;
  for (Index i = 0; i < 4; i++) {
    std::vector<bool> here(8);
    for (Index t = 0; t < 8; t++) here[static_cast<std::size_t>(t)] = groups(t, 0) == i;
    const Matrix p =
        softmax_rows(linear(real_tokens(x, here), inner_w.middleRows(4 * i, 4), Vector()));
    const Counts n = counts(best_experts(p, 2), 4, Counted::first_choice);
    inner += balance_sum(load_fractions(gshard, n, 8, 2), mean_scores(p, 8)) / 4;
  }
  const float expected = to_float(file.at("out.aux_loss"));
  EXPECT_NEAR(balance_loss(gshard, outer, groups, 1) + inner, expected, 1e-5 * expected);
  EXPECT_GT(inner, 0.1F);
}

}  // namespace
}  // namespace moe::test
