#include "reference/accounting/touched.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "reference/accounting/size.h"
#include "reference/error.h"

namespace moe::accounting {

Expectation expected_touched(double E, double K, double B) {
  const double q = std::pow(1 - K / E, B);  // nobody chose this one
  const double both =
      E > 1 ? std::pow((E - K) * (E - K - 1) / (E * (E - 1)), B) : 0;
  return {.mean = E * (1 - q),
          .variance = E * q * (1 - q) + E * (E - 1) * (both - q * q)};
}

double expected_touched(std::span<const double> p, double B) {
  double sum = 0;
  for (const double p_i : p) sum += 1 - std::pow(1 - p_i, B);
  return sum;
}

Index touched(const IntMatrix& selected) {
  std::set<std::int32_t> experts(selected.data(),
                                 selected.data() + selected.size());
  experts.erase(-1);
  return static_cast<Index>(experts.size());
}

double mean_touched(const IntMatrix& selected, Index B) {
  double sum = 0;
  Index batches = 0;
  for (Index t = 0; t < selected.rows(); t += B) {
    const Index rows = std::min(B, selected.rows() - t);
    sum += static_cast<double>(touched(selected.middleRows(t, rows)));
    batches++;
  }
  return batches == 0 ? 0 : sum / static_cast<double>(batches);
}

std::vector<Index> load_of(const IntMatrix& selected, Index E) {
  std::vector<Index> load(static_cast<std::size_t>(E));
  for (Index i = 0; i < selected.size(); i++) {
    const std::int32_t e = selected.data()[i];
    if (e == -1) continue;
    if (e < 0 || e >= E)
      throw Error("selected: expected experts below " + std::to_string(E) +
                  ", found " + std::to_string(e));
    load[static_cast<std::size_t>(e)]++;
  }
  return load;
}

Index padded_rows(std::span<const Index> load, Index tile) {
  Index sum = 0;
  for (const Index n : load)
    sum = plus(sum, times({ceil_div(n, tile), tile}) - n);
  return sum;
}

double expected_padded_rows(double E, double K, Index B, Index tile) {
  const double p = K / E;
  if (p >= 1) return E * static_cast<double>(ceil_div(B, tile) * tile);
  const auto b = static_cast<double>(B);
  double sum = 0;
  for (Index n = 1; n <= B; n++) {
    const auto x = static_cast<double>(n);
    const double log_chance = std::lgamma(b + 1) - std::lgamma(x + 1) -
                              std::lgamma(b - x + 1) + x * std::log(p) +
                              (b - x) * std::log1p(-p);
    sum += std::exp(log_chance) *
           static_cast<double>(ceil_div(n, tile) * tile);
  }
  return E * sum;
}

}  // namespace moe::accounting
