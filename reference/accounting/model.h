// What a model is, as far as its cost goes: one plain description, whatever
// the names of the keys in its config.json were.
//
// Letters of this folder, beside those of types.h: V vocabulary, L layers,
// h query heads, g key-value heads, a head width, a_v value head width.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "reference/types.h"

namespace moe::accounting {

/// What mixes tokens.
enum class MixerKind {
  attention,    ///< softmax attention: MHA, GQA, MQA
  latent,       ///< MLA: keys and values from one small vector per token
  delta_net,    ///< gated delta net (Qwen3-Next)
  lightning,    ///< lightning attention (MiniMax-01)
  mamba1,       ///< Jamba
  mamba2,       ///< Nemotron-H
};

/// Norms of queries and keys that have weights.
enum class HeadNorm { none, per_head, over_all_heads };

/// A mixer: the sizes its kind uses, the others zero.
struct Mixer {
  MixerKind kind = MixerKind::attention;  ///< what follows depends on it
  Index heads = 0;      ///< h; value heads of a delta net; heads of Mamba-2
  Index kv_heads = 0;   ///< g; key heads of a delta net; groups of Mamba-2
  Index key_width = 0;  ///< a
  Index value_width = 0;  ///< a_v
  bool qkv_bias = false;     ///< of attention; in MLA of the two down-products
  bool output_bias = false;  ///< of the product after the heads
  bool output_gate = false;  ///< queries are twice as wide (Qwen3-Next)
  bool sinks = false;        ///< one number a head (gpt-oss)
  HeadNorm norm = HeadNorm::none;  ///< of q and k
  Index window = 0;  ///< keys a token sees at most; 0: all
  Index chunk = 0;   ///< attention inside chunks of this length; 0: no chunks
  bool cross = false;      ///< keys come from the encoder
  Index query_rank = 0;    ///< MLA r_q; 0: queries straight from D
  Index latent_rank = 0;   ///< MLA r_kv
  Index rope_width = 0;    ///< MLA a_rope; key_width is then a_nope
  Index index_heads = 0;   ///< n_i of the sparse-attention indexer
  Index index_width = 0;   ///< a_i
  Index index_keys = 0;    ///< keys it leaves
  Index inner_width = 0;   ///< Mamba
  Index state = 0;         ///< Mamba N
  Index convolution = 0;   ///< c taps
  Index step_rank = 0;     ///< Mamba-1 dt rank r
  bool convolution_bias = false;  ///< Mamba
  bool projection_bias = false;   ///< Mamba
  /// Field by field.
  bool operator==(const Mixer&) const = default;
};

/// A feed-forward network that every token meets.
struct DenseFfn {
  Index hidden = 0;     ///< f
  bool gated = true;    ///< three matrices, not two
  bool biases = false;  ///< of all of them
  /// Field by field.
  bool operator==(const DenseFfn&) const = default;
};

/// Routed and shared experts behind a router.
struct Mixture {
  Index experts = 0;       ///< E
  Index chosen = 0;        ///< K
  Index zero_experts = 0;  ///< Z that compute nothing (LongCat)
  Index hidden = 0;        ///< f_e
  bool gated = true;       ///< three matrices, not two
  bool biases = false;     ///< of the experts
  Index latent = 0;        ///< m: experts work in this width; 0: in D
  bool router_bias = false;      ///< added to the logits
  bool correction_bias = false;  ///< chooses, does not weigh
  Index shared_hidden = 0;       ///< s of all shared experts together
  bool shared_gate = false;      ///< sigmoid gate of the shared expert
  Index groups = 1;         ///< expert groups of a group-limited choice
  Index chosen_groups = 1;  ///< groups a token may choose from
  /// Field by field.
  bool operator==(const Mixture&) const = default;
};

/// One layer.
struct Layer {
  std::vector<Mixer> mixers = {};        ///< none, one, or two
  std::vector<DenseFfn> dense = {};      ///< none, one, or two
  std::optional<Mixture> mixture = {};   ///< the experts, if it has any
  Index norms = 2;                  ///< norms of D numbers (twice: biases)
  bool encoder = false;             ///< of an encoder
  /// Field by field.
  bool operator==(const Layer&) const = default;
};

/// Heads that predict further tokens, apart from the model.
struct Mtp {
  Index modules = 0;               ///< how many of these
  std::vector<Layer> layers;       ///< of one module
  bool stored_tables = false;      ///< embedding and head once more on disk
};

/// How the checkpoint stores numbers, as config.json says.
struct Storage {
  std::string number = "bf16";   ///< of everything that is not quantised
  std::string linear;            ///< of quantised linear layers; "": as number
  bool experts_only = false;     ///< only the routed experts are quantised
  std::string router;            ///< of the router's matrix; "": as number
};

/// A model.
struct Model {
  std::string name;        ///< as shown
  std::string model_type;  ///< of its config.json
  Index width = 0;         ///< D
  Index vocabulary = 0;    ///< V
  bool tied = false;       ///< one table is embedding and head
  bool head_bias = false;  ///< V more numbers
  Index norm_parts = 1;    ///< 2: norms have biases
  Index final_norms = 1;   ///< after the last layer (encoder, decoder: 2)
  Index position_buckets = 0;    ///< T5: relative biases a head
  Index position_heads = 0;      ///< heads of encoder and decoder together
  std::vector<Layer> layers;     ///< in order
  Mtp mtp;                       ///< beside the model
  Storage storage;               ///< of its checkpoint
  Index longest = 0;             ///< context it was made for; 0: not said
  std::vector<std::string> assumed;      ///< values that were not given
  std::vector<std::string> not_counted;  ///< what it has and is left out
  std::vector<std::string> doubts;       ///< what does not fit together
  std::vector<std::string> unused;       ///< keys that change no count
};

}  // namespace moe::accounting
