// The three losses of 1991 on the numbers of section J.7, and where each of them would go wrong.
#include "reference/dense_losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference/error.h"
#include "reference/router.h"

namespace moe::test {
namespace {

using reference::mixture_losses;

Matrix column(const std::vector<float>& values) {
  Matrix m(static_cast<Index>(values.size()), 1);
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

// o = {0, 1}, d = 1, p = {1/4, 3/4}. Each value is at most a dozen roundings of terms below 2: 12 * 2^-23.
TEST(DenseLosses, J7) {
  constexpr double bound = 12 * 0x1p-23;
  const auto p = reference::softmax({0, std::log(3.0F)});
  EXPECT_NEAR(p[0], 0.25, bound);
  const auto losses = mixture_losses({0.25F, 0.75F}, column({0, 1}), Vector::Ones(1));
  EXPECT_EQ(losses.cooperative, 0.0625F);
  EXPECT_EQ(losses.competitive, 0.25F);
  EXPECT_NEAR(losses.mixture, 0.103548087, bound);
  ASSERT_EQ(losses.posterior.size(), 2U);
  EXPECT_NEAR(losses.posterior[0], 0.168175656, bound);
  EXPECT_NEAR(losses.posterior[1], 0.831824344, bound);
}

// Far experts: exp(-err / 2) is 0 in binary32, the loss is not infinite.
TEST(DenseLosses, FarExpertsDoNotUnderflow) {
  const auto losses = mixture_losses({0.5F, 0.5F}, column({100, 110}), Vector::Zero(1));
  EXPECT_NEAR(losses.mixture, 5000 + std::log(2.0), 1e-3);
  EXPECT_EQ(losses.posterior[0], 1);
  EXPECT_EQ(losses.posterior[1], 0);
}

// One expert: the posterior is 1, E3 is half its squared error. A gate of 0 explains nothing.
TEST(DenseLosses, Edges) {
  const auto one = mixture_losses({1}, column({3}), Vector::Constant(1, 1.0F));
  EXPECT_EQ(one.cooperative, 4);
  EXPECT_EQ(one.competitive, 4);
  EXPECT_EQ(one.mixture, 2);
  EXPECT_EQ(one.posterior, std::vector<float>{1});
  const auto closed = mixture_losses({1, 0}, column({0, 1}), Vector::Ones(1));
  EXPECT_EQ(closed.posterior, (std::vector<float>{1, 0}));
  EXPECT_EQ(closed.mixture, 0.5F);
}

TEST(DenseLosses, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(mixture_losses({1}, column({0, 1}), Vector::Ones(1)), Error);
  EXPECT_THROW(mixture_losses({0.5F, 0.5F}, column({0, 1}), Vector::Ones(2)), Error);
  EXPECT_THROW(mixture_losses({}, Matrix(0, 1), Vector::Ones(1)), Error);
}

}  // namespace
}  // namespace moe::test
