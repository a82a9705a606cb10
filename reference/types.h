// The vocabulary every tier shares: indices and matrices.
//
// Axes, the same letters in code, documents and error messages:
//   T tokens   D model width   F expert hidden width   E experts
//   K experts per token   G expert groups   R rows (T*K if none drops)
#pragma once
#include <Eigen/Core>
#include <cstdint>

/// ExactMoE: Mixture-of-Experts layers whose bits every tier reproduces.
namespace moe {

/// Sizes and offsets; signed, 64 bits.
using Index = std::int64_t;

/// Row-major matrix of binary32 numbers.
using Matrix =
    Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
/// Row-major matrix of 32-bit integers.
using IntMatrix = Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic,
                                Eigen::RowMajor>;
/// Column of binary32 numbers.
using Vector = Eigen::Matrix<float, Eigen::Dynamic, 1>;

/// Read-only view of a row-major matrix the caller owns; copies nothing.
using ConstMatrix = Eigen::Ref<const Matrix>;

}  // namespace moe
