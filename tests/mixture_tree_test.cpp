// The tree looked at forward and backward: values by hand, sums, edges, and what is refused. Fitting: mixture_tree_fit_test.cpp.
#include "reference/mixture_tree.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "reference/error.h"
#include "reference/linear.h"
#include "reference/mixture_tree_fit.h"
#include "tests/support/mixture_trees.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using reference::MixtureTree;
using reference::TreeLink;

// J.7 as a tree with x = 1, y = 1: gate logits 0 and ln 3, means 0 and 1, once as two branches and once as two leaves. Values
// are below 2 and come of at most a dozen roundings: 12 * 2^-23.
TEST(MixtureTree, J7AsBranchesAndAsLeaves) {
  constexpr double bound = 12 * 0x1p-23;
  const Matrix gate = matrix({{0}, {std::log(3.0F)}});
  const MixtureTree branches{.top = gate, .lower = {matrix({{5}}), matrix({{-5}})}, .experts = {matrix({{0}}), matrix({{1}})}};
  const MixtureTree leaves{.top = matrix({{5}}), .lower = {gate}, .experts = {matrix({{0}}), matrix({{1}})}};
  for (const MixtureTree& tree : {branches, leaves}) {
    EXPECT_NEAR(mixture_tree(tree, matrix({{1}}))(0, 0), 0.75, bound);
    const auto h = posteriors(tree, matrix({{1}}), matrix({{1}}));
    EXPECT_NEAR(h.joint(0, 0), 0.168175656, bound);
    EXPECT_NEAR(h.joint(0, 1), 0.831824344, bound);
    EXPECT_NEAR(h.log_likelihood[0], -0.103548087 - 0.918938533, bound);  // E3 with its constant, ln(2 pi) / 2
  }
  EXPECT_NEAR(posteriors(branches, matrix({{1}}), matrix({{1}})).outer(0, 1), 0.831824344, bound);
  EXPECT_EQ(posteriors(branches, matrix({{1}}), matrix({{1}})).inner(0, 1), 1);
  EXPECT_EQ(posteriors(leaves, matrix({{1}}), matrix({{1}})).outer(0, 0), 1);
  EXPECT_NEAR(posteriors(leaves, matrix({{1}}), matrix({{1}})).inner(0, 1), 0.831824344, bound);
}

// Two by two, all gates even, logistic experts of means 1/2, 1/2, 3/4, 1/4 (logits 0, 0, ln 3, -ln 3), y = 1:
// P = (1/2 (1/2 + 1/2) + 1/2 (3/4 + 1/4)) / 2 = 1/2; h_ij = P_ij / 4 / P.
TEST(MixtureTree, LogisticByHand) {
  constexpr double bound = 12 * 0x1p-23;
  const float l3 = std::log(3.0F);
  const MixtureTree tree{.top = Matrix::Zero(2, 1), .lower = {Matrix::Zero(2, 1), Matrix::Zero(2, 1)},
                         .experts = {matrix({{0}}), matrix({{0}}), matrix({{l3}}), matrix({{-l3}})}, .link = TreeLink::logistic};
  EXPECT_NEAR(mixture_tree(tree, matrix({{1}}))(0, 0), 0.5, bound);
  const auto h = posteriors(tree, matrix({{1}}), matrix({{1}}));
  const double expected[] = {0.25, 0.25, 0.375, 0.125};
  for (Index e = 0; e < 4; e++) EXPECT_NEAR(h.joint(0, e), expected[e], bound) << e;
  EXPECT_NEAR(h.outer(0, 0), 0.5, bound);
  EXPECT_NEAR(h.inner(0, 2), 0.75, bound);
  EXPECT_NEAR(h.log_likelihood[0], std::log(0.5), bound);
}

// Three classes with logits 0, 0, ln 2: means 1/4, 1/4, 1/2. One expert: the likelihood is its mean.
TEST(MixtureTree, ClassesByHand) {
  constexpr double bound = 12 * 0x1p-23;
  const MixtureTree tree{.top = Matrix::Zero(1, 1), .lower = {Matrix::Zero(1, 1)},
                         .experts = {matrix({{0}, {0}, {std::log(2.0F)}})}, .link = TreeLink::softmax};
  const Matrix mu = mixture_tree(tree, matrix({{1}}));
  EXPECT_NEAR(mu(0, 1), 0.25, bound);
  EXPECT_NEAR(mu(0, 2), 0.5, bound);
  EXPECT_NEAR(posteriors(tree, matrix({{1}}), matrix({{0, 0, 1}})).log_likelihood[0], std::log(0.5), bound);
}

