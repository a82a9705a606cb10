#include "reference/io/layer_meta.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>

#include "reference/error.h"
#include "reference/io/array_values.h"
#include "reference/io/json.h"

namespace moe::io {
namespace {

/// Keys of meta by name; a null counts as absent.
class Meta {
 public:
  Meta(Json json, std::string file)
      : json_(std::move(json)), file_(std::move(file)) {
    if (!json_.is_object())
      throw Error(fmt::format("{}: meta: expected an object, found {}", file_,
                              excerpt(json_)));
  }

  const Json* find(const std::string& key) {
    read_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void refuse(const std::string& key,
                           std::string_view expected) const {
    throw Error(fmt::format(
        "{}: meta key {}: expected {}, found {}", file_, key, expected,
        json_.contains(key) ? excerpt(json_.at(key)) : "nothing"));
  }

  /// One of the words, as its place in the list; `absent` if there is none.
  int word(const std::string& key, const std::vector<std::string>& words,
           int absent) {
    const Json* value = find(key);
    if (value == nullptr && absent >= 0) return absent;
    for (std::size_t i = 0; value != nullptr && i < words.size(); ++i)
      if (*value == words[i]) return static_cast<int>(i);
    std::string expected = "one of";
    for (const std::string& word : words) expected += " " + word;
    refuse(key, expected);
  }

  Index whole(const std::string& key, Index absent) {
    const Json* value = find(key);
    if (value == nullptr && absent > 0) return absent;
    if (value == nullptr || !value->is_number_unsigned() ||
        value->get<std::uint64_t>() < 1 ||
        value->get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max())
      refuse(key, "a whole number from 1");
    return value->get<Index>();
  }

  float number(const std::string& key, float absent) {
    const Json* value = find(key);
    if (value == nullptr) return absent;
    constexpr double most = std::numeric_limits<float>::max();
    if (!value->is_number() || !(std::fabs(value->get<double>()) <= most))
      refuse(key, "a number in the range of binary32");
    return static_cast<float>(value->get<double>());
  }

  std::string text(const std::string& key) {
    const Json* value = find(key);
    if (value == nullptr) return "";
    if (!value->is_string()) refuse(key, "a string");
    return value->get<std::string>();
  }

  std::vector<std::string> unread() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : json_.items())
      if (!read_.contains(key)) keys.push_back(key);
    return keys;
  }

 private:
  Json json_;
  std::string file_;
  std::set<std::string> read_;
};

void read_router_kind(Meta& meta, RouterConfig& router) {
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

}  // namespace

LayerMeta read_layer_meta(const ArrayTable& arrays) {
  const std::string place = arrays.file() + ": meta";
  Meta meta(parse_json(to_characters(arrays.at("meta")), place), arrays.file());
  LayerMeta result;
  meta.word("kind", {"topk"}, -1);  // the kinds that are supported
  result.kind = meta.text("kind");
  result.name = meta.text("name");
  result.source = meta.text("source");
  meta.find("note");
  read_router_kind(meta, result.router);
  read_weights(meta, result.router);
  read_groups(meta, result.router.groups);
  result.activation = read_act(meta);
  constexpr SharedKind kinds[] = {SharedKind::none, SharedKind::plain,
                                  SharedKind::sigmoid_gated};
  result.shared =
      kinds[meta.word("shared", {"none", "plain", "sigmoid_gated"}, 0)];
  for (const char* key : {"capacity", "bpr", "normalize_before_dropping"})
    if (meta.find(key) != nullptr) meta.refuse(key, "none for kind topk");
  result.ignored_keys = meta.unread();
  return result;
}

}  // namespace moe::io
