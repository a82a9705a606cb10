// Checkpoints of kinds that no bundled one has, layer files without tokens, and losses that only some families have.
#include <cmath>
#include <set>

#include "reference/io/array_values.h"
#include "reference/io/npz.h"
#include "tests/cli/program.h"
#include "tests/io/support.h"

namespace moe::test {
namespace {

using io::Array;
using io::testing::f32_tensor;
using io::testing::Tensor;

// Numbers of about one, all different.
Tensor tensor(const std::string& name, const Shape& shape) {
  Index n = 1;
  for (const Index size : shape) n *= size;
  std::vector<float> values;
  for (Index i = 0; i < n; i++) values.push_back(std::sin(float(i) * 1.7F + float(name.size())));
  return f32_tensor(name, shape, values);
}

Json run_checkpoint(const std::string& config, const std::vector<Tensor>& tensors) {
  const Folder folder;
  write_file(folder / "config.json", config);
  write_file(folder / "model.safetensors", io::testing::safetensors(tensors));
  const Outcome r = run_moe({"model", folder.path().string(), "--json"});
  EXPECT_EQ(r.status, 0) << r.err;
  return r.json();
}

TEST(CliModel, NemotronWithALatentSpace) {
  const std::string config = R"({"model_type":"nemotron_h","hidden_size":6,"moe_intermediate_size":5,"n_routed_experts":3,
    "num_experts_per_tok":2,"n_shared_experts":1,"moe_shared_expert_intermediate_size":7,"moe_latent_size":4,
    "routed_scaling_factor":5.0,"mlp_hidden_act":"relu2","hybrid_override_pattern":"ME*"})";
  const std::string block = "backbone.layers.1.mixer.";
  std::vector<Tensor> tensors{tensor(block + "gate.weight", {3, 6}), tensor(block + "gate.e_score_correction_bias", {3}),
                              tensor(block + "shared_experts.up_proj.weight", {7, 6}), tensor(block + "shared_experts.down_proj.weight", {6, 7}),
                              tensor(block + "fc1_latent_proj.weight", {4, 6}), tensor(block + "fc2_latent_proj.weight", {6, 4})};
  for (const char* e : {"0", "1", "2"}) {
    tensors.push_back(tensor(block + "experts." + e + ".up_proj.weight", {5, 4}));
    tensors.push_back(tensor(block + "experts." + e + ".down_proj.weight", {4, 5}));
  }
  const Json j = run_checkpoint(config, tensors);
  ASSERT_EQ(j["layers"].size(), 1U);
  const Json& layer = j["layers"][0];
  EXPECT_EQ(layer["layer"], 1);
  EXPECT_EQ(layer["ok"], true);
  EXPECT_EQ(layer["stages"]["latent"]["shape"], Json({16, 4}));
  EXPECT_EQ(layer["stages"]["hidden"]["shape"], Json({32, 5}));
  EXPECT_EQ(layer["stages"]["shared"]["shape"], Json({16, 6}));
}

TEST(CliModel, HunyuansOwnClass) {
  const std::string config = R"({"model_type":"hunyuan","hidden_size":6,"intermediate_size":77,"moe_intermediate_size":[5,5],
    "num_experts":3,"moe_topk":[2,2],"num_shared_expert":[1,1],"use_mixed_mlp_moe":true,"moe_layer_num_skipped":0,
    "num_hidden_layers":2,"norm_topk_prob":true,"hidden_act":"silu"})";
  std::vector<Tensor> tensors;
  const auto add_network = [&](const std::string& stem) {
    tensors.push_back(tensor(stem + "gate_proj.weight", {5, 6}));
    tensors.push_back(tensor(stem + "up_proj.weight", {5, 6}));
    tensors.push_back(tensor(stem + "down_proj.weight", {6, 5}));
  };
  for (const char* layer : {"0", "1"}) {
    const std::string block = std::string("model.layers.") + layer + ".mlp.";
    tensors.push_back(tensor(block + "gate.wg.weight", {3, 6}));
    add_network(block + "shared_mlp.");
    for (const char* e : {"0", "1", "2"}) add_network(block + "experts." + e + ".");
  }
  const Json j = run_checkpoint(config, tensors);
  ASSERT_EQ(j["layers"].size(), 2U);
  for (const Json& layer : j["layers"]) {
    EXPECT_EQ(layer["ok"], true);
    EXPECT_EQ(layer["stages"]["selected"]["shape"], Json({16, 2}));
    EXPECT_EQ(layer["stages"]["hidden"]["shape"], Json({32, 5}));
  }
}

