// Fitting: the likelihood never falls, gradients are those of finite differences, planted functions are found again.
#include "reference/mixture_tree_fit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "reference/error.h"
#include "tests/support/mixture_trees.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using reference::Expectation;
using reference::expectation;
using reference::GateFit;
using reference::MixtureTree;
using reference::Regression;
using reference::TreeFitOptions;
using reference::TreeLink;
using reference::TreeWeights;

constexpr TreeLink kLinks[] = {TreeLink::identity, TreeLink::logistic, TreeLink::softmax};

double largest_magnitude(const Matrix64& w, const Matrix64& x, Index t) {
  double largest = 0;
  for (Index k = 0; k < w.rows(); k++) largest = std::max(largest, magnitude(w, k, x, t));
  return largest;
}

// delta_t = k u (1 + M_t): how far rounding may move any a_ij = ln g_i + ln g_{j|i} + ln P_ij of token t, its ln P(y|x), and its
// share of the sums over tokens, u = 2^-53. M_t adds up the sizes of what is added: |v||x| of both gates, twice since
// lse takes part; of the expert (|y| + |U||x|)^2 / sigma^2 and the Gaussian's constant, or |U||x| of every output. Each term goes
// through at most D + E1 + E2 + O + T + 8 roundings on its way (chains over d; sums over branches, leaves, outputs, tokens; exp64 and
// log64 count as 3 each), squares double relative errors, and a factor 2 is for second orders: k = 4 (D + E1 + E2 + O + T + 8).
std::vector<double> rounding(const TreeWeights& w, TreeLink link, const Matrix64& x, const Matrix64& y) {
  const Index E2 = w.lower[0].rows(), O = y.cols();
  const double k = 4.0 * double(x.cols() + w.top.rows() + E2 + O + x.rows() + 8);
  std::vector<double> delta;
  for (Index t = 0; t < x.rows(); t++) {
    double lower = 0, expert = 0;
    for (const Matrix64& v : w.lower) lower = std::max(lower, largest_magnitude(v, x, t));
    for (const Matrix64& u : w.experts) {
      double sum = 0;
      for (Index o = 0; o < O; o++) {
        const double eta = magnitude(u, o, x, t);
        sum += link == TreeLink::identity ? std::pow(std::fabs(y(t, o)) + eta, 2) / w.variance : 1 + 2 * eta;
      }
      expert = std::max(expert, sum);
    }
    if (link == TreeLink::identity) expert += double(O) * (2 + std::fabs(std::log(w.variance)));
    delta.push_back(k * 0x1p-53 * (1 + 2 * largest_magnitude(w.top, x, t) + 2 * lower + expert));
  }
  return delta;
}

// How much the computed likelihood may fall from `before` to `after` although every computed part of Q rose.
//   l' - l >= sum of h (a' - a) for exact posteriors h (Gibbs). Computed ones are off by at most 2 delta + 3 u of themselves, so
//   using them costs at most 3 delta_t sum over ij of h |a' - a|. Each part of Q is compared as computed: off by delta_t before
//   and delta'_t after; and so are l and l' themselves. Together sum over t of 2 (delta + delta') + 3 delta sum of h |a' - a|.
double slack(const Expectation& before, const Expectation& after, const std::vector<double>& delta,
             const std::vector<double>& delta_after) {
  const Index E = before.log_inner.cols(), E2 = E / before.log_outer.cols();
  const auto a = [&](const Expectation& h, Index t, Index e) {
    return h.log_outer(t, e / E2) + h.log_inner(t, e) + h.log_likelihood[t];
  };
  double sum = 0;
  for (Index t = 0; t < before.log_likelihood.size(); t++) {
    double moved = 0;
    for (Index e = 0; e < E; e++)
      moved += std::exp(before.log_outer(t, e / E2) + before.log_inner(t, e)) * std::fabs(a(after, t, e) - a(before, t, e));
    const auto n = std::size_t(t);
    sum += 2 * (delta[n] + delta_after[n]) + 3 * delta[n] * moved;
  }
  return sum;
}

// What a number of iterations does: the worst fall in units of the slack, the rise, the largest slack.
struct Climb {
  double worst_fall = 0, rise = 0, largest_slack = 0;
};

