// Weights kept in 16 bits: the bits are those of the reference over the decoded weights, for every
// kernel, format and layer.
#include "reference/weight_format.h"

#include <limits>

#include "check/case.h"
#include "check/tier.h"
#include "cpu/expert.h"
#include "cpu/instructions.h"
#include "cpu/multiply.h"
#include "reference/expert.h"
#include "reference/numerics/formats.h"
#include "reference/weight_format_layer.h"
#include "tests/cpu/layers.h"

namespace moe::test {
namespace {

constexpr WeightFormat kFormats[] = {WeightFormat::f32, WeightFormat::bf16, WeightFormat::f16};

Ffn make_rounded_ffn(Draw& draw, WeightFormat format, Index F, Index D, bool gated) {
  Ffn ffn = make_ffn(draw, F, D, gated, true);
  round_weights(format, ffn);
  return ffn;
}

// Every instruction set of this processor, height of a tile and number of panels together; even and
// odd depths, several pieces of k.
TEST(CpuWeightFormat, EveryKernelHasTheReferencesBits) {
  Draw draw(31);
  Index compared = 0;
  for (const std::string& set : cpu::instruction_sets()) {
    cpu::use_instruction_set(set);
    ASSERT_EQ(cpu::instruction_set(), set);
    for (const WeightFormat format : kFormats)
     for (Index T = 1; T <= 2 * cpu::tile_height() + 1; T++)
      for (const auto& [F, D] :
           {std::array<Index, 2>{1, 1}, {17, 2}, {40, 33}, {70, 40}, {33, 515}}) {
        const Ffn ffn = make_rounded_ffn(draw, format, F, D, T % 2 == 0);
        const Activation activation{.gated = T % 2 == 0};
        const Matrix x = draw.matrix(T, D);
        const Matrix expected = reference::hidden_values(activation, ffn, x);
        const cpu::PreparedFfn prepared = cpu::prepare(ffn, activation.gated, format);
        for (const int threads : {1, 3})
          ASSERT_TRUE(
              same_bits(expected, cpu::hidden_values(activation, prepared, x, threads)))
              << fmt::format("{} {} T={} F={} D={}", set, name(format), T, F, D);
        compared += expected.size();
      }
  }
  cpu::use_instruction_set("");
  EXPECT_GT(compared, 10000);
}

TEST(CpuWeightFormat, UnpackingGivesTheSameBits) {
  Draw draw(32);
  for (const WeightFormat format : kFormats)
    for (const Index F : kSizes)
      for (const Index D : kSizes) {
        if (F == 0 || D == 0) continue;
        const Ffn ffn = make_rounded_ffn(draw, format, F, D, true);
        const Ffn back = cpu::unpack(cpu::prepare(ffn, true, format));
        ASSERT_TRUE(same_bits(ffn.gate, back.gate) && same_bits(ffn.up, back.up) &&
                    same_bits(ffn.down, back.down) && same_bits(ffn.down_bias, back.down_bias))
            << name(format) << " " << F << " " << D;
      }
}

// All 65536 codes of both formats come through, NaN as NaN.
TEST(CpuWeightFormat, EveryCodeIsDecodedExactly) {
  for (const WeightFormat format : {WeightFormat::bf16, WeightFormat::f16}) {
    Ffn ffn;
    ffn.up.resize(16, 4096);
    ffn.down.setZero(1, 16);
    for (Index i = 0; i < ffn.up.size(); i++) {
      const auto code = static_cast<std::uint16_t>(i);
      ffn.up.data()[i] = format == WeightFormat::bf16 ? numerics::bf16_decode(code)
                                                      : numerics::f16_decode(code);
    }
    const Activation plain{.function = Nonlinearity::identity, .gated = false};
    const cpu::PreparedFfn prepared = cpu::prepare(ffn, false, format);
    EXPECT_TRUE(same_bits(ffn.up, cpu::unpack(prepared).up));
    for (Index k = 0; k < 4096; k++) {  // a token that is 1 at k and -0 elsewhere picks column k
      Matrix x = Matrix::Constant(1, 4096, -0.0F);
      x(0, k) = 1;
      if (k % 64 != 0) continue;  // the reference is slow; 64 columns of 16 rows are enough of it
      ASSERT_TRUE(same_bits(reference::hidden_values(plain, ffn, x),
                            cpu::hidden_values(plain, prepared, x, 1)))
          << name(format) << " " << k;
    }
  }
}

TEST(CpuWeightFormat, EveryVariantRunsOnSixteenBits) {
  int compared = 0;
  for (const char* line :
       {"preset=qwen2_moe T=19 D=33 F=17 E=6 K=3", "variant=dense preset=mixtral T=5 D=8 F=40 E=3",
        "variant=expert_choice preset=expert_choice T=12 D=16 F=24 E=4 C=5",
        "variant=soft preset=soft_moe T=9 D=12 F=20 E=3 S=2",
        "variant=hierarchical preset=mesh_moe2d T=14 D=16 F=8 E=8 K=2",
        "preset=gpt_oss T=40 D=32 F=32 E=8 K=4 gen=wild"})
    for (const WeightFormat format : kFormats) {
      const check::Case c = check::parse_case(line);
      if (c.family == check::Family::wild && format == WeightFormat::f16) continue;  // overflows
      const Layer layer = rounded(format, check::make_layer(c));
      const Matrix x = check::make_tokens(c);
      const check::Tier& cpu = check::tiers()[1];
      Recording expected, found;
      check::tiers()[0].prepare(layer, 1)->run(x, &expected);
      cpu.prepare(layer, 2, format)->run(x, &found);
      EXPECT_TRUE(same_stages(expected, found)) << line << " " << name(format);
      compared++;
    }
  EXPECT_EQ(compared, 17);
}

TEST(CpuWeightFormat, AWeightThatIsNotHeldIsNamed) {
  Draw draw(33);
  Experts experts = make_experts(draw, 3, 4, 5);
  for (Ffn& ffn : experts.ffn) round_weights(WeightFormat::bf16, ffn);
  EXPECT_NO_THROW(cpu::prepare(experts, WeightFormat::bf16));
  experts.ffn[2].up(1, 3) = 1.00390625F;  // 1 + 2^-8
  EXPECT_EQ(refusal([&] { cpu::prepare(experts, WeightFormat::bf16); }),
            "expert 2: up [1,3] is 1.0039062, expected a number that bf16 holds");
  EXPECT_NO_THROW(cpu::prepare(experts, WeightFormat::f32));
}

TEST(CpuWeightFormat, NarrowestHoldsEverything) {
  const check::Case c = check::parse_case("preset=qwen2_moe T=1 D=8 F=8 E=4 K=2");
  const Layer layer = check::make_layer(c);
  EXPECT_EQ(narrowest(layer), WeightFormat::f32);
  EXPECT_EQ(narrowest(rounded(WeightFormat::bf16, layer)), WeightFormat::bf16);
  EXPECT_EQ(narrowest(rounded(WeightFormat::f16, layer)), WeightFormat::f16);
  SparseLayer shared_only = std::get<SparseLayer>(rounded(WeightFormat::bf16, layer));
  shared_only.shared->ffn.down(0, 0) = 0.1F;
  EXPECT_EQ(narrowest(Layer(shared_only)), WeightFormat::f32);
}

// A running layer holds its weights once, and little besides.
TEST(CpuWeightFormat, PackedWeightsTakeTheirOwnSize) {
  for (const WeightFormat format : kFormats) {
    Ffn ffn;
    ffn.gate.setZero(96, 256);
    ffn.up.setZero(96, 256);
    ffn.down.setZero(256, 96);
    const cpu::PreparedFfn prepared = cpu::prepare(ffn, true, format);
    const double weights = 3.0 * 96 * 256 * static_cast<double>(bytes(format));
    const auto packed = static_cast<double>(prepared.in.bytes() + prepared.down.bytes());
    EXPECT_GE(packed, weights);
    EXPECT_LE(packed, 1.05 * weights) << name(format);
  }
}

}  // namespace
}  // namespace moe::test
