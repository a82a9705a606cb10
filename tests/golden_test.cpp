// Whole layers against numbers computed in binary64 outside of this project, printed to nine digits.
// u = 2^-24; near() takes the number of relative roundings, derived at each test.
#include <gtest/gtest.h>

#include <cmath>

#include "reference/expert_choice.h"
#include "reference/soft.h"
#include "tests/support/rows.h"
#include "tests/support/small_matrices.h"
#include "tests/support/tiers_run.h"

namespace moe::test {
namespace {

// Experts whose networks give back what they are given, exactly.
Experts same_experts(Index E, Index D) {
  Experts experts;
  experts.activation = {.function = Nonlinearity::identity, .gated = false};
  for (Index e = 0; e < E; e++)
    experts.ffn.push_back({.gate = {}, .up = Matrix::Identity(D, D), .down = Matrix::Identity(D, D),
                           .gate_bias = {}, .up_bias = {}, .down_bias = {}});
  return experts;
}

void near_all(const Matrix& found, const std::vector<double>& expected, int roundings) {
  ASSERT_EQ(found.size(), static_cast<Index>(expected.size()));
  for (Index i = 0; i < found.size(); i++) near(found.data()[i], expected[std::size_t(i)], roundings);
}

// Two slots, one of each expert. A normalised component: chain of 2, + 1e-6 is 3 u; its root 2.5 u; the
// division 3.5 u. A logit: terms whose sizes add up to at most 1, each with 7 u, and a chain of 2: 9 u.
// Softmax: the error of m is common to all and cancels; 9 u of the logit, 2 u of a difference of at most
// 2, 1 u of exp: 12 u; their sum 2 u more; the division: 27 u. A slot: 27 u and a chain of 3: 30 u. The
// experts are exact. y: 27 u + 30 u and a chain of 2: 59 u. All terms are positive.
TEST(Golden, SoftMoe) {
  SoftLayer layer;
  layer.phi = matrix({{1, .5F}, {-1, 2}});
  layer.normalisation = SoftNormalisation::l2;
  layer.experts = same_experts(2, 2);
  const Matrix x = matrix({{1, 0}, {0, 1}, {1, 1}});
  Recording trace;
  const Matrix y = reference::soft(layer, x, &trace);
  near_all(stage(trace, "scores"), {.371035110, .143452296, .237242661, .548749762, .391722229, .307797941}, 27);
  near_all(stage(trace, "weights"), {.792759462, .207240538, .390023494, .609976506, .653045923, .346954077}, 27);
  near_all(stage(trace, "dispatched"), {.762757339, .628964890, .451250238, .856547704}, 30);
  near_all(y, {.698200440, .676129275, .572745326, .767785059, .654678681, .707925675}, 59);
}

// Four tokens, as many experts, two places each. Softmax of exact logits: exp 1 u, their sum 4 u, the
// division 1 u; y adds a chain of at most 4 with as many products.
TEST(Golden, ExpertChoiceOnSoftmax) {
  const Matrix Z = matrix({{2, 1, 0, -1}, {1.5, 1, .5, 0}, {0, 2, 1, 0}, {3, 0, 1, 2}});
  ExpertChoiceLayer layer;
  layer.router = Matrix::Identity(4, 4);
  layer.places = 2;
  layer.experts = same_experts(4, 4);
  Recording trace;
  const Matrix y = reference::expert_choice(layer, Z, &trace);
  const IntMatrix taken = int_stage(trace, "selected");
  EXPECT_EQ(taken, integers({{0, 3}, {2, 1}, {2, 1}, {3, 1}}));
  const Matrix weights = stage(trace, "weights");
  std::vector<int> experts_of(4, 0);
  Eigen::MatrixXd s = Z.cast<double>().array().exp();
  Eigen::VectorXd share = Eigen::VectorXd::Zero(4);
  for (Index t = 0; t < 4; t++) s.row(t) /= s.row(t).sum();
  for (Index e = 0; e < 4; e++)
    for (Index c = 0; c < 2; c++) {
      const Index t = taken(e, c);
      near(weights(e, c), s(t, e), 6, 1e-15);
      experts_of[std::size_t(t)]++;
      share[t] += s(t, e);
    }
  EXPECT_EQ(experts_of, (std::vector<int>{1, 3, 2, 2}));
  for (Index t = 0; t < 4; t++)
    for (Index d = 0; d < 4; d++) near(y(t, d), share[t] * double{Z(t, d)}, 6 + 4, 1e-15);
}

}  // namespace
}  // namespace moe::test
