// From the keys of a config.json to a Model: one function for each family of
// architectures. For the sources of this folder only.
#pragma once
#include <span>

#include "reference/accounting/model.h"
#include "reference/accounting/settings.h"
#include "reference/accounting/size.h"

namespace moe::accounting {

/// One model_type and the function that reads it.
struct Family {
  const char* model_type;
  void (*read)(Settings& s, Model& m);
};

/// Decoders of attention and experts: Mixtral, gpt-oss, ...
std::span<const Family> plain_families();
/// Qwen, with and without linear attention.
std::span<const Family> qwen_families();
/// DeepSeek and what follows it: Kimi, GLM, LongCat.
std::span<const Family> deepseek_families();
/// Where most mixers are not attention: Jamba, Nemotron.
std::span<const Family> hybrid_families();
/// MiniMax, with lightning attention and without.
std::span<const Family> minimax_families();
/// Llama 4, Hunyuan, ERNIE.
std::span<const Family> single_families();
/// Arctic, Grok-1, GLaM.
std::span<const Family> native_families();
/// Encoder and decoder: Switch, ST-MoE, NLLB.
std::span<const Family> two_stack_families();

// ------------------------------------------------- what families share

/// D, V, whether one table is both embedding and head, longest context.
void read_trunk(Settings& s, Model& m, bool tied_if_absent);

/// L.
Index read_layer_count(Settings& s);

/// h, g, a of softmax attention; `bias` names the key of the biases of q, k,
/// v and o, or is empty.
Mixer read_attention(Settings& s, const Model& m, std::string_view bias);

/// MLA, with the sparse-attention indexer where its keys are there.
Mixer read_latent(Settings& s);

/// E and K, groups, and f_e under the first of these keys that is there.
Mixture read_mixture(Settings& s, Keys hidden);

/// Says that MTP modules are left out, if the config has any.
void note_unknown_mtp(Settings& s, Model& m);

/// layer_types, which must have one word for each layer, each one of `known`.
std::optional<std::vector<std::string>> read_layer_types(
    Settings& s, Index L, std::initializer_list<std::string_view> known);

/// Gives every softmax mixer its window: sliding_window, on the layers that
/// layer_types calls sliding_attention, or on all where `everywhere`.
void read_windows(Settings& s, Model& m, bool everywhere);

}  // namespace moe::accounting
