// Bytes of weights: by format, with its scales and their ceilings.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "reference/accounting/weights.h"

namespace moe::accounting {

/// How numbers are stored.
enum class Format {
  f32,
  f16,
  bf16,
  fp8,        ///< 128 x 128 blocks, one binary32 scale each (DeepSeek-V3)
  fp8_row,    ///< one binary32 scale an output row
  int8,       ///< one bf16 scale an output row
  mxfp4,      ///< e2m1, one e8m0 byte for 32 inputs (gpt-oss)
  nvfp4,      ///< e2m1, one e4m3 byte for 16 inputs, one binary32 a tensor
  int4,       ///< groups of 128 inputs, one bf16 scale each
  int4_zero,  ///< the same with packed 4-bit zero points
};

/// "mxfp4"
const char* name_of(Format format);
/// Throws Error listing the names for one that is none.
Format format_named(std::string_view name);
/// Every format, in order.
std::vector<Format> all_formats();

/// Bytes of one matrix of R outputs and C inputs.
Index matrix_bytes(Format format, Index R, Index C);

/// Which format each class of numbers has.
struct Formats {
  std::array<Format, kComponents> products;  ///< matrices, by component
  Format others;                             ///< norms, biases, tables, ...
};

/// Matrices of attention, dense networks and experts in `format`; embedding,
/// head, router, norms and biases in bf16, or f32 where format is f32.
Formats formats_all(Format format);

/// As the checkpoint stores them, by its config.json.
Formats formats_stored(const Model& model);

/// Bytes of one copy of a weight. A correction bias is binary32 always.
Index copy_bytes(const Weight& weight, const Formats& formats);

/// Bytes of all copies in all layers.
Index weight_bytes(const Weight& weight, const Formats& formats);

/// The sum over a list, for one component or for all.
Index bytes_of(const std::vector<Weight>& list, const Formats& formats);
/// The sum over the weights of one component.
Index bytes_of(const std::vector<Weight>& list, const Formats& formats,
               Component component);

/// All tensors of the checkpoint: the model, MTP, and what is stored twice.
Index checkpoint_bytes(const Model& model, const Formats& formats);

}  // namespace moe::accounting