Climb climb(const Problem& p, const TreeFitOptions& options) {
  const Matrix64 x = p.x.cast<double>(), y = p.y.cast<double>();
  TreeWeights w = reference::widened(p.tree);
  Expectation h = expectation(w, p.tree.link, x, y);
  std::vector<double> delta = rounding(w, p.tree.link, x, y);
  Climb found;
  for (int n = 0; n < options.iterations; n++) {
    maximise(h, p.tree.link, x, y, options, w);
    const Expectation after = expectation(w, p.tree.link, x, y);
    const std::vector<double> delta_after = rounding(w, p.tree.link, x, y);
    const double allowed = slack(h, after, delta, delta_after);
    found.worst_fall = std::max(found.worst_fall, (h.total - after.total) / allowed);
    found.largest_slack = std::max(found.largest_slack, allowed);
    found.rise += after.total - h.total;
    h = after;
    delta = delta_after;
  }
  return found;
}

// Algorithm 1 on 360 problems: links, sizes, starting points wild and tame, one Newton step and ten, sigma^2 given and learned.
TEST(MixtureTreeFit, TheLikelihoodNeverFalls) {
  const reference::TreeShape shapes[] = {{2, 3, 3, 2}, {1, 4, 2, 1}, {3, 1, 2, 3}, {2, 2, 4, 2}, {1, 1, 3, 2}, {4, 2, 2, 1}};
  int rises = 0, tight = 0, problems = 0;
  for (const TreeLink link : kLinks)
    for (std::uint64_t seed = 0; seed < 120; seed++) {
      Problem p = random_problem(link, seed, shapes[seed % 6], 12 + Index(seed % 3) * 10);
      const float scale = seed % 5 == 4 ? 20.0F : seed % 5 == 3 ? 0.01F : 1.0F;
      p.tree.top *= scale;
      for (Matrix& v : p.tree.lower) v *= scale;
      for (Matrix& u : p.tree.experts) u *= scale;
      const Climb found = climb(p, {.iterations = 8, .newton_steps = seed % 2 == 0 ? 10 : 1, .learn_variance = seed % 4 > 1,
                                    .smallest_variance = 1e-3});
      EXPECT_LE(found.worst_fall, 1) << "link " << int(link) << " seed " << seed;
      EXPECT_LE(found.largest_slack, 1e-4) << "link " << int(link) << " seed " << seed;
      tight += found.largest_slack < 1e-9 ? 1 : 0;
      rises += found.rise > 0.5 ? 1 : 0;
      problems++;
    }
  EXPECT_GT(rises, problems * 3 / 4);
  EXPECT_GT(tight, problems / 2);
}

// Algorithm 2 fits as well or nearly, and its likelihood does fall somewhere: the test above could fail.
TEST(MixtureTreeFit, AlgorithmTwoIsAnotherFit) {
  int falls = 0, rises = 0;
  for (std::uint64_t seed = 0; seed < 60; seed++) {
    const Problem p = random_problem(TreeLink::identity, seed);
    const Climb found = climb(p, {.gates = GateFit::least_squares, .iterations = 8});
    falls += found.worst_fall > 1 ? 1 : 0;
    rises += found.rise > 0.5 ? 1 : 0;
  }
  EXPECT_GT(falls, 0);
  EXPECT_GT(rises, 45);
}

// Central differences D(s) = (l(w + s) - l(w - s)) / 2s are off by c s^2 + ..., which D(s) - D(s/2) = 3/4 c s^2 shows; rounding
// of l adds its delta over s/2. The bound is the sum of |D(s) - D(s/2)| and that.
TEST(MixtureTreeFit, GradientsAreThoseOfFiniteDifferences) {
  for (const TreeLink link : kLinks) {
    Problem p = random_problem(link, 11);
    p.tree.variance = 0.7F;
    const Matrix64 x = p.x.cast<double>(), y = p.y.cast<double>();
    TreeWeights w = reference::widened(p.tree);
    const TreeWeights g = reference::gradient(w, link, x, y);
    double delta = 0;
    for (const double d : rounding(w, link, x, y)) delta += d;
    double largest = 0;
    const auto check = [&](double& number, double slope) {
      const double at = number;
      const auto difference = [&](double s) {
        number = at + s;
        const double up = expectation(w, link, x, y).total;
        number = at - s;
        const double down = expectation(w, link, x, y).total;
        number = at;
        return (up - down) / (2 * s);
      };
      const double coarse = difference(0x1p-12), fine = difference(0x1p-13);
      EXPECT_NEAR(slope, fine, std::fabs(coarse - fine) + 2 * delta / 0x1p-13) << "link " << int(link);
      EXPECT_LE(std::fabs(coarse - fine) + 2 * delta / 0x1p-13, 1e-4);
      largest = std::max(largest, std::fabs(slope));
    };
    const auto check_all = [&](Matrix64& m, const Matrix64& slopes) {
      for (Index n = 0; n < m.size(); n++) check(m.data()[n], slopes.data()[n]);
    };
    check_all(w.top, g.top);
    for (std::size_t i = 0; i < w.lower.size(); i++) check_all(w.lower[i], g.lower[i]);
    for (std::size_t e = 0; e < w.experts.size(); e++) check_all(w.experts[e], g.experts[e]);
    if (link == TreeLink::identity) check(w.variance, g.variance);
    EXPECT_GT(largest, 0.1);
  }
}

