// Experts that a batch touches. A token meets K of E; a batch of B tokens
// soon meets nearly all, and what is touched must be read from memory.
#pragma once
#include <span>
#include <vector>

#include "reference/types.h"

namespace moe::accounting {

/// Mean and variance of a count.
struct Expectation {
  double mean = 0;      ///< expected value
  double variance = 0;  ///< around it
};

/// Distinct experts of B tokens, each choosing K of E uniformly and alone:
///   E (1 - q),  q = (1 - K/E)^B
/// A group limit does not change the mean; skew only lowers it.
Expectation expected_touched(double E, double K, double B);

/// The same where expert i is chosen by a token with probability p_i:
///   sum over i of 1 - (1 - p_i)^B
double expected_touched(std::span<const double> p, double B);

/// Distinct experts that the rows of `selected` [T,K] name; -1: no choice.
Index touched(const IntMatrix& selected);

/// The mean over consecutive batches of B rows; a rest is a batch, too.
double mean_touched(const IntMatrix& selected, Index B);

/// Choices of each of E experts. Throws Error for an expert beyond E.
std::vector<Index> load_of(const IntMatrix& selected, Index E);

/// Rows of an expert's tiles beyond those with a token: every expert's rows
/// are rounded up to a multiple of `tile`.
Index padded_rows(std::span<const Index> load, Index tile);

/// The expected sum over E experts of ceil(n / tile) tile, n the tokens out
/// of B that choose an expert, uniformly: binomial(B, K / E).
double expected_padded_rows(double E, double K, Index B, Index tile);

}  // namespace moe::accounting
