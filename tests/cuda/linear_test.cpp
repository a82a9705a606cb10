// The kernel of all products against the reference, bit for bit.
#include "cuda/linear.h"

#include "reference/linear.h"
#include "tests/cuda/support.h"

namespace moe::test {
namespace {

// Every edge of the tiles: 16, 64 and 128 rows, halves of 64 columns, depths of 8, 16 and 32.
constexpr Index kShapes[][3] = {
    {0, 5, 3},    {1, 1, 1},     {2, 3, 4},    {3, 31, 5},    {7, 33, 63},   {15, 8, 64},
    {16, 9, 65},  {17, 17, 127}, {31, 32, 3},  {63, 16, 128}, {64, 15, 129}, {65, 40, 200},
    {127, 7, 66}, {128, 24, 1},  {129, 8, 130}, {257, 65, 68}, {1, 100, 300}, {5, 0, 4}};

TEST(CudaLinear, EveryShapeHasTheReferencesBits) {
  Draw draw(1);
  for (const auto& [T, D, F] : kShapes)
    for (const bool biased : {false, true}) {
      const Matrix x = draw.matrix(T, D);
      const Matrix w = draw.matrix(F, D);
      const Vector bias = biased ? draw.vector(F) : Vector();
      const Matrix expected = reference::linear(x, w, bias);
      const std::string name = fmt::format("T={} D={} F={} bias={}", T, D, F, biased);
      in_every_order([&] {
        ASSERT_TRUE(same_bits(expected, cuda::linear(x, cuda::prepare(w, bias)))) << name;
      });
    }
}

// Cuts of a larger matrix: rows do not follow one another in memory.
TEST(CudaLinear, ReadsViews) {
  Draw draw(2);
  const Matrix large = draw.matrix(20, 30);
  const ConstMatrix x = large.block(3, 5, 9, 11);
  const Matrix w = draw.matrix(6, 11);
  EXPECT_TRUE(same_bits(reference::linear(x, w, Vector()),
                        cuda::linear(x, cuda::prepare(w, Vector()))));
}

// A sum of -0 stays -0: a product of +0, which padding would add, makes it +0.
TEST(CudaLinear, DoesNotPad) {
  for (Index D = 1; D <= 70; D++)
    for (const Index T : {Index{1}, Index{40}, Index{130}}) {
      const Matrix x = Matrix::Constant(T, D, -0.0F);
      const Matrix w = Matrix::Constant(5, D, 1.0F);
      const Vector bias = Vector::Constant(5, -0.0F);
      const Matrix y = cuda::linear(x, cuda::prepare(w, bias));
      ASSERT_TRUE(same_bits(Matrix::Constant(T, 5, -0.0F), y)) << "D=" << D << " T=" << T;
    }
}

TEST(CudaLinear, UnpackingGivesTheSameBits) {
  Draw draw(3);
  for (const auto& [T, D, F] : kShapes) {
    const Matrix w = draw.matrix(F, D);
    const Vector bias = T % 2 == 0 ? Vector() : draw.vector(F);
    Matrix w_back;
    Vector bias_back;
    cuda::unpack(cuda::prepare(w, bias), w_back, bias_back);
    EXPECT_TRUE(same_bits(w, w_back));
    EXPECT_TRUE(same_bits(bias, bias_back));
  }
}

TEST(CudaLinear, RefusesOtherWidths) {
  const auto w = cuda::prepare(Matrix::Zero(3, 4), Vector());
  EXPECT_THROW(cuda::linear(Matrix::Zero(2, 5), w), Error);
  EXPECT_THROW(cuda::prepare(Matrix::Zero(3, 4), Vector::Zero(2)), Error);
}

}  // namespace
}  // namespace moe::test
