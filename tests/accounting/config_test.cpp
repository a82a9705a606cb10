// Configs that are wrong: one clear error that names the key, never a crash, never a guess.
#include <gtest/gtest.h>

#include <random>

#include "tests/accounting/configs.h"

namespace moe::test {
namespace {

bool names(const std::string& message, const std::string& key) { return message.find(key) != std::string::npos; }

// Keys that decide something, whatever the model.
bool is_used(const std::string& name, const std::string& key) {
  const accounting::Model m = model(name);
  return std::find(m.unused.begin(), m.unused.end(), key) == m.unused.end();
}

TEST(AccountingConfig, NonsenseInAKeyNamesTheKey) {
  int tried = 0;
  for (const std::string& name : config_names()) {
    const Config good = config(name);
    Config copy = good;
    for (const auto& [key, value] : language(copy).items()) {
      if (value.is_null() || value.is_object() || !is_used(name, key)) continue;
      for (const Config& nonsense : {Config("nonsense"), Config(-7), Config(1.5), Config(Config::array({"x"}))}) {
        if (key == "sliding_window" || key == "max_position_embeddings") continue;  // only where it is asked for
        Config bad = good;
        language(bad)[key] = nonsense;
        const std::string message = complaint(bad);
        EXPECT_TRUE(names(message, key)) << name << ": " << key << " = " << nonsense << " gives '" << message << "'";
        tried++;
      }
    }
  }
  EXPECT_GT(tried, 1500);
}

TEST(AccountingConfig, AMissingSizeNamesTheKey) {
  for (const char* key : {"hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads", "num_local_experts", "num_experts_per_tok",
                          "intermediate_size", "model_type"}) {
    Config c = config("Mixtral-8x7B");
    c.erase(key);
    EXPECT_TRUE(names(complaint(c), key)) << key << ": " << complaint(c);
  }
}

struct Contradiction {
  const char* model;
  const char* key;
  Config value;
};

TEST(AccountingConfig, ContradictionsNameTheKey) {
  const std::vector<Contradiction> all{
      {"Mixtral-8x7B", "num_experts_per_tok", 9},
      {"Mixtral-8x7B", "num_attention_heads", 31},
      {"Mixtral-8x7B", "num_key_value_heads", 33},
      {"Mixtral-8x7B", "num_key_value_heads", 7},
      {"Mixtral-8x7B", "num_experts", 9},           // num_local_experts says 8
      {"Mixtral-8x7B", "moe_latent_size", 1024},    // nobody knows what it would mean here
      {"Mixtral-8x7B", "n_shared_experts", 2},
      {"Mixtral-8x7B", "attention_bias", true},
      {"Mixtral-8x7B", "model_type", "mixtral_of_tomorrow"},
      {"Mixtral-8x7B", "torch_dtype", "int3"},
      {"gpt-oss-20b", "experts_per_token", 5},
      {"gpt-oss-20b", "num_hidden_layers", 25},     // layer_types has 24
      {"Hunyuan-A13B", "num_hidden_layers", 33},
      {"Hunyuan-A13B", "use_cla", true},
      {"MiniMax-M1-80k", "num_hidden_layers", 81},
      {"Nemotron-3-Nano-30B-A3B", "num_hidden_layers", 53},
      {"Nemotron-3-Nano-30B-A3B", "hybrid_override_pattern", "MEX"},
      {"DeepSeek-V3", "n_group", 7},
      {"DeepSeek-V3", "topk_group", 9},
      {"DeepSeek-V3", "first_k_dense_replace", 62},
      {"Switch-Base-8", "is_gated_act", true},      // feed_forward_proj says relu
      {"LongCat-Flash-Chat", "num_hidden_layers", 27},
      {"LongCat-Flash-Chat", "moe_topk", 769},
  };
  for (const Contradiction& c : all) {
    Config bad = config(c.model);
    language(bad)[c.key] = c.value;
    const std::string message = complaint(bad);
    EXPECT_TRUE(names(message, c.key))
        << c.model << ": " << c.key << " = " << c.value << " gives '" << message << "'";
  }
}

TEST(AccountingConfig, CountsBeyond63BitsAreRefused) {
  Config c = config("Mixtral-8x7B");
  for (const char* key : {"hidden_size", "intermediate_size", "vocab_size"}) c[key] = Index{1} << 40;
  EXPECT_TRUE(names(complaint(c), "2^63")) << complaint(c);
  c = config("Mixtral-8x7B");
  c["vocab_size"] = Config::parse("99999999999999999999999");
  EXPECT_TRUE(names(complaint(c), "vocab_size")) << complaint(c);
}

TEST(AccountingConfig, WhatIsNotGivenIsListed) {
  const auto assumes = [](const std::string& name, const std::string& what) {
    const accounting::Model m = model(name);
    return std::any_of(m.assumed.begin(), m.assumed.end(), [&](const std::string& a) { return names(a, what); });
  };
  EXPECT_TRUE(assumes("Mixtral-8x7B", "head_dim: 128"));
  EXPECT_TRUE(assumes("Llama-4-Maverick-17B-128E", "tie_word_embeddings: false"));
  EXPECT_TRUE(assumes("NLLB-MoE-54B", "num_experts_per_tok: 2"));
  EXPECT_TRUE(assumes("Qwen1.5-MoE-A2.7B", "qkv_bias: true"));
  EXPECT_TRUE(assumes("Switch-C-2048.hub-as-published", "tie_word_embeddings: true"));
  EXPECT_FALSE(assumes("Qwen3-30B-A3B", "head_dim"));
}

// The same model, said differently.
TEST(AccountingConfig, ShapesOfAConfig) {
  const Index mixtral = accounting::count(model("Mixtral-8x7B")).total;
  Config nested;
  nested["model_type"] = "a_wrapper";
  nested["text_config"] = config("Mixtral-8x7B");
  EXPECT_EQ(accounting::count(parsed(nested)).total, mixtral);
  Config null = config("Mixtral-8x7B");
  null["head_dim"] = nullptr;
  EXPECT_EQ(accounting::count(parsed(null)).total, mixtral);
  Config jamba = config("Jamba-v0.1");
  jamba["mamba_dt_rank"] = "auto";
  EXPECT_EQ(accounting::count(parsed(jamba)).total, accounting::count(model("Jamba-v0.1")).total);
  Config coder = config("Qwen3-30B-A3B");
  coder["use_qk_norm"] = true;
  coder["qkv_bias"] = false;
  coder["shared_expert_intermediate_size"] = 0;
  EXPECT_EQ(accounting::count(parsed(coder)).total, accounting::count(model("Qwen3-30B-A3B")).total);
  coder["shared_expert_intermediate_size"] = 512;
  EXPECT_TRUE(names(complaint(coder), "shared_expert_intermediate_size"));
  Config worded = config("DeepSeek-V3");
  worded["mlp_layer_types"] = std::vector<std::string>(61, "sparse");
  EXPECT_TRUE(names(complaint(worded), "mlp_layer_types")) << "first_k_dense_replace says 3";
  for (int i = 0; i < 3; i++) worded["mlp_layer_types"][static_cast<std::size_t>(i)] = "dense";
  worded.erase("first_k_dense_replace");
  EXPECT_EQ(accounting::count(parsed(worded)).total, accounting::count(model("DeepSeek-V3")).total);
  Config nemotron = config("Nemotron-3-Nano-30B-A3B");
  for (const char letter : nemotron["hybrid_override_pattern"].get<std::string>())
    nemotron["layers_block_type"].push_back(letter == 'M' ? "mamba" : letter == 'E' ? "moe" : "attention");
  nemotron.erase("hybrid_override_pattern");
  EXPECT_EQ(accounting::count(parsed(nemotron)).total, accounting::count(model("Nemotron-3-Nano-30B-A3B")).total);
  Config llama4 = config("Llama-4-Maverick-17B-128E");
  const auto full_layers = [&] {
    Index full = 0;
    for (const accounting::Layer& layer : parsed(llama4).layers) full += layer.mixers[0].chunk == 0 ? 1 : 0;
    return full;
  };
  EXPECT_EQ(full_layers(), 12);  // every fourth, where nothing is said
  language(llama4)["no_rope_layers"] = std::vector<int>(48, 1);
  EXPECT_EQ(full_layers(), 0);
  language(llama4)["no_rope_layers"][7] = 0;
  EXPECT_EQ(full_layers(), 1);
  language(llama4)["moe_layers"] = {1, 3};
  Index with_experts = 0;
  for (const accounting::Layer& layer : parsed(llama4).layers) with_experts += layer.mixture ? 1 : 0;
  EXPECT_EQ(with_experts, 2);
  const std::string text = R"({"model_type": "mixtral", "rope_theta": Infinity, "x": [-Infinity, NaN, "Infinity \" NaN"],)" + config("Mixtral-8x7B").dump().substr(1);
  EXPECT_THROW(accounting::parse_model(text, "config.json"), Error);  // model_type is there twice
}

