// Every step of the ladder against the reference, bit for bit.
#include "tests/bench/ladder/ladder.h"

#include <omp.h>

#include "reference/expert.h"
#include "reference/linear.h"
#include "reference/numerics/formats.h"
#include "tests/cpu/support.h"

namespace moe::test {
namespace {

// Wild numbers that are bf16 numbers, which steps with bf16 weights keep as they are.
Matrix bf16_matrix(Draw& draw, Index rows, Index cols) {
  Matrix m = draw.matrix(rows, cols);
  for (Index i = 0; i < m.size(); i++)
    m.data()[i] = numerics::bf16_decode(numerics::bf16_encode(m.data()[i]));
  return m;
}

Ffn make_expert(Draw& draw, Index D, Index F, bool bf16) {
  const auto matrix = [&](Index rows, Index cols) {
    return bf16 ? bf16_matrix(draw, rows, cols) : draw.matrix(rows, cols);
  };
  Ffn ffn;
  ffn.gate = matrix(F, D);
  ffn.up = matrix(F, D);
  ffn.down = matrix(D, F);
  return ffn;
}

Matrix reference_of(const Ffn& ffn, const ConstMatrix& x) {
  return reference::linear(reference::hidden_values({}, ffn, x), ffn.down, {});
}

// All ones to begin with: a step that leaves an output out is noticed.
Matrix run(const ladder::Step& step, const Ffn& ffn, const ConstMatrix& x) {
  Matrix y = Matrix::Ones(x.rows(), x.cols());
  step.run(ladder::prepare(ffn, step.layout), x, y);
  return y;
}

// The ladder and what was tried beside it.
std::vector<ladder::Step> all_steps() {
  std::vector<ladder::Step> all(ladder::steps().begin(), ladder::steps().end());
  all.insert(all.end(), ladder::tried().begin(), ladder::tried().end());
  return all;
}

bool rounds(const ladder::Step& step) { return step.layout >= ladder::Layout::halves; }

TEST(Ladder, EveryStepHasTheReferencesBits) {
  Draw draw(51);
  Index compared = 0;
  for (const Index T : kSizes)
    for (const Index D : kSizes)
      for (const Index F : kSizes) {
        const Ffn wide = make_expert(draw, D, F, false), narrow = make_expert(draw, D, F, true);
        const Matrix x = draw.matrix(T, D);
        const Matrix expected = reference_of(wide, x), expected_narrow = reference_of(narrow, x);
        omp_set_num_threads(static_cast<int>((T + D + F) % 4) + 1);
        for (const ladder::Step& step : all_steps()) {
          ASSERT_TRUE(same_bits(rounds(step) ? expected_narrow : expected,
                                run(step, rounds(step) ? narrow : wide, x)))
              << fmt::format("{}: T={} D={} F={}", step.name, T, D, F);
          compared += expected.size();
        }
      }
  EXPECT_GT(compared, 0);
}

// Several pieces of k, several blocks of rows, shares to prefetch that do not divide; x is a part
// of wider rows.
TEST(Ladder, SizesBeyondEveryBlock) {
  Draw draw(52);
  for (const auto& [T, D, F] : {std::array<Index, 3>{200, 530, 271}, {1, 1033, 600}, {17, 256, 512}}) {
    const Ffn ffn = make_expert(draw, D, F, true);
    const Matrix wide = draw.matrix(T, D + 3);
    const ConstMatrix x = wide.middleCols(2, D);
    const Matrix expected = reference_of(ffn, x);
    for (const int threads : kThreads) {
      omp_set_num_threads(threads);
      for (const ladder::Step& step : all_steps())
        if (threads == kThreads[0] || step.threads) {
          ASSERT_TRUE(same_bits(expected, run(step, ffn, x)))
              << fmt::format("{}: T={} D={} F={} threads={}", step.name, T, D, F, threads);
        }
    }
  }
}

// The comparison above can fail: one product whose chains are cut in two is noticed at once.
void cut_chains(const ladder::Weights& w, const ConstMatrix& x, Matrix& y) {
  for (Index t = 0; t < x.rows(); t++)
    for (Index n = 0; n < w.N; n++) {
      const float* a = x.data() + t * x.outerStride();
      const float* b = w.rows.data() + n * w.K;
      const Index half = w.K / 2;
      y(t, n) = reference::inner_product(a, b, half, 0) +
                reference::inner_product(a + half, b + half, w.K - half, 0);
    }
}

TEST(Ladder, AnotherOrderIsNoticed) {
  Draw draw(53);
  const Ffn ffn = make_expert(draw, 33, 31, false);
  const Matrix x = draw.matrix(5, 33);
  Matrix y(5, 33);
  ladder::three_products(cut_chains, ladder::prepare(ffn, ladder::Layout::rows), x, y);
  EXPECT_FALSE(same_bits(reference_of(ffn, x), y));
}

// bf16 weights are half the bytes, or nearly: one panel of an odd number stays alone.
TEST(Ladder, WeightsArePackedWithoutRoomToSpare) {
  Draw draw(54);
  const Ffn ffn = make_expert(draw, 64, 96, true);
  for (const ladder::Step& step : all_steps()) {
    const ladder::Expert expert = ladder::prepare(ffn, step.layout);
    const Index stored = expert.gate.values.size() + expert.up.values.size() +
                         expert.down.values.size() + expert.gate.rows.size() +
                         expert.up.rows.size() + expert.down.rows.size();
    EXPECT_EQ(stored, (rounds(step) ? 64 * 96 * 3 / 2 : 64 * 96 * 3)) << step.name;
  }
}

}  // namespace
}  // namespace moe::test
