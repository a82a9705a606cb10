// Layer files: the oracles are read, wrong ones are refused.
#include "reference/io/layer_file.h"

#include <map>

#include "reference/io/array_values.h"
#include "reference/io/npz.h"
#include "tests/io/layer_draft.h"

namespace moe::io {
namespace {

using testing::data_path;
using testing::Draft;
using testing::expect_refused;

std::string layers(const std::string& name) {
  return data_path("vectors/layers/" + name + ".npz");
}

LayerFile read(const std::string& name) {
  return read_layer_file(layers(name));
}

const SparseLayer& sparse(const LayerFile& file) {
  return std::get<SparseLayer>(file.layer);
}

TEST(LayerFile, EveryFileLoads) {
  std::map<std::string, int> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(data_path("vectors/layers"))) {
    const std::string path = entry.path();
    const LayerFile file = read_layer_file(path);
    EXPECT_TRUE(file.ignored_keys.empty()) << path << " " << file.ignored_keys.front();
    EXPECT_EQ(file.arrays.at("out.y").shape, file.arrays.at("in.x").shape);
    kinds[file.kind + " as " + std::string(variant_name(file.layer))]++;
  }
  EXPECT_EQ(kinds, (std::map<std::string, int>{{"topk as sparse", 10},
                                               {"capacity as sparse", 2},
                                               {"expert_choice as expert_choice", 1},
                                               {"soft as soft", 1},
                                               {"hierarchical_top2_capacity as hierarchical", 1}}));
}

TEST(LayerFile, ChoicesOfTheOtherKinds) {
  const auto switched = std::get<SparseLayer>(read("switch_cap_drops").layer);
  EXPECT_EQ(switched.router.config.chosen, 1);
  EXPECT_EQ(switched.router.config.normalisation, Normalisation::none);
  EXPECT_EQ(switched.capacity->places, 3);
  EXPECT_EQ(switched.capacity->group, 16);
  const auto nllb = std::get<SparseLayer>(read("nllb_top2_fifo_norm_first").layer);
  EXPECT_EQ(nllb.router.config.chosen, 2);
  EXPECT_EQ(nllb.router.config.normalisation, Normalisation::max_sum);
  EXPECT_EQ(nllb.capacity->places, 5);
  EXPECT_EQ(nllb.capacity->group, 0);
  EXPECT_EQ(nllb.capacity->priority, Priority::choice);
  const auto choice = std::get<ExpertChoiceLayer>(read("expert_choice").layer);
  EXPECT_EQ(choice.places, 8);
  EXPECT_EQ(choice.group, 16);
  const auto soft = std::get<SoftLayer>(read("soft_moe_vmoe").layer);
  EXPECT_EQ(soft.slots, 3);
  EXPECT_EQ(soft.group, 10);
  EXPECT_EQ(soft.normalisation, SoftNormalisation::l2);
  const auto levels = std::get<HierarchicalLayer>(read("t2t_hier_roomy").layer);
  EXPECT_EQ(levels.inner.size(), 4U);
  EXPECT_EQ(levels.second_group, SecondGroup::best_only);
  EXPECT_EQ(levels.outer.config.epsilon, 1e-9F);
  EXPECT_EQ(levels.outer_capacity->group, 8);
  EXPECT_EQ(places(*levels.outer_capacity, 8, 4, 2), 8);
  EXPECT_EQ(places(*levels.inner_capacity, 8, 4, 2), 8);
}

TEST(LayerFile, EveryTopKFileLoads) {
  int read_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data_path("vectors/layers"))) {
    const std::string path = entry.path();
    const LayerFile file = read_layer_file(path);
    if (file.kind != "topk") continue;
    ++read_files;
    EXPECT_EQ(file.name, entry.path().stem());
    EXPECT_FALSE(file.source.empty());
    EXPECT_TRUE(file.ignored_keys.empty()) << path << " " << file.ignored_keys.front();
    const LayerSizes size = sizes(file.layer);
    EXPECT_EQ(file.arrays.at("out.y").shape, (Shape{file.x.rows(), size.width}));
    EXPECT_EQ(file.arrays.at("out.router_logits").shape, (Shape{file.x.rows(), size.experts}));
    EXPECT_EQ(file.arrays.at("out.topk_idx").shape, (Shape{file.x.rows(), size.chosen}));
  }
  EXPECT_EQ(read_files, 10);
}

