#include "reference/io/layer_meta.h"

#include "reference/io/array_values.h"
#include "reference/io/meta_keys.h"

namespace moe::io {
namespace {

void read_topk_router(Meta& meta, RouterConfig& router) {
  router.chosen = meta.whole("k", 0);
  switch (meta.word(
      "router", {"softmax", "sigmoid", "topk_softmax", "sparsemixer"}, -1)) {
    case 0:
      router.score = Score::softmax;
      break;
    case 1:
      router.score = Score::sigmoid;
      break;
    case 2:
      router.score = Score::logit;
      router.raw_weight = RawWeight::softmax_of_chosen;
      break;
    default:
      router.score = Score::logit;
      router.raw_weight = RawWeight::near_tie_softmax;
  }
  router.near_tie = meta.number("jitter_eps", router.near_tie);
  // Llama 4 chooses by logit and weighs by the sigmoid of what it chose: in
  // the reals the same as sigmoid scores, without ties where they saturate.
  if (meta.word("weight_on", {"output", "input"}, 0) == 0) return;
  router.weight_on = WeightOn::input;
  if (router.score != Score::sigmoid) return;
  router.score = Score::logit;
  router.raw_weight = RawWeight::sigmoid_of_chosen;
}

void read_weights(Meta& meta, RouterConfig& router) {
  constexpr Normalisation kinds[] = {Normalisation::none, Normalisation::sum,
                                     Normalisation::l2};
  router.normalisation = kinds[meta.word("renorm", {"none", "sum", "l2"}, 0)];
  router.epsilon = meta.number("renorm_eps", 0);
  router.scale = meta.number("scale", 1);
}

void read_groups(Meta& meta, GroupLimit& groups) {
  groups.count = meta.whole("n_group", 1);
  groups.kept = meta.whole("topk_group", groups.count);
  groups.score = meta.word("group_score", {"max", "top2sum"}, 0) == 0
                     ? GroupScore::max
                     : GroupScore::sum_of_top2;
  const Json* masked = meta.find("mask_value");
  if (masked == nullptr || *masked == "-inf") return;
  if (!masked->is_number()) meta.refuse("mask_value", "\"-inf\" or a number");
  groups.excluded_key = meta.number("mask_value", 0);
}

// Switch: one expert, its probability as the weight; places per sequence.
// NLLB: two, with places for all first choices before any second; places of
// the whole batch.
void read_capacity(Meta& meta, LayerMeta& result) {
  RouterConfig& router = result.router;
  Capacity& capacity = result.capacity.emplace();
  capacity.places = meta.count("capacity");
  result.batch = meta.whole("batch", 0, true);
  if (meta.word("router", {"switch_top1", "top2"}, -1) == 0) {
    capacity.group = meta.whole("seq", 0, result.batch == 0);
    router.chosen = meta.only("k", 1, "router switch_top1");
    return;
  }
  meta.find("seq");  // its places are those of the whole batch
  router.chosen = meta.only("k", 2, "router top2");
  if (meta.flag("bpr", false)) capacity.priority = Priority::confidence;
  constexpr float eps = 2.220446e-16F;  // binary64's, as the code clamps
  if (meta.flag("normalize_before_dropping", true)) {
    router.normalisation = Normalisation::max_sum;
    router.epsilon = eps;
  } else {
    capacity.after = Normalisation::max_sum;
    capacity.epsilon = eps;
  }
}

// Tensor2Tensor's top 2, flat or at both of two levels.
void read_top2(Meta& meta, LayerMeta& result) {
  RouterConfig& router = result.router;
  meta.word("router", {"softmax", "top2"}, 0);
  router.chosen = meta.only("k", 2, "this kind");
  router.normalisation = Normalisation::sum;
  router.epsilon = meta.number("eps", 1e-9F);
  constexpr LaterSlots policies[] = {LaterSlots::all, LaterSlots::none,
                                     LaterSlots::above_threshold};
  router.later =
      policies[meta.word("second_policy", {"all", "none", "threshold"}, 0)];
  if (router.later == LaterSlots::above_threshold &&
      meta.find("threshold") == nullptr)
    meta.refuse("threshold", "a number, as second_policy is threshold");
  router.later_threshold = meta.number("threshold", 0);
  Capacity& capacity = result.capacity.emplace();
  capacity.rule = CapacityRule::mesh;
  capacity.factor = meta.positive("capacity_factor");
  const bool two_levels = result.kind == "hierarchical_top2_capacity";
  result.experts = meta.sizes("experts", two_levels ? 2 : 1);
  meta.find("nothing_dropped");
}

void read_soft(Meta& meta, LayerMeta& result) {
  constexpr SoftNormalisation kinds[] = {
      SoftNormalisation::none, SoftNormalisation::rms, SoftNormalisation::l2};
  result.soft =
      kinds[meta.word("soft", {"plain", "rmsnorm_gains", "l2_scale"}, -1)];
  result.experts = meta.sizes("experts", 1);
  result.slots = meta.sizes("slots", 1);
}

Activation read_act(Meta& meta) {
  Activation act;
  constexpr Nonlinearity functions[] = {Nonlinearity::silu, Nonlinearity::gelu,
                                        Nonlinearity::relu,
                                        Nonlinearity::swish};
  act.function =
      functions[meta.word("act", {"silu", "gelu", "relu", "gpt_oss"}, -1)];
  if (act.function == Nonlinearity::swish) {
    act = preset("gpt_oss").activation;
    act.slope = meta.number("alpha", act.slope);
  }
  act.limit = meta.number("limit", act.limit);
  return act;
}

// A shared expert, where the kind may have one.
void read_shared(Meta& meta, LayerMeta& result) {
  constexpr SharedKind kinds[] = {SharedKind::none, SharedKind::plain,
                                  SharedKind::sigmoid_gated};
  result.shared =
      kinds[meta.word("shared", {"none", "plain", "sigmoid_gated"}, 0)];
  const bool may = result.kind != "soft" &&
                   result.kind != "hierarchical_top2_capacity";
  if (result.shared != SharedKind::none && !may)
    meta.refuse("shared", "none for kind " + result.kind);
}

}  // namespace

LayerMeta read_layer_meta(const ArrayTable& arrays) {
  const std::string place = arrays.file() + ": meta";
  Meta meta(parse_json(to_characters(arrays.at("meta")), place), arrays.file());
  LayerMeta result;
  const int kind =
      meta.word("kind", {"topk", "capacity", "top2_capacity", "expert_choice",
                         "soft", "hierarchical_top2_capacity"}, -1);
  result.kind = meta.text("kind");
  result.name = meta.text("name");
  result.source = meta.text("source");
  meta.find("note");
  result.activation = read_act(meta);
  switch (kind) {
    case 0:
      read_topk_router(meta, result.router);
      read_weights(meta, result.router);
      read_groups(meta, result.router.groups);
      break;
    case 1:
      read_capacity(meta, result);
      break;
    case 3:
      result.places = meta.count("capacity");
      result.most_experts = meta.whole("max_experts_per_token", 0, true);
      break;
    case 4:
      read_soft(meta, result);
      break;
    default:
      read_top2(meta, result);
  }
  read_shared(meta, result);
  if (kind == 0)
    for (const char* key : {"capacity", "bpr", "normalize_before_dropping"})
      if (meta.find(key) != nullptr) meta.refuse(key, "none for kind topk");
  result.ignored_keys = meta.unread();
  return result;
}

}  // namespace moe::io
