// The layer and the tokens of a case, and who is preferred by its route.
#include <algorithm>
#include <numeric>

#include "check/case_values.h"
#include "reference/numerics/philox.h"
#include "reference/presets.h"

namespace moe::check {
namespace {

// 0 .. size-1, shuffled (Fisher and Yates).
std::vector<Index> shuffled(const numerics::Stream& stream, Index size) {
  std::vector<Index> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size(); i > 1; i--)
    std::swap(order[i - 1], order[numerics::random_word(stream, i) % i]);
  return order;
}

}  // namespace

std::vector<Index> by_preference(const Case& c) {
  const GroupLimit limit = group_limit(c);
  const Index size = c.E / limit.count;
  std::vector<Index> order;
  for (const Index g :
       shuffled({c.seed, static_cast<std::uint32_t>(Purpose::group_order), 0}, limit.count))
    for (const Index i : shuffled({c.seed, static_cast<std::uint32_t>(Purpose::expert_order),
                                   static_cast<std::uint32_t>(g)},
                                  size))
      order.push_back(g * size + i);
  return order;
}

std::vector<bool> avoided(const Case& c) {
  std::vector<bool> avoid(static_cast<std::size_t>(c.E), false);
  if (c.route.kind != Route::Kind::empty) return avoid;
  GroupLimit limit = group_limit(c);
  if (limit.kept == limit.count) limit.count = limit.kept = 1;  // no limit at all
  const Index size = c.E / limit.count;
  if (size > 1 && limit.kept * ((size + 1) / 2) >= c.K) {
    for (Index e = 0; e < c.E; e++) avoid[std::size_t(e)] = e % size % 2 == 1;
    return avoid;
  }
  // Too few would be left: whole units of odd index, as many as can be spared.
  const Index unit = limit.count == 1 ? 1 : size;
  const Index units = c.E / unit;
  Index spare = limit.count == 1 ? c.E - c.K : limit.count - limit.kept;
  for (Index u = 1; u < units && spare > 0; u += 2, spare--)
    std::fill_n(avoid.begin() + u * unit, unit, true);
  return avoid;
}

Matrix make_tokens(const Case& c) {
  const CaseValues values(c);
  Matrix x(c.T, c.D);
  for (Index t = 0; t < c.T; t++)
    for (Index d = 0; d < c.D; d++) x(t, d) = values.token(t, d);
  return x;
}

}  // namespace moe::check
