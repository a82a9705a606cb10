#include "reference/accounting/replicas.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "reference/error.h"

namespace moe::accounting {
namespace {

using Loads = std::vector<double>;

double max_over_mean(const Loads& ranks) {
  const double sum = std::accumulate(ranks.begin(), ranks.end(), 0.0);
  const double most = *std::max_element(ranks.begin(), ranks.end());
  return sum == 0 ? 1 : most * static_cast<double>(ranks.size()) / sum;
}

// One copy each, E / ranks neighbours on a rank.
double in_order(const std::vector<Index>& load, Index ranks) {
  const std::size_t each = load.size() / static_cast<std::size_t>(ranks);
  Loads sum(static_cast<std::size_t>(ranks));
  for (std::size_t e = 0; e < load.size(); e++)
    sum[e / each] += static_cast<double>(load[e]);
  return max_over_mean(sum);
}

void pack(Replicas& r, const Loads& weight, Index ranks) {
  const std::size_t slots = weight.size();
  const std::size_t each = slots / static_cast<std::size_t>(ranks);
  std::vector<std::size_t> order(slots);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return weight[a] > weight[b];
  });
  Loads sum(static_cast<std::size_t>(ranks));
  std::vector<std::size_t> held(sum.size());
  r.rank_of_slot.assign(slots, 0);
  for (const std::size_t slot : order) {
    std::size_t best = sum.size();
    for (std::size_t rank = 0; rank < sum.size(); rank++)
      if (held[rank] < each && (best == sum.size() || sum[rank] < sum[best]))
        best = rank;
    r.rank_of_slot[slot] = static_cast<Index>(best);
    sum[best] += weight[slot];
    held[best]++;
  }
  r.max_over_mean = max_over_mean(sum);
}

}  // namespace

Replicas replicate(const std::vector<Index>& load, Index slots, Index ranks) {
  const auto E = static_cast<Index>(load.size());
  if (E == 0 || ranks < 1 || slots < E || slots % ranks != 0 || E % ranks != 0)
    throw Error(fmt::format("replicas: expected at least {} places, a multiple "
                            "of the ranks as the experts are; found {} places "
                            "on {} ranks",
                            E, slots, ranks));
  Replicas r;
  r.copies.assign(load.size(), 1);
  const auto per_copy = [&](std::size_t e) {
    return static_cast<double>(load[e]) / static_cast<double>(r.copies[e]);
  };
  for (Index extra = E; extra < slots; extra++) {
    std::size_t busiest = 0;
    for (std::size_t e = 1; e < load.size(); e++)
      if (per_copy(e) > per_copy(busiest)) busiest = e;
    r.copies[busiest]++;
  }
  Loads weight;
  for (std::size_t e = 0; e < load.size(); e++)
    for (Index copy = 0; copy < r.copies[e]; copy++) {
      r.expert_of_slot.push_back(static_cast<Index>(e));
      weight.push_back(per_copy(e));
    }
  pack(r, weight, ranks);
  r.before = in_order(load, ranks);
  return r;
}

}  // namespace moe::accounting
