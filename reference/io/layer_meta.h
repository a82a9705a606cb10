// The `meta` of a layer file. For the sources of this folder only.
#pragma once
#include <string>
#include <vector>

#include "reference/io/array_table.h"
#include "reference/layer.h"
#include "reference/presets.h"
#include "reference/variants.h"

namespace moe::io {

/// The choices that meta states.
struct LayerMeta {
  std::string kind, name, source;
  RouterConfig router;
  std::optional<Capacity> capacity;  ///< of the kinds that have one
  Index places = 0;                  ///< C of expert_choice
  Index most_experts = 0;            ///< its cap on a token's experts
  SoftNormalisation soft = SoftNormalisation::none;  ///< of soft
  Activation activation;  ///< gated or not is the arrays' to say
  SharedKind shared = SharedKind::none;
  /// Sizes that meta states besides the arrays: E or E1 and E2, S; or empty.
  std::vector<Index> experts, slots;
  Index batch = 0;  ///< sequences of Switch; 0: not stated
  std::vector<std::string> ignored_keys;
};

/// Parses the array `meta`. Throws Error naming file and key.
LayerMeta read_layer_meta(const ArrayTable& arrays);

}  // namespace moe::io
