// The networks against the reference, bit for bit.
#include "cpu/expert.h"

#include "reference/expert.h"
#include "tests/cpu/support.h"

namespace moe::test {
namespace {

TEST(CpuExpert, HiddenValuesHaveTheReferencesBits) {
  Draw draw(41);
  Index compared = 0;
  for (const Index T : kSizes)
    for (const Index D : {1, 2, 7, 31, 127})
      for (const Index F : {1, 3, 5, 33, 127}) {
        const bool gated = (T + D + F) % 3 != 0;
        Activation activation;
        activation.gated = gated;
        activation.function = kNonlinearities[draw.word() % std::size(kNonlinearities)];
        const Ffn ffn = make_ffn(draw, F, D, gated, D % 2 == 1);
        const Matrix x = draw.matrix(T, D);
        const Matrix expected = reference::hidden_values(activation, ffn, x);
        const cpu::PreparedFfn prepared = cpu::prepare(ffn, gated);
        for (const int threads : {1, 3})
          ASSERT_TRUE(same_bits(expected, cpu::hidden_values(activation, prepared, x, threads)))
              << fmt::format("T={} D={} F={} gated={}", T, D, F, gated);
        compared += expected.size();
      }
  EXPECT_GT(compared, 0);
}

TEST(CpuExpert, RunExpertsHasTheReferencesBits) {
  Draw draw(42);
  for (const Nonlinearity function : kNonlinearities)
    for (const bool gated : {false, true}) {
      const Index E = 6, D = 37, F = 45;
      Experts experts;
      experts.activation = {.function = function, .gated = gated, .slope = 1.702F};
      for (Index e = 0; e < E; e++) experts.ffn.push_back(make_ffn(draw, F, D, gated, e % 2 == 0));
      // Experts with no rows at both ends and in between; one with several tiles.
      Dispatch dispatch;
      dispatch.offsets = {0, 0, 1, 1, 30, 35, 35};
      const Matrix wide = draw.matrix(35, D + 5);
      const ConstMatrix rows = wide.middleCols(2, D);
      Recording expected, found;
      const Matrix out = reference::run_experts(experts, dispatch, rows, &expected);
      const cpu::PreparedExperts prepared = cpu::prepare(experts);
      for (const int threads : kThreads) {
        found.stages.clear();
        ASSERT_TRUE(same_bits(out, cpu::run_experts(prepared, dispatch, rows, &found, threads)));
        ASSERT_TRUE(same_bits(out, cpu::run_experts(prepared, dispatch, rows, nullptr, threads)));
        ASSERT_EQ(found.stages.size(), 2U);
        for (std::size_t s = 0; s < 2; s++) {
          ASSERT_EQ(expected.stages[s].name, found.stages[s].name);
          ASSERT_EQ(expected.stages[s].shape, found.stages[s].shape);
          ASSERT_TRUE(same_bits(std::get<std::vector<float>>(expected.stages[s].values),
                                std::get<std::vector<float>>(found.stages[s].values)));
        }
      }
    }
}

TEST(CpuExpert, UnpackingGivesTheSameBits) {
  Draw draw(44);
  for (const Index D : {1, 2, 7, 33, 127})
    for (const Index F : {1, 3, 31, 127})
      for (const bool gated : {false, true})
        for (const bool biased : {false, true}) {
          const Ffn ffn = make_ffn(draw, F, D, gated, biased);
          const Ffn back = cpu::unpack(cpu::prepare(ffn, gated));
          ASSERT_TRUE(same_bits(ffn.gate, back.gate));
          ASSERT_TRUE(same_bits(ffn.up, back.up));
          ASSERT_TRUE(same_bits(ffn.down, back.down));
          ASSERT_TRUE(same_bits(ffn.gate_bias, back.gate_bias));
          ASSERT_TRUE(same_bits(ffn.up_bias, back.up_bias));
          ASSERT_TRUE(same_bits(ffn.down_bias, back.down_bias));
        }
}

}  // namespace
}  // namespace moe::test
