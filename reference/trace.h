// What a layer computed on the way: every stage's name, shape and values.
//
// Stage names are the same in every tier and come in this order:
//   logits     [T,E]  router inner products
//   scores     [T,E]  what the router makes of them (softmax, sigmoid, ...)
//   selected   [T,K]  chosen experts, best first (int32)
//   weights    [T,K]  their weights, in the same order
//   positions  [T,K]  row of each choice among the dispatched rows (int32)
//   dispatched [R,D]  expert inputs, sorted by expert, then by token
//   hidden     [R,F]  after the activation
//   expert_out [R,D]  expert outputs, before weighting
//   combined   [T,D]  weighted sum, back in token order
//   shared     [T,D]  output of the shared experts, where there are any
//   output     [T,D]  combined + shared
//   more, where a layer has what they show:
//   noisy_logits  [T,E]  follows logits: with the noise of training
//   kept_weights  [T,K]  follows positions: 0 where a choice found no place
//   latent        [T,L]  before dispatched: the tokens as experts see them
//   expanded      [T,D]  follows combined, which is [T,L] then: back in D
//   inner_selected, inner_weights                  two levels: hierarchical.h
//   slot_selected, slot_weights, slot_positions    two levels: hierarchical.h
//   inner_logits, inner_scores                     the tree: mixture_tree.h
//
// In the other variants some stages have other shapes (expert_choice.h,
// soft.h).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reference/types.h"

namespace moe {

/// Sizes of an array, slowest axis first.
using Shape = std::vector<Index>;

/// Receives the stages of one pass. Values live only during the call.
/// A tier runs the same kernels with a trace attached as without.
class Trace {
 public:
  virtual ~Trace() = default;
  /// A stage of real numbers, row-major.
  virtual void stage(std::string_view name, const Shape& shape,
                     std::span<const float> values) = 0;
  /// A stage of integers, row-major.
  virtual void stage(std::string_view name, const Shape& shape,
                     std::span<const std::int32_t> values) = 0;
};

/// Shows a matrix to the trace, if there is one.
void record(Trace* trace, std::string_view name, const Matrix& values);
/// The same for integers.
void record(Trace* trace, std::string_view name, const IntMatrix& values);

/// One stage, kept.
struct Stage {
  std::string name;  ///< one of the names above
  Shape shape;       ///< row-major sizes
  /// binary32 numbers or 32-bit integers
  std::variant<std::vector<float>, std::vector<std::int32_t>> values;
};

/// A trace that keeps every stage, in the order in which they came.
class Recording : public Trace {
 public:
  /// Keeps a copy.
  void stage(std::string_view name, const Shape& shape,
             std::span<const float> values) override;
  /// Keeps a copy.
  void stage(std::string_view name, const Shape& shape,
             std::span<const std::int32_t> values) override;

  /// The stage of that name, or nullptr.
  const Stage* find(std::string_view name) const;

  std::vector<Stage> stages;  ///< in the order in which they came
};

}  // namespace moe
