// Covering designs: few rows in which every pair of values of every two factors meets.
#pragma once
#include <functional>
#include <random>
#include <set>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace moe::test {

/// One value index per factor.
using DesignRow = std::vector<int>;

/// Greedy rows until all pairs of values of two factors are covered, each row one that `allowed`
/// permits. The same on every machine, another design for another seed. Throws if a pair cannot be
/// covered.
inline std::vector<DesignRow> pairwise_cover(const std::vector<int>& levels,
                                             const std::function<bool(const DesignRow&)>& allowed,
                                             unsigned seed = 1) {
  using Pair = std::tuple<int, int, int, int>;  // factor, value, later factor, value
  const int factors = static_cast<int>(levels.size());
  std::set<Pair> open;
  for (int a = 0; a < factors; a++)
    for (int b = a + 1; b < factors; b++)
      for (int i = 0; i < levels[std::size_t(a)]; i++)
        for (int j = 0; j < levels[std::size_t(b)]; j++) open.insert({a, i, b, j});

  std::mt19937 random(seed);
  const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const auto covered = [&](const DesignRow& row) {
    std::vector<Pair> pairs;
    for (int a = 0; a < factors; a++)
      for (int b = a + 1; b < factors; b++) {
        const Pair pair{a, row[std::size_t(a)], b, row[std::size_t(b)]};
        if (open.contains(pair)) pairs.push_back(pair);
      }
    return pairs;
  };
  std::vector<DesignRow> rows;
  while (!open.empty()) {
    const auto [a, i, b, j] = *open.begin();
    DesignRow best;
    std::size_t most = 0;
    for (int attempt = 0; attempt < 400 && (attempt < 40 || best.empty()); attempt++) {
      DesignRow row;
      for (const int n : levels) row.push_back(draw(n));
      row[std::size_t(a)] = i;
      row[std::size_t(b)] = j;
      if (!allowed(row)) continue;
      const std::size_t gain = covered(row).size();
      if (gain <= most) continue;
      most = gain;
      best = row;
    }
    if (best.empty()) throw std::logic_error("a pair of levels is never allowed");
    // Improve one factor at a time.
    for (int sweep = 0; sweep < 2; sweep++)
      for (int f = 0; f < factors; f++) {
        if (f == a || f == b) continue;
        for (int value = 0; value < levels[std::size_t(f)]; value++) {
          DesignRow row = best;
          row[std::size_t(f)] = value;
          if (!allowed(row)) continue;
          const std::size_t gain = covered(row).size();
          if (gain > most) {
            most = gain;
            best = row;
          }
        }
      }
    for (const Pair& pair : covered(best)) open.erase(pair);
    rows.push_back(best);
  }
  return rows;
}

}  // namespace moe::test
