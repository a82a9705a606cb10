// Comparing a pass with what other software computed in binary64.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "check/bound.h"
#include "reference/io/array_values.h"

namespace moe::test {

inline check::DoubleMatrix doubles(const io::Array& array, Index rows, Index cols) {
  io::expect_shape(array, {rows, cols});
  const std::vector<double> values = io::to_f64(array);
  return Eigen::Map<const check::DoubleMatrix>(values.data(), rows, cols);
}

inline IntMatrix integers(const io::Array& array, Index rows, Index cols) {
  io::expect_shape(array, {rows, cols});
  const std::vector<std::int32_t> values = io::to_i32(array);
  return Eigen::Map<const IntMatrix>(values.data(), rows, cols);
}

/// Every |found - expected| <= bound, NaN failing; and the bound is small against the expected
/// values, so that it says something. Returns the largest error in units of its bound.
inline double expect_within(const Matrix& found, const check::DoubleMatrix& expected,
                            const check::DoubleMatrix& bound, const std::string& what) {
  EXPECT_EQ(found.rows(), expected.rows()) << what;
  EXPECT_EQ(found.cols(), expected.cols()) << what;
  EXPECT_GT(found.size(), 0) << what;
  double worst = 0, largest_bound = 0, largest = 0;
  for (Index r = 0; r < found.rows(); r++)
    for (Index c = 0; c < found.cols(); c++) {
      const double error = std::fabs(double{found(r, c)} - expected(r, c));
      if (!(error <= bound(r, c)))
        ADD_FAILURE() << what << "[" << r << "," << c << "] is " << found(r, c) << ", expected "
                      << expected(r, c) << " within " << bound(r, c) << ", off by " << error;
      if (error > 0) worst = std::max(worst, error / bound(r, c));
      largest_bound = std::max(largest_bound, bound(r, c));
      largest = std::max(largest, std::fabs(expected(r, c)));
    }
  EXPECT_LT(largest_bound, 1e-2 * largest) << what << ": the bound says nothing";
  return worst;
}

}  // namespace moe::test
