// The tensors of one MoE block, found by a family's table and read exactly.
// For the sources of this folder only.
#pragma once
#include <string>

#include "reference/io/axes.h"
#include "reference/io/checkpoint.h"
#include "reference/io/hugging_face_names.h"
#include "reference/layer.h"

namespace moe::io {

/// A block of a checkpoint: how it is stored, and below which name.
struct Block {
  const Layout* layout = nullptr;
  std::string prefix;  ///< "model.layers.3.mlp."
};

/// The layout and name of which the checkpoint holds most tensors; the
/// published ones if it holds none.
Block find_block(const Checkpoint& checkpoint, const Family& family,
                 Index layer);

/// Full name of a tensor; `expert` replaces "{e}".
std::string full_name(const Block& block, const TensorName& tensor,
                      Index expert);

/// How the numbers of the block's experts are stored: "bf16", "mxfp4", ...
std::string storage_of(const Checkpoint& checkpoint, const Block& block);

/// Reads tensors whose axes have known sizes.
class TensorReader {
 public:
  TensorReader(const Checkpoint& checkpoint, Block block, AxisSizes sizes,
               NonFinite nonfinite)
      : checkpoint_(checkpoint),
        block_(std::move(block)),
        sizes_(std::move(sizes)),
        nonfinite_(nonfinite) {}

  /// A tensor as a whole.
  AxisView whole(const TensorName& tensor) const;

  /// One expert's part of a tensor: its own, or a slice of the fused one.
  AxisView of_expert(const TensorName& tensor, Index expert) const;

  const Block& block() const { return block_; }

 private:
  const Checkpoint& checkpoint_;
  Block block_;
  AxisSizes sizes_;
  NonFinite nonfinite_;
};

}  // namespace moe::io