TEST(LayerFile, DeepSeekChoicesAndWeights) {
  const LayerFile file = read("deepseek_v3_hf");
  const RouterConfig& router = sparse(file).router.config;
  EXPECT_EQ(router.score, Score::sigmoid);
  EXPECT_EQ(router.key, SelectionKey::score_plus_bias);
  EXPECT_EQ(router.raw_weight, RawWeight::score);
  EXPECT_EQ(router.chosen, 4);
  EXPECT_EQ(router.groups.count, 4);
  EXPECT_EQ(router.groups.kept, 2);
  EXPECT_EQ(router.groups.score, GroupScore::sum_of_top2);
  EXPECT_EQ(router.groups.excluded_key, 0);
  EXPECT_EQ(router.normalisation, Normalisation::sum);
  EXPECT_EQ(router.epsilon, 1e-20F);
  EXPECT_EQ(router.scale, 2.5F);
  EXPECT_EQ(router.weight_on, WeightOn::output);
  EXPECT_EQ(sparse(file).experts.activation.function, Nonlinearity::silu);
  EXPECT_TRUE(sparse(file).experts.activation.gated);
  // as numpy reads them
  EXPECT_EQ(sparse(file).router.selection_bias(15), -0x1.bf4ea6p-4F);
  EXPECT_EQ(sparse(file).experts.ffn[15].gate(14, 31), -0x1.bf1fe2p-3F);
  EXPECT_EQ(sparse(file).experts.ffn[15].up(14, 31), -0x1.2ad5acp-3F);
  EXPECT_EQ(sparse(file).experts.ffn[15].down(30, 15), -0x1.01ea3cp-5F);
  ASSERT_TRUE(sparse(file).shared);
  EXPECT_EQ(sparse(file).shared->ffn.down(31, 14), -0x1.2b342ep-2F);
  EXPECT_EQ(sparse(file).shared->gate.size(), 0);
  EXPECT_EQ(file.x(23, 30), -0x1.1e0f04p-1F);
  EXPECT_EQ(to_f64(file.arrays.at("out.y"))[23 * 32 + 30], -0x1.ae270223f6768p-2);
  const LayerFile authors_file = read("deepseek_v3_ref_bias");
  const GroupLimit& authors = std::get<SparseLayer>(authors_file.layer).router.config.groups;
  EXPECT_EQ(authors.excluded_key, -std::numeric_limits<float>::infinity());
}

TEST(LayerFile, GptOssChoicesAndBiases) {
  const auto layer = std::get<SparseLayer>(read("gpt_oss_clamped").layer);
  EXPECT_EQ(layer.router.config.score, Score::logit);
  EXPECT_EQ(layer.router.config.key, SelectionKey::score);
  EXPECT_EQ(layer.router.config.raw_weight, RawWeight::softmax_of_chosen);
  EXPECT_EQ(layer.router.config.normalisation, Normalisation::none);
  EXPECT_EQ(layer.experts.activation.function, Nonlinearity::swish);
  EXPECT_EQ(layer.experts.activation.limit, 7.0F);
  EXPECT_EQ(layer.experts.activation.slope, 1.702F);
  EXPECT_EQ(layer.experts.activation.up_offset, 1.0F);
  EXPECT_EQ(layer.router.bias(7), 0x1.087d9cp-4F);
  EXPECT_EQ(layer.experts.ffn[7].gate_bias(30), -0x1.1876e4p-5F);
  EXPECT_EQ(layer.experts.ffn[7].up_bias(30), -0x1.187c74p+0F);
  EXPECT_EQ(layer.experts.ffn[7].down_bias(22), -0x1.0ff952p-2F);
  EXPECT_FALSE(layer.shared);
}

