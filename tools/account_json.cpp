// moe account --json.
#include "reference/accounting/cache.h"
#include "reference/accounting/flops.h"
#include "reference/accounting/replicas.h"
#include "reference/accounting/stages.h"
#include "reference/accounting/step.h"
#include "reference/accounting/traffic.h"
#include "tools/account.h"

namespace moe::tools {
namespace {

using namespace accounting;

Json components(const Counts& counts) {
  Json json = Json::object();
  for (std::size_t c = 0; c < kComponents; c++)
    json[name_of(static_cast<Component>(c))] = {{"total", counts.components[c].total}, {"active", counts.components[c].active}};
  return json;
}

// The layers with experts alone: router, routed and shared experts.
Json experts_only(const Accounted& a, const Costs& costs) {
  Index total = 0, active = 0;
  for (const Component c : {Component::router, Component::routed_experts, Component::shared_experts}) {
    total += a.counts[c].total;
    active += a.counts[c].active;
  }
  Json json{{"layers", costs.moe_layers}, {"total", total}, {"active", active}};
  if (!costs.mixture) return json;
  json["experts"] = costs.mixture->experts;
  json["chosen"] = costs.mixture->chosen;
  if (costs.mixture->zero_experts > 0) json["zero_experts"] = costs.mixture->zero_experts;
  return json;
}

Json weight_bytes_json(const Accounted& a, const Costs& c) {
  Json json{{"weights", c.weight_bytes}, {"checkpoint", c.checkpoint_bytes}};
  if (c.file_bytes > 0) json["files"] = c.file_bytes;
  const std::vector<Weight> list = weights(a.model);
  for (std::size_t i = 0; i < kComponents; i++) {
    const auto component = static_cast<Component>(i);
    json["by_component"][name_of(component)] = bytes_of(list, a.formats, component);
  }
  for (const Format f : all_formats()) json["by_format"][name_of(f)] = bytes_of(list, formats_all(f));
  return json;
}

Json cache_json(const AccountRequest& request, const Accounted& a) {
  const Cache c = cache(a.model, {});
  return {{"per_token", c.per_token},
          {"per_windowed_token", c.per_windowed_token},
          {"state_per_sequence", c.state},
          {"context", request.context},
          {"sequence", cache_bytes(a.model, request.context, {})}};
}

Json flops_json(const AccountRequest& request, const Accounted& a) {
  return {{"weights_per_token", weight_flops(a.model, true)},
          {"context", request.context},
          {"decode", decode_flops(a.model, request.context)},
          {"prefill", prefill_flops(a.model, request.context, false)},
          {"training", training_flops(a.model, request.context, false)},
          {"training_recomputed", training_flops(a.model, request.context, true)}};
}

Json touched_json(const AccountRequest& request, const Costs& c) {
  Json json{{"batch", request.batch}, {"experts_per_layer", c.touched}, {"from", c.measured ? "trace" : "uniform routing"}};
  json["tile"] = request.tile;
  json["padding_share"] = c.padding;
  if (!c.measured) return json;
  json["load"] = c.load;
  const Index E = c.mixture->experts;
  if (E % request.ranks != 0) return json;
  const Replicas r = replicate(c.load, E + request.ranks, request.ranks);
  json["replicas"] = {{"places", E + request.ranks}, {"copies", r.copies}, {"busiest_rank_before", r.before}, {"busiest_rank", r.max_over_mean}};
  return json;
}

Json traffic_json(const AccountRequest& request, const Accounted& a, const Costs& c) {
  const AllToAll bf16 = all_to_all(a.model, {});
  const AllToAll fp8 = all_to_all(a.model, {.dispatch_bytes = 1, .dispatch_scales = true});
  Json json{{"layers", bf16.layers}, {"dispatch_bf16", bf16.dispatch}, {"dispatch_fp8", fp8.dispatch}, {"combine_bf16", bf16.combine}};
  const Mixture& m = *c.mixture;
  if (m.experts % request.ranks != 0 || request.ranks % request.nodes != 0) return json;
  const Spread spread{.ranks = request.ranks, .nodes = request.nodes};
  const Copies free = expected_copies(m, spread, false);
  json["ranks"] = request.ranks;
  json["nodes"] = request.nodes;
  json["copies_per_layer"] = {{"each", free.each},
                              {"per_rank", free.per_rank},
                              {"per_node", free.per_node},
                              {"per_node_limited", expected_copies(m, spread, true).per_node}};
  json["dispatch_bf16_per_rank"] = dispatch_bytes_per_rank_copy(a.model, {}, spread);
  return json;
}

Json bounds_json(const AccountRequest& request, const Accounted& a, const Costs& c) {
  const StepBytes bytes = step_bytes(a.model, a.formats, request.batch, request.context, {}, c.measured ? c.touched : kUniform);
  const double flops = step_flops(a.model, request.batch, request.context);
  const Bound decode = decode_bound(bytes, flops, c.hardware, c.devices);
  const Bound prefill = prefill_bound(a.model, a.formats, request.context, c.hardware, c.devices);
  const auto limit = [](const Bound& b) { return b.is_compute() ? "arithmetic" : "memory"; };
  Json json{{"name", c.hardware.name}, {"devices", c.devices}, {"ridge", c.hardware.ridge()}};
  json["decode"] = {{"bytes", bytes.sum()},
                    {"dense_bytes", bytes.dense},
                    {"expert_bytes", bytes.experts},
                    {"cache_bytes", bytes.cache + bytes.state},
                    {"flops", flops},
                    {"seconds", decode.seconds()},
                    {"seconds_one_by_one", summed_seconds(a.model, a.formats, request.batch, request.context, c.measured ? c.touched : kUniform,
                                                          c.hardware, c.devices)},
                    {"bound_by", limit(decode)}};
  json["prefill"] = {{"seconds", prefill.seconds()}, {"bound_by", limit(prefill)}};
  if (request.seconds > 0) {
    const Utilisation u =
        utilisation(a.model, a.formats, request.batch, request.context, c.mixture ? c.touched : 0, request.seconds, c.hardware, c.devices);
    json["utilisation"] = {{"MBU", u.mbu}, {"S-MBU", u.s_mbu}, {"MFU", u.mfu}, {"S-MFU", u.s_mfu}};
  }
  return json;
}

}  // namespace

Json account_json(const AccountRequest& request, const Accounted& a) {
  const Costs c = costs_of(request, a);
  const Counts& n = a.counts;
  Json json{{"model", a.asked},
            {"model_type", a.model.model_type},
            {"total", n.total},
            {"active", {{"C1", n.c1}, {"C2", n.c2}, {"C3", n.c3}}},
            {"components", components(n)},
            {"mtp", n.mtp},
            {"mtp_stored", n.mtp_stored},
            {"moe", experts_only(a, c)},
            {"bytes", weight_bytes_json(a, c)},
            {"cache", cache_json(request, a)},
            {"flops", flops_json(request, a)},
            {"activations",
             {{"tokens", request.context},
              {"kept", training_bytes(a.model, request.context, 2, false, 0)},
              {"kept_recomputed", training_bytes(a.model, request.context, 2, true, 0)}}}};
  if (c.mixture) {
    json["touched"] = touched_json(request, c);
    json["all_to_all"] = traffic_json(request, a, c);
  }
  json["hardware"] = bounds_json(request, a, c);
  json["assumed"] = a.model.assumed;
  json["not_counted"] = a.model.not_counted;
  json["doubts"] = a.model.doubts;
  json["keys_without_effect"] = a.model.unused;
  return json;
}

}  // namespace moe::tools
