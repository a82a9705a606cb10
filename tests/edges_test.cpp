// The ends of every variant's range, on every tier: no tokens, one expert, all experts, no places, ties, experts
// that nobody chose, NaN that is let through. Token choice has more of them in properties_test.cpp.
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "reference/error.h"
#include "reference/expert.h"
#include "reference/linear.h"
#include "tests/support/every_tier.h"

namespace moe::test {
namespace {

using check::Case;
using check::parse_case;

Experts& experts_of(Layer& layer) {
  return *std::visit([](auto& l) { return &l.experts; }, layer);
}

// +0 where there was -0, as a sum from +0 gives it.
Matrix summed(Matrix m) {
  for (Index i = 0; i < m.size(); i++) m.data()[i] += 0.0F;
  return m;
}

TEST_P(EveryTier, NoTokensGiveEmptyStages) {
  for (const char* line :
       {"preset=mixtral", "preset=mixtral C=2", "preset=hash K=1", "preset=base training=1", "preset=nemotron3_super",
        "preset=gshard training=1", "preset=residual_moe K=1", "variant=dense preset=qwen2_moe",
        "variant=hierarchical preset=mesh_moe2d", "variant=expert_choice preset=expert_choice C=3",
        "variant=expert_choice preset=expert_choice C=2 cap=1 batch=2", "variant=soft preset=soft_moe S=2",
        "variant=soft preset=soft_moe S=2 batch=2"}) {
    const std::string sizes = " D=6 F=5 E=4 shared=3";
    const Case none = parse_case(line + sizes + " T=0"), some = parse_case(line + sizes + " T=4");
    const Pass pass = run_case(tier(), none), other = run_case(tier(), some);
    EXPECT_EQ(pass.y.rows(), 0) << line;
    EXPECT_EQ(pass.y.cols(), 6) << line;
    ASSERT_EQ(pass.trace.stages.size(), other.trace.stages.size()) << line;
    for (std::size_t i = 0; i < pass.trace.stages.size(); i++) {
      const Stage& stage = pass.trace.stages[i];
      EXPECT_EQ(stage.name, other.trace.stages[i].name) << line;
      EXPECT_EQ(stage.shape[0], 0) << line << " " << stage.name;
    }
  }
}

// One expert, of which all tokens are: its network, as every weight is 1.
TEST_P(EveryTier, OneExpertIsItsNetwork) {
  for (const char* line :
       {"preset=mixtral C=7", "variant=dense preset=mixtral", "variant=hierarchical preset=mixtral",
        "variant=hierarchical preset=mixtral C=7", "variant=expert_choice preset=mixtral C=7",
        "variant=expert_choice preset=mixtral C=9 cap=1", "variant=soft preset=mixtral batch=1",
        "variant=soft preset=soft_moe batch=1"}) {
    const Case c = parse_case(line + std::string(" T=7 D=9 F=6 E=1 K=1 seed=8"));
    Layer layer = check::make_layer(c);
    const Ffn& ffn = experts_of(layer).ffn[0];
    const Matrix x = check::make_tokens(c);
    const Matrix hidden = reference::hidden_values(experts_of(layer).activation, ffn, x);
    const Matrix network = summed(reference::linear(hidden, ffn.down, ffn.down_bias));
    EXPECT_TRUE(same_bits(network, run(tier(), layer, x).y)) << line;
  }
}

// Experts that take all tokens are the dense layer, bit for bit: scores are the same softmax, sums are over
// experts, ascending. So are tokens that take all experts, where these come in that order: where all tie.
TEST_P(EveryTier, AllExpertsAreTheDenseLayer) {
  const std::string sizes = " T=8 D=9 F=6 E=5 seed=4";
  for (const char* rest : {" C=8", " C=100", " C=4 batch=4", " C=8 cap=5"})
    for (const char* name : {"mixtral", "qwen2_moe"}) {
      const std::string preset = std::string("preset=") + name + sizes;
      EXPECT_TRUE(same_bits(run_case(tier(), parse_case("K=1 variant=dense " + preset)).y,
                            run_case(tier(), parse_case("K=1 variant=expert_choice " + preset + rest)).y))
          << name << rest;
    }
  const Case dense = parse_case("variant=dense preset=olmoe K=1" + sizes);
  const Matrix x = check::make_tokens(dense);
  auto all = std::get<DenseLayer>(check::make_layer(dense));
  const Matrix shares = stage(run(tier(), all, x).trace, "weights");
  all.gate.weight.setZero();
  const Matrix even = run(tier(), all, x).y;

  auto sparse = check::make_sparse_layer(parse_case("preset=olmoe K=5" + sizes));
  const Pass chosen = run(tier(), sparse, x);
  const IntMatrix selected = int_stage(chosen.trace, "selected");
  const Matrix weights = stage(chosen.trace, "weights");
  Matrix by_expert = Matrix::Zero(8, 5);
  for (Index t = 0; t < 8; t++)
    for (Index k = 0; k < 5; k++) by_expert(t, selected(t, k)) = weights(t, k);
  EXPECT_TRUE(same_bits(shares, by_expert));
  sparse.router.weight.setZero();
  EXPECT_TRUE(same_bits(even, run(tier(), sparse, x).y));

  for (const char* inner : {" inner=1", " inner=5"}) {  // either level chooses among five, the other has one
    auto levels = std::get<HierarchicalLayer>(
        check::make_layer(parse_case("variant=hierarchical preset=olmoe K=5" + sizes + inner)));
    levels.outer.weight.setZero();
    for (Router& router : levels.inner) router.weight.setZero();
    EXPECT_TRUE(same_bits(even, run(tier(), levels, x).y)) << inner;
  }
}

// No places: nobody computes anything, and +0 comes out, or what the shared expert says.
TEST_P(EveryTier, NoPlacesGiveZero) {
  for (const char* line :
       {"variant=hierarchical preset=mixtral", "variant=hierarchical preset=mesh_moe2d batch=2",
        "variant=expert_choice preset=expert_choice", "variant=expert_choice preset=expert_choice cap=1 batch=2",
        "variant=expert_choice preset=qwen2_moe"}) {
    const Case c = parse_case(line + std::string(" T=6 D=9 F=5 E=4 C=0"));
    const Pass pass = run_case(tier(), c);
    EXPECT_EQ(stage(pass.trace, "dispatched").rows(), 0) << line;
    const bool shared = pass.trace.find("shared") != nullptr;
    EXPECT_EQ(shared, c.preset == "qwen2_moe");
    EXPECT_TRUE(same_bits(shared ? summed(stage(pass.trace, "shared")) : Matrix::Zero(6, 9), pass.y)) << line;
  }
}

// Routers of zeros: smaller indices win, softmaxes are even.
TEST_P(EveryTier, TiesAreSettledByIndexInEveryVariant) {
  const std::string sizes = " T=8 D=6 F=5 E=4";
  auto choice = std::get<ExpertChoiceLayer>(
      check::make_layer(parse_case("variant=expert_choice preset=expert_choice batch=4 C=3" + sizes)));
  choice.router.setZero();
  Matrix x = check::make_tokens(parse_case("preset=mixtral" + sizes));
  const IntMatrix tokens = int_stage(run(tier(), choice, x).trace, "selected");
  for (Index row = 0; row < 8; row++)
    for (Index k = 0; k < 3; k++) EXPECT_EQ(tokens(row, k), k);

  auto levels = std::get<HierarchicalLayer>(
      check::make_layer(parse_case("variant=hierarchical preset=mixtral K=2 inner=2" + sizes)));
  levels.outer.weight.setZero();
  for (Router& router : levels.inner) router.weight.setConstant(-0.0F);
  const IntMatrix slots = int_stage(run(tier(), levels, x).trace, "slot_selected");
  for (Index t = 0; t < 8; t++)  // slot k2 * 2 + k1: expert k2 of group k1
    for (Index k = 0; k < 4; k++) EXPECT_EQ(slots(t, k), k % 2 * 2 + k / 2);

  auto soft = std::get<SoftLayer>(check::make_layer(parse_case("variant=soft preset=soft_moe S=3 batch=4" + sizes)));
  soft.phi.setZero();
  const Pass even = run(tier(), soft, x);
  EXPECT_TRUE(same_bits(Matrix::Constant(8, 12, 0.25F), stage(even.trace, "scores")));
  EXPECT_TRUE(same_bits(Matrix::Constant(8, 12, 1.0F / 12), stage(even.trace, "weights")));

  for (const char* priority : {"token", "choice", "score", "confidence"}) {  // experts 0 and 1: tokens 0, 1, 2
    auto places = check::make_sparse_layer(parse_case("preset=mixtral K=2 C=3" + sizes + " priority=" + priority));
    places.router.weight.setZero();
    const IntMatrix positions = int_stage(run(tier(), places, x).trace, "positions");
    for (Index t = 0; t < 8; t++)
      for (Index k = 0; k < 2; k++) EXPECT_EQ(positions(t, k), t < 3 ? 3 * k + t : -1) << priority;
  }
}

// The networks of experts that nobody chose have no part in anything.
TEST_P(EveryTier, ExpertsNobodyChoseDoNotMatter) {
  for (const char* line : {"preset=mixtral", "preset=deepseek_v3", "preset=mixtral C=2",
                           "variant=hierarchical preset=mixtral", "variant=hierarchical preset=mesh_moe2d"}) {
    const Case c = parse_case(line + std::string(" T=7 D=6 F=5 E=8 K=2 route=empty"));
    Layer layer = check::make_layer(c);
    const Matrix x = check::make_tokens(c);
    const Pass before = run(tier(), layer, x);
    const bool two_levels = before.trace.find("slot_selected") != nullptr;
    const IntMatrix selected = int_stage(before.trace, two_levels ? "slot_selected" : "selected");
    const std::set<std::int32_t> chosen(selected.data(), selected.data() + selected.size());
    Index empty = 0;
    for (std::int32_t e = 0; e < 8; e++) {
      if (chosen.contains(e)) continue;
      experts_of(layer).ffn[std::size_t(e)].down.setConstant(3);
      empty++;
    }
    EXPECT_GE(empty, 2) << line;
    EXPECT_TRUE(same_trace(before.trace, run(tier(), layer, x).trace, tier().name, line));
  }
}

// One NaN among the tokens' numbers is refused; let through, it spoils so many tokens of eight in groups of four:
// its own, unless nobody takes it (NaN ranks last) or it finds no place; its group where tokens are mixed.
TEST_P(EveryTier, NanSpoilsWhatItTouches) {
  const std::pair<const char*, Index> lines[] = {
      {"preset=mixtral", 1},
      {"preset=mixtral batch=4 C=4", 1},
      {"preset=mixtral batch=4 C=2 priority=token", 1},
      {"preset=mixtral batch=4 C=2 priority=score", 1},
      {"preset=mixtral batch=4 C=2 priority=confidence", 1},
      {"preset=deepseek_v3", 1},
      {"preset=minimax_blended", 1},
      {"preset=nemotron3_super", 1},
      {"preset=longcat", 1},
      {"variant=dense preset=mixtral", 1},
      {"variant=hierarchical preset=mixtral", 1},
      {"variant=expert_choice preset=expert_choice batch=4 C=3", 0},
      {"variant=expert_choice preset=expert_choice batch=4 C=4", 1},
      {"variant=expert_choice preset=expert_choice batch=4 C=2 cap=1", 1},
      {"variant=expert_choice preset=qwen2_moe batch=4 C=2", 1},
      {"variant=soft preset=mixtral batch=4 S=2", 4},
      {"variant=soft preset=soft_moe batch=4", 4},
  };
  for (const auto& [line, spoiled] : lines) {
    const Case c = parse_case(line + std::string(" T=8 D=9 F=6 E=4 K=2 seed=7"));
    Layer layer = check::make_layer(c);
    Matrix x = check::make_tokens(c);
    x(2, 3) = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THROW(run(tier(), layer, x), Error) << line;
    std::visit([](auto& l) { l.nonfinite = NonFinite::allow; }, layer);
    const Pass pass = run(tier(), layer, x);
    Index found = 0;
    for (Index t = 0; t < 8; t++) found += pass.y.row(t).allFinite() ? 0 : 1;
    EXPECT_EQ(found, spoiled) << line;
    EXPECT_TRUE(pass.y.bottomRows(4).allFinite()) << line;
    EXPECT_TRUE(same_trace(run(check::tiers()[0], layer, x).trace, pass.trace, tier().name, c.text()));
  }
}

}  // namespace
}  // namespace moe::test
