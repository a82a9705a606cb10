// The whole layer: every stage against the reference, whatever the threads, callers and traces.
#include "cpu/sparse.h"

#include <atomic>
#include <thread>
#include <vector>

#include "reference/error.h"
#include "tests/support/rows.h"
#include "reference/sparse.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

// Every stage of both tiers, and the output without a trace.
void expect_same_layer(const SparseLayer& layer, const ConstMatrix& x, const std::string& name,
                       std::span<const int> thread_counts = kThreads) {
  const cpu::PreparedSparse prepared = cpu::prepare(layer);
  expect_same_pass(
      [&](Trace* trace) { return reference::sparse(layer, x, trace); },
      [&](Trace* trace, int threads) { return cpu::sparse(prepared, x, trace, threads); },
      10U + (layer.shared ? 1U : 0U) + (layer.capacity ? 1U : 0U), name, thread_counts);
}

TEST(CpuSparse, EverySizeHasTheReferencesBits) {
  Draw draw(51);
  std::size_t count = 0;
  for (const Index T : kSizes)
    for (const Index D : {1, 3, 31, 127})
      for (const Index F : {1, 5, 33})
        for (const auto& [E, K] : {std::array<Index, 2>{1, 1}, {3, 3}, {8, 2}, {33, 5}}) {
          SparseLayer layer = make_layer(draw, D, F, E, K, D == 3);
          if (T % 2 == 1) layer.shared = Shared{{}, make_ffn(draw, F + 2, D, true, false), {}};
          const auto name = fmt::format("T={} D={} F={} E={} K={}", T, D, F, E, K);
          // Every number of threads in turn: all of them for every size would take minutes.
          const std::span turn(kThreads + count++ % std::size(kThreads), 1);
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, D), name, turn));
        }
}

TEST(CpuSparse, EveryPresetHasTheReferencesBits) {
  Draw draw(52);
  ASSERT_FALSE(plain_rows().empty());
  for (const Preset& preset : plain_rows()) {
    const Index D = 33, F = 29, E = 16;
    SparseLayer layer;
    layer.router.config = preset.router;
    RouterConfig& config = layer.router.config;
    config.chosen = std::min<Index>(config.chosen, 4);
    if (config.groups.count > 1) config.groups.count = 4;
    config.groups.kept = std::min<Index>(config.groups.kept, config.groups.count > 1 ? 2 : 1);
    layer.router.weight = draw.matrix(E, D);
    if (preset.router_bias) layer.router.bias = draw.vector(E);
    if (config.key == SelectionKey::score_plus_bias) layer.router.selection_bias = draw.vector(E);
    if (config.noise_kind == Noise::learned_gaussian) layer.router.noise_weight = draw.matrix(E, D);
    layer.experts.activation = preset.activation;
    for (Index e = 0; e < E; e++)
      layer.experts.ffn.push_back(
          make_ffn(draw, F, D, preset.activation.gated, preset.expert_biases));
    if (preset.shared != SharedKind::none)
      layer.shared =
          Shared{preset.activation, make_ffn(draw, F, D, preset.activation.gated, false),
                 preset.shared == SharedKind::sigmoid_gated ? draw.matrix(1, D) : Matrix()};
    ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(50, D), std::string(preset.name)));
  }
}

TEST(CpuSparse, LimitedPlacesAndLaterSlotsHaveTheReferencesBits) {
  Draw draw(59);
  int count = 0;
  for (const Index T : {0, 1, 2, 3, 5, 7, 31, 33})
    for (const Index places : {Index{0}, Index{1}, Index{3}, T, T + 5})
      for (const Priority priority :
           {Priority::choice, Priority::token, Priority::score, Priority::confidence})
        for (const LaterSlots later :
             {LaterSlots::all, LaterSlots::none, LaterSlots::above_threshold}) {
          SparseLayer layer = make_layer(draw, 7, 5, 6, 3, true);
          layer.router.config.later = later;
          layer.router.config.later_threshold = 0.1F;
          layer.router.config.weight_on = count % 2 == 0 ? WeightOn::output : WeightOn::input;
          layer.capacity = Capacity{.places = places, .group = count % 3 * 4, .priority = priority};
          if (count % 3 == 1) layer.capacity->after = Normalisation::sum;
          if (count % 5 == 1) layer.shared = Shared{{}, make_ffn(draw, 3, 7, true, false), {}};
          const auto name =
              fmt::format("T={} C={} priority {} later {}", T, places, int(priority), int(later));
          const std::span turn(kThreads + static_cast<std::size_t>(count++) % std::size(kThreads),
                               1);
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, 7), name, turn));
        }
  EXPECT_EQ(count, 8 * 5 * 4 * 3);
}

