// Soft MoE: every stage against the reference, whatever threads and traces.
#include "cpu/soft.h"

#include "reference/soft.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

constexpr SoftNormalisation kSoftNormalisations[] = {SoftNormalisation::none, SoftNormalisation::l2,
                                                     SoftNormalisation::rms};

void expect_same_layer(const SoftLayer& layer, const ConstMatrix& x, const std::string& name) {
  const cpu::PreparedSoft prepared = cpu::prepare(layer);
  expect_same_pass(
      [&](Trace* trace) { return reference::soft(layer, x, trace); },
      [&](Trace* trace, int threads) { return cpu::soft(prepared, x, trace, threads); }, 7, name);
}

SoftLayer make_soft(Draw& draw, Index D, Index E, Index S, Index group, SoftNormalisation kind) {
  const bool rms = kind == SoftNormalisation::rms;
  return {.phi = draw.matrix(E * S, D),
          .slots = S,
          .group = group,
          .normalisation = kind,
          .scale = 1.5F,
          .token_gamma = rms ? draw.vector(D) : Vector(),
          .slot_gamma = rms ? draw.vector(D) : Vector(),
          .experts = make_experts(draw, E, 9, D, D == 5)};
}

TEST(CpuSoft, EverySizeHasTheReferencesBits) {
  Draw draw(81);
  int count = 0;
  for (const auto& [T, group] : {std::array<Index, 2>{0, 0},
                                 {0, 4},
                                 {1, 0},
                                 {2, 1},
                                 {3, 0},
                                 {5, 5},
                                 {7, 0},
                                 {31, 0},
                                 {33, 0},
                                 {33, 11},
                                 {33, 1},
                                 {32, 16}})
    for (const Index D : {1, 5, 33})
      for (const auto& [E, S] : {std::array<Index, 2>{1, 1}, {1, 3}, {3, 1}, {3, 7}, {7, 5}})
        for (const SoftNormalisation kind : kSoftNormalisations) {
          const SoftLayer layer = make_soft(draw, D, E, S, group, kind);
          const auto name =
              fmt::format("T={} group={} D={} E={} S={} {}", T, group, D, E, S, int(kind));
          ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(T, D), name));
          count++;
        }
  EXPECT_EQ(count, 12 * 3 * 5 * 3);
}

// Chains over more tokens, and over more slots, than a piece of the kernels holds.
TEST(CpuSoft, LongChainsHaveTheReferencesBits) {
  Draw draw(82);
  const SoftLayer layer = make_soft(draw, 20, 3, 110, 300, SoftNormalisation::l2);
  ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, draw.matrix(600, 20), "long"));
}

TEST(CpuSoft, InputMayBeAPartOfAWiderMatrix) {
  Draw draw(83);
  const Matrix wide = draw.matrix(30, 64);
  for (const SoftNormalisation kind : kSoftNormalisations) {
    const SoftLayer layer = make_soft(draw, 21, 4, 2, 12, kind);
    ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, wide.block(1, 3, 24, 21), "strided"));
  }
}

TEST(CpuSoft, NonFiniteNumbersPassWhereAllowed) {
  Draw draw(84);
  for (const SoftNormalisation kind : kSoftNormalisations) {
    SoftLayer layer = make_soft(draw, 5, 3, 2, 9, kind);
    layer.nonfinite = NonFinite::allow;
    layer.experts.ffn[1].up(3, 3) = NAN;
    Matrix x = draw.matrix(27, 5);
    x(3, 3) = NAN;
    x(10, 4) = INFINITY;
    ASSERT_NO_FATAL_FAILURE(expect_same_layer(layer, x, "non-finite"));
  }
}

TEST(CpuSoft, NormalisationsHaveTheReferencesBits) {
  Draw draw(85);
  for (const SoftNormalisation kind : kSoftNormalisations)
    for (const Index T : kSizes)
      for (const Index D : {1, 7, 127}) {
        SoftLayer layer = make_soft(draw, D, 2, 3, 0, kind);
        layer.phi.row(1).setZero();
        const Matrix x = draw.matrix(T, D);
        ASSERT_TRUE(
            same_bits(reference::normalised_tokens(layer, x), cpu::normalised_tokens(layer, x, 3)));
        ASSERT_TRUE(same_bits(reference::normalised_slots(layer), cpu::normalised_slots(layer, 2)));
      }
}

TEST(CpuSoft, UnpackingGivesTheSameBits) {
  Draw draw(86);
  for (const SoftNormalisation kind : kSoftNormalisations) {
    SoftLayer layer = make_soft(draw, 19, 5, 3, 4, kind);
    layer.nonfinite = NonFinite::allow;
    const SoftLayer back = cpu::unpack(cpu::prepare(layer));
    EXPECT_TRUE(same_bits(layer.phi, back.phi));
    EXPECT_TRUE(same_bits(layer.token_gamma, back.token_gamma));
    EXPECT_TRUE(same_bits(layer.slot_gamma, back.slot_gamma));
    EXPECT_EQ(back.slots, 3);
    EXPECT_EQ(back.group, 4);
    EXPECT_EQ(back.normalisation, kind);
    EXPECT_EQ(back.scale, 1.5F);
    EXPECT_TRUE(same_experts(layer.experts, back.experts));
    EXPECT_EQ(back.nonfinite, NonFinite::allow);
  }
}

TEST(CpuSoft, RefusesWhatTheReferenceRefuses) {
  Draw draw(87);
  SoftLayer layer = make_soft(draw, 9, 4, 2, 3, SoftNormalisation::rms);
  const cpu::PreparedSoft prepared = cpu::prepare(layer);
  Matrix x = draw.matrix(6, 9);
  EXPECT_EQ(refusal([&] { (void)cpu::soft(prepared, x); }), "accepted");
  EXPECT_NE(refusal([&] { (void)cpu::soft(prepared, x, nullptr, -1); }), "accepted");
  x(4, 3) = NAN;
  for (const Matrix& bad : {x, draw.matrix(6, 8), draw.matrix(7, 9)}) {
    const std::string words = refusal([&] { (void)reference::soft(layer, bad); });
    EXPECT_NE(words, "accepted");
    EXPECT_EQ(words, refusal([&] { (void)cpu::soft(prepared, bad); }));
  }
  layer.token_gamma.resize(0);
  const std::string words = refusal([&] { (void)reference::soft(layer, draw.matrix(6, 9)); });
  EXPECT_NE(words, "accepted");
  EXPECT_EQ(words, refusal([&] { (void)cpu::prepare(layer); }));
}

}  // namespace
}  // namespace moe::test
