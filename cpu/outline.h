// What a packed layer keeps of the layer besides its weights.
#pragma once
#include <utility>

#include "reference/layer.h"

namespace moe::cpu {

/// The router's choices and width; no weights.
Router without_weights(const Router& router);
/// The experts' activation and number, and their hidden width; no weights.
Experts without_weights(const Experts& experts);

/// Is every value a finite number?
bool all_finite(const ConstMatrix& x);

/// A layer without the weights that are packed elsewhere: its choices, and the sizes that an input
/// is checked against.
template <class AnyLayer>
class Outline {
 public:
  /// Takes a layer whose matrices keep the one size that matters and hold nothing.
  explicit Outline(AnyLayer layer) : nonfinite_(layer.nonfinite), layer_(std::move(layer)) {
    layer_.nonfinite = NonFinite::allow;
  }

  /// The choices. Its `nonfinite` says nothing.
  const AnyLayer& operator*() const { return layer_; }
  const AnyLayer* operator->() const { return &layer_; }

  /// The layer as it was taken, for its weights to be put back.
  AnyLayer layer() const {
    AnyLayer layer = layer_;
    layer.nonfinite = nonfinite_;
    return layer;
  }

  /// moe::validate_input, whose slow search for a bad number runs only if there is one.
  void check_input(const ConstMatrix& x) const {
    validate_input(layer_, x);
    if (nonfinite_ == NonFinite::refuse && !all_finite(x)) validate_input(layer(), x);
  }

 private:
  NonFinite nonfinite_;
  AnyLayer layer_;  // allows all numbers: what is left of validate_input are the sizes
};

}  // namespace moe::cpu
