// Every expert for every token: every stage against the reference, whatever threads and traces.
#include "cpu/dense.h"

#include "reference/dense.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

void expect_same_layer(const DenseLayer& layer, const ConstMatrix& x, const std::string& name) {
  const cpu::PreparedDense prepared = cpu::prepare(layer);
  expect_same_pass(
      [&](Trace* trace) { return reference::dense(layer, x, trace); },
      [&](Trace* trace, int threads) { return cpu::dense(prepared, x, trace, threads); },
      layer.shared ? 11 : 10, name);
}

DenseLayer make_dense(Draw& draw, Index D, Index F, Index E) {
  return {.gate = make_router(draw, E, D, 1),
          .experts = make_experts(draw, E, F, D, D == 5),
          .shared = {}};
}

TEST(CpuDense, EverySizeHasTheReferencesBits) {
  Draw draw(61);
  int count = 0;
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const Index D : {1, 5, 33})
      for (const Index E : {1, 3, 7})
        for (const Score score : {Score::softmax, Score::sigmoid}) {
          DenseLayer layer = make_dense(draw, D, 9, E);
          layer.gate.config.score = score;
          layer.gate.config.scale = E == 3 ? 2.5F : 1.0F;
          layer.gate.config.weight_on = count % 4 == 0 ? WeightOn::input : WeightOn::output;
          if (count % 3 == 0) layer.gate.bias = draw.vector(E);
          if (count++ % 2 == 0) layer.shared = Shared{{}, make_ffn(draw, 3, D, true, false), {}};
          const auto name = fmt::format("T={} D={} E={} score {}", T, D, E, int(score));
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, D), name));
        }
  EXPECT_EQ(count, 8 * 3 * 3 * 2);
}

TEST(CpuDense, NonFiniteNumbersPassWhereAllowed) {
  Draw draw(62);
  DenseLayer layer = make_dense(draw, 5, 7, 3);
  layer.nonfinite = NonFinite::allow;
  layer.experts.ffn[1].up(3, 3) = NAN;
  Matrix x = draw.matrix(9, 5);
  x(3, 3) = NAN;
  x(4, 4) = INFINITY;
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "non-finite"));
}

TEST(CpuDense, UnpackingGivesTheSameBits) {
  Draw draw(63);
  DenseLayer layer = make_dense(draw, 19, 35, 5);
  layer.gate.bias = draw.vector(5);
  layer.gate.config.score = Score::sigmoid;
  layer.shared = Shared{{}, make_ffn(draw, 3, 19, true, true), draw.matrix(1, 19)};
  layer.nonfinite = NonFinite::allow;
  const DenseLayer back = cpu::unpack(cpu::prepare(layer));
  EXPECT_TRUE(same_bits(layer.gate.weight, back.gate.weight));
  EXPECT_TRUE(same_bits(layer.gate.bias, back.gate.bias));
  EXPECT_EQ(back.gate.config.score, Score::sigmoid);
  EXPECT_TRUE(same_experts(layer.experts, back.experts));
  ASSERT_TRUE(back.shared.has_value());
  EXPECT_TRUE(same_bits(layer.shared->gate, back.shared->gate));
  EXPECT_EQ(back.nonfinite, NonFinite::allow);
}

TEST(CpuDense, RefusesWhatTheReferenceRefuses) {
  Draw draw(64);
  DenseLayer layer = make_dense(draw, 9, 5, 4);
  const cpu::PreparedDense prepared = cpu::prepare(layer);
  Matrix x = draw.matrix(6, 9);
  EXPECT_EQ(refusal([&] { (void)cpu::dense(prepared, x); }), "accepted");
  EXPECT_NE(refusal([&] { (void)cpu::dense(prepared, x, nullptr, -1); }), "accepted");
  x(4, 3) = NAN;
  for (const Matrix& bad : {x, draw.matrix(6, 8)}) {
    const std::string words = refusal([&] { (void)reference::dense(layer, bad); });
    EXPECT_NE(words, "accepted");
    EXPECT_EQ(words, refusal([&] { (void)cpu::dense(prepared, bad); }));
  }
  layer.gate.weight(1, 1) = INFINITY;
  const std::string words = refusal([&] { (void)reference::dense(layer, draw.matrix(6, 9)); });
  EXPECT_NE(words, "accepted");
  EXPECT_EQ(words, refusal([&] { (void)cpu::prepare(layer); }));
}

}  // namespace
}  // namespace moe::test
