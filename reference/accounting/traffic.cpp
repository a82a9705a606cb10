#include "reference/accounting/traffic.h"

#include <fmt/format.h>

#include <algorithm>

#include "reference/accounting/size.h"
#include "reference/error.h"

namespace moe::accounting {
namespace {

// One copy of a token, in bytes: d w, and its scales.
Index copy_bytes(Index width, Index value_bytes, bool scales) {
  return plus(times({width, value_bytes}),
              scales ? 4 * ceil_div(width, 128) : 0);
}

Index wire_width(const Model& model, const Mixture& m) {
  return m.latent > 0 ? m.latent : model.width;
}

// K choices, less those that expected zero experts take.
Index sent(const Mixture& m, Index bytes) {
  return share(times({m.chosen, bytes}), m.experts,
               m.experts + m.zero_experts);
}

// Chance that K different experts out of E all miss n of them:
//   C(E - n, K) / C(E, K)
double all_miss(double E, double n, Index K) {
  double chance = 1;
  for (Index k = 0; k < K; k++) {
    const auto taken = static_cast<double>(k);
    chance *= std::max(0.0, E - n - taken) / (E - taken);
  }
  return chance;
}

// Chance that a block of n experts, all in one group, is chosen from.
double hit(const Mixture& m, double n, bool limited) {
  const auto E = static_cast<double>(m.experts + m.zero_experts);
  if (!limited || m.groups <= 1) return 1 - all_miss(E, n, m.chosen);
  const auto G = static_cast<double>(m.groups);
  const auto M = static_cast<double>(m.chosen_groups);
  return M / G * (1 - all_miss(E * M / G, n, m.chosen));
}

}  // namespace

AllToAll all_to_all(const Model& model, const WireFormat& wire) {
  AllToAll sum;
  for (const Layer& layer : model.layers) {
    if (!layer.mixture) continue;
    const Mixture& m = *layer.mixture;
    const Index width = wire_width(model, m);
    const Index out = copy_bytes(width, wire.dispatch_bytes,
                                 wire.dispatch_scales);
    const Index back = copy_bytes(width, wire.combine_bytes, false);
    sum.layers++;
    sum.dispatch = plus(sum.dispatch, sent(m, out + wire.metadata_bytes));
    sum.combine = plus(sum.combine, sent(m, back));
  }
  return sum;
}

Copies expected_copies(const Mixture& m, const Spread& spread, bool limited) {
  const Index R = spread.ranks;
  const Index N = spread.nodes;
  if (R < 1 || m.experts % R != 0)
    throw Error(fmt::format("ranks: expected a divisor of {} experts, found {}",
                            m.experts, R));
  if (N < 1 || R % N != 0)
    throw Error(fmt::format("nodes: expected a divisor of {} ranks, found {}",
                            R, N));
  const auto E = static_cast<double>(m.experts);
  const auto r = static_cast<double>(R);
  const auto n = static_cast<double>(N);
  const double real = E / static_cast<double>(m.experts + m.zero_experts);
  const bool whole_groups = m.groups % N == 0;  // a node holds whole groups
  const double node =
      limited && whole_groups && m.groups == N
          ? hit(m, E / n, true)
          : hit(m, E / n, false);
  Copies c;
  c.each = static_cast<double>(m.chosen) * real * (1 - 1 / r);
  c.per_rank = (r - 1) * hit(m, E / r, limited && R % m.groups == 0);
  c.per_node = (n - 1) * node;
  c.inside = std::max(0.0, c.per_rank - c.per_node);
  return c;
}

double dispatch_bytes_per_rank_copy(const Model& model, const WireFormat& wire,
                                    const Spread& spread) {
  double sum = 0;
  for (const Layer& layer : model.layers) {
    if (!layer.mixture) continue;
    const Index bytes = copy_bytes(wire_width(model, *layer.mixture),
                                   wire.dispatch_bytes, wire.dispatch_scales);
    sum += expected_copies(*layer.mixture, spread, false).per_rank *
           static_cast<double>(bytes);
  }
  return sum;
}

double tensor_parallel_bytes(const Model& model, Index ranks,
                             Index value_bytes) {
  const auto r = static_cast<double>(ranks);
  const auto layers = static_cast<double>(model.layers.size());
  const auto vector = static_cast<double>(times({model.width, value_bytes}));
  return 2 * layers * vector * 2 * (r - 1) / r;
}

double data_parallel_bytes(Index parameters, Index ranks, Index value_bytes) {
  const auto r = static_cast<double>(ranks);
  return 2 * (r - 1) / r *
         static_cast<double>(times({parameters, value_bytes}));
}

}  // namespace moe::accounting