// Gradient ascent climbs, EM climbs faster, and where EM stops the gradient is small.
TEST(MixtureTreeFit, EmEndsWhereTheGradientVanishes) {
  Problem p = random_problem(TreeLink::identity, 21, {2, 1, 2, 1}, 60);
  p.tree.variance = 0.1F;
  const Matrix64 x = p.x.cast<double>(), y = p.y.cast<double>();
  TreeWeights w = reference::widened(p.tree);
  const double start = expectation(w, TreeLink::identity, x, y).total;
  const auto norm = [&](const TreeWeights& at) {
    const TreeWeights g = reference::gradient(at, TreeLink::identity, x, y);
    return g.top.norm() + g.experts[0].norm() + g.experts[1].norm();
  };
  const double steep = norm(w);
  const TreeWeights g = reference::gradient(w, TreeLink::identity, x, y);
  TreeWeights up = w;
  up.top += 1e-4 * g.top;
  for (std::size_t e = 0; e < 2; e++) up.experts[e] += 1e-4 * g.experts[e];
  EXPECT_GT(expectation(up, TreeLink::identity, x, y).total, start);
  for (int n = 0; n < 400; n++) maximise(expectation(w, TreeLink::identity, x, y), TreeLink::identity, x, y, {}, w);
  EXPECT_GT(expectation(w, TreeLink::identity, x, y).total, start);
  EXPECT_LE(norm(w), 1e-6 * steep);
}

// y = 3 x + 1 for x > 0, -2 x - 1 below, without noise, at 64 places: two leaves find both lines.
TEST(MixtureTreeFit, FindsAPlantedFunction) {
  Matrix x(64, 2), y(64, 1);
  for (Index t = 0; t < 64; t++) {
    const float at = (float(t) - 31.5F) / 16;
    x.row(t) << at, 1;
    y(t, 0) = at > 0 ? 3 * at + 1 : -2 * at - 1;
  }
  for (const GateFit gates : {GateFit::newton, GateFit::least_squares})
    for (const reference::TreeShape shape : {reference::TreeShape{1, 2, 2, 1}, reference::TreeShape{2, 1, 2, 1}}) {
      double best = -std::numeric_limits<double>::infinity();
      MixtureTree tree;
      for (std::uint64_t seed = 0; seed < 5; seed++) {
        const auto fitted = fit(reference::random_tree(shape, TreeLink::identity, seed), x, y,
                                {.gates = gates, .iterations = 60, .learn_variance = true, .smallest_variance = 1e-4});
        if (!(fitted.log_likelihood.back() > best)) continue;
        best = fitted.log_likelihood.back();
        tree = fitted.tree;
      }
      const std::size_t right = tree.experts[0](0, 0) > 0 ? 0 : 1;
      EXPECT_NEAR(tree.experts[right](0, 0), 3, 1e-3);
      EXPECT_NEAR(tree.experts[right](0, 1), 1, 1e-3);
      EXPECT_NEAR(tree.experts[1 - right](0, 0), -2, 1e-3);
      EXPECT_NEAR(tree.experts[1 - right](0, 1), -1, 1e-3);
      const Matrix mu = mixture_tree(tree, x);
      for (Index t = 0; t < 64; t++)
        EXPECT_TRUE(std::fabs(x(t, 0)) < 0.5F || std::fabs(mu(t, 0) - y(t, 0)) < 0.01F) << t;
    }
}

// One expert: the line of least squares. Through (0,1), (1,3), (2,5) exactly 2 x + 1; (0,0), (1,0), (2,3): 3/2 x - 1/2, errors
// 1/2, -1, 1/2. The first step leaves the ridge's share, 1e-8 of the weights times the condition (below 20), the second its square.
TEST(MixtureTreeFit, OneExpertIsLeastSquares) {
  const Matrix x = matrix({{0, 1}, {1, 1}, {2, 1}});
  const auto line = [&](const Matrix& y, int steps) {
    return fit(reference::random_tree({1, 1, 2, 1}, TreeLink::identity, 3), x, y,
               {.iterations = 1, .newton_steps = steps, .learn_variance = true});
  };
  const auto exact = line(matrix({{1}, {3}, {5}}), 5);
  EXPECT_NEAR(exact.tree.experts[0](0, 0), 2, 0x1p-22);
  EXPECT_NEAR(exact.tree.experts[0](0, 1), 1, 0x1p-23);
  EXPECT_EQ(exact.tree.variance, 1e-6F);
  for (const int steps : {1, 5}) {
    const auto fitted = line(matrix({{0}, {0}, {3}}), steps);
    EXPECT_NEAR(fitted.tree.experts[0](0, 0), 1.5, 1e-6);
    EXPECT_NEAR(fitted.tree.experts[0](0, 1), -0.5, 1e-6);
    EXPECT_NEAR(fitted.tree.variance, 0.5, 1e-6);  // (1/4 + 1 + 1/4) / 3
  }
}

