// Health of the load: how far from even. Counts are exact integers; each
// metric rounds once where it divides.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "reference/error.h"
#include "reference/health.h"

namespace moe::reference {

namespace {

// Sum of n, refusing what cannot be a load.
Index sum_of(const Counts& n) {
  require(!n.empty(), "health: load: expected at least 1 expert, found 0");
  Index sum = 0;
  for (std::size_t e = 0; e < n.size(); e++) {
    if (n[e] < 0)
      throw Error("health: load of expert " + std::to_string(e) +
                  ": expected a count, found " + std::to_string(n[e]));
    sum += n[e];
  }
  return sum;
}

}  // namespace

float max_violation(const Counts& n) {
  const Index sum = sum_of(n);
  if (sum == 0) return 0;
  const Index most = *std::max_element(n.begin(), n.end());
  const Index excess = static_cast<Index>(n.size()) * most - sum;
  return static_cast<float>(excess) / static_cast<float>(sum);
}

float max_over_mean(const Counts& n) {
  const Index sum = sum_of(n);
  if (sum == 0) return 0;
  const Index most = *std::max_element(n.begin(), n.end());
  return static_cast<float>(static_cast<Index>(n.size()) * most) /
         static_cast<float>(sum);
}

float load_cv(const Counts& n) {
  sum_of(n);
  Vector v(static_cast<Index>(n.size()));
  for (Index e = 0; e < v.size(); e++)
    v[e] = static_cast<float>(n[static_cast<std::size_t>(e)]);
  return std::sqrt(cv_squared(v, Variance::population, 0));
}

float gini(const Counts& n) {
  const Index sum = sum_of(n);
  if (sum == 0) return 0;
  Index differences = 0;
  for (const Index n_i : n)
    for (const Index n_j : n) differences += std::abs(n_i - n_j);
  const Index E = static_cast<Index>(n.size());
  return static_cast<float>(differences) / static_cast<float>(2 * E * sum);
}

std::vector<Index> dead_experts(const Counts& n, float share) {
  if (!(share >= 0 && share <= 1))
    throw Error("health: dead experts: expected a share of 0 .. 1, found " +
                std::to_string(share));
  const float sum = static_cast<float>(sum_of(n));
  const Index E = static_cast<Index>(n.size());
  std::vector<Index> dead;
  for (Index e = 0; e < E; e++) {
    const Index n_e = n[static_cast<std::size_t>(e)];
    if (n_e == 0 || static_cast<float>(E * n_e) < share * sum)
      dead.push_back(e);
  }
  return dead;
}

}  // namespace moe::reference