TEST(CliModel, TellsTheHealthOfEveryLayer) {
  const Outcome r = run_moe({"model", data("checkpoints/deepseek-v3-tiny"), "--json", "--tier", "reference"});
  ASSERT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  for (const Json& layer : j["layers"]) {
    const Json& health = layer["health"];
    double sum = 0, most = 0, squares = 0;
    for (const Json& n : health["load"]) {
      sum += n.get<double>();
      most = std::max(most, n.get<double>());
      squares += n.get<double>() * n.get<double>();
    }
    const double E = double(health["load"].size()), mean = sum / E;
    const Json& shape = layer["stages"]["selected"]["shape"];
    EXPECT_EQ(sum, shape[0].get<double>() * shape[1].get<double>());
    EXPECT_NEAR(health["max_over_mean"].get<double>(), most / mean, 1e-6 * most / mean);
    EXPECT_NEAR(health["load_cv"].get<double>(), std::sqrt(squares / E - mean * mean) / mean, 1e-5);
    EXPECT_EQ(health["drop_rate"], 0);
    EXPECT_TRUE(health["dead_experts"].is_array());
    for (const char* key : {"entropy", "entropy_of_mean"}) {
      EXPECT_GT(health[key].get<double>(), 0.5) << key;
      EXPECT_LE(health[key].get<double>(), 1.00001) << key;
    }
    EXPECT_NEAR(health["balance"].get<double>(), 1, 0.2);
  }
  const std::string text = run_moe({"model", data("checkpoints/deepseek-v3-tiny"), "--tier", "reference"}).out;
  EXPECT_NE(text.find("load max/mean"), std::string::npos) << text;
}

// A layer file with one more expectation: a number.
void write_with_loss(const std::string& from, const std::string& name, double value, const std::string& to) {
  std::vector<Array> arrays = io::read_npz(from).arrays();
  arrays.push_back(io::make_array(name, io::DType::f64, {}, std::as_bytes(std::span(&value, 1))));
  io::write_npz(to, arrays);
}

std::vector<double> doubles(const io::ArrayTable& file, const std::string& name) { return io::to_f64(file.at(name)); }

// sum over e of f_e P_e in binary64, with f_e = E n_e / count.
double balance(const std::vector<double>& p, const std::vector<int>& chosen, std::size_t E) {
  std::vector<double> n(E, 0), P(E, 0);
  const std::size_t T = p.size() / E;
  for (const int e : chosen) n[std::size_t(e)]++;
  for (std::size_t i = 0; i < p.size(); i++) P[i % E] += p[i] / double(T);
  double sum = 0;
  for (std::size_t e = 0; e < E; e++) sum += double(E) * n[e] / double(chosen.size()) * P[e];
  return sum;
}

// The K best of each row, the scores themselves where divided by their sum or a softmax.
struct Read {
  std::vector<double> p;
  std::vector<int> best;
};