// Three tokens of four answer 1, and all x are 1: the mean is 3/4, the logit ln 3. Classes: 1/2, 1/4, 1/4.
TEST(MixtureTreeFit, LogisticAndClassesByHand) {
  const Matrix x = Matrix::Ones(4, 1);
  const auto bernoulli = fit(reference::random_tree({1, 1, 1, 1}, TreeLink::logistic, 1), x, matrix({{1}, {1}, {0}, {1}}),
                             {.iterations = 1});
  EXPECT_NEAR(bernoulli.tree.experts[0](0, 0), std::log(3.0), 1e-6);
  EXPECT_NEAR(bernoulli.log_likelihood.back(), 3 * std::log(0.75) + std::log(0.25), 1e-12);
  const auto classes = fit(reference::random_tree({1, 1, 1, 3}, TreeLink::softmax, 1), x,
                           matrix({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 0}}), {.iterations = 1});
  const Matrix mu = mixture_tree(classes.tree, x);
  EXPECT_NEAR(mu(0, 0), 0.5, 1e-6);
  EXPECT_NEAR(mu(0, 1), 0.25, 1e-6);
  EXPECT_NEAR(classes.log_likelihood.back(), std::log(0.5 * 0.25 * 0.25 * 0.5), 1e-12);
}

// The full Newton step from logit 4 lowers Q (the curve is flat there): it must be halved. Separable answers drive weights out
// without end, and they stay finite.
TEST(MixtureTreeFit, NewtonNeverLowersItsObjective) {
  const Matrix64 x = Matrix64::Ones(2, 1);
  Regression r{&x, Matrix64(2, 1), Vector64::Ones(2)};
  r.target << 0, 1;
  Matrix64 w = Matrix64::Constant(1, 1, 4);
  for (int n = 0; n < 12; n++) {
    const double before = quality(r, TreeLink::logistic, w);
    reference::fit(r, TreeLink::logistic, 1, w);
    EXPECT_GE(quality(r, TreeLink::logistic, w), before);
  }
  EXPECT_NEAR(w(0, 0), 0, 1e-7);
  Matrix64 line(2, 1);
  line << -1, 1;
  r.x = &line;
  reference::fit(r, TreeLink::logistic, 200, w);
  EXPECT_TRUE(std::isfinite(w(0, 0)));
  EXPECT_GT(w(0, 0), 8);
}

TEST(MixtureTreeFit, WithoutWeightNothingMoves) {
  const Matrix64 x = Matrix64::Ones(2, 1);
  for (const TreeLink link : kLinks) {
    const Regression r{&x, Matrix64::Zero(2, 2), Vector64::Zero(2)};
    Matrix64 w = Matrix64::Constant(2, 1, 3);
    reference::fit(r, link, 10, w);
    EXPECT_EQ(w, Matrix64::Constant(2, 1, 3));
  }
}

// A column twice makes every system singular. The ridge on the step decides; means are those without the copy. Both fits are
// followed for few iterations: each M step ends within about sqrt(2^-52) of its maximum, where Newton stops.
TEST(MixtureTreeFit, ColumnsThatRepeatChangeNoMean) {
  for (const TreeLink link : kLinks) {
    const Problem p = random_problem(link, 31, {2, 2, 2, 2}, 40);
    Problem twice = p;
    const auto add_column = [](Matrix& m, const Matrix& column) {
      m.conservativeResize(Eigen::NoChange, 3);
      m.col(2) = column;
    };
    const auto widen = [&](Matrix& m) { add_column(m, Matrix::Zero(m.rows(), 1)); };
    add_column(twice.x, p.x.col(0));
    widen(twice.tree.top);
    for (Matrix& v : twice.tree.lower) widen(v);
    for (Matrix& u : twice.tree.experts) widen(u);
    const auto plain = fit(p.tree, p.x, p.y, {.iterations = 3});
    const auto copied = fit(twice.tree, twice.x, twice.y, {.iterations = 3});
    EXPECT_NEAR(copied.log_likelihood.back(), plain.log_likelihood.back(), 1e-6) << int(link);
    const Matrix difference = mixture_tree(plain.tree, p.x) - mixture_tree(copied.tree, twice.x);
    EXPECT_LE(difference.cwiseAbs().maxCoeff(), 1e-4) << int(link);
    EXPECT_LE(climb(twice, {.iterations = 8}).worst_fall, 1);
  }
}

