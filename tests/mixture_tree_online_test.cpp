// One token at a time: the recursion is its batch formula, and the tree learns.
#include "reference/mixture_tree_online.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference/error.h"
#include "tests/support/mixture_trees.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using reference::OnlineTree;
using reference::TreeLink;

// By hand: R = 1, lambda = 1/2, h = 1, x = 2, y = 6, U = 1. k = 2, lambda + h x k = 9/2, U + (6 - 2) 2 / (9/2) = 25/9,
// 1/R = 1/2 + 4 = 9/2.
TEST(MixtureTreeOnline, OneStepByHand) {
  const Matrix64 x = Matrix64::Constant(1, 1, 2);
  Matrix64 inverse = Matrix64::Ones(1, 1), w = Matrix64::Ones(1, 1);
  reference::recursive_step(0.5, 1, x, 0, Vector64::Constant(1, 6), inverse, w);
  EXPECT_NEAR(w(0, 0), 25.0 / 9, 4 * 0x1p-52);
  EXPECT_NEAR(inverse(0, 0), 2.0 / 9, 0x1p-52);
  reference::recursive_step(0.5, 0, x, 0, Vector64::Constant(1, 99), inverse, w);  // without weight: only forgetting
  EXPECT_NEAR(w(0, 0), 25.0 / 9, 4 * 0x1p-52);
  EXPECT_NEAR(inverse(0, 0), 4.0 / 9, 0x1p-51);
}

// The recursion against its meaning: A = lambda^T / prior + sum of lambda^(T-s) h x x^T is the inverse of R, and U solves
// U A = lambda^T / prior U_0 + sum of lambda^(T-s) h y x^T. Each step rounds R by some D u of |R|, and lambda^-1 < 1.03 a
// step magnifies that no more than A shrinks: in all T D u times the condition of A, at most tr A tr R; a factor 8 to spare.
TEST(MixtureTreeOnline, TheRecursionIsWeightedLeastSquares) {
  constexpr Index T = 50;
  constexpr double lambda = 0.98, prior = 10;
  const Problem p = random_problem(TreeLink::identity, 4, {2, 3, 3, 2}, T);
  const Matrix64 x = p.x.cast<double>(), y = p.y.cast<double>();
  Matrix64 w = Matrix64::Ones(2, 3), inverse = Matrix64::Identity(3, 3) * prior;
  Matrix64 A = Matrix64::Identity(3, 3) / prior, B = w / prior;
  for (Index t = 0; t < T; t++) {
    const double h = t % 7 == 0 ? 0 : 1.0 / double(1 + t % 5);
    reference::recursive_step(lambda, h, x, t, y.row(t).transpose(), inverse, w);
    A = lambda * A + h * x.row(t).transpose() * x.row(t);
    B = lambda * B + h * y.row(t).transpose() * x.row(t);
  }
  const double bound = 8 * T * 3 * 0x1p-53 * A.trace() * inverse.trace();
  EXPECT_LE(bound, 1e-9);
  EXPECT_LE((A * inverse - Matrix64::Identity(3, 3)).cwiseAbs().maxCoeff(), bound);
  EXPECT_LE((w * A - B).cwiseAbs().maxCoeff(), bound * (1 + B.cwiseAbs().maxCoeff()));
  EXPECT_EQ(inverse, Matrix64(inverse.transpose()));
}

// The weights after one token of a tree of one branch and one leaf: those of the step above.
TEST(MixtureTreeOnline, OneExpertIsRecursiveLeastSquares) {
  const Problem p = random_problem(TreeLink::identity, 6, {1, 1, 3, 2}, 30);
  OnlineTree tree = reference::online(p.tree, 5);
  Matrix64 w = tree.weights.experts[0], inverse = Matrix64::Identity(3, 3) * 5;
  learn(tree, p.x, p.y);
  const Matrix64 x = p.x.cast<double>();
  for (Index t = 0; t < 30; t++)
    reference::recursive_step(0.99, 1, x, t, p.y.cast<double>().row(t).transpose(), inverse, w);
  EXPECT_EQ(tree.weights.experts[0], w);
  EXPECT_EQ(tree.expert_inverse[0], inverse);
}

// |x| of many tokens, one by one; cutting them up changes no bit.
TEST(MixtureTreeOnline, LearnsAndDoesNotSeeTheCuts) {
  constexpr Index T = 2000;
  Matrix x(T, 2), y(T, 1);
  const numerics::Stream stream{.seed = 3, .purpose = 9, .step = 0};
  for (Index t = 0; t < T; t++) {
    x.row(t) << 4 * numerics::random_uniform(stream, std::uint64_t(t)) - 2, 1;
    y(t, 0) = std::fabs(x(t, 0));
  }
  auto start = reference::random_tree({2, 2, 2, 1}, TreeLink::identity, 2);
  start.variance = 0.05F;
  OnlineTree whole = reference::online(start), cut = reference::online(start);
  learn(whole, x, y);
  learn(cut, x.topRows(1), y.topRows(1));
  learn(cut, x.middleRows(1, 0), y.middleRows(1, 0));
  learn(cut, x.bottomRows(T - 1), y.bottomRows(T - 1));
  EXPECT_EQ(whole.weights.top, cut.weights.top);
  for (std::size_t e = 0; e < 4; e++) EXPECT_EQ(whole.weights.experts[e], cut.weights.experts[e]);
  EXPECT_EQ(whole.seen, T);
  const auto error = [&](const reference::MixtureTree& tree) {
    return (mixture_tree(tree, x) - y).squaredNorm() / float(T);
  };
  EXPECT_LT(error(narrowed(whole.weights, TreeLink::identity)), 0.02 * error(start));
}

// 0.99 goes 0.6 of the way to 1 after 1000 tokens, and again: 1 - 0.01 * 0.4^n.
TEST(MixtureTreeOnline, ForgettingFades) {
  OnlineTree tree = reference::online(reference::random_tree({1, 1, 1, 1}, TreeLink::identity, 2));
  const Matrix x = Matrix::Ones(999, 1), y = Matrix::Ones(999, 1);
  learn(tree, x, y);
  EXPECT_EQ(tree.forgetting, 0.99);
  learn(tree, x.topRows(1), y.topRows(1));
  EXPECT_NEAR(tree.forgetting, 0.996, 0x1p-52);
  learn(tree, Matrix::Ones(1000, 1), Matrix::Ones(1000, 1));
  EXPECT_NEAR(tree.forgetting, 0.9984, 0x1p-52);
}

std::string message_of(TreeLink link, double prior, float value, double forgetting = 0.99) {
  Problem p = random_problem(link, 1);
  p.y(2, 1) = value;
  try {
    OnlineTree tree = reference::online(p.tree, prior);
    tree.forgetting = forgetting;
    learn(tree, p.x, p.y);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(MixtureTreeOnline, RefusesAndSaysWhy) {
  EXPECT_NE(message_of(TreeLink::logistic, 1, 0).find("link is not identity"), std::string::npos);
  EXPECT_NE(message_of(TreeLink::identity, 0, 0).find("prior is 0"), std::string::npos);
  EXPECT_NE(message_of(TreeLink::identity, 1, INFINITY).find("y holds inf at [2,1]"), std::string::npos);
  EXPECT_NE(message_of(TreeLink::identity, 1, 0, 0).find("forgetting is 0"), std::string::npos);
}

}  // namespace
}  // namespace moe::test
