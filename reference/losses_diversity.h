// Losses that push experts apart, and scores away from their mean.
//
// Three methods bear nearly the same name; these are the ones of 2505.22323
// (orthogonality of outputs, variance of scores) and the plain form on
// weights. Their sums are squared norms, so that each has a gradient at 0.
#pragma once
#include <vector>

#include "reference/types.h"

namespace moe::reference {

/// sum over t, and pairs j != k of used slots, of |proj|^2, where
/// proj = <o_j, o_k> / (<o_k, o_k> + epsilon) o_k.
///   expert_out [T*K,D]: row t*K+k is what slot k of token t returned;
///   selected [T,K]. The paper's text leaves open whether the norm is squared.
///   order: chains of fma over D; pairs added t, j, k ascending, from +0.
float output_orthogonality(const ConstMatrix& expert_out,
                           const IntMatrix& selected, float epsilon);

/// - sum over e of the population variance of s_te over the tokens, [T,E].
///   order: per expert a mean and a chain of fma, t ascending; experts are
///   subtracted e ascending, from +0. 0 without tokens.
float score_variance(const ConstMatrix& scores);

/// sum over i < j of |A_i^T A_j|^2 (squared Frobenius norm), A_i [F,D].
///   order: each element a chain of fma over F; all squares one chain of fma,
///   i, j, row, column ascending, from +0.
float weight_orthogonality(const std::vector<Matrix>& A);

}  // namespace moe::reference