// Stages in order, and each the equation of the header on the stages before it, written again from the end backward.
TEST(MixtureTree, StagesFollowFromEachOther) {
  const Problem p = random_problem(TreeLink::identity, 3);
  Recording trace;
  const Matrix mu = mixture_tree(p.tree, p.x, &trace);
  const std::vector<std::string> names{"logits", "scores", "inner_logits", "inner_scores", "expert_out", "combined", "output"};
  ASSERT_EQ(trace.stages.size(), names.size());
  for (std::size_t n = 0; n < names.size(); n++) EXPECT_EQ(trace.stages[n].name, names[n]);
  const auto at = [&](const char* name, Index t, Index c) {
    const Stage& s = *trace.find(name);
    return std::get<std::vector<float>>(s.values)[std::size_t(t * s.shape[1] + c)];
  };
  const Index E1 = p.tree.top.rows(), E2 = p.tree.lower[0].rows(), O = p.y.cols();
  for (Index t = 0; t < p.x.rows(); t++) {
    EXPECT_EQ(at("inner_logits", t, E2), reference::linear(p.x, p.tree.lower[1], {})(t, 0));
    for (Index o = 0; o < O; o++) {
      float sum = 0;
      for (Index i = 0; i < E1; i++) {
        float branch = 0;
        for (Index j = 0; j < E2; j++)
          branch = std::fma(at("inner_scores", t, i * E2 + j), at("expert_out", t, (i * E2 + j) * O + o), branch);
        EXPECT_EQ(at("combined", t, i * O + o), branch);
        sum = std::fma(at("scores", t, i), branch, sum);
      }
      EXPECT_EQ(at("output", t, o), sum);
      EXPECT_EQ(mu(t, o), sum);
    }
  }
}

// softmax of n numbers sums to 1 within n u (1 + n u), u = 2^-24: each p_i is e_i / s rounded once, and s is the sum of the e_i
// within (n - 1) u. A product of posteriors adds one rounding; a sum over branches of sums over leaves adds up both levels.
TEST(MixtureTree, PosteriorsSumToOneWithinTheirBound) {
  for (const TreeLink link : {TreeLink::identity, TreeLink::logistic, TreeLink::softmax})
    for (std::uint64_t seed = 0; seed < 40; seed++) {
      Problem p = random_problem(link, seed);
      if (seed % 4 == 3) p.tree.top *= 100;  // posteriors that underflow
      const auto h = posteriors(p.tree, p.x, p.y);
      const Index E1 = h.outer.cols(), E2 = h.inner.cols() / E1;
      for (Index t = 0; t < p.x.rows(); t++) {
        double outer = 0, joint = 0;
        for (Index i = 0; i < E1; i++) {
          double inner = 0;
          outer += h.outer(t, i);
          for (Index j = 0; j < E2; j++) {
            inner += h.inner(t, i * E2 + j);
            joint += h.joint(t, i * E2 + j);
            EXPECT_EQ(h.joint(t, i * E2 + j), h.outer(t, i) * h.inner(t, i * E2 + j));
          }
          EXPECT_NEAR(inner, 1, 1.01 * double(E2) * 0x1p-24);
        }
        EXPECT_NEAR(outer, 1, 1.01 * double(E1) * 0x1p-24);
        EXPECT_NEAR(joint, 1, 1.01 * double(E1 + E2 + 1) * 0x1p-24);
      }
    }
}

// Targets far away: every density is 0 in binary32, its logarithm is not, and no posterior is 0 / 0.
TEST(MixtureTree, FarTargetsDoNotUnderflow) {
  const MixtureTree tree{.top = Matrix::Zero(2, 1), .lower = {Matrix::Zero(2, 1), Matrix::Zero(2, 1)},
                         .experts = {matrix({{0}}), matrix({{1}}), matrix({{-100}}), matrix({{-101}})}};
  const auto h = posteriors(tree, matrix({{1}}), matrix({{200}}));
  EXPECT_EQ(h.joint(0, 1), 1);
  EXPECT_EQ(h.outer(0, 1), 0);
  EXPECT_EQ(h.inner(0, 2), 1);
  EXPECT_NEAR(h.log_likelihood[0], -199.0 * 199 / 2 - std::log(4) - 0.918938533, 0.01);
  // A leaf whose gate is e^-200, which is 0 in binary32, and which alone explains the target.
  const MixtureTree closed{.top = Matrix::Zero(1, 1), .lower = {matrix({{0}, {-200}})}, .experts = {matrix({{0}}), matrix({{100}})}};
  EXPECT_EQ(posteriors(closed, matrix({{1}}), matrix({{100}})).joint(0, 1), 1);
}

