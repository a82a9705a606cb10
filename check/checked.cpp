#include "check/checked.h"

#include <array>

namespace moe::check {
namespace {

template <class Variant>
bool is(const Layer& layer) {
  return std::holds_alternative<Variant>(layer);
}

// Is it a layer of token choice with that?
template <class Part>
bool sparse_with(const Layer& layer, Part part) {
  const auto* sparse = std::get_if<SparseLayer>(&layer);
  return sparse != nullptr && part(*sparse);
}

bool has_capacity(const Layer& layer) {
  return sparse_with(layer, [](const SparseLayer& l) { return l.capacity.has_value(); });
}
bool has_shared(const Layer& layer) {
  return sparse_with(layer, [](const SparseLayer& l) { return l.shared.has_value(); });
}
bool has_latent(const Layer& layer) {
  return sparse_with(layer, [](const SparseLayer& l) { return l.latent || l.experts.identities != 0; });
}
bool draws(const Layer& layer) {
  return sparse_with(layer, [](const SparseLayer& l) {
    const RouterConfig& r = l.router.config;
    return r.choice != Choice::top_k || r.noise_kind != Noise::none || r.later == LaterSlots::random;
  });
}

constexpr std::array kChecked{
    Checked{"sparse", "token choice: every token picks its K experts", is<SparseLayer>, 4000, 4000, 1012},
    Checked{"dense", "every token visits all experts, weighted by a gate", is<DenseLayer>, 2000, 2000, 506},
    Checked{"expert_choice", "every expert picks its C tokens of a batch", is<ExpertChoiceLayer>, 2000, 2000, 506},
    Checked{"soft", "slots are mixtures of tokens, outputs mixtures of slots", is<SoftLayer>, 2000, 2000, 501},
    Checked{"hierarchical", "a token picks groups of experts, then experts in each", is<HierarchicalLayer>, 2000, 2000, 528},
    Checked{"capacity", "sparse, with a limited number of places", has_capacity, 3151, 3151, 790},
    Checked{"shared", "sparse, with an expert that every token visits", has_shared, 1738, 1738, 440},
    Checked{"drawn", "sparse, by noise, lot, table, auction or near ties", draws, 1382, 1382, 367},
    Checked{"latent", "sparse, in a latent space or with experts that compute nothing", has_latent, 221, 221, 58},
};

// The reasons are those of docs/tiers.md.
constexpr std::array kAlone{
    CheckedAlone{"losses", "what training adds: balance, z, importance and load, the bias that follows it", 7784,
                 "sums over a router's scores once a training step: T x E numbers, nothing to be gained"},
    CheckedAlone{"health", "what to watch: entropy, load, drops, dead and alike experts", 8520,
                 "sums over a router's scores once a training step: T x E numbers, nothing to be gained"},
    CheckedAlone{"mixture_tree", "a tree of gates with linear experts, fitted by EM", 6780,
                 "a model of 1994 of linear experts: for reading and for experiments, never in a hurry"},
};

}  // namespace

std::span<const Checked> checked() { return kChecked; }

std::span<const CheckedAlone> checked_alone() { return kAlone; }

int oracle_values(std::string_view name) {
  for (const CheckedAlone& row : kAlone)
    if (row.name == name) return row.values;
  return 0;
}

int cases(const Checked& row, std::string_view tier) {
  if (tier == "cpu") return row.cpu;
  if (tier == "cuda") return row.cuda;
  return tier == "cuda-emulated" ? row.cuda_emulated : 0;
}

}  // namespace moe::check
