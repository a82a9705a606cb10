// Checks a token-choice layer before anything is computed.
#include "reference/layer.h"

#include "reference/layer_checks.h"

namespace moe {

LayerSizes sizes(const SparseLayer& layer) {
  const std::vector<Ffn>& ffn = layer.experts.ffn;
  return {.experts = count(layer.experts),
          .width = layer.router.weight.cols(),
          .hidden = ffn.empty() ? 0 : ffn[0].up.rows(),
          .chosen = layer.router.config.chosen,
          .shared_hidden = layer.shared ? layer.shared->ffn.up.rows() : 0};
}

void validate(const SparseLayer& layer) {
  const LayerSizes size = sizes(layer);
  const bool finite = layer.nonfinite == NonFinite::refuse;
  const Index L = layer.latent ? layer.latent->down.rows() : size.width;
  if (layer.latent) checks::expect_latent(*layer.latent, size.width, finite);
  checks::expect_experts(layer.experts, L, finite);
  checks::expect_router("router", layer.router, size.experts, size.width,
                        finite);
  if (layer.capacity) checks::expect_capacity("capacity", *layer.capacity);
  if (layer.shared) checks::expect_shared(*layer.shared, size.width, finite);
}

void validate_input(const SparseLayer& layer, const ConstMatrix& x) {
  const LayerSizes size = sizes(layer);
  checks::expect_input(x, size.width, size.chosen, 0,
                       layer.nonfinite == NonFinite::refuse);
}

}  // namespace moe
