// moe account --json.
#include "tools/account.h"

namespace moe::tools {
namespace {

using accounting::Component;
using accounting::Counts;

Json components(const Counts& counts) {
  Json json = Json::object();
  for (std::size_t c = 0; c < accounting::kComponents; c++)
    json[name_of(static_cast<Component>(c))] = {{"total", counts.components[c].total}, {"active", counts.components[c].active}};
  return json;
}

// The layers with experts alone: router, routed and shared experts.
Json experts_only(const Accounted& a) {
  Index layers = 0;
  for (const accounting::Layer& layer : a.model.layers) layers += layer.mixture ? 1 : 0;
  Index total = 0, active = 0;
  for (const Component c : {Component::router, Component::routed_experts, Component::shared_experts}) {
    total += a.counts[c].total;
    active += a.counts[c].active;
  }
  return {{"layers", layers}, {"total", total}, {"active", active}};
}

}  // namespace

Json account_json(const AccountRequest&, const Accounted& a) {
  const Counts& n = a.counts;
  Json json{{"model", a.asked},
            {"model_type", a.model.model_type},
            {"total", n.total},
            {"active", {{"C1", n.c1}, {"C2", n.c2}, {"C3", n.c3}}},
            {"components", components(n)},
            {"mtp", n.mtp},
            {"mtp_stored", n.mtp_stored},
            {"moe", experts_only(a)}};
  json["assumed"] = a.model.assumed;
  json["not_counted"] = a.model.not_counted;
  json["doubts"] = a.model.doubts;
  json["keys_without_effect"] = a.model.unused;
  return json;
}

}  // namespace moe::tools
