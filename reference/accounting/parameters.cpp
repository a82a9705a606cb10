#include "reference/accounting/parameters.h"

#include <algorithm>
#include <limits>
#include <set>

#include "reference/error.h"

namespace moe::accounting {
namespace {

Index product(Index a, Index b) {
  require(b == 0 || a <= std::numeric_limits<Index>::max() / 8 / b,
          "the parameters of one layer are too many to be counted");
  return a * b;
}

Index size(const Ffn& ffn) {
  return ffn.gate.size() + ffn.up.size() + ffn.down.size() +
         ffn.gate_bias.size() + ffn.up_bias.size() + ffn.down_bias.size();
}

// One network of width F between D and D.
Index ffn_size(Index D, Index F, bool gated, bool biases) {
  const Index inputs = gated ? 2 : 1;
  const Index weights = product(product(inputs + 1, D), F);
  return biases ? weights + inputs * F + D : weights;
}

// All three counts from that of one expert.
LayerParameters from(Index router, Index expert, Index shared, Index E,
                     Index K, Index touched_experts) {
  return {.total = {router, product(E, expert), shared},
          .active = {router, product(K, expert), shared},
          .touched = {router, product(touched_experts, expert), shared}};
}

}  // namespace

LayerParameters count(const SparseLayer& layer, const IntMatrix& selected) {
  const Router& r = layer.router;
  const Index router =
      r.weight.size() + r.bias.size() + r.selection_bias.size();
  Index shared = 0;
  if (layer.shared)
    shared = size(layer.shared->ffn) + layer.shared->gate.size();
  const std::set<std::int32_t> experts(selected.data(),
                                       selected.data() + selected.size());
  return from(router, size(layer.experts.ffn.front()), shared,
              static_cast<Index>(layer.experts.ffn.size()), r.config.chosen,
              static_cast<Index>(experts.size()));
}

LayerParameters count(const LayerKind& kind, Index T) {
  const auto& [E, D, F, K, S] = kind.sizes;
  const Index biases = (kind.router_bias ? 1 : 0) +
                       (kind.selection_bias ? 1 : 0);
  const Index router = product(E, D + biases);
  const Index expert = ffn_size(D, F, kind.gated, kind.expert_biases);
  Index shared = 0;
  if (S > 0)
    shared = ffn_size(D, S, kind.gated, false) + (kind.shared_gate ? D : 0);
  const Index most = T > E / K ? E : std::min(E, T * K);
  return from(router, expert, shared, E, K, most);
}

}  // namespace moe::accounting
