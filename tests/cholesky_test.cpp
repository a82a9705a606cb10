// The small solver: by hand, against the product, and what it refuses.
#include "reference/cholesky.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "reference/numerics/philox.h"

namespace moe::test {
namespace {

using reference::cholesky;
using reference::cholesky_solve;

// A = [[4, 2, 0], [2, 5, 4], [0, 4, 5]] = L L^T with L = [[2], [1, 2], [0, 2, 1]]: all exact.
TEST(Cholesky, ByHand) {
  Matrix64 a(3, 3);
  a << 4, 2, 0, 2, 5, 4, 0, 4, 5;
  ASSERT_TRUE(cholesky(a));
  EXPECT_EQ(a(0, 0), 2);
  EXPECT_EQ(a(1, 0), 1);
  EXPECT_EQ(a(1, 1), 2);
  EXPECT_EQ(a(2, 0), 0);
  EXPECT_EQ(a(2, 1), 2);
  EXPECT_EQ(a(2, 2), 1);
  Vector64 b(3);
  b << 8, 24, 23;  // A (1 2 3)
  cholesky_solve(a, b);
  EXPECT_EQ(b[0], 1);
  EXPECT_EQ(b[1], 2);
  EXPECT_EQ(b[2], 3);
}

// A = B B^T + I for random B. The computed x solves a system whose matrix is off by at most (3n + 1) u |L||L^T|, u = 2^-53
// (Higham 2002, theorem 10.4), so its residual is below that times |x|; row by row, with (|L||L^T|)_ij <= sqrt(a_ii a_jj).
// The residual itself is computed in n + 1 roundings of |A||x|: together (4n + 3) u, here 8 n u.
TEST(Cholesky, ResidualsAreWithinTheirBound) {
  for (Index n = 1; n <= 12; n++) {
    const numerics::Stream stream{.seed = 7, .purpose = 0, .step = static_cast<std::uint32_t>(n)};
    Matrix64 b(n, n), a(n, n);
    for (Index i = 0; i < n * n; i++) b.data()[i] = numerics::random_normal(stream, static_cast<std::uint64_t>(i));
    a = b * b.transpose() + Matrix64::Identity(n, n);
    Vector64 x = b.row(0).transpose();
    const Vector64 wanted = x;
    Matrix64 l = a;
    ASSERT_TRUE(cholesky(l));
    cholesky_solve(l, x);
    for (Index i = 0; i < n; i++) {
      double residual = -wanted[i], bound = std::fabs(wanted[i]);
      for (Index j = 0; j < n; j++) {
        residual = std::fma(a(i, j), x[j], residual);
        bound += std::sqrt(a(i, i) * a(j, j)) * std::fabs(x[j]);
      }
      EXPECT_LE(std::fabs(residual), 8.0 * static_cast<double>(n) * 0x1p-53 * bound) << "n=" << n << " row " << i;
    }
  }
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  Matrix64 singular = Matrix64::Ones(2, 2);
  EXPECT_FALSE(cholesky(singular));
  Matrix64 zero = Matrix64::Zero(2, 2);
  EXPECT_FALSE(cholesky(zero));
  Matrix64 negative = -Matrix64::Identity(1, 1);
  EXPECT_FALSE(cholesky(negative));
  Matrix64 nan = Matrix64::Constant(1, 1, std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(cholesky(nan));
  Matrix64 empty(0, 0);
  EXPECT_TRUE(cholesky(empty));
}

// Above the diagonal nothing is read.
TEST(Cholesky, ReadsTheLowerTriangleAlone) {
  Matrix64 a(2, 2);
  a << 4, std::numeric_limits<double>::quiet_NaN(), 2, 5;
  ASSERT_TRUE(cholesky(a));
  Vector64 b(2);
  b << 8, 12;
  cholesky_solve(a, b);
  EXPECT_EQ(b[0], 1);
  EXPECT_EQ(b[1], 2);
}

}  // namespace
}  // namespace moe::test
