#include "check/bound_router.h"

#include <algorithm>

namespace moe::check {
namespace {

using Row = std::vector<Approx>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Bound on the relative error of exp(z - m) in binary32, m = the largest logit there; without the
// underflow.
double relative_error_of_exp(const Approx& z, const Approx& m, double error_of_m) {
  const double distance = std::fabs(z.value - m.value) + error_of_m + z.error;
  const double moved = z.error + kRoundoff * distance;
  return std::expm1(moved) + kRoundoff * std::exp(moved);
}

// SparseMixer: 1 / sum of exp(z_e - m) over the experts that no earlier slot chose and whose gap is
// at most the threshold. An expert whose gap may lie on either side counts in the largest, but not
// in the smallest possible sum.
Approx near_tie_softmax(const RouterConfig& config, const Row& z, const std::vector<Index>& S,
                        std::size_t k) {
  const Approx& m = z[std::size_t(S[k])];
  const double threshold = 2 * static_cast<double>(config.near_tie);
  double sum = 0, least = 0, most = 0;
  for (std::size_t e = 0; e < z.size(); e++) {
    const auto end = S.begin() + static_cast<std::ptrdiff_t>(k);
    if (std::find(S.begin(), end, static_cast<Index>(e)) != end) continue;
    const Approx gap_above = subtract(m, z[e]);
    const Approx size{std::max(std::fabs(z[e].value), m.value), std::max(z[e].error, m.error)};
    Approx gap = e == std::size_t(S[k]) ? Approx{} : divide(gap_above, size);
    const double term = std::exp(z[e].value - m.value);
    // z_e - m and its exp, each rounded once.
    const double moved = gap_above.error;
    const double low = term * std::exp(-moved) * (1 - kRoundoff);
    const double high = term * std::exp(moved) * (1 + kRoundoff);
    const bool may_tie = !(gap.value - gap.error > threshold);
    const bool must_tie = gap.value + gap.error <= threshold;
    if (!(gap.value > threshold)) sum += term;
    if (e == std::size_t(S[k])) {
      least += 1;  // exp(0)
      most += 1;
      continue;
    }
    if (may_tie) most += high;
    if (must_tie) least += low;
  }
  const double additions = static_cast<double>(z.size()) * kRoundoff;
  const double w = 1 / sum;
  const double lowest = 1 / (most * (1 + additions * (1 + additions)));
  const double highest = 1 / (least * (1 - additions));
  return rounded(w, std::max(w - lowest, highest - w));
}

Row scores(Score kind, const Row& z) {
  if (kind == Score::softmax) return softmax(z);
  Row s = z;
  for (Approx& value : s) {
    if (kind == Score::sigmoid) value = sigmoid(value);
    if (kind == Score::sqrt_softplus) value = square_root(softplus(value));
  }
  return s;
}

Row raw_weights(const RouterConfig& config, const Row& z, const std::vector<Index>& S) {
  Row chosen;
  for (const Index e : S) chosen.push_back(z[std::size_t(e)]);
  if (config.raw_weight == RawWeight::softmax_of_chosen) return softmax(chosen);
  if (config.raw_weight == RawWeight::sigmoid_of_chosen) {
    for (Approx& value : chosen) value = sigmoid(value);
    return chosen;
  }
  Row w;
  const Row s = scores(config.score, z);
  for (std::size_t k = 0; k < S.size(); k++)
    w.push_back(config.raw_weight == RawWeight::near_tie_softmax ? near_tie_softmax(config, z, S, k)
                                                                 : s[std::size_t(S[k])]);
  return w;
}

Approx normaliser(const RouterConfig& config, const Row& w) {
  const Approx epsilon = exactly(config.epsilon);
  Approx sum, squares;
  for (const Approx& value : w) {
    sum = add(sum, value);
    squares = fused_multiply_add(value, value, squares);
  }
  if (config.normalisation == Normalisation::l2) return add(square_root(squares), epsilon);
  if (config.normalisation == Normalisation::max_sum)
    return {std::max(sum.value, epsilon.value), sum.error};
  return add(sum, epsilon);
}

}  // namespace

std::vector<Approx> softmax(const std::vector<Approx>& z) {
  Approx m = z[0];
  double error_of_m = 0;
  for (const Approx& value : z) {
    if (value.value > m.value) m = value;
    error_of_m = std::max(error_of_m, value.error);
  }
  // q_i = exp(z_i - m), with relative errors rho_i; the errors of the sum in units of the sum.
  std::vector<double> q, rho;
  double sum = 0, error_of_sum = 0;
  for (const Approx& value : z) {
    q.push_back(std::exp(value.value - m.value));
    rho.push_back(relative_error_of_exp(value, m, error_of_m));
    sum += q.back();
    if (q.back() != 0) error_of_sum += q.back() * rho.back();
  }
  const double n = static_cast<double>(z.size());
  const double gamma = n * kRoundoff / (1 - n * kRoundoff);
  const double smallest = (1 - error_of_sum / sum - 4 * n * kUnderflow) * (1 - gamma);

  std::vector<Approx> p;
  for (std::size_t i = 0; i < z.size(); i++) {
    const double value = q[i] / sum;
    double error = kInfinity;
    if (smallest > 0) {
      const double ratio = (1 + rho[i]) * (1 + kRoundoff) / smallest;  // at least 1
      const double above = value == 0 ? 0 : value * (ratio - 1);
      error = above + 4 * kUnderflow;
    }
    // Both lie in [0, 1], if the logits are finite.
    if (std::isfinite(error_of_m)) error = std::min(error, std::max(value, 1 - value));
    p.push_back({value, std::isnan(error) ? kInfinity : error});
  }
  return p;
}

std::vector<Approx> bound_weights(const RouterConfig& config, const std::vector<Approx>& z,
                                  const std::vector<Index>& S) {
  std::vector<Approx> w = raw_weights(config, z, S);
  if (config.normalisation != Normalisation::none) {
    const Approx divisor = normaliser(config, w);
    for (Approx& value : w) value = divide(value, divisor);
  }
  for (Approx& value : w) value = multiply(value, exactly(config.scale));
  return w;
}

}  // namespace moe::check
