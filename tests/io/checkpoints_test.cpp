// The five trained checkpoints: sizes, choices, and weights as numpy reads them.
#include "reference/io/array_values.h"
#include "reference/io/hugging_face.h"
#include "reference/io/safetensors.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::data_path;
using testing::expect_error;

std::string folder(const std::string& name) {
  return data_path("checkpoints/" + name + "-tiny");
}

struct Expected {
  const char* name;
  const char* storage;
  LayerSizes sizes;
  std::vector<Index> layers;
};

void expect_sizes(const LayerSizes& a, const LayerSizes& b) {
  EXPECT_EQ(a.experts, b.experts);
  EXPECT_EQ(a.width, b.width);
  EXPECT_EQ(a.hidden, b.hidden);
  EXPECT_EQ(a.chosen, b.chosen);
  EXPECT_EQ(a.shared_hidden, b.shared_hidden);
}

TEST(Checkpoints, EveryLayerLoadsAndFitsItsCapture) {
  const std::vector<Expected> all = {
      {"mixtral", "f32", {8, 64, 96, 2, 0}, {0, 1, 2}},
      {"qwen3-moe", "bf16", {16, 64, 96, 4, 0}, {0, 1, 2}},
      {"deepseek-v3", "bf16", {16, 64, 96, 4, 96}, {1, 2, 3}},
      {"gpt-oss", "bf16", {8, 80, 112, 2, 0}, {0, 1, 2}},
      {"olmoe", "bf16", {16, 64, 104, 4, 0}, {0, 1, 2}},
  };
  for (const Expected& expected : all) {
    const Model model(folder(expected.name));
    SCOPED_TRACE(expected.name);
    expect_sizes(model.info().sizes, expected.sizes);
    EXPECT_EQ(model.info().moe_layers, expected.layers);
    EXPECT_EQ(model.info().storage, expected.storage);
    EXPECT_EQ(model.info().layers, expected.layers.back() + 1);
    const ArrayTable capture = read_safetensors(folder(expected.name) + "/capture.safetensors");
    for (const Index layer : expected.layers) {
      expect_sizes(sizes(model.load_layer(layer)), expected.sizes);
      const std::string prefix = "layers." + std::to_string(layer) + ".";
      expect_shape(capture.at(prefix + "input"), {256, expected.sizes.width});
      expect_shape(capture.at(prefix + "topk_idx"), {256, expected.sizes.chosen});
      EXPECT_EQ(to_i32(capture.at(prefix + "topk_idx")).size(),
                std::size_t(256 * expected.sizes.chosen));
      EXPECT_EQ(to_f64(capture.at(prefix + "output")).size(),
                std::size_t(256 * expected.sizes.width));
    }
  }
}

TEST(Checkpoints, Mixtral) {
  const SparseLayer layer = load_layer(folder("mixtral"), 2);
  EXPECT_EQ(layer.router.config.score, Score::softmax);
  EXPECT_EQ(layer.router.config.normalisation, Normalisation::sum);
  EXPECT_EQ(layer.router.weight(7, 63), -0x1.a79a38p-15F);
  EXPECT_EQ(layer.experts.ffn[5].gate(95, 1), 0x1.1be3cap-4F);
  EXPECT_EQ(layer.experts.ffn[5].up(94, 2), -0x1.95da74p-5F);
  EXPECT_EQ(layer.experts.ffn[5].down(3, 95), -0x1.21ca8cp-3F);
}

TEST(Checkpoints, Qwen3) {
  const SparseLayer layer = load_layer(folder("qwen3-moe"), 2);
  EXPECT_EQ(layer.router.config.normalisation, Normalisation::sum);
  EXPECT_EQ(layer.router.weight(15, 63), -0x1.b2p-3F);
  EXPECT_EQ(layer.experts.ffn[5].gate(95, 1), 0x1.7ap-4F);
  EXPECT_EQ(layer.experts.ffn[5].up(94, 2), -0x1.6ap-5F);
  EXPECT_EQ(layer.experts.ffn[5].down(3, 95), 0x1.b8p-5F);
}

