#include "reference/capped_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "reference/error.h"
#include "reference/numerics/exact_sum.h"
#include "reference/numerics/top_k_key.h"

namespace moe {
namespace {

using numerics::ExactSum;

// Who holds what. Row T is the token `nobody`.
struct Holding {
  Index T, E, C;
  std::vector<ExactSum> value;  // [T+1,E]
  IntMatrix held;               // [T+1,E] how many times
  std::vector<Index> load;      // [T+1] by how many experts a token is held
  std::vector<Index> most;      // [T+1] by how many it may be

  const ExactSum& worth(Index t, Index e) const {
    return value[std::size_t(t * E + e)];
  }
  bool may_take(Index t, Index e) const {
    return held(t, e) < (t < T ? 1 : C);
  }
};

// What the search found: the best way to have one expert too many on a token,
// and one token too few at an expert.
struct Paths {
  std::vector<ExactSum> at_token, at_expert;  // change of the sum so far
  std::vector<Index> taker;   // [T+1] who takes it; kStart, kUnreached
  std::vector<Index> dropped;  // [E] which token it gives up; kUnreached
};
constexpr Index kStart = -1;
constexpr Index kUnreached = -2;

// The expert's tokens, best first.
std::vector<std::int32_t> best_first(const ConstMatrix& s, Index e,
                                     const std::vector<Index>& tokens) {
  std::vector<std::uint64_t> keys;
  for (const Index t : tokens)
    keys.push_back(numerics::top_k_key(s(t, e), static_cast<uint32_t>(t)));
  std::sort(keys.rbegin(), keys.rend());
  std::vector<std::int32_t> order;
  for (const std::uint64_t key : keys)
    order.push_back(static_cast<std::int32_t>(numerics::top_k_index(key)));
  return order;
}

// Every expert takes its C best tokens, whoever else does.
Holding without_cap(const ConstMatrix& s, Index C, Index b) {
  const Index T = s.rows();
  const Index E = s.cols();
  Holding h{T, E, C, {}, IntMatrix::Zero(T + 1, E),
            std::vector<Index>(std::size_t(T + 1), 0),
            std::vector<Index>(std::size_t(T + 1), b)};
  h.most[std::size_t(T)] = std::max(Index{0}, E * C - T * b);
  h.value.resize(std::size_t((T + 1) * E), numerics::exact(-1.0F));
  std::vector<Index> all;
  for (Index t = 0; t < T; t++) {
    all.push_back(t);
    for (Index e = 0; e < E; e++)
      if (!std::isnan(s(t, e)))
        h.value[std::size_t(t * E + e)] = numerics::exact(s(t, e));
  }
  for (Index e = 0; e < E; e++) {
    const std::vector<std::int32_t> order = best_first(s, e, all);
    for (Index c = 0; c < C; c++) {
      const Index t = order[std::size_t(c)];
      h.held(t, e) = 1;
      h.load[std::size_t(t)]++;
    }
  }
  return h;
}

// Expert e gives up one of its tokens: which, if that is better than so far?
bool give_up(const Holding& h, Index e, Paths& paths) {
  Index& dropped = paths.dropped[std::size_t(e)];
  ExactSum& best = paths.at_expert[std::size_t(e)];
  bool better = false;
  for (Index t = 0; t <= h.T; t++) {
    if (h.held(t, e) == 0 || paths.taker[std::size_t(t)] == kUnreached)
      continue;
    const ExactSum gain = paths.at_token[std::size_t(t)] - h.worth(t, e);
    if (dropped != kUnreached && !(best < gain)) continue;
    best = gain;
    dropped = t;
    better = true;
  }
  return better;
}

// ... and may take any token in its place.
void take(const Holding& h, Index e, Paths& paths) {
  for (Index t = 0; t <= h.T; t++) {
    if (!h.may_take(t, e)) continue;
    const ExactSum gain = paths.at_expert[std::size_t(e)] + h.worth(t, e);
    Index& taker = paths.taker[std::size_t(t)];
    ExactSum& best = paths.at_token[std::size_t(t)];
    if (taker != kUnreached && !(best < gain)) continue;
    best = gain;
    taker = e;
  }
}

// Bellman and Ford: experts in turn until nothing gets better. It ends, as no
// exchange in a circle is a gain: the holding is the best for its loads.
Paths find_paths(const Holding& h) {
  Paths paths{std::vector<ExactSum>(std::size_t(h.T + 1)),
              std::vector<ExactSum>(std::size_t(h.E)),
              std::vector<Index>(std::size_t(h.T + 1), kUnreached),
              std::vector<Index>(std::size_t(h.E), kUnreached)};
  for (std::size_t t = 0; t < h.load.size(); t++)
    if (h.load[t] > h.most[t]) paths.taker[t] = kStart;
  for (bool changed = true; changed;) {
    changed = false;
    for (Index e = 0; e < h.E; e++) {
      if (!give_up(h, e, paths)) continue;
      take(h, e, paths);
      changed = true;
    }
  }
  return paths;
}

// Makes the best exchange; false if no token has too many experts.
bool exchange(Holding& h) {
  const Paths paths = find_paths(h);
  Index end = kUnreached;
  for (Index t = 0; t <= h.T; t++) {
    const auto i = std::size_t(t);
    if (h.load[i] >= h.most[i] || paths.taker[i] == kUnreached) continue;
    if (end == kUnreached ||
        paths.at_token[std::size_t(end)] < paths.at_token[i])
      end = t;
  }
  if (end == kUnreached) return false;
  h.load[std::size_t(end)]++;
  Index t = end;
  while (paths.taker[std::size_t(t)] != kStart) {
    const Index e = paths.taker[std::size_t(t)];
    h.held(t, e)++;
    t = paths.dropped[std::size_t(e)];
    h.held(t, e)--;
  }
  h.load[std::size_t(t)]--;
  return true;
}

}  // namespace

IntMatrix capped_choice(const ConstMatrix& s, Index C, Index b) {
  if (C < 0 || C > s.rows() || b < 1)
    throw Error(fmt::format("experts take C={} of T={} tokens, each by at most "
                            "{} experts, expected 0 <= C <= T and 1 or more",
                            C, s.rows(), b));
  for (Index t = 0; t < s.rows(); t++)
    for (Index e = 0; e < s.cols(); e++)
      if (std::isinf(s(t, e)))
        throw Error(fmt::format("score of token {} for expert {} is {}, "
                                "expected a number or NaN", t, e, s(t, e)));
  Holding h = without_cap(s, C, b);
  while (exchange(h)) {
  }

  IntMatrix lists = IntMatrix::Constant(h.E, C, -1);
  for (Index e = 0; e < h.E; e++) {
    std::vector<Index> tokens;
    for (Index t = 0; t < h.T; t++)
      if (h.held(t, e) != 0) tokens.push_back(t);
    const std::vector<std::int32_t> order = best_first(s, e, tokens);
    std::copy(order.begin(), order.end(), lists.data() + e * C);
  }
  return lists;
}

}  // namespace moe
