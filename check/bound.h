// How far binary32 results may lie from exact arithmetic: a bound derived step by step, for comparison with other software.
#pragma once
#include "reference/layer.h"

namespace moe::check {

/// Row-major matrix of binary64 numbers.
using DoubleMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The layer in binary64 with a running bound on the error of the binary32 contract.
struct Bounded {
  DoubleMatrix output;         ///< [T,D]
  DoubleMatrix output_bound;   ///< [T,D]
  DoubleMatrix weights;        ///< [T,K]
  DoubleMatrix weights_bound;  ///< [T,K]
  DoubleMatrix logits;         ///< [T,E]
  DoubleMatrix logits_bound;   ///< [T,E]
};

/// |binary32 result - exact result| <= bound for every element, given that the exact layer chooses the same experts `selected`
/// [T,K]. The values here, or another binary64 evaluation of the layer, may stand for the exact ones: the bound has room for
/// binary64's own errors. Infinite where binary32 might overflow or divide by zero. The derivation is docs/error_bound.md.
/// Throws Error if layer, x or selected make no sense or are not finite.
Bounded bound(const SparseLayer& layer, const ConstMatrix& x, const IntMatrix& selected);

}  // namespace moe::check