TEST(Checkpoints, DeepSeek) {
  const SparseLayer layer = load_layer(folder("deepseek-v3"), 2);
  const RouterConfig& router = layer.router.config;
  EXPECT_EQ(router.score, Score::sigmoid);
  EXPECT_EQ(router.key, SelectionKey::score_plus_bias);
  EXPECT_EQ(router.groups.count, 4);
  EXPECT_EQ(router.groups.kept, 2);
  EXPECT_EQ(router.groups.score, GroupScore::sum_of_top2);
  EXPECT_EQ(router.groups.excluded_key, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(router.normalisation, Normalisation::sum);
  EXPECT_EQ(router.epsilon, 1e-20F);
  EXPECT_EQ(router.scale, 2.5F);
  EXPECT_EQ(layer.router.weight(15, 63), -0x1.6ap-5F);
  EXPECT_EQ(layer.router.selection_bias(15), 0x1.2f1abp-3F);
  EXPECT_EQ(layer.experts.ffn[5].gate(95, 1), 0x1.26p-6F);
  EXPECT_EQ(layer.experts.ffn[5].up(94, 2), -0x1.64p-3F);
  EXPECT_EQ(layer.experts.ffn[5].down(3, 95), 0x1.3ap-4F);
  EXPECT_EQ(layer.shared->ffn.gate(4, 5), 0x1.1ap-4F);
  EXPECT_EQ(layer.shared->ffn.up(4, 5), -0x1.cep-6F);
  EXPECT_EQ(layer.shared->ffn.down(4, 5), -0x1.6ap-8F);
  expect_error([] { load_layer(folder("deepseek-v3"), 0); },
               {"deepseek-v3-tiny", "layer 0", "from 1 to 3"});
  expect_error([] { load_layer(folder("deepseek-v3"), 4); }, {"layer 4"});
  expect_error([] { load_layer(folder("deepseek-v3"), -1); }, {"layer -1"});
}

TEST(Checkpoints, GptOss) {
  const SparseLayer layer = load_layer(folder("gpt-oss"), 2);
  EXPECT_EQ(layer.router.config.raw_weight, RawWeight::softmax_of_chosen);
  EXPECT_EQ(layer.experts.activation.limit, 2.0F);  // of this checkpoint, not the published 7
  EXPECT_EQ(layer.experts.activation.slope, 1.702F);
  EXPECT_EQ(layer.experts.activation.up_offset, 1.0F);
  EXPECT_EQ(layer.router.weight(7, 79), -0x1.6p-5F);
  EXPECT_EQ(layer.router.bias(6), -0x1.18p-4F);
  const Ffn& ffn = layer.experts.ffn[5];
  EXPECT_EQ(ffn.gate(111, 1), 0x1.28p-5F);
  EXPECT_EQ(ffn.up(110, 2), 0x1.92p-4F);
  EXPECT_EQ(ffn.down(3, 111), 0x1.1cp-4F);
  EXPECT_EQ(ffn.gate_bias(111), 0x1.dcp-12F);
  EXPECT_EQ(ffn.up_bias(110), -0x1.9p-6F);
  EXPECT_EQ(ffn.down_bias(79), -0x1.7ap-11F);
}

TEST(Checkpoints, Olmoe) {
  const SparseLayer layer = load_layer(folder("olmoe"), 2);
  EXPECT_EQ(layer.router.config.normalisation, Normalisation::none);
  EXPECT_EQ(layer.router.weight(15, 63), -0x1.f4p-5F);
  EXPECT_EQ(layer.experts.ffn[5].gate(103, 1), 0x1.56p-5F);
  EXPECT_EQ(layer.experts.ffn[5].up(102, 2), 0x1.9ep-6F);
  EXPECT_EQ(layer.experts.ffn[5].down(3, 103), -0x1.3ep-5F);
}

}  // namespace
}  // namespace moe::io
