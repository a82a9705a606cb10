// The choices of a router: the switches of the token-choice pipeline.
// The pipeline itself is told in reference/router.h.
#pragma once
#include <limits>

#include "reference/types.h"

namespace moe {

/// Score of each expert, from its logit z (spec: pipeline step 3).
enum class Score { logit, softmax, sigmoid, sqrt_softplus };

/// What training adds to the logits, drawn by token and expert; or, of the
/// jitters, multiplies by (by token and column).
enum class Noise {
  none,
  gaussian,          ///< z + (noise / E) n (V-MoE)
  learned_gaussian,  ///< z + (softplus(x W_noise^T) + noise) n (Shazeer)
  input_jitter,      ///< x (1 - noise + 2 noise u), 0 <= u < 1 (Switch)
  layer_jitter,      ///< the same, and the experts see it too (Phi-3.5-MoE)
};

/// How the K experts of a token are found (step 6).
enum class Choice {
  top_k,  ///< those with the largest keys
  table,  ///< row `id` of the router's table (hash layers)
  random,  ///< drawn: in training K for the whole batch, else for each token
           ///< K, any of which may be equal (THOR)
  balanced,  ///< in training T/E tokens for each expert, by auction; else top_k
             ///< (BASE)
  near_tie,  ///< in training drawn among the logits that nearly tie with the
             ///< largest left; else top_k (SparseMixer)
};

/// What the choice ranks: the score, or the score plus a bias that has no
/// part in the weight (DeepSeek-V3's correction bias).
enum class SelectionKey { score, score_plus_bias };

/// How an expert group is judged where only some groups may be chosen from.
enum class GroupScore { max, sum_of_top2 };

/// Raw weight of a chosen expert (step 7).
enum class RawWeight {
  score,              ///< its score
  softmax_of_chosen,  ///< softmax over the K chosen logits
  sigmoid_of_chosen,  ///< sigmoid of its logit
  near_tie_softmax,   ///< SparseMixer: softmax over the logits that nearly tie
  one,                ///< 1 (hash layers, THOR)
};

/// What the K raw weights are divided by (step 8).
enum class Normalisation {
  none,
  sum,      ///< sum + epsilon
  max_sum,  ///< max(sum, epsilon)
  l2,       ///< sqrt(sum of squares) + epsilon
};

/// Where a weight acts (step 11): on what the expert returns, or on what it
/// is given (Llama 4).
enum class WeightOn { output, input };

/// Which slots after the first are used (the second expert of GShard, Mesh
/// and ST-MoE; adaptive K).
enum class LaterSlots {
  all,
  none,             ///< the others only count in the normalisation
  above_threshold,  ///< those whose weight is above the threshold
  until_mass,  ///< those before which the scores sum to less than it (top-p)
  random,  ///< with probability min(1, weight / threshold), drawn (GShard)
};

/// Choose only among the `kept` best of `count` equal groups of experts.
struct GroupLimit {
  Index count = 1;  ///< G, groups there are
  Index kept = 1;   ///< groups that may be chosen from
  GroupScore score = GroupScore::max;  ///< how a group is judged
  /// What the key of an expert outside the kept groups becomes. The authors'
  /// code says -infinity; Hugging Face's DeepSeek classes say 0.
  float excluded_key = -std::numeric_limits<float>::infinity();
};

/// The choices of a router.
struct RouterConfig {
  Index chosen = 1;  ///< K, experts per token
  Noise noise_kind = Noise::none;  ///< in training
  float noise = 0;                 ///< how much of it
  Score score = Score::softmax;           ///< from logits to scores
  Choice choice = Choice::top_k;          ///< how experts are found
  SelectionKey key = SelectionKey::score;  ///< what is ranked
  GroupLimit groups = {};  ///< no limit unless kept < count
  RawWeight raw_weight = RawWeight::score;  ///< before division
  Normalisation normalisation = Normalisation::none;  ///< the divisor
  float epsilon = 0;            ///< of the normalisation
  float scale = 1;              ///< routed scaling factor
  LaterSlots later = LaterSlots::all;  ///< an unused slot chooses expert -1
  float later_threshold = 0;           ///< of all but `all` and `none`
  float near_tie = 0.01F;       ///< SparseMixer's relative gap is twice this
  WeightOn weight_on = WeightOn::output;  ///< where the weight acts
  float input_epsilon = 1e-6F;  ///< of the router's input norm, where it has one
};

}  // namespace moe
