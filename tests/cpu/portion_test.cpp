// Batches cut into portions of tokens: every row once, and no bit of any stage shows the cut.
#include "cpu/portion.h"

#include "check/case.h"
#include "check/tier.h"
#include "cpu/sparse.h"
#include "reference/dispatch.h"
#include "tests/cpu/layers.h"
#include "tests/support/rows.h"

namespace moe::test {
namespace {

using check::Case;

// Tokens that choose K of E experts at random, some slots unused.
Routing random_routing(Draw& draw, Index T, Index E, Index K) {
  Routing routing{IntMatrix(T, K), draw.matrix(T, K), Matrix::Zero(T, K), WeightOn::input};
  for (Index t = 0; t < T; t++)
    for (Index k = 0; k < K; k++)
      routing.selected(t, k) = static_cast<std::int32_t>(draw.word() % (E + 1)) - 1;
  return routing;
}

TEST(CpuPortion, PortionsHoldEveryRowOnceWithItsTokenAndWeights) {
  Draw draw(61);
  const Index E = 5;
  for (const Index T : {1, 2, 7, 64})
    for (const Index K : {1, 3})
      for (const Index size : {1, 3, 64}) {
        const Routing routing = random_routing(draw, T, E, K);
        const Dispatch all = reference::place(routing, E, std::nullopt, nullptr);
        std::vector<int> seen(all.tokens.size());
        for (Index first = 0; first < T; first += size) {
          const Index last = std::min(T, first + size);
          const cpu::Portion part = cpu::portion(routing, all, first, last);
          ASSERT_EQ(part.first, first);
          ASSERT_EQ(part.tokens, last - first);
          ASSERT_EQ(part.routing.weight_on, routing.weight_on);
          ASSERT_TRUE(same_bits(part.routing.weights, routing.weights.middleRows(first, last - first)));
          ASSERT_EQ(part.dispatch.offsets.size(), static_cast<std::size_t>(E + 1));
          for (std::size_t e = 0; e < static_cast<std::size_t>(E); e++)
            for (Index r = part.dispatch.offsets[e]; r < part.dispatch.offsets[e + 1]; r++) {
              const auto own = static_cast<std::size_t>(r);
              const auto whole = static_cast<std::size_t>(part.begins[e] + r - part.dispatch.offsets[e]);
              seen[whole]++;
              ASSERT_LT(static_cast<Index>(whole), all.offsets[e + 1]);
              ASSERT_EQ(part.dispatch.tokens[own] + first, all.tokens[whole]);
              ASSERT_EQ(part.dispatch.slots[own], all.slots[whole]);
              ASSERT_EQ(part.dispatch.positions(part.dispatch.tokens[own], part.dispatch.slots[own]), r);
            }
          Index placed = 0;
          for (Index i = 0; i < part.dispatch.positions.size(); i++)
            placed += part.dispatch.positions.data()[i] >= 0 ? 1 : 0;
          ASSERT_EQ(placed, part.dispatch.offsets.back());
        }
        for (const int count : seen) ASSERT_EQ(count, 1);
      }
}

TEST(CpuPortion, OutputsOfAPortionAreFewBesideTheWeights) {
  const auto count = [&](Index D, Index F, Index E, Index rows) {
    cpu::PreparedExperts experts;
    Ffn ffn;
    ffn.gate = ffn.up = Matrix::Zero(F, D);
    ffn.down = Matrix::Zero(D, F);
    for (Index e = 0; e < E; e++) experts.ffn.push_back(cpu::prepare(ffn, true));
    Dispatch dispatch;
    dispatch.tokens.resize(static_cast<std::size_t>(rows));
    return cpu::portion_count(experts, dispatch, D);
  };
  EXPECT_EQ(count(16, 16, 4, 0), 1);
  EXPECT_EQ(count(16, 16, 4, 5000), 1);     // 320 KB are not worth a cut
  EXPECT_EQ(count(1024, 16, 2, 4096), 4);   // 16 MiB of outputs, 4 MiB each
  EXPECT_EQ(count(1024, 16, 16, 4096), 3);  // 256 rows an expert are no more than about 80 three times
  EXPECT_EQ(count(1024, 16, 64, 4096), 1);  // 64 are too few to be cut
  EXPECT_EQ(count(1024, 1024, 20, 9600), 6);  // 480 rows an expert; outputs of 38 MiB, weights of 240
}

// How many portions a pass of the case that left these stages was cut into.
Index portions(const Case& c, const Recording& trace) {
  const Stage* rows = trace.find("dispatched");
  if (rows == nullptr) return 0;
  Dispatch dispatch;
  dispatch.tokens.resize(static_cast<std::size_t>(rows->shape[0]));
  const cpu::PreparedExperts experts = cpu::prepare(check::make_sparse_layer(c).experts);
  return cpu::portion_count(experts, dispatch, rows->shape[1]);
}

// Wide tokens and tiny experts: many outputs, little to compute.
std::vector<Case> wide_cases() {
  std::vector<Case> cases;
  for (const Preset& row : rows_of("sparse"))
    cases.push_back(case_of(row, "T=400 D=2048 F=2 E=4 K=2 seed=5 gen=normal route=skew:1"));
  for (const char* line : {"preset=mixtral T=400 batch=100 D=2048 F=2 E=4 K=2 C=50 priority=choice route=skew:1",
                           "variant=dense preset=mixtral T=400 D=2048 F=2 E=4 K=1",
                           "variant=expert_choice preset=qwen2_moe T=400 D=2048 F=2 E=4 K=2 C=240",
                           "variant=hierarchical preset=mesh_moe2d T=400 batch=100 D=2048 F=2 E=4 K=2"})
    cases.push_back(check::parse_case(line));
  return cases;
}

// On two threads.
Matrix run(const check::Tier& tier, const Case& c, Trace* trace) {
  return tier.prepare(check::make_layer(c), 2)->run(check::make_tokens(c), trace, check::make_batch(c));
}

TEST(CpuPortion, NoStageShowsTheCut) {
  const check::Tier& reference = check::tiers()[0];
  const check::Tier& cpu = check::tiers()[1];
  ASSERT_EQ(cpu.name, "cpu");
  int cut = 0;
  for (const Case& c : wide_cases()) {
    Recording expected, found;
    const Matrix y = run(reference, c, &expected);
    ASSERT_TRUE(same_bits(y, run(cpu, c, &found))) << c.text();
    ASSERT_TRUE(same_stages(expected, found)) << c.text();
    ASSERT_TRUE(same_bits(y, run(cpu, c, nullptr))) << c.text();
    if (c.variant != "sparse" || portions(c, found) > 1) cut++;
  }
  EXPECT_GT(cut, 40);
}

}  // namespace
}  // namespace moe::test