TEST(CpuSparse, LongChainsAndManyRowsHaveTheReferencesBits) {
  Draw draw(53);
  const SparseLayer layer = make_layer(draw, 600, 300, 2, 1);
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(450, 600), "long"));
}

TEST(CpuSparse, InputMayBeAPartOfAWiderMatrix) {
  Draw draw(54);
  const SparseLayer layer = make_layer(draw, 21, 17, 4, 2);
  const Matrix wide = draw.matrix(30, 64);
  const ConstMatrix x = wide.block(1, 3, 25, 21);
  ASSERT_EQ(x.outerStride(), 64);
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "strided"));
}

TEST(CpuSparse, SeveralCallersAtOnceGetTheSameBits) {
  Draw draw(55);
  SparseLayer layer = make_layer(draw, 64, 48, 8, 2);
  layer.shared = Shared{{}, make_ffn(draw, 40, 64, true, true), draw.matrix(1, 64)};
  std::vector<Matrix> inputs, expected;
  for (const Index T : {1, 7, 33, 70}) {
    inputs.push_back(draw.matrix(T, 64));
    expected.push_back(reference::sparse(layer, inputs.back()));
  }
  const cpu::PreparedSparse prepared = cpu::prepare(layer);
  std::atomic<int> equal{0};
  std::vector<std::thread> callers;
  for (std::size_t c = 0; c < 4; c++)
    callers.emplace_back([&, c] {
      for (std::size_t i = 0; i < 8; i++) {
        const std::size_t which = (c + i) % inputs.size();
        const Matrix y = cpu::sparse(prepared, inputs[which], nullptr, static_cast<int>(1 + i % 3));
        if (same_bits(expected[which], y)) equal++;
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(equal, 32);
}

TEST(CpuSparse, UnpackingGivesTheSameBits) {
  Draw draw(56);
  SparseLayer layer = make_layer(draw, 19, 35, 5, 2, true);
  layer.shared = Shared{{}, make_ffn(draw, 11, 19, true, false), draw.matrix(1, 19)};
  layer.capacity = Capacity{.places = 3};
  layer.nonfinite = NonFinite::allow;
  const SparseLayer back = cpu::unpack(cpu::prepare(layer));
  EXPECT_TRUE(same_bits(layer.router.weight, back.router.weight));
  EXPECT_TRUE(same_bits(layer.router.bias, back.router.bias));
  EXPECT_TRUE(same_experts(layer.experts, back.experts));
  ASSERT_TRUE(back.capacity.has_value());
  EXPECT_EQ(back.capacity->places, 3);
  ASSERT_TRUE(back.shared.has_value());
  EXPECT_TRUE(same_bits(layer.shared->ffn.up, back.shared->ffn.up));
  EXPECT_TRUE(same_bits(layer.shared->gate, back.shared->gate));
  EXPECT_EQ(back.nonfinite, NonFinite::allow);
}

TEST(CpuSparse, RefusesWhatTheReferenceRefuses) {
  Draw draw(57);
  SparseLayer layer = make_layer(draw, 9, 5, 4, 2);
  const cpu::PreparedSparse prepared = cpu::prepare(layer);
  Matrix x = draw.matrix(6, 9);
  EXPECT_EQ(refusal([&] { (void)cpu::sparse(prepared, x); }), "accepted");
  x(4, 3) = NAN;
  for (const Matrix& bad : {x, draw.matrix(6, 8)}) {
    const std::string words = refusal([&] { (void)reference::sparse(layer, bad); });
    EXPECT_NE(words, "accepted");
    EXPECT_EQ(words, refusal([&] { (void)cpu::sparse(prepared, bad); }));
  }
  layer.experts.ffn[2].down(1, 1) = INFINITY;
  const std::string words = refusal([&] { (void)reference::sparse(layer, draw.matrix(6, 9)); });
  EXPECT_NE(words, "accepted");
  EXPECT_EQ(words, refusal([&] { (void)cpu::prepare(layer); }));
}

TEST(CpuSparse, NonFiniteNumbersPassWhereAllowed) {
  Draw draw(58);
  SparseLayer layer = make_layer(draw, 9, 35, 4, 2);
  layer.nonfinite = NonFinite::allow;
  layer.experts.ffn[1].up(3, 3) = NAN;
  layer.experts.ffn[2].gate(0, 0) = INFINITY;
  Matrix x = draw.matrix(40, 9);
  x(3, 3) = NAN;
  x(4, 4) = INFINITY;
  x(5, 5) = -INFINITY;
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "non-finite"));
}

}  // namespace
}  // namespace moe::test