TEST(LayerFile, OtherChoices) {
  const RouterConfig llama = std::get<SparseLayer>(read("llama4_top1").layer).router.config;
  EXPECT_EQ(llama.score, Score::logit);  // chosen by logit, weighed by its sigmoid
  EXPECT_EQ(llama.raw_weight, RawWeight::sigmoid_of_chosen);
  EXPECT_EQ(llama.weight_on, WeightOn::input);
  const RouterConfig phi = std::get<SparseLayer>(read("phimoe_sparsemixer").layer).router.config;
  EXPECT_EQ(phi.raw_weight, RawWeight::near_tie_softmax);
  EXPECT_EQ(phi.near_tie, 0.01F);
  const auto qwen = std::get<SparseLayer>(read("qwen2_moe").layer);
  EXPECT_EQ(qwen.router.config.score, Score::softmax);
  EXPECT_EQ(qwen.router.config.normalisation, Normalisation::none);
  EXPECT_EQ(qwen.shared->gate.rows(), 1);
  EXPECT_EQ(qwen.shared->ffn.up.rows(), 40);
  EXPECT_EQ(std::get<SparseLayer>(read("mixtral_small").layer).router.config.normalisation, Normalisation::sum);
}

TEST(LayerFile, PlainExpertsHaveOneMatrixIn) {
  Draft draft;
  draft.without("in.w_gate")
      .without("in.w_up")
      .with("in.w_in", {2, 2, 3}, 5)
      .with("in.b_in", {2, 2}, 6);
  draft.with("in.b_down", {2, 3}, 7);
  const auto layer = std::get<SparseLayer>(draft.read().layer);
  EXPECT_FALSE(layer.experts.activation.gated);
  EXPECT_EQ(layer.experts.ffn[1].gate.size(), 0);
  EXPECT_EQ(layer.experts.ffn[1].up(1, 2), 5);
  EXPECT_EQ(layer.experts.ffn[1].up_bias(1), 6);
  EXPECT_EQ(layer.experts.ffn[1].down_bias(2), 7);
}

TEST(LayerFile, MetaKeysAreHonoured) {
  const auto router = [](const std::string& more) {
    return std::get<SparseLayer>(Draft().saying(more).read().layer).router.config;
  };
  EXPECT_EQ(router(R"("renorm":"l2")").normalisation, Normalisation::l2);
  EXPECT_EQ(router(R"("renorm":"sum","renorm_eps":0.5)").epsilon, 0.5F);
  EXPECT_EQ(router(R"("renorm":null)").normalisation, Normalisation::none);
  EXPECT_EQ(router(R"("n_group":2,"topk_group":2,"group_score":"max")").groups.score,
            GroupScore::max);
  EXPECT_EQ(router(R"("mask_value":"-inf")").groups.excluded_key,
            -std::numeric_limits<float>::infinity());
  EXPECT_EQ(router(R"("mask_value":0)").groups.excluded_key, 0);
  const LayerFile file = Draft().saying(R"("mood":"good","note":"x")").read();
  EXPECT_EQ(file.ignored_keys, std::vector<std::string>{"mood"});
}

TEST(LayerFile, RefusesUndefinedValuesByKey) {
  for (const auto& [more, key] :
       std::vector<std::pair<std::string, std::string>>{{R"("renorm":"max")", "renorm"},
                                                        {R"("renorm":7)", "renorm"},
                                                        {R"("renorm_eps":"x")", "renorm_eps"},
                                                        {R"("scale":1e300)", "scale"},
                                                        {R"("n_group":0)", "n_group"},
                                                        {R"("n_group":1.5)", "n_group"},
                                                        {R"("topk_group":-1)", "topk_group"},
                                                        {R"("group_score":"min")", "group_score"},
                                                        {R"("mask_value":"inf")", "mask_value"},
                                                        {R"("weight_on":"both")", "weight_on"},
                                                        {R"("capacity":3)", "capacity"}})
    expect_refused(Draft().saying(more), {"meta key " + key, "expected", "found"});
  Draft draft;
  for (const auto& [meta, key] : std::vector<std::pair<std::string, std::string>>{
           {R"("router":"softmax","k":2,"act":"silu")", "kind"},
           {R"("kind":"hard","router":"softmax","k":2,"act":"silu")", "kind"},
           {R"("kind":"topk","k":2,"act":"silu")", "router"},
           {R"("kind":"topk","router":"top2","k":2,"act":"silu")", "router"},
           {R"("kind":"topk","router":"softmax","act":"silu")", "k"},
           {R"("kind":"topk","router":"softmax","k":99999999999,"act":"silu")", "k"},
           {R"("kind":"topk","router":"softmax","k":2,"act":"tanh")", "act"}}) {
    draft.meta = meta;
    expect_refused(draft, {"meta key " + key, "expected", "found"});
  }
  draft.meta = "";
  expect_refused(draft, {"kind", "topk", "nothing"});
  draft.meta = R"("kind":)";
  expect_refused(draft, {"meta", "malformed JSON"});
}

