// Checks the layers before anything is computed.
#include "reference/variants.h"

#include <fmt/format.h>

#include "reference/error.h"
#include "reference/layer_checks.h"

namespace moe {
namespace {

// The experts of all layers but token choice: networks only.
void expect_networks(const Experts& experts, Index D, bool finite) {
  checks::expect_experts(experts, D, finite);
  if (experts.identities != 0)
    throw Error(fmt::format("layer has {} identities, expected networks only",
                            experts.identities));
}

void expect_positive(const char* name, Index n) {
  if (n < 1)
    throw Error(fmt::format("{} is {}, expected at least 1", name, n));
}

void expect_group(Index group) {
  if (group < 0)
    throw Error(fmt::format("groups have {} tokens, expected 0 (one group) or "
                            "more", group));
}

}  // namespace

std::string_view variant_name(const Layer& layer) {
  constexpr std::string_view names[] = {"sparse", "dense", "expert_choice",
                                        "soft", "hierarchical"};
  return names[layer.index()];
}

Index width(const Layer& layer) {
  struct {
    Index operator()(const SparseLayer& l) { return l.router.weight.cols(); }
    Index operator()(const DenseLayer& l) { return l.gate.weight.cols(); }
    Index operator()(const ExpertChoiceLayer& l) { return l.router.cols(); }
    Index operator()(const SoftLayer& l) { return l.phi.cols(); }
    Index operator()(const HierarchicalLayer& l) {
      return l.outer.weight.cols();
    }
  } of;
  return std::visit(of, layer);
}

LayerSizes sizes(const Layer& layer) {
  const Experts& experts = std::visit(
      [](const auto& l) -> const Experts& { return l.experts; }, layer);
  struct {
    Index operator()(const SparseLayer& l) { return l.router.config.chosen; }
    Index operator()(const DenseLayer& l) { return l.gate.weight.rows(); }
    Index operator()(const ExpertChoiceLayer& l) { return l.places; }
    Index operator()(const SoftLayer& l) { return l.slots; }
    Index operator()(const HierarchicalLayer& l) {
      return l.outer.config.chosen * l.inner[0].config.chosen;
    }
  } chosen;
  LayerSizes size{.experts = count(experts),
                  .width = width(layer),
                  .hidden = experts.ffn.empty() ? 0 : experts.ffn[0].up.rows(),
                  .chosen = std::visit(chosen, layer),
                  .shared_hidden = 0};
  std::visit([&](const auto& l) {
    if constexpr (requires { l.shared; })
      if (l.shared) size.shared_hidden = l.shared->ffn.up.rows();
  }, layer);
  return size;
}

void validate(const Layer& layer) {
  std::visit([](const auto& one) { validate(one); }, layer);
}

void validate(const DenseLayer& layer) {
  const Index D = layer.gate.weight.cols();
  const bool finite = layer.nonfinite == NonFinite::refuse;
  expect_networks(layer.experts, D, finite);
  checks::expect_router("gate", layer.gate, count(layer.experts), D, finite);
  checks::expect_plain("gate", layer.gate);
  if (layer.shared) checks::expect_shared(*layer.shared, D, finite);
}

void validate(const ExpertChoiceLayer& layer) {
  const Index D = layer.router.cols();
  const Index E = count(layer.experts);
  const bool finite = layer.nonfinite == NonFinite::refuse;
  expect_networks(layer.experts, D, finite);
  checks::expect_shape("router", layer.router.rows(), D, E, D);
  checks::expect_length("bias", layer.bias, E);
  if (layer.places < 0)
    throw Error(fmt::format("experts take C={} tokens, expected 0 or more",
                            layer.places));
  if (layer.most_experts < 0)
    throw Error(fmt::format("{} experts per token at most, expected 1 or "
                            "more, or 0 for no cap", layer.most_experts));
  expect_group(layer.group);
  if (finite) checks::expect_finite("router", layer.router);
  if (finite) checks::expect_finite("bias", layer.bias);
  if (layer.shared) checks::expect_shared(*layer.shared, D, finite);
}

void validate(const SoftLayer& layer) {
  const Index D = layer.phi.cols();
  const bool finite = layer.nonfinite == NonFinite::refuse;
  expect_networks(layer.experts, D, finite);
  expect_positive("slots per expert", layer.slots);
  expect_group(layer.group);
  checks::expect_shape("phi", layer.phi.rows(), D,
                       count(layer.experts) * layer.slots, D);
  const bool rms = layer.normalisation == SoftNormalisation::rms;
  for (const auto& [name, gamma] :
       {std::pair("token_gamma", &layer.token_gamma),
        std::pair("slot_gamma", &layer.slot_gamma)}) {
    checks::expect_length(name, *gamma, rms ? D : 0);
    if (rms && gamma->size() == 0)
      throw Error(fmt::format("{} is missing, expected {} values", name, D));
    if (finite) checks::expect_finite(name, *gamma);
  }
  if (finite) checks::expect_finite("phi", layer.phi);
}

void validate(const HierarchicalLayer& layer) {
  const Index D = layer.outer.weight.cols();
  const bool finite = layer.nonfinite == NonFinite::refuse;
  const auto E1 = static_cast<Index>(layer.inner.size());
  expect_networks(layer.experts, D, finite);
  expect_positive("groups of experts", E1);
  const Index E2 = layer.inner[0].weight.rows();
  if (E1 * E2 != count(layer.experts))
    throw Error(fmt::format("{} groups of {} experts, expected E={} in all",
                            E1, E2, count(layer.experts)));
  checks::expect_router("outer", layer.outer, E1, D, finite);
  checks::expect_plain("outer", layer.outer);
  for (Index i = 0; i < E1; i++) {
    const Router& router = layer.inner[std::size_t(i)];
    const std::string name = fmt::format("inner {}", i);
    checks::expect_router(name, router, E2, D, finite);
    checks::expect_plain(name, router);
    if (router.config.chosen != layer.inner[0].config.chosen)
      throw Error(fmt::format("{} chooses K={}, expected {} as inner 0", name,
                              router.config.chosen,
                              layer.inner[0].config.chosen));
  }
  for (const auto& [name, capacity] :
       {std::pair("outer capacity", &layer.outer_capacity),
        std::pair("inner capacity", &layer.inner_capacity)}) {
    if (!*capacity) continue;
    checks::expect_capacity(name, **capacity);
    if ((*capacity)->after != Normalisation::none)
      throw Error(fmt::format("{} divides what is left, expected a two-level "
                              "layer that does not", name));
  }
  const Normalisation inner = layer.inner[0].config.normalisation;
  if (layer.second_group == SecondGroup::best_only &&
      inner != Normalisation::none && inner != Normalisation::sum)
    throw Error("inner routers divide by the largest or the l2 norm, expected "
                "none or sum where a second group gives only its best");
}

namespace {

bool finite(const auto& layer) { return layer.nonfinite == NonFinite::refuse; }

}  // namespace

void validate_input(const Layer& layer, const ConstMatrix& x) {
  std::visit([&](const auto& one) { validate_input(one, x); }, layer);
}

void validate_input(const DenseLayer& layer, const ConstMatrix& x) {
  checks::expect_input(x, layer.gate.weight.cols(), count(layer.experts), 0,
                       finite(layer));
}

void validate_input(const ExpertChoiceLayer& layer, const ConstMatrix& x) {
  checks::expect_input(x, layer.router.cols(), count(layer.experts),
                       layer.group, finite(layer));
}

void validate_input(const SoftLayer& layer, const ConstMatrix& x) {
  checks::expect_input(x, layer.phi.cols(), layer.phi.rows(), layer.group,
                       finite(layer));
}

void validate_input(const HierarchicalLayer& layer, const ConstMatrix& x) {
  const Index K =
      layer.outer.config.chosen * layer.inner[0].config.chosen;
  checks::expect_input(x, layer.outer.weight.cols(), K, 0, finite(layer));
}

}  // namespace moe
