// cpu::linear against reference::linear, bit for bit.
#include "cpu/linear.h"

#include <set>

#include "cpu/instructions.h"
#include "cpu/multiply.h"
#include "reference/error.h"
#include "reference/linear.h"
#include "tests/cpu/support.h"

namespace moe::test {
namespace {

TEST(CpuLinear, SmallSizesHaveTheReferencesBits) {
  Draw draw(1);
  Index compared = 0;
  for (const Index T : kSizes)
    for (const Index D : kSizes)
      for (const Index F : kSizes) {
        const Matrix x = draw.matrix(T, D), w = draw.matrix(F, D);
        const Vector bias = (T + D + F) % 2 == 0 ? draw.vector(F) : Vector();
        const Matrix expected = reference::linear(x, w, bias);
        const cpu::PreparedLinear prepared = cpu::prepare(w, bias);
        for (const int threads : {1, 3})
          ASSERT_TRUE(same_bits(expected, cpu::linear(x, prepared, threads)))
              << fmt::format("T={} D={} F={} threads={}", T, D, F, threads);
        compared += expected.size();
      }
  EXPECT_GT(compared, 0);
}

TEST(CpuLinear, ProductHasTheReferencesBits) {
  Draw draw(6);
  Index compared = 0;
  for (const Index T : kSizes)
    for (const Index K : {0, 1, 5, 33, 300})
      for (const Index F : {1, 7, 16, 33, 127}) {
        const Matrix wide_a = draw.matrix(T, K + 2), wide_b = draw.matrix(K, F + 3);
        const ConstMatrix a = wide_a.leftCols(K), b = wide_b.middleCols(1, F);
        const Matrix expected = reference::linear(a, Matrix(b.transpose()), Vector());
        for (const int threads : {1, 3})
          ASSERT_TRUE(same_bits(expected, cpu::product(a, b, threads)))
              << fmt::format("T={} K={} F={} threads={}", T, K, F, threads);
        compared += expected.size();
      }
  EXPECT_GT(compared, 0);
  EXPECT_THROW(cpu::product(Matrix::Ones(2, 4), Matrix::Ones(5, 3)), Error);
}

// Several pieces of k, several blocks of rows and several panels per task, with uneven ends.
TEST(CpuLinear, LargeSizesHaveTheReferencesBits) {
  Draw draw(2);
  const Index sizes[][3] = {{200, 513, 19}, {401, 1000, 33}, {13, 777, 700}, {5, 3000, 130}};
  for (const auto& [T, D, F] : sizes) {
    const Matrix x = draw.matrix(T, D), w = draw.matrix(F, D);
    const Vector bias = draw.vector(F);
    const Matrix expected = reference::linear(x, w, bias);
    const cpu::PreparedLinear prepared = cpu::prepare(w, bias);
    for (const int threads : kThreads)
      EXPECT_TRUE(same_bits(expected, cpu::linear(x, prepared, threads)))
          << fmt::format("T={} D={} F={} threads={}", T, D, F, threads);
  }
}

// Every instruction set of this processor, every height of a tile, every number of panels that
// travel together.
TEST(CpuLinear, EveryKernelHasTheReferencesBits) {
  Draw draw(3);
  std::set<Index> heights;
  for (const std::string& set : cpu::instruction_sets()) {
    cpu::use_instruction_set(set);
    const Index height = cpu::tile_height();
    ASSERT_GE(height, 1);
    heights.insert(height);
    for (Index T = 1; T <= 2 * height + 1; T++)
      for (Index F = 1; F <= 130; F += 13) {
        const Matrix x = draw.matrix(T, 40), w = draw.matrix(F, 40);
        ASSERT_TRUE(same_bits(reference::linear(x, w, Vector()),
                              cpu::linear(x, cpu::prepare(w, Vector()), 1)))
            << set << " T=" << T << " F=" << F;
      }
  }
  cpu::use_instruction_set("");
  std::printf("heights of tiles that ran here: %zu\n", heights.size());
}

TEST(CpuLinear, AnInstructionSetThatIsNotThereIsRefused) {
  const std::string used(cpu::instruction_set());
  EXPECT_THROW(cpu::use_instruction_set("AVX9"), Error);
  EXPECT_EQ(cpu::instruction_set(), used);
}

TEST(CpuLinear, OrderOfTheChainShows) {
  // 2^24 + 1 + 1 + ... is 2^24 in ascending order and more in any other.
  Matrix x = Matrix::Ones(7, 100), w = Matrix::Ones(17, 100);
  x.col(0).setConstant(0x1p24F);
  const Matrix y = cpu::linear(x, cpu::prepare(w, Vector()), 2);
  EXPECT_TRUE(same_bits(Matrix(Matrix::Constant(7, 17, 0x1p24F)), y));
}

TEST(CpuLinear, PaddingTouchesNothing) {
  // A chain of products that are -0 stays -0 from a bias of -0, whatever stands beside it.
  const Matrix x = Matrix::Constant(3, 5, -0.0F), w = Matrix::Constant(17, 5, 1.0F);
  const Vector bias = Vector::Constant(17, -0.0F);
  EXPECT_TRUE(
      same_bits(Matrix(Matrix::Constant(3, 17, -0.0F)), cpu::linear(x, cpu::prepare(w, bias), 1)));
  // Infinities times the zeros of a padded panel do not leak.
  const Matrix infinite = Matrix::Constant(3, 5, INFINITY);
  EXPECT_TRUE(same_bits(Matrix(Matrix::Constant(3, 17, INFINITY)),
                        cpu::linear(infinite, cpu::prepare(w, bias), 1)));
}

TEST(CpuLinear, ReadsStridedRows) {
  Draw draw(4);
  const Matrix wide = draw.matrix(40, 100), w = draw.matrix(20, 33);
  const ConstMatrix x = wide.block(3, 5, 29, 33);
  ASSERT_EQ(x.outerStride(), 100);
  EXPECT_TRUE(
      same_bits(reference::linear(x, w, Vector()), cpu::linear(x, cpu::prepare(w, Vector()))));
}

TEST(CpuLinear, UnpackingGivesTheSameBits) {
  Draw draw(5);
  for (const Index F : kSizes)
    for (const Index D : kSizes) {
      const Matrix w = draw.matrix(F, D);
      const Vector bias = F % 2 == 0 ? Vector() : draw.vector(F);
      Matrix w_back;
      Vector bias_back;
      cpu::unpack(cpu::prepare(w, bias), w_back, bias_back);
      ASSERT_TRUE(same_bits(w, w_back)) << F << " " << D;
      ASSERT_TRUE(same_bits(bias, bias_back)) << F << " " << D;
    }
}

TEST(CpuLinear, RefusesWrongWidth) {
  const cpu::PreparedLinear prepared = cpu::prepare(Matrix::Ones(3, 5), Vector());
  EXPECT_THROW(cpu::linear(Matrix::Ones(2, 4), prepared), Error);
  EXPECT_THROW(cpu::linear(Matrix::Ones(2, 5), prepared, -1), Error);
}

}  // namespace
}  // namespace moe::test
