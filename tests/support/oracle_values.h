// Values compared with an oracle in binary64, and their number, which is on record in check/checked.cpp.
//
// Bounds are in u = 2^-24, half a unit of binary32 relative to its value. A sum of n positive terms is off by at most n u of itself,
// and every other operation adds one; `near` takes that count. Where terms cancel the bound is absolute and said at its place.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "check/checked.h"
#include "reference/types.h"

namespace moe::test {

inline constexpr double u = 0x1p-24;

/// Values compared, of one row of the record.
class Values {
 public:
  /// Within so many roundings of a result whose terms do not cancel.
  void near(double found, double expected, Index roundings) {
    within(found, expected, 1.01 * double(roundings) * u * std::fabs(expected));
  }
  void within(double found, double expected, double bound) {
    EXPECT_TRUE(std::fabs(found - expected) <= bound + 1e-37) << "found " << found << ", expected " << expected << " within " << bound;
    n_++;
  }
  template <class T>
  void same(const T& found, const T& expected) {
    EXPECT_EQ(found, expected);
    n_++;
  }
  void expect_recorded(const char* name) const {
    std::printf("compared %d values of %s\n", n_, name);
    EXPECT_EQ(n_, check::oracle_values(name)) << name << ": check/checked.cpp says otherwise";
  }

 private:
  int n_ = 0;
};

}  // namespace moe::test
