// What the meta of a layer file may say, and what its arrays make a lie.
#include "tests/io/layer_draft.h"

namespace moe::io {
namespace {

using testing::Draft;
using testing::expect_refused;

TEST(LayerMeta, OnlySwitchCountsPlacesPerSequence) {
  Draft draft;
  draft.with("in.x", {6, 3});
  const auto group = [&](const std::string& router) {
    draft.meta = R"("kind":"capacity","act":"silu","capacity":1,"seq":2,"router":)" + router;
    return std::get<SparseLayer>(draft.read().layer).capacity->group;
  };
  EXPECT_EQ(group("\"switch_top1\""), 2);
  EXPECT_EQ(group("\"switch_top1\",\"batch\":3"), 2);
  EXPECT_EQ(group("\"top2\""), 0);
  EXPECT_EQ(group("\"top2\",\"batch\":3"), 0);
}

TEST(LayerMeta, ExpertChoiceMayHaveASharedExpert) {
  Draft draft;
  draft.meta = R"("kind":"expert_choice","capacity":1,"act":"silu","shared":"sigmoid_gated")";
  expect_refused(draft, {"array in.sh_up", "missing"});
  draft.with("in.sh_gate", {4, 3}).with("in.sh_up", {4, 3}, 8).with("in.sh_down", {3, 4}).with("in.sh_router", {1, 3}, 9);
  const auto layer = std::get<ExpertChoiceLayer>(draft.read().layer);
  ASSERT_TRUE(layer.shared);
  EXPECT_EQ(layer.shared->ffn.up(3, 2), 8);
  EXPECT_EQ(layer.shared->gate(0, 2), 9);
  draft.meta = R"("kind":"expert_choice","capacity":1,"act":"silu")";
  expect_refused(draft, {"array in.sh_", "no meaning"});
}

// E=2 S=3 D=3, and E1=2 E2=1.
Draft draft_of(const std::string& kind) {
  Draft draft;
  draft.without("in.router_w").with("in.x", {1, 4, 3});
  if (kind == "soft") {
    draft.with("in.phi", {2, 3, 3});
    draft.meta = R"("kind":"soft","soft":"plain","act":"silu")";
  } else {
    draft.with("in.router_outer_w", {2, 3}).with("in.router_inner_w", {2, 1, 3});
    draft.meta = R"("kind":"hierarchical_top2_capacity","capacity_factor":2,"act":"silu")";
  }
  return draft;
}

TEST(LayerMeta, KindsWithoutASharedExpertRefuseIt) {
  for (const char* kind : {"soft", "hierarchical_top2_capacity"}) {
    Draft draft = draft_of(kind).saying(R"("shared":"plain")");
    draft.with("in.sh_gate", {4, 3}).with("in.sh_up", {4, 3}).with("in.sh_down", {3, 4});
    expect_refused(draft, {"meta key shared", "none for kind " + std::string(kind), "plain"});
  }
  EXPECT_EQ(draft_of("soft").saying(R"("shared":null)").read().kind, "soft");
}

TEST(LayerMeta, SizesThatMetaStatesAreThoseOfTheArrays) {
  EXPECT_EQ(draft_of("soft").saying(R"("experts":2,"slots":3)").read().kind, "soft");
  expect_refused(draft_of("soft").saying(R"("experts":3)"), {"meta key experts", "[2]", "found [3]"});
  expect_refused(draft_of("soft").saying(R"("slots":2)"), {"meta key slots", "[3]", "found [2]"});
  expect_refused(draft_of("soft").saying(R"("slots":"three")"), {"meta key slots", "whole number", "three"});
  Draft flat;
  flat.with("in.x", {1, 4, 3});
  for (const auto& [experts, found] : std::vector<std::pair<std::string, std::string>>{
           {"4", "found [4]"}, {"[2,1]", "found [2,1]"}, {"0", "found 0"}}) {
    flat.meta = R"("kind":"top2_capacity","capacity_factor":1,"act":"silu","experts":)" + experts;
    expect_refused(flat, {"meta key experts", found});
  }
  flat.meta = R"("kind":"top2_capacity","capacity_factor":1,"act":"silu","experts":2)";
  EXPECT_EQ(flat.read().kind, "top2_capacity");
  for (const char* experts : {"[1,2]", "[2,1,1]", "2", "[2,0]"})
    expect_refused(draft_of("levels").saying(R"("experts":)" + std::string(experts)), {"meta key experts", "expected", "found"});
}

TEST(LayerMeta, SequencesOfSwitchMakeUpTheTokens) {
  Draft draft;
  draft.with("in.x", {6, 3});
  for (const auto& [keys, parts] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {R"("seq":4)", {"meta key seq", "6 tokens", "found 4"}},
           {R"("seq":2,"batch":2)", {"meta key batch", "3 sequences of 2", "found 2"}},
           {R"("batch":3)", {"meta key seq", "found nothing"}}}) {
    draft.meta = R"("kind":"capacity","router":"switch_top1","act":"silu","capacity":1,)" + keys;
    expect_refused(draft, parts);
  }
}

TEST(LayerMeta, RoutersThatChooseSoManySayNothingElse) {
  Draft draft;
  draft.meta = R"("kind":"capacity","router":"switch_top1","act":"silu","capacity":1,"k":2)";
  expect_refused(draft, {"meta key k", "expected 1, as router switch_top1", "found 2"});
  draft.meta = R"("kind":"capacity","router":"top2","act":"silu","capacity":1,"k":1)";
  expect_refused(draft, {"meta key k", "expected 2, as router top2", "found 1"});
  draft.meta = R"("kind":"top2_capacity","capacity_factor":1,"act":"silu","k":1)";
  expect_refused(draft.with("in.x", {1, 4, 3}), {"meta key k", "expected 2", "found 1"});
}

TEST(LayerMeta, AThresholdPolicyNeedsItsThreshold) {
  for (const char* threshold : {"", R"(,"threshold":null)"}) {
    Draft draft;
    draft.with("in.x", {1, 4, 3});
    draft.meta = R"("kind":"top2_capacity","capacity_factor":1,"act":"silu","second_policy":"threshold")" + std::string(threshold);
    expect_refused(draft, {"meta key threshold", "a number"});
    draft.meta = R"("kind":"top2_capacity","capacity_factor":1,"act":"silu","second_policy":"threshold","threshold":0.25)";
    EXPECT_EQ(std::get<SparseLayer>(draft.read().layer).router.config.later_threshold, 0.25F);
  }
}

}  // namespace
}  // namespace moe::io
