// Losses and health against the same equations written again in binary64, on batches of all sizes.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "reference/health.h"
#include "reference/numerics/philox.h"
#include "tests/support/oracle_values.h"
#include "tests/support/small_matrices.h"

namespace moe::test {
namespace {

using namespace moe::reference;

// A router's batch: T tokens in two sequences, E experts on two devices.
struct Routed {
  Index T, E, K;
  Matrix z, p;
  IntMatrix chosen;  // best first
};

Routed routed(std::uint64_t seed) {
  const numerics::Stream stream{.seed = seed, .purpose = 7, .step = 0};
  Routed r{2 * Index(1 + seed % 7), 2 * Index(1 + seed % 5), 1, {}, {}, {}};
  r.K = 1 + Index(seed % std::uint64_t(r.E));
  r.z.resize(r.T, r.E);
  for (Index i = 0; i < r.z.size(); i++) r.z.data()[i] = 2 * numerics::random_normal(stream, std::uint64_t(i)) - (i % r.E == 0 ? 3.0F : 0.0F);
  r.p = softmax_rows(r.z);
  r.chosen = best_experts(r.p, r.K);
  return r;
}

// n_e, and the mean of p over the tokens from .. from + length, in binary64.
std::vector<double> counted(const Routed& r, Index from, Index length, Index slots) {
  std::vector<double> n(std::size_t(r.E), 0);
  for (Index t = from; t < from + length; t++)
    for (Index k = 0; k < slots; k++) n[std::size_t(r.chosen(t, k))]++;
  return n;
}

double mean_p(const Routed& r, Index from, Index length, Index e, bool divided) {
  double P = 0;
  for (Index t = from; t < from + length; t++) {
    double sum = 0;
    for (Index i = 0; i < r.E; i++) sum += double{r.p(t, i)};
    P += double{r.p(t, e)} / (divided ? sum : 1);
  }
  return P / double(length);
}

// sum over e of E n_e / (T or K T) P_e, the mean over sequences.
double balance_oracle(const Balance& row, const Routed& r, Index length) {
  double sum = 0;
  for (Index from = 0; from < r.T; from += length) {
    const bool all = row.counted == Counted::all_choices;
    const std::vector<double> n = counted(r, from, length, all ? r.K : 1);
    const double shares = double(length) * double(all && row.divided_by_choices ? r.K : 1);
    for (Index e = 0; e < r.E; e++) sum += double(r.E) * n[std::size_t(e)] / shares * mean_p(r, from, length, e, row.normalised_scores);
  }
  return sum * double(length) / double(r.T);
}

// lse is off by (E + 2) u of the largest |z| or log E it adds; its square by twice that times |lse|.
void compare_z_loss(const Routed& r, Values& values) {
  double expected = 0, bound = 0;
  for (Index t = 0; t < r.T; t++) {
    double sum = 0, most = 0;
    for (Index e = 0; e < r.E; e++) sum += std::exp(double{r.z(t, e)});
    for (Index e = 0; e < r.E; e++) most = std::max(most, std::fabs(double{r.z(t, e)}));
    const double lse = std::log(sum);
    const double off = 1.01 * double(r.E + 4) * u * (most + std::log(double(r.E)) + 1);
    expected += lse * lse / double(r.T);
    bound += (2 * std::fabs(lse) * off + off * off) / double(r.T);
  }
  values.within(z_loss(r.z, 1), expected, bound + 1.01 * double(r.T + 2) * u * expected);
}

// The differences from the mean are off by d = (E + 2) u of the mean, so CV^2 by 2 CV d + d^2, relative to the mean.
double cv_squared_bound(double expected, Index E) {
  const double d = 1.01 * double(E + 2) * u;
  return 2 * std::sqrt(expected) * d + d * d + 1.01 * double(2 * E + 8) * u * expected;
}

double cv_squared_oracle(const std::vector<double>& v) {
  double mean = 0, squares = 0;
  for (const double x : v) mean += x / double(v.size());
  for (const double x : v) squares += (x - mean) * (x - mean) / double(v.size());
  return mean == 0 ? 0 : squares / (mean * mean);
}

void compare_devices(const Routed& r, Values& values) {
  const Vector f = load_fractions(balance_named("megatron"), counts(r.chosen, r.E), r.T, r.K), P = mean_scores(r.p, r.T);
  const std::vector<double> n = counted(r, 0, r.T, r.K);
  double devices = 0, traffic = 0;
  for (Index d = 0; d < 2; d++) {
    double load = 0, share = 0, sent = 0;
    for (Index e = d * r.E / 2; e < (d + 1) * r.E / 2; e++) {
      load += double(r.E) * n[std::size_t(e)] / double(r.K * r.T) / (double(r.E) / 2);
      share += mean_p(r, 0, r.T, e, false);
    }
    for (Index t = 0; t < r.T; t++) {
      bool visits = false;
      for (Index k = 0; k < r.K; k++) visits = visits || r.chosen(t, k) / (r.E / 2) == d;
      sent += visits ? 1 : 0;
    }
    devices += load * share;
    traffic += 2 * sent / double(2 * r.T) * share;
  }
  values.near(device_loss(f, P, 2, 0.5F), 0.5 * devices, r.T + 2 * r.E + 8);
  values.near(communication_loss(r.chosen, P, 2, 2, 0.5F), 0.5 * traffic, r.T + r.E + 8);
}

// The bias moves by an exact sign, or by u times a quotient; its sum rounds once more.
void compare_bias(const Routed& r, Values& values) {
  const Vector bias = r.z.row(0).transpose();
  const std::vector<double> n = counted(r, 0, r.T, r.K);
  const Vector by_sign = bias_update(bias, counts(r.chosen, r.E), 0.125F, BiasRule::sign);
  const Vector by_load = bias_update(bias, counts(r.chosen, r.E), 0.125F, BiasRule::proportional);
  for (Index e = 0; e < r.E; e++) {
    const double short_of = double(r.T * r.K) / double(r.E) - n[std::size_t(e)], b = double{bias[e]};
    const double sign = short_of > 1e-9 ? 1 : short_of < -1e-9 ? -1 : 0;
    values.near(by_sign[e], b + 0.125 * sign, 1);
    values.within(by_load[e], b + 0.125 * short_of, 3 * u * (std::fabs(b) + std::fabs(short_of)));
  }
}

// (z - threshold) / std, erf and what is around it: an absolute distance of a few u, as |u phi(u)| < 1.
void compare_chances(const Routed& r, Values& values) {
  const Matrix noisy = r.z.rowwise().reverse();
  const Matrix deviation = noise_std(r.z, 0.01F), above = thresholds(noisy, r.K, Threshold::kth_largest);
  const Matrix chance = chance_of_choice(r.z, above, deviation);
  for (Index t = 0; t < r.T; t++) {
    std::vector<double> sorted;
    for (Index e = 0; e < r.E; e++) sorted.push_back(double{noisy(t, e)});
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (Index e = 0; e < r.E; e++) {
      const double std = std::log1p(std::exp(double{r.z(t, e)})) + double{0.01F};
      values.near(deviation(t, e), std, 2);
      const double v = (double{r.z(t, e)} - sorted[std::size_t(r.K - 1)]) / std;
      values.within(chance(t, e), 0.5 * std::erfc(-v / std::sqrt(2.0)), 8 * u);
    }
  }
}

TEST(LossesOracle, EveryLoss) {
  Values values;
  for (std::uint64_t seed = 0; seed < 60; seed++) {
    SCOPED_TRACE(seed);
    const Routed r = routed(seed);
    for (const Balance& row : balances()) {
      SCOPED_TRACE(row.name);
      for (const Index length : {r.T, r.T / 2})
        values.near(balance_loss(row, r.p, r.chosen, 0.5F, length), 0.5 * balance_oracle(row, r, length), r.T + 2 * r.E + 10);
    }
    compare_z_loss(r, values);
    const Vector importance = column_sums(gates(r.chosen, Matrix::Ones(r.T, r.K), r.E));
    const double cv = cv_squared_oracle(counted(r, 0, r.T, r.K));
    values.within(cv_squared(importance, Variance::population, 0), cv, cv_squared_bound(cv, r.E));
    compare_devices(r, values);
    compare_bias(r, values);
    compare_chances(r, values);
  }
  values.expect_recorded("losses");
}

double entropy_oracle(const std::vector<double>& p) {
  double h = 0;
  for (const double p_e : p) h -= p_e > 0 ? p_e * std::log(p_e) : 0;
  return h;
}

// p log p has one sign: E + 1 roundings. A mean P that is off by (T + 1) u moves p log p by that times p (1 + |log p|).
void compare_entropy(const Routed& r, Values& values) {
  double mean = 0, moved = 0;
  std::vector<double> P;
  for (Index t = 0; t < r.T; t++) {
    std::vector<double> p;
    for (Index e = 0; e < r.E; e++) p.push_back(double{r.p(t, e)});
    mean += entropy_oracle(p) / double(r.T);
  }
  for (Index e = 0; e < r.E; e++) {
    P.push_back(mean_p(r, 0, r.T, e, false));
    moved += 1.01 * double(r.T + 1) * u * P.back() * (1 + std::fabs(std::log(P.back())));
  }
  const Entropy h = entropy(r.p);
  values.near(h.mean, mean, r.E + r.T + 3);
  values.near(h.relative, mean / std::log(double(r.E)), r.E + r.T + 5);
  values.within(h.of_mean, entropy_oracle(P), moved + 1.01 * double(r.E + 2) * u * entropy_oracle(P));
}

// Metrics of counts are one division of whole numbers: binary64's quotient, rounded again, is the same number.
void compare_load(const Routed& r, Values& values) {
  const std::vector<double> n = counted(r, 0, r.T, r.K);
  double sum = 0, most = 0, apart = 0;
  std::vector<Index> idle;
  for (Index e = 0; e < r.E; e++) {
    sum += n[std::size_t(e)];
    most = std::max(most, n[std::size_t(e)]);
    for (const double other : n) apart += std::fabs(n[std::size_t(e)] - other);
    if (n[std::size_t(e)] < 0.5 * double(r.T * r.K) / double(r.E)) idle.push_back(e);
  }
  const Counts load = counts(r.chosen, r.E);
  values.same(max_violation(load), float((double(r.E) * most - sum) / sum));
  values.same(max_over_mean(load), float(double(r.E) * most / sum));
  values.same(gini(load), float(apart / (2 * double(r.E) * sum)));
  values.same(dead_experts(load, 0.5F), idle);
  const double cv = std::sqrt(cv_squared_oracle(n)), d = 1.01 * double(r.E + 2) * u;
  values.within(load_cv(load), cv, d + 1.01 * double(r.E + 8) * u * cv);
}

// Every third slot finds no place.
void compare_drops(const Routed& r, Values& values) {
  IntMatrix positions = r.chosen;
  Index dropped = 0, lost = 0;
  for (Index t = 0; t < r.T; t++) {
    Index here = 0;
    for (Index k = 0; k < r.K; k++) {
      positions(t, k) = (t * r.K + k) % 3 == 0 ? -1 : 0;
      here += (t * r.K + k) % 3 == 0 ? 1 : 0;
    }
    dropped += here;
    lost += here == r.K ? 1 : 0;
  }
  const Drops found = drops(r.chosen, positions);
  values.same(found.rate, float(double(dropped) / double(r.T * r.K)));
  values.same(found.lost_fraction, float(double(lost) / double(r.T)));
}

// A cosine is off by 2 (T + 4) u at most, whatever cancels: |<a,b>| <= |a||b| bounds its terms (Cauchy and Schwarz).
void compare_alike(const Routed& r, Values& values) {
  const IntMatrix together = chosen_together(r.chosen, r.E);
  const Matrix both = overlap(together), cosine = cosine_similarity(r.z.transpose());
  for (Index i = 0; i < r.E; i++)
    for (Index j = 0; j < r.E; j++) {
      double ab = 0, aa = 0, bb = 0, met = 0, either = 0;
      for (Index t = 0; t < r.T; t++) {
        const double a = double{r.z(t, i)}, b = double{r.z(t, j)};
        ab += a * b;
        aa += a * a;
        bb += b * b;
        const bool has_i = (r.chosen.row(t).array() == std::int32_t(i)).any(), has_j = (r.chosen.row(t).array() == std::int32_t(j)).any();
        met += has_i && has_j ? 1 : 0;
        either += has_i || has_j ? 1 : 0;
      }
      values.same(double(together(i, j)), met);
      values.same(both(i, j), either == 0 ? 0 : float(met / either));
      values.within(cosine(i, j), ab / std::sqrt(aa * bb), 2.02 * double(r.T + 4) * u);
    }
}

TEST(LossesOracle, EveryMetricOfHealth) {
  Values values;
  for (std::uint64_t seed = 0; seed < 60; seed++) {
    SCOPED_TRACE(seed);
    const Routed r = routed(seed);
    compare_entropy(r, values);
    compare_load(r, values);
    compare_drops(r, values);
    compare_alike(r, values);
  }
  values.expect_recorded("health");
}

}  // namespace
}  // namespace moe::test
