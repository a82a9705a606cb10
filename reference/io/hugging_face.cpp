#include "reference/io/hugging_face.h"

#include <fmt/format.h>

#include <algorithm>

#include "reference/error.h"
#include "reference/io/block_tensors.h"

namespace moe::io {
namespace {

// One expert's part of a tensor goes to its place in the network.
void fill(Ffn& ffn, Part part, const AxisView& view) {
  switch (part) {
    case Part::gate:
      ffn.gate = view.matrix('F', 'D');
      break;
    case Part::up:
      ffn.up = view.matrix('F', view.has('L') ? 'L' : 'D');
      break;
    case Part::gate_up:
      ffn.gate = view.matrix('F', 'D', 0);
      ffn.up = view.matrix('F', 'D', 1);
      break;
    case Part::down:
      ffn.down = view.matrix(view.has('L') ? 'L' : 'D', 'F');
      break;
    case Part::gate_up_bias:
      ffn.gate_bias = view.vector('F', 0);
      ffn.up_bias = view.vector('F', 1);
      break;
    case Part::down_bias:
      ffn.down_bias = view.vector('D');
      break;
    default:
      throw Error("not a part of an expert");
  }
}

bool is_of_expert(Part part) {
  return part >= Part::gate && part <= Part::down_bias;
}

bool is_of_shared(Part part) {
  return part >= Part::shared_gate && part <= Part::shared_router;
}

bool is_of_latent(Part part) {
  return part >= Part::latent_down;
}

// A whole tensor goes to its place in the layer.
void fill(SparseLayer& layer, Part part, const AxisView& view) {
  Router& router = layer.router;
  Shared* shared = layer.shared ? &*layer.shared : nullptr;
  switch (part) {
    case Part::router:
      router.weight = view.matrix('E', 'D');
      break;
    case Part::router_bias:
      router.bias = view.vector('E');
      break;
    case Part::selection_bias:
      router.selection_bias = view.vector('E');
      break;
    case Part::shared_gate:
      shared->ffn.gate = view.matrix('S', 'D');
      break;
    case Part::shared_up:
      shared->ffn.up = view.matrix('S', 'D');
      break;
    case Part::shared_down:
      shared->ffn.down = view.matrix('D', 'S');
      break;
    case Part::shared_router:
      shared->gate = view.matrix('1', 'D');
      break;
    case Part::latent_down:
      layer.latent->down = view.matrix('L', 'D');
      break;
    case Part::latent_up:
      layer.latent->up = view.matrix('D', 'L');
      break;
    default:
      throw Error("not a part of a layer");
  }
}

// The router comes first: once it is read, E is known to be no lie.
void fill(SparseLayer& layer, const TensorReader& reader, Index E) {
  const bool biased = layer.router.config.key == SelectionKey::score_plus_bias;
  for (const auto& group : reader.block().layout->tensors)
    for (const TensorName& tensor : group) {
      if (is_of_shared(tensor.part) && !layer.shared) continue;
      if (is_of_latent(tensor.part) && !layer.latent) continue;
      if (tensor.part == Part::selection_bias && !biased) continue;
      if (!is_of_expert(tensor.part)) {
        fill(layer, tensor.part, reader.whole(tensor));
        continue;
      }
      const Index networks = E - layer.experts.identities;
      layer.experts.ffn.resize(static_cast<std::size_t>(networks));
      for (Index e = 0; e < networks; ++e)
        fill(layer.experts.ffn[static_cast<std::size_t>(e)], tensor.part,
             reader.of_expert(tensor, e));
    }
}

}  // namespace

Model::Model(const std::string& folder)
    : info_(read_model_info(folder)), tensors_(folder) {
  const Family& family = family_of(info_.model_type, folder);
  info_.storage = storage_of(
      tensors_, find_block(tensors_, family, info_.moe_layers.front()));
}

SparseLayer Model::load_layer(Index layer, NonFinite nonfinite) const {
  const auto& known = info_.moe_layers;
  if (std::find(known.begin(), known.end(), layer) == known.end())
    throw Error(fmt::format(
        "{}: layer {} has no experts; expected one of the "
        "{} from {} to {} that have",
        tensors_.folder(), layer, known.size(), known.front(), known.back()));
  const Family& family = family_of(info_.model_type, tensors_.folder());
  const AxisSizes sizes{{'E', info_.sizes.experts},
                        {'D', info_.sizes.width},
                        {'F', info_.sizes.hidden},
                        {'S', info_.sizes.shared_hidden},
                        {'L', info_.latent == 0 ? info_.sizes.width
                                                : info_.latent}};
  SparseLayer result;
  result.nonfinite = nonfinite;
  result.router.config = info_.router;
  result.experts.activation = info_.activation;
  result.experts.identities = info_.identities;
  if (info_.shared != SharedKind::none) {
    result.shared.emplace();
    result.shared->activation = info_.activation;
  }
  if (info_.latent != 0) result.latent.emplace();
  const TensorReader reader(tensors_, find_block(tensors_, family, layer),
                            sizes, nonfinite);
  fill(result, reader, info_.sizes.experts);
  try {
    validate(result);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: layer {}: {}", tensors_.folder(), layer,
                            error.what()));
  }
  return result;
}

SparseLayer load_layer(const std::string& folder, Index layer) {
  return Model(folder).load_layer(layer);
}

}  // namespace moe::io