TEST(AccountingConfig, DamagedFilesAreRefusedOrRead) {
  std::mt19937 random(1);
  int refused = 0, read = 0;
  for (const std::string& name : config_names()) {
    const std::string good = config_text(name);
    for (int i = 0; i < 60; i++) {
      std::string text = good;
      for (int j = 0; j <= i % 3; j++) {
        const std::size_t at = random() % text.size();
        if (i % 5 == 0)
          text.resize(at + 1);
        else if (i % 2 == 0)
          text.insert(at, 1, "0123456789-e.\"[]{},nN"[random() % 21]);
        else
          text[at] = static_cast<char>(random() % 256);
      }
      try {
        accounting::count(accounting::parse_model(text, "config.json"));
        read++;
      } catch (const Error& error) {
        refused++;
        EXPECT_TRUE(names(error.what(), "config.json") || names(error.what(), "2^63")) << error.what();
      }
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(read, 200);
}

TEST(AccountingConfig, WildSizesAreRefusedOrCounted) {
  std::mt19937_64 random(2);
  int refused = 0;
  for (const std::string& name : config_names()) {
    const Config good = config(name);
    for (int i = 0; i < 30; i++) {
      Config c = good;
      for (auto& [key, value] : language(c).items())
        if (value.is_number_integer() && random() % 4 == 0) value = random() >> (random() % 64);
      const std::string message = complaint(c);
      refused += message.empty() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace moe::test
