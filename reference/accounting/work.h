// What the reference does in one token-choice layer, operation by operation.
// An instrumented build counts the same: equal, not close.
#pragma once
#include "reference/layer.h"

namespace moe::accounting {

/// Operations on binary32 numbers. Comparisons, copies and changes of sign
/// are none.
struct Work {
  Index fused = 0;            ///< multiply-adds, two FLOPs each
  Index additions = 0;        ///< and subtractions
  Index multiplications = 0;  ///< not fused
  Index divisions = 0;        ///< one rounding each
  Index roots = 0;            ///< square roots
  Index functions = 0;        ///< exp, sigmoid, silu, ...: correctly rounded

  /// By the convention of flops.h: products alone, a multiply-add is two.
  Index product_flops() const { return 2 * fused; }
  /// Field by field.
  bool operator==(const Work&) const = default;
};

/// The work of a layer on T tokens of which R rows reach an expert: T K, or
/// fewer with a capacity. Throws Error for RawWeight::near_tie_softmax, whose
/// work depends on the numbers.
Work layer_work(const SparseLayer& layer, Index T, Index R);

/// The part of it that are matrix products with weights: what flops.h counts.
Index layer_product_fused(const SparseLayer& layer, Index T, Index R);

}  // namespace moe::accounting
