#include "reference/accounting/parameters.h"

#include <set>

#include "reference/accounting/size.h"

namespace moe::accounting {
namespace {

Index size(const Ffn& ffn) {
  return ffn.gate.size() + ffn.up.size() + ffn.down.size() +
         ffn.gate_bias.size() + ffn.up_bias.size() + ffn.down_bias.size();
}

// All three counts from that of one expert.
LayerParameters from(Index router, Index expert, Index shared, Index E,
                     Index K, Index touched_experts) {
  return {.total = {router, times({E, expert}), shared},
          .active = {router, times({K, expert}), shared},
          .touched = {router, times({touched_experts, expert}), shared}};
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

}  // namespace moe::accounting
