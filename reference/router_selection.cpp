// Router, middle: the choice. Integer work: a key made of (score, index)
// orders the experts, so any correct algorithm gives the same list.
#include <limits>

#include "reference/numerics/top_k_key.h"
#include "reference/router.h"

namespace moe::reference {

std::vector<Index> top_k(const std::vector<float>& c, Index K) {
  std::vector<std::uint64_t> keys(c.size());
  for (std::size_t e = 0; e < c.size(); e++)
    keys[e] = numerics::top_k_key(c[e], static_cast<std::uint32_t>(e));

  std::vector<Index> chosen;
  for (Index k = 0; k < K; k++) {
    std::size_t best = 0;
    for (std::size_t e = 1; e < keys.size(); e++)
      if (keys[e] > keys[best]) best = e;
    chosen.push_back(static_cast<Index>(best));
    keys[best] = 0;  // below every key of an expert
  }
  return chosen;
}

namespace {

// Score of the group of experts first .. first+size-1: its largest key, or
// the sum of its two largest, best first.
float group_score(GroupScore kind, const std::vector<float>& c, Index first,
                  Index size) {
  const auto begin = c.begin() + first;
  const std::vector<float> members(begin, begin + size);
  const std::vector<Index> best = top_k(members, size < 2 ? 1 : 2);
  const float largest = members[std::size_t(best[0])];
  if (kind == GroupScore::max || size < 2) return largest;
  return largest + members[std::size_t(best[1])];
}

// Experts outside the best groups get limit.excluded_key.
// source: DeepSeek-V2 (2405.04434) 2.2.2; DeepSeek-V3 (2412.19437) 2.1.2.
void limit_to_groups(const GroupLimit& limit, std::vector<float>& c) {
  const Index size = static_cast<Index>(c.size()) / limit.count;
  std::vector<float> judged;
  for (Index g = 0; g < limit.count; g++)
    judged.push_back(group_score(limit.score, c, g * size, size));

  std::vector<bool> kept(std::size_t(limit.count), false);
  for (const Index g : top_k(judged, limit.kept)) kept[std::size_t(g)] = true;
  for (std::size_t e = 0; e < c.size(); e++)
    if (!kept[e / std::size_t(size)]) c[e] = limit.excluded_key;
}

}  // namespace

std::vector<float> selection_keys(const Router& router,
                                  const std::vector<float>& s) {
  std::vector<float> c(s);
  if (router.config.key == SelectionKey::score_plus_bias)
    for (std::size_t e = 0; e < c.size(); e++)
      c[e] = c[e] + router.selection_bias[static_cast<Index>(e)];
  if (router.config.groups.kept < router.config.groups.count)
    limit_to_groups(router.config.groups, c);
  return c;
}

}  // namespace moe::reference