TEST(MixtureTree, NoTokens) {
  const Problem p = random_problem(TreeLink::identity, 1);
  const Matrix mu = mixture_tree(p.tree, p.x.topRows(0));
  EXPECT_EQ(mu.rows(), 0);
  EXPECT_EQ(mu.cols(), p.y.cols());
  EXPECT_EQ(posteriors(p.tree, p.x.topRows(0), p.y.topRows(0)).joint.rows(), 0);
}

// One branch and one leaf: gates are exactly 1 and the tree is its expert.
TEST(MixtureTree, OneExpertIsLinear) {
  const MixtureTree tree = reference::random_tree({1, 1, 3, 2}, TreeLink::identity, 5);
  const Problem p = random_problem(TreeLink::identity, 5);
  const Matrix x = p.x.leftCols(1).replicate(1, 3);
  EXPECT_EQ(mixture_tree(tree, x), reference::linear(x, tree.experts[0], {}));
  EXPECT_TRUE((posteriors(tree, x, Matrix::Zero(x.rows(), 2)).joint.array() == 1).all());
}

// Whatever else is in the batch.
TEST(MixtureTree, EachTokenIsItsOwn) {
  const Problem p = random_problem(TreeLink::softmax, 9);
  const Matrix all = mixture_tree(p.tree, p.x);
  const auto h = posteriors(p.tree, p.x, p.y);
  for (Index t = 0; t < p.x.rows(); t++) {
    EXPECT_EQ(mixture_tree(p.tree, p.x.row(t)), all.row(t));
    EXPECT_EQ(posteriors(p.tree, p.x.row(t), p.y.row(t)).joint, h.joint.row(t));
  }
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

// What is wrong, where, and what came.
TEST(MixtureTree, RefusesBadInputAndSaysWhere) {
  const Problem p = random_problem(TreeLink::logistic, 2);
  const auto expect_message = [&](const char* text, const std::function<void(Problem&)>& spoil) {
    Problem bad = p;
    spoil(bad);
    const std::string found = message_of([&] { posteriors(bad.tree, bad.x, bad.y); });
    EXPECT_NE(found.find(text), std::string::npos) << "expected \"" << text << "\" in: " << found;
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_message("top has 0 rows", [](Problem& b) { b.tree.top.resize(0, 3); });
  expect_message("there are 1 lower gates", [](Problem& b) { b.tree.lower.resize(1); });
  expect_message("have 3 experts, expected 6", [](Problem& b) { b.tree.experts.resize(3); });
  expect_message("experts[0] has 0 rows", [](Problem& b) { b.tree.experts[0].resize(0, 3); });
  expect_message("lower[1] is [3,1], expected [3,3]", [](Problem& b) { b.tree.lower[1].resize(3, 1); });
  expect_message("experts[5] is [1,3], expected [2,3]", [](Problem& b) { b.tree.experts[5].resize(1, 3); });
  expect_message("top holds nan at [1,2]", [&](Problem& b) { b.tree.top(1, 2) = nan; });
  expect_message("lower[0] holds nan at [2,0]", [&](Problem& b) { b.tree.lower[0](2, 0) = nan; });
  expect_message("experts[4] holds inf at [1,1]", [&](Problem& b) { b.tree.experts[4](1, 1) = INFINITY; });
  expect_message("x is [12,2], expected [12,3]", [](Problem& b) { b.x = Matrix(b.x.leftCols(2)); });
  expect_message("x holds nan at [7,1]", [&](Problem& b) { b.x(7, 1) = nan; });
  expect_message("y is [11,2], expected [12,2]", [](Problem& b) { b.y = Matrix(b.y.topRows(11)); });
  expect_message("y holds 1.5 at [3,1], expected a probability", [](Problem& b) { b.y(3, 1) = 1.5F; });
  expect_message("row 4 of y sums to 2, expected 1", [](Problem& b) {
    b.tree.link = TreeLink::softmax;
    b.y.col(0).setConstant(1);
    b.y.col(1).setConstant(0);
    b.y(4, 1) = 1;
  });
  expect_message("variance is 0, expected a finite number above 0", [](Problem& b) {
    b.tree.link = TreeLink::identity;
    b.tree.variance = 0;
  });
}

}  // namespace
}  // namespace moe::test
