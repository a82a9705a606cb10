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
  Index draws = 0;            ///< random numbers, whatever is in making one

  /// By the convention of flops.h: products alone, a multiply-add is two.
  Index product_flops() const { return 2 * fused; }
  /// Field by field.
  bool operator==(const Work&) const = default;
};

/// The rows of one pass, by what their experts do. Together T K, or fewer
/// where a capacity drops some or later slots stay empty.
struct Rows {
  Index networks = 0;    ///< of experts that compute
  Index identities = 0;  ///< of experts that return what they are given
  /// R, both.
  Index all() const { return networks + identities; }
};

/// The work of a layer on T tokens, with the noise of training or without.
/// Throws Error where work depends on the numbers: RawWeight::near_tie_softmax,
/// and in training the auction of Choice::balanced.
Work layer_work(const SparseLayer& layer, Index T, Rows rows,
                bool training = false);

/// The part of it that are matrix products with weights: what flops.h counts,
/// but the gate of a shared expert that is not just added, which the reference
/// computes twice, and the noise weights of training, which flops.h does not
/// know.
Index layer_product_fused(const SparseLayer& layer, Index T, Rows rows,
                          bool training = false);

}  // namespace moe::accounting