TEST(MixtureTreeFit, NoTokensChangeNothing) {
  const Problem p = random_problem(TreeLink::identity, 1);
  const auto fitted = fit(p.tree, p.x.topRows(0), p.y.topRows(0), {.iterations = 2, .learn_variance = true});
  EXPECT_EQ(fitted.tree.top, p.tree.top);
  EXPECT_EQ(fitted.tree.experts[3], p.tree.experts[3]);
  EXPECT_EQ(fitted.tree.variance, 1);
  EXPECT_EQ(fitted.log_likelihood, (std::vector<double>{0, 0, 0}));
}

// The binary64 E step against posteriors() in binary32, u = 2^-24. Rounding moves any a_ij in binary32 by at most delta_t of the
// comment above with 2^-24 for 2^-53, hence ln P(y|x) by as much, and a posterior by 2 delta of itself, and second orders.
TEST(MixtureTreeFit, BothPrecisionsAgree) {
  for (const TreeLink link : kLinks)
    for (std::uint64_t seed = 0; seed < 20; seed++) {
      const Problem p = random_problem(link, seed);
      const Matrix64 x = p.x.cast<double>(), y = p.y.cast<double>();
      const TreeWeights w = reference::widened(p.tree);
      const Expectation h64 = expectation(w, link, x, y);
      const auto h = posteriors(p.tree, p.x, p.y);
      const std::vector<double> delta = rounding(w, link, x, y);
      for (Index t = 0; t < 12; t++) {
        const double bound = delta[std::size_t(t)] * 0x1p29;
        EXPECT_LE(bound, 0.1);
        EXPECT_NEAR(h.log_likelihood[t], h64.log_likelihood[t], bound);
        for (Index e = 0; e < 6; e++)
          EXPECT_NEAR(h.joint(t, e), std::exp(h64.log_outer(t, e / 3) + h64.log_inner(t, e)), 2.2 * bound * h.joint(t, e) + 1e-30);
      }
    }
}

// ln x against the C library's in long double: rounding to odd costs up to a unit, the terms before it a hundredth.
TEST(MixtureTreeFit, Log64) {
  for (int n = 0; n < 100000; n++) {
    const double x = 1 + n * 0.00123;
    const auto exact = std::log(static_cast<long double>(x));
    EXPECT_LE(std::fabs(static_cast<double>(reference::log64(x) - exact)), 1.1 * 0x1p-52 * std::fabs(static_cast<double>(exact)));
  }
}

// The same bits again, and the ones every compiler has found so far.
TEST(MixtureTreeFit, SameBits) {
  std::vector<double> found;
  for (const TreeLink link : kLinks) {
    const Problem p = random_problem(link, 77);
    const TreeFitOptions options{.gates = link == TreeLink::logistic ? GateFit::least_squares : GateFit::newton, .iterations = 5,
                                 .learn_variance = true};
    const auto once = fit(p.tree, p.x, p.y, options);
    const auto again = fit(p.tree, p.x, p.y, options);
    EXPECT_EQ(once.log_likelihood, again.log_likelihood);
    EXPECT_EQ(once.tree.top, again.tree.top);
    found.push_back(once.log_likelihood.back());
  }
  EXPECT_EQ(found, (std::vector<double>{0x1.53607033edb43p+5, -0x1.c54fa617063b8p+2, -0x1.8e51a6ddb06adp+0})) << fmt::format("{:a} {:a} {:a}", found[0], found[1], found[2]);
}

std::string message_of(const TreeFitOptions& options, float value = 1) {
  Problem p = random_problem(TreeLink::identity, 1);
  p.x(5, 0) = value;
  try {
    fit(p.tree, p.x, p.y, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(MixtureTreeFit, RefusesAndSaysWhy) {
  EXPECT_NE(message_of({.iterations = -1}).find("-1 iterations"), std::string::npos);
  EXPECT_NE(message_of({.newton_steps = 0}).find("at most 0 Newton steps"), std::string::npos);
  EXPECT_NE(message_of({.smallest_variance = 0}).find("smallest_variance is 0"), std::string::npos);
  EXPECT_NE(message_of({}, INFINITY).find("x holds inf at [5,0]"), std::string::npos);
}

}  // namespace
}  // namespace moe::test
