// Systems of equations with a symmetric positive definite matrix, in binary64:
// what fitting (mixture_tree_fit.h) solves. Every sum has a fixed order, so a
// fit has the same bits on every machine.
//
//   A = L L^T,   L lower triangular          L z = b,   L^T x = z
#pragma once
#include "reference/types.h"

namespace moe {

/// Row-major matrix of binary64 numbers.
using Matrix64 =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// Column of binary64 numbers.
using Vector64 = Eigen::Matrix<double, Eigen::Dynamic, 1>;

}  // namespace moe

namespace moe::reference {

/// Replaces a [n,n] by L. Reads and writes its lower triangle alone.
///   L_jj = sqrt(a_jj - sum over k < j of L_jk^2)
///   L_ij = (a_ij - sum over k < j of L_ik L_jk) / L_jj           i > j
///   order: column after column; each sum is one chain of fma from a_ij, k
///   ascending.
/// False, with a unusable, if some L_jj^2 is not above 0: a is not positive
/// definite, or not a number.
bool cholesky(Matrix64& a);

/// Solves L L^T x = b with the L of cholesky(); b [n] is replaced by x.
///   order: chains of fma from b_i, k ascending; rows forward, then backward.
void cholesky_solve(const Matrix64& l, Vector64& b);

}  // namespace moe::reference
