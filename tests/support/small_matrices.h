// Small matrices written out, and values within a counted number of roundings.
//
// Tolerances against binary64: each rounding of binary32 changes a value by at most u = 2^-24 of
// it. A result that went through n roundings, with sums of positive terms only (nothing cancels),
// is therefore off by at most n u / (1 - n u) of itself, here taken as 1.01 n u. `near` adds half a
// unit of the last digit the literal was printed with.
#pragma once
#include <gtest/gtest.h>

#include <cmath>

#include "reference/router.h"

namespace moe::test {

inline void near(double found, double expected, int roundings, double printed = 0.5e-9) {
  const double bound = 1.01 * roundings * 0x1p-24 * std::fabs(expected) + printed;
  EXPECT_TRUE(std::fabs(found - expected) <= bound)
      << "found " << found << ", expected " << expected << " within " << bound;
}

inline Matrix matrix(std::initializer_list<std::initializer_list<float>> rows) {
  Matrix m(static_cast<Index>(rows.size()), static_cast<Index>(rows.begin()->size()));
  Index r = 0;
  for (const auto& row : rows) {
    Index c = 0;
    for (const float v : row) m(r, c++) = v;
    r++;
  }
  return m;
}

inline Vector vector(std::initializer_list<float> values) {
  return matrix({values}).row(0).transpose();
}

inline IntMatrix integers(std::initializer_list<std::initializer_list<int>> rows) {
  IntMatrix m(static_cast<Index>(rows.size()), static_cast<Index>(rows.begin()->size()));
  Index r = 0;
  for (const auto& row : rows) {
    Index c = 0;
    for (const int v : row) m(r, c++) = v;
    r++;
  }
  return m;
}

inline Matrix softmax_rows(const ConstMatrix& z) {
  Matrix p(z.rows(), z.cols());
  for (Index t = 0; t < z.rows(); t++) {
    const std::vector<float> row = reference::softmax({z.row(t).begin(), z.row(t).end()});
    for (Index e = 0; e < z.cols(); e++) p(t, e) = row[static_cast<std::size_t>(e)];
  }
  return p;
}

}  // namespace moe::test
