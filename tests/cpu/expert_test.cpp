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

// The experts' outputs, in waves of at most so many values.
Matrix outputs_in_waves(const cpu::PreparedExperts& experts, const Dispatch& dispatch,
                        const Matrix& rows, int threads, Index arena) {
  const Index D = rows.cols();
  Matrix out(rows.rows(), D);
  std::vector<cpu::FfnJob> jobs;
  for (std::size_t e = 0; e < experts.ffn.size(); e++)
    jobs.push_back({.ffn = &experts.ffn[e],
                    .activation = &experts.activation,
                    .rows = dispatch.offsets[e + 1] - dispatch.offsets[e],
                    .x = rows.data() + dispatch.offsets[e] * D,
                    .stride = D,
                    .out = out.data() + dispatch.offsets[e] * D});
  cpu::run_ffns(jobs, threads, arena);
  return out;
}

// One wave, several, and one for each network: the memory of the last but one is used again.
TEST(CpuExpert, WavesChangeNoBit) {
  Draw draw(43);
  const Index D = 37, F = 45;
  for (int round = 0; round < 20; round++) {
    Experts experts;
    Dispatch dispatch{.offsets = {0}, .tokens = {}, .slots = {}, .positions = {}};
    for (Index e = 0; e < 12; e++) {
      experts.ffn.push_back(make_ffn(draw, F, D, true, false));
      dispatch.offsets.push_back(dispatch.offsets.back() + static_cast<Index>(draw.word() % 40));
    }
    const Index R = dispatch.offsets.back();
    const Matrix rows = draw.matrix(R, D);
    const Matrix expected = reference::run_experts(experts, dispatch, rows, nullptr);
    const cpu::PreparedExperts prepared = cpu::prepare(experts);
    for (const int threads : kThreads)
      for (const Index arena : {Index{1}, Index{20} * (D + F), Index{60} * (D + F), Index{0}}) {
        ASSERT_TRUE(same_bits(expected, outputs_in_waves(prepared, dispatch, rows, threads, arena)))
            << fmt::format("threads={} arena={}", threads, arena);
      }
  }
}

// A wave of a few long tasks, of which a thread that finds none left goes on to the next but one: it
// brings many rows quickly, into the memory that the long task reads.
TEST(CpuExpert, AWaveWaitsForTheMemoryOfTheLastButOne) {
  Draw draw(45);
  const Index D = 37;
  Experts experts;
  Dispatch dispatch{.offsets = {0}, .tokens = {}, .slots = {}, .positions = {}};
  for (const auto& [rows, F] : {std::pair<Index, Index>{100, 3000}, {1, 1}, {400, 1}}) {
    experts.ffn.push_back(make_ffn(draw, F, D, true, false));
    dispatch.offsets.push_back(dispatch.offsets.back() + rows);
  }
  const Index R = dispatch.offsets.back();
  const Matrix rows = draw.matrix(R, D);
  Matrix expected(R, D);
  for (std::size_t e = 0; e < experts.ffn.size(); e++) {
    const Index first = dispatch.offsets[e], count = dispatch.offsets[e + 1] - first;
    const Experts one{experts.activation, {experts.ffn[e]}, 0};
    const Dispatch own{.offsets = {0, count}, .tokens = {}, .slots = {}, .positions = {}};
    expected.middleRows(first, count) =
        reference::run_experts(one, own, rows.middleRows(first, count), nullptr);
  }
  const cpu::PreparedExperts prepared = cpu::prepare(experts);
  for (int round = 0; round < 50; round++)
    for (const int threads : kThreads)
      ASSERT_TRUE(same_bits(expected, outputs_in_waves(prepared, dispatch, rows, threads, 1))) << threads;
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
