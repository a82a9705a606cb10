// What holds for every model.
#include <gtest/gtest.h>

#include "reference/accounting/flops.h"
#include "reference/accounting/stages.h"
#include "reference/accounting/step.h"
#include "tests/accounting/configs.h"

namespace moe::test {
namespace {

using accounting::Component;
using accounting::Counts;

// Sizes of which more is never less.
constexpr const char* kSizes[] = {"hidden_size", "d_model", "emb_size", "vocab_size", "intermediate_size", "moe_intermediate_size", "head_dim",
                                  "num_attention_heads", "num_key_value_heads", "num_local_experts", "num_experts", "n_routed_experts",
                                  "num_experts_per_tok", "n_shared_experts", "shared_expert_intermediate_size", "kv_lora_rank", "q_lora_rank",
                                  "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "num_layers", "num_hidden_layers", "d_ff", "d_kv",
                                  "num_heads", "moe_num_experts", "moe_k", "moe_topk", "zero_expert_num", "expert_ffn_hidden_size",
                                  "ffn_hidden_size", "index_n_heads", "index_head_dim", "mamba_d_state", "mamba_num_heads", "ssm_state_size",
                                  "moe_latent_size", "moe_shared_expert_intermediate_size", "linear_num_value_heads", "linear_key_head_dim",
                                  "num_nextn_predict_layers", "intermediate_size_mlp", "moe_num_shared_experts"};

TEST(AccountingProperties, MonotoneInEverySize) {
  int tried = 0;
  for (const std::string& name : config_names()) {
    const Config good = config(name);
    const Counts before = accounting::count(parsed(good));
    for (const char* key : kSizes) {
      Config larger = good;
      Config& keys = language(larger);
      if (!keys.contains(key) || !keys[key].is_number_integer()) continue;
      const bool derived = std::string(key) == "num_attention_heads" && keys["head_dim"].is_null();  // more heads, narrower ones
      if (derived && keys["attention_head_dim"].is_null() && keys["kv_lora_rank"].is_null()) continue;
      keys[key] = 2 * keys[key].get<Index>();
      if (!complaint(larger).empty()) continue;  // K beyond E, a list of another length, ...
      const Counts after = accounting::count(parsed(larger));
      EXPECT_GE(after.total, before.total) << name << " " << key;
      const bool dilutes = keys.contains("zero_expert_num") && std::string(key) == "zero_expert_num";
      if (!dilutes) {
        EXPECT_GE(after.c1, before.c1) << name << " " << key;
      }
      EXPECT_GE(after.mtp, before.mtp) << name << " " << key;
      tried++;
    }
  }
  EXPECT_GT(tried, 250);
}

TEST(AccountingProperties, ADenseModelIsAllActive) {
  for (const char* name : {"Llama-2-7B", "Llama-3-8B", "Llama-3-70B", "Llama-3.1-8B", "Llama-3.1-70B", "Qwen3-8B"}) {
    const Counts n = accounting::count(model(name));
    EXPECT_EQ(n.c1, n.total) << name;
    EXPECT_EQ(n[Component::routed_experts].total, 0) << name;
  }
}

TEST(AccountingProperties, EveryExpertChosenIsAllActive) {
  int tried = 0;
  for (const std::string& name : config_names()) {
    Config c = config(name);
    Config& keys = language(c);
    for (const auto& [k, e] : {std::pair{"num_experts_per_tok", "num_local_experts"}, {"num_experts_per_tok", "num_experts"},
                              {"num_experts_per_tok", "n_routed_experts"}, {"num_selected_experts", "num_experts"}, {"moe_k", "moe_num_experts"}})
      if (keys.contains(k) && keys.contains(e)) keys[k] = keys[e];
    if (keys.contains("experts_per_token")) keys["experts_per_token"] = keys["num_experts_per_tok"];
    const Counts n = accounting::count(parsed(c));
    if (keys.contains("zero_expert_num") || keys.contains("ffn_config") || keys.contains("moe_topk") || name.find("NLLB") == 0 || name == "Switch-C-2048.hub-as-published") continue;
    EXPECT_EQ(n.c1, n.total) << name;
    tried++;
  }
  EXPECT_GT(tried, 30);
}

TEST(AccountingProperties, MoreTokensCostMore) {
  using namespace accounting;
  for (const std::string& name : config_names()) {
    const Model m = model(name);
    double step = 0;
    Index decode = 0, prefill = 0, kept = 0, activations = 0;
    for (Index n = 1; n <= 1 << 16; n *= 4) {
      const double bytes = step_bytes(m, formats_stored(m), n, n, {}).sum();
      const bool chunked = name.starts_with("Llama-4");  // a token after a chunk's end sees fewer keys than one before
      EXPECT_GT(bytes, step) << name;
      EXPECT_TRUE(decode_flops(m, n) >= decode || chunked) << name;
      EXPECT_GT(prefill_flops(m, n, false), prefill) << name;
      EXPECT_GE(cache_bytes(m, n, {}), kept) << name;
      EXPECT_GT(training_bytes(m, n, 2, false, 0), activations) << name;
      step = bytes;
      decode = decode_flops(m, n);
      prefill = prefill_flops(m, n, false);
      kept = cache_bytes(m, n, {});
      activations = training_bytes(m, n, 2, false, 0);
    }
  }
}

TEST(AccountingProperties, SmallerFormatsAreSmaller) {
  using namespace accounting;
  for (const std::string& name : config_names()) {
    const std::vector<Weight> list = weights(model(name));
    Index before = std::numeric_limits<Index>::max();
    for (const Format f : {Format::f32, Format::bf16, Format::fp8, Format::nvfp4, Format::mxfp4}) {
      const Index bytes = bytes_of(list, formats_all(f));
      EXPECT_LT(bytes, before) << name << " " << name_of(f);
      before = bytes;
    }
  }
}

TEST(AccountingProperties, TyingRemovesOneTable) {
  for (const char* name : {"Mixtral-8x7B", "DeepSeek-V3", "gpt-oss-20b"}) {
    Config c = config(name);
    const Counts untied = accounting::count(parsed(c));
    c["tie_word_embeddings"] = true;
    const Counts tied = accounting::count(parsed(c));
    EXPECT_EQ(untied.total - tied.total, untied[Component::embedding].total) << name;
    EXPECT_EQ(tied.c1, tied.c2) << name;
    EXPECT_EQ(tied.c3, untied.c3) << name;
  }
}

// A group limit decides where tokens go, not how many parameters they meet.
TEST(AccountingProperties, GroupsChangeNoCount) {
  Config c = config("DeepSeek-V3");
  const Index before = accounting::count(parsed(c)).c1;
  c["n_group"] = 1;
  c["topk_group"] = 1;
  EXPECT_EQ(accounting::count(parsed(c)).c1, before);
}

}  // namespace
}  // namespace moe::test
