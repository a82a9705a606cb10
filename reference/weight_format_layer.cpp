#include "reference/weight_format_layer.h"

namespace moe {
namespace {

// Calls visit(network) for all networks of a layer, the shared one among them.
void for_each_network(auto& layer, const auto& visit) {
  const auto all = [&visit](auto& one) {
    for (auto& ffn : one.experts.ffn) visit(ffn);
    if constexpr (requires { one.shared->ffn; })
      if (one.shared) visit(one.shared->ffn);
  };
  std::visit(all, layer);
}

}  // namespace

Layer rounded(WeightFormat format, Layer layer) {
  for_each_network(layer, [&](Ffn& ffn) { round_weights(format, ffn); });
  return layer;
}

WeightFormat narrowest(const Layer& layer) {
  for (const WeightFormat format : {WeightFormat::bf16, WeightFormat::f16}) {
    bool all = true;
    for_each_network(layer, [&](const Ffn& ffn) {
      all = all && holds(format, ffn);
    });
    if (all) return format;
  }
  return WeightFormat::f32;
}

}  // namespace moe