Read read_scores(const std::string& path, std::size_t E, std::size_t K, bool sigmoid) {
  const std::vector<double> z = doubles(io::read_npz(path), "out.router_logits");
  Read r;
  for (std::size_t t = 0; t * E < z.size(); t++) {
    std::vector<double> s;
    double sum = 0;
    for (std::size_t e = 0; e < E; e++) s.push_back(sigmoid ? 1 / (1 + std::exp(-z[t * E + e])) : std::exp(z[t * E + e]));
    for (const double v : s) sum += v;
    for (const double v : s) r.p.push_back(v / sum);
    std::set<std::pair<double, int>> order;
    for (std::size_t e = 0; e < E; e++) order.emplace(-s[e], int(e));
    auto next = order.begin();
    for (std::size_t k = 0; k < K; k++) r.best.push_back((next++)->second);
  }
  return r;
}

void expect_judged(const std::string& file, double loss) {
  const Folder folder;
  for (const double factor : {1.0, 1.001}) {
    write_with_loss(file, "out.aux_load_balance", factor * loss, folder / "loss.npz");
    const Outcome r = run_moe({"layer", folder / "loss.npz", "--json", "--tier", "reference"});
    EXPECT_EQ(r.status, factor == 1 ? 0 : 1) << file << r.err;
    EXPECT_EQ(r.json()["expected"]["aux_load_balance"]["ok"], factor == 1) << file;
    EXPECT_EQ(r.err.find("out.aux_load_balance"), std::string::npos) << r.err;
  }
}

TEST(CliLosses, NllbCountsFirstChoicesOfTheBatch) {
  const std::string file = data("vectors/layers/nllb_top2_fifo_norm_first.npz");
  const Index E = io::read_npz(file).at("in.router_w").shape[0];
  const Read r = read_scores(file, std::size_t(E), 1, false);
  expect_judged(file, balance(r.p, r.best, std::size_t(E)));
  // As Hugging Face's class has it: the mean of what is left after dropping.
  expect_judged(file, balance(doubles(io::read_npz(file), "out.combine"), r.best, std::size_t(E)));
}

TEST(CliLosses, DeepSeekDividesSigmoidsByTheirSum) {
  const std::string file = data("vectors/layers/deepseek_v3_ref_bias.npz");
  const io::ArrayTable arrays = io::read_npz(file);
  const auto E = std::size_t(arrays.at("in.router_w").shape[0]), K = std::size_t(arrays.at("out.topk_idx").shape[1]);
  const Read r = read_scores(file, E, K, true);
  expect_judged(file, balance(r.p, r.best, E));
  const std::vector<std::int32_t> chosen = io::to_i32(arrays.at("out.topk_idx"));
  ASSERT_NE(std::multiset<int>(r.best.begin(), r.best.end()), std::multiset<int>(chosen.begin(), chosen.end())) << "the bias matters";
  expect_judged(file, balance(r.p, {chosen.begin(), chosen.end()}, E));
}

TEST(CliLosses, WhatHasNoConventionIsNamed) {
  const Folder folder;
  write_with_loss(data("vectors/layers/llama4_top1.npz"), "out.aux_load_balance", 1, folder / "loss.npz");
  const Outcome r = run_moe({"layer", folder / "loss.npz", "--tier", "reference"});
  EXPECT_EQ(r.status, 0);
  EXPECT_NE(r.err.find("not compared: "), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("out.aux_load_balance"), std::string::npos) << r.err;
}

// A layer file without tokens. `at`: the axis that counts them; arrays of one number become 0.
void write_without_tokens(const std::string& from, std::size_t at, const std::string& to, const std::set<std::string>& per_token) {
  std::vector<Array> arrays;
  const double zero = 0;
  for (const Array& array : io::read_npz(from).arrays()) {
    if (per_token.contains(array.name)) {
      Shape shape = array.shape;
      shape.at(at) = 0;
      arrays.push_back(io::make_array(array.name, array.dtype, shape, {}));
    } else if (array.name.starts_with("out.aux_") && array.shape.empty()) {
      arrays.push_back(io::make_array(array.name, io::DType::f64, {}, std::as_bytes(std::span(&zero, 1))));
    } else if (!array.name.starts_with("out.")) {
      arrays.push_back(array);
    }
  }
  io::write_npz(to, arrays);
}

