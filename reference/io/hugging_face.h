// A Hugging Face model folder: config.json and its .safetensors.
#pragma once
#include <string>

#include "reference/io/checkpoint.h"
#include "reference/io/model_info.h"
#include "reference/layer.h"

namespace moe::io {

/// The MoE layers of one folder. Weights are read layer by layer.
class Model {
 public:
  /// Opens the folder. Throws Error (model_info.h, checkpoint.h).
  explicit Model(const std::string& folder);

  /// What config.json says.
  const ModelInfo& info() const { return info_; }

  /// The layer's weights and choices, in float32, exactly.
  ///   Throws Error naming file and tensor, expected and found, for a layer
  ///   without experts and for a tensor that is missing, of the wrong shape
  ///   or type, or (unless allowed) not finite.
  SparseLayer load_layer(Index layer,
                         NonFinite nonfinite = NonFinite::refuse) const;

 private:
  ModelInfo info_;
  Checkpoint tensors_;
};

/// One layer of a folder; opens it each time.
SparseLayer load_layer(const std::string& folder, Index layer);

}  // namespace moe::io
