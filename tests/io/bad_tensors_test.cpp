// Tensors that do not fit are named; MXFP4 blocks are decoded in place.
#include <cmath>
#include <functional>

#include "reference/numerics/formats.h"
#include "tests/io/family_folders.h"

namespace moe::io {
namespace {

std::vector<Tensor> mixtral_tensors() {
  std::vector<Tensor> tensors;
  for (const char* prefix :
       {"model.layers.0.block_sparse_moe.", "model.layers.1.block_sparse_moe."}) {
    Draft draft(prefix, 2);
    draft.add_router("gate.weight");
    draft.add_separate("w1", "w3", "w2");
    tensors.insert(tensors.end(), draft.tensors.begin(), draft.tensors.end());
  }
  return tensors;
}

void expect_layer_refused(const std::vector<Tensor>& tensors,
                          const std::vector<std::string>& parts) {
  const Folder folder;
  write_model(folder, with_f(kMixtral, 2), tensors);
  expect_error([&] { Model(folder.path()).load_layer(1); }, parts);
}

TEST(BadTensors, AreNamedWithExpectedAndFound) {
  const std::string name = "model.layers.1.block_sparse_moe.experts.2.w3.weight";
  const auto with = [&](const std::function<void(Tensor&)>& change) {
    std::vector<Tensor> tensors = mixtral_tensors();
    for (Tensor& tensor : tensors)
      if (tensor.name == name) change(tensor);
    return tensors;
  };
  expect_layer_refused(with([](Tensor& t) { t.name = "other"; }), {name, "missing"});
  expect_layer_refused(with([](Tensor& t) {
                         t.shape = {5, 2};
                       }),
                       {"model.safetensors", name, "[2, 5]", "[5, 2]"});
  expect_layer_refused(with([](Tensor& t) { t.dtype = "I32"; }),
                       {"model.safetensors", name, "F32, F16 or BF16", "I32"});
  expect_layer_refused(with([](Tensor& t) {
                         t.dtype = "F8_E4M3";
                         t.bytes.resize(10);
                       }),
                       {"model.safetensors", name, "F32, F16 or BF16", "F8_E4M3"});
  expect_layer_refused(
      with([](Tensor& t) { t.bytes.replace(12, 4, std::string("\0\0\xc0\x7f", 4)); }),
      {"model.safetensors", name, "finite", "nan", "element 3"});
  expect_layer_refused(
      with([](Tensor& t) { t.bytes.replace(0, 4, std::string("\0\0\x80\x7f", 4)); }),
      {"model.safetensors", name, "finite", "inf", "element 0"});
  expect_layer_refused({}, {"array model.layers.0.block_sparse_moe.", "missing"});
}

TEST(BadTensors, NonFiniteIsLetThroughOnRequest) {
  std::vector<Tensor> tensors = mixtral_tensors();
  tensors.back().bytes.replace(0, 4, std::string("\0\0\xc0\x7f", 4));
  const Folder folder;
  write_model(folder, with_f(kMixtral, 2), tensors);
  const SparseLayer layer = Model(folder.path()).load_layer(1, NonFinite::allow);
  EXPECT_TRUE(std::isnan(layer.experts.ffn[2].down(0, 0)));
}

TEST(BadTensors, AConfigThatAsksForMoreThanTheFileHasIsRefusedAtOnce) {
  const Folder folder;
  write_model(
      folder,
      with_f(changed(kMixtral, R"("num_local_experts":3)", R"("num_local_experts":2000000000)"), 2),
      mixtral_tensors());
  expect_error([&] { Model(folder.path()).load_layer(1); },
               {"gate.weight", "[2000000000, 5]", "[3, 5]"});
}

// ------------------------------------------------------------------------------------------------
// mxfp4

TEST(Mxfp4, PublishedGptOssBlocksAreDecodedInPlace) {
  constexpr float kCodes[16] = {0,     0.5F,  1,  1.5F,  2,  3,  4,  6,
                                -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};
  constexpr Index kD = 64;
  constexpr Index kF = 32;
  const auto code = [](Index i) { return static_cast<unsigned>((i * 7 + i / 13) % 16); };
  const auto scale = [](Index i) { return static_cast<unsigned>(120 + i % 11); };
  const auto tensor_pair = [&](const std::string& name, const Shape& shape,
                               std::vector<Tensor>& tensors) {
    const auto values = static_cast<Index>(*byte_count(DType::u8, shape));
    std::string blocks;
    std::string scales;
    for (Index i = 0; i < values; i += 2) blocks += static_cast<char>(code(i) | code(i + 1) << 4);
    for (Index i = 0; i < values / 32; ++i) scales += static_cast<char>(scale(i));
    tensors.push_back({name + "_blocks", "U8", {shape[0], shape[1], shape[2] / 32, 16}, blocks});
    tensors.push_back({name + "_scales", "U8", {shape[0], shape[1], shape[2] / 32}, scales});
  };
  const auto value = [&](Index i) {
    return kCodes[code(i)] * std::ldexp(1.0F, static_cast<int>(scale(i / 32)) - 127);
  };

  const std::string p = "model.layers.0.mlp.";
  std::vector<Tensor> tensors = {
      f32_tensor(p + "router.weight", {2, kD}, std::vector<float>(2 * kD, 1)),
      f32_tensor(p + "router.bias", {2}, {1, 2}),
      f32_tensor(p + "experts.gate_up_proj_bias", {2, 2 * kF}, std::vector<float>(4 * kF, 1)),
      f32_tensor(p + "experts.down_proj_bias", {2, kD}, std::vector<float>(2 * kD, 1))};
  tensor_pair(p + "experts.gate_up_proj", {2, 2 * kF, kD}, tensors);
  tensor_pair(p + "experts.down_proj", {2, kD, kF}, tensors);
  const std::string config =
      R"({"model_type":"gpt_oss","hidden_size":64,"intermediate_size":32,"num_local_experts":2,
          "num_experts_per_tok":1,"num_hidden_layers":1,"quantization_config":{"quant_method":"mxfp4"}})";
  const Folder folder;
  write_model(folder, config, tensors);
  const Model model(folder.path());
  EXPECT_EQ(model.info().storage, "mxfp4");
  const SparseLayer layer = model.load_layer(0);
  for (Index e = 0; e < 2; ++e) {
    const Ffn& ffn = layer.experts.ffn[std::size_t(e)];
    for (Index f = 0; f < kF; ++f)
      for (Index d = 0; d < kD; ++d) {
        ASSERT_EQ(ffn.gate(f, d), value((e * 2 * kF + 2 * f) * kD + d));
        ASSERT_EQ(ffn.up(f, d), value((e * 2 * kF + 2 * f + 1) * kD + d));
        ASSERT_EQ(ffn.down(d, f), value((e * kD + d) * kF + f));
      }
  }
  tensors[4].shape[3] = 8;
  tensors[4].bytes.resize(tensors[4].bytes.size() / 2);
  write_model(folder, config, tensors);
  expect_error([&] { Model(folder.path()).load_layer(0); },
               {"gate_up_proj_blocks", "[2, 64, 2, 16]", "[2, 64, 2, 8]"});
}

}  // namespace
}  // namespace moe::io