TEST(CliLayer, WithoutTokensEverythingExpectedIsMet) {
  const Folder folder;
  const struct {
    const char* file;
    std::size_t axis;
    std::set<std::string> per_token;
  } cases[] = {{"mixtral_small", 0, {"in.x", "out.y", "out.router_logits", "out.topk_idx", "out.topk_w"}},
               {"deepseek_v3_hf", 0, {"in.x", "out.y", "out.router_logits", "out.topk_idx", "out.topk_w"}},
               {"nllb_top2_fifo_norm_first", 0, {"in.x", "out.y", "out.router_logits", "out.combine"}},
               {"expert_choice", 0, {"in.x", "out.y", "out.gates"}},
               {"expert_choice", 1, {"in.x", "out.y", "out.gates"}},
               {"soft_moe_vmoe", 0, {"in.x", "out.y", "out.dispatch"}},
               {"soft_moe_vmoe", 1, {"in.x", "out.y", "out.dispatch"}},
               {"t2t_hier_roomy", 0, {"in.x", "out.y"}},
               {"t2t_hier_roomy", 1, {"in.x", "out.y"}}};
  for (const auto& c : cases) {
    write_without_tokens(data(std::string("vectors/layers/") + c.file + ".npz"), c.axis, folder / "empty.npz", c.per_token);
    const Outcome r = run_moe({"layer", folder / "empty.npz", "--json"});
    EXPECT_EQ(r.status, 0) << c.file << " axis " << c.axis << "\n" << r.err;
    if (r.status != 0) continue;
    const Json j = r.json();
    EXPECT_EQ(j["equal"], true) << c.file;
    EXPECT_EQ(j["ok"], true) << c.file;
    EXPECT_EQ(j["expected"]["output"]["compared"], 0) << c.file;
    EXPECT_EQ(j["expected"]["output"]["max_abs_error"], 0) << c.file;
    EXPECT_EQ(j["expected"]["output"]["bound"], 0) << c.file;
  }
}

TEST(CliLayer, WithoutTokensALossIsZeroAndNothingElse) {
  const Folder folder;
  std::vector<Array> arrays;
  write_without_tokens(data("vectors/layers/mixtral_small.npz"), 0, folder / "empty.npz", {"in.x", "out.y"});
  for (const double value : {0.0, 0.5, std::nan("")}) {
    arrays.clear();
    const io::ArrayTable file = io::read_npz(folder / "empty.npz");
    for (const Array& array : file.arrays())
      if (array.name != "out.aux_z") arrays.push_back(array);
    arrays.push_back(io::make_array("out.aux_z", io::DType::f64, {}, std::as_bytes(std::span(&value, 1))));
    io::write_npz(folder / "loss.npz", arrays);
    EXPECT_EQ(run_moe({"layer", folder / "loss.npz", "--tier", "reference"}).status, value == 0 ? 0 : 1) << value;
  }
}

// Expectations for tokens that the file does not have are bad input.
TEST(CliLayer, WithoutTokensExpectationsOfTokensAreRefused) {
  const Folder folder;
  write_without_tokens(data("vectors/layers/mixtral_small.npz"), 0, folder / "empty.npz", {"in.x"});
  const io::ArrayTable full = io::read_npz(data("vectors/layers/mixtral_small.npz")), empty = io::read_npz(folder / "empty.npz");
  std::vector<Array> arrays(empty.arrays().begin(), empty.arrays().end());
  arrays.push_back(full.at("out.y"));
  io::write_npz(folder / "lies.npz", arrays);
  const Outcome r = run_moe({"layer", folder / "lies.npz"});
  EXPECT_EQ(r.status, 2);
  EXPECT_NE(r.err.find("out.y"), std::string::npos) << r.err;
}

}  // namespace
}  // namespace moe::test