TEST(LayerFile, RefusesArraysThatDoNotFit) {
  expect_refused(Draft().without("in.x"), {"array in.x", "missing"});
  expect_refused(Draft().without("in.w_down"), {"array in.w_down", "missing"});
  expect_refused(Draft().without("in.w_gate"), {"array in.w_gate", "missing"});
  expect_refused(Draft().with("in.w_down", {2, 2, 3}),
                 {"array in.w_down", "[2, 3, 2]", "[2, 2, 3]"});
  expect_refused(Draft().with("in.x", {1, 4}), {"array in.x", "[1, 3]", "[1, 4]"});
  expect_refused(Draft().with("in.x", {1, 1, 3}), {"array in.x", "2 axes"});
  expect_refused(Draft().with("in.router_b", {3}), {"array in.router_b", "[2]", "[3]"});
  expect_refused(Draft().with("in.phi", {2}), {"array in.phi", "no meaning"});
  expect_refused(Draft().with("in.sh_up", {4, 3}), {"array in.sh_up", "no meaning"});
  expect_refused(Draft().with("in.w_in", {2, 2, 3}), {"array in.w_gate", "no meaning"});
  expect_refused(Draft().saying(R"("x":1,"k":2)"), {"\"k\"", "twice"});
  Draft shared;
  shared.meta = R"("kind":"topk","router":"softmax","k":2,"act":"silu","shared":"sigmoid_gated")";
  shared.with("in.sh_gate", {4, 3}).with("in.sh_up", {4, 3}).with("in.sh_down", {3, 4});
  expect_refused(shared, {"array in.sh_router", "missing"});
  EXPECT_EQ(std::get<SparseLayer>(shared.with("in.sh_router", {1, 3}, 9).read().layer).shared->gate(0, 2), 9);
}

TEST(LayerFile, ExpertChoiceMayCapTheExpertsOfAToken) {
  Draft draft;
  draft.meta = R"("kind":"expert_choice","capacity":1,"act":"silu")";
  EXPECT_EQ(std::get<ExpertChoiceLayer>(draft.read().layer).most_experts, 0);
  draft.saying(R"("max_experts_per_token":2)");
  EXPECT_EQ(std::get<ExpertChoiceLayer>(draft.read().layer).most_experts, 2);
  for (const char* wrong : {"0", "-1", "1.5", "\"two\""}) {
    draft.meta = std::string(R"("kind":"expert_choice","capacity":1,"act":"silu","max_experts_per_token":)") + wrong;
    expect_refused(draft, {"meta key max_experts_per_token", "a whole number from 1", "found"});
  }
}

TEST(LayerFile, RefusesAxesOfZeroThatHideALie) {
  Draft draft;
  draft.with("in.router_w", {Index{1} << 60, 0}).with("in.x", {1, 0});
  expect_refused(draft, {"array in.router_w", "1 or more"});
  expect_refused(Draft().with("in.router_w", {0, 3}), {"array in.router_w", "1 or more"});
}

TEST(LayerFile, RefusesMoreChoicesThanExperts) {
  Draft draft;
  draft.meta = R"("kind":"topk","router":"softmax","k":3,"act":"silu")";
  expect_refused(draft, {"K=3", "E=2"});
}

TEST(LayerFile, NonFiniteNumbersAreNamedOrLetThrough) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Draft draft;
  draft.with("in.w_up", {2, 2, 3}, nan);
  expect_refused(draft, {"array in.w_up", "finite", "nan"});
  EXPECT_TRUE(std::isnan(sparse(draft.read(NonFinite::allow)).experts.ffn[0].up(0, 0)));
  expect_refused(Draft().with("in.x", {1, 3}, nan), {"array in.x", "finite"});
}

TEST(LayerFile, RefusesWeightsOfOtherTypes) {
  Draft draft;
  draft.without("in.x");
  const std::vector<double> x(3);
  draft.arrays.push_back(make_array("in.x", DType::f64, {1, 3}, std::as_bytes(std::span(x))));
  expect_refused(draft, {"array in.x", "F32, F16 or BF16", "F64"});
}

}  // namespace
}  // namespace moe::io
