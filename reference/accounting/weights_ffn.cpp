// Weights of feed-forward networks: dense, routed, shared.
#include "reference/accounting/weights.h"

namespace moe::accounting {
namespace {

// gate, up: [f,d];  down: [d,f];  a plain network has no gate.
void add_ffn(std::vector<Weight>& list, const Weight& like, const Size& f,
             const Size& d, bool gated, bool biases) {
  const auto add = [&](const char* name, Role role, const Size& rows,
                       const Size& cols) {
    Weight w = like;
    w.name = name;
    w.role = role;
    w.rows = rows;
    w.cols = cols;
    list.push_back(w);
  };
  if (gated) add("gate", Role::product, f, d);
  add("up", Role::product, f, d);
  add("down", Role::product, d, f);
  if (biases) add("bias", Role::other, gated ? 2 * f + d : f + d, 1);
}

void add_router(std::vector<Weight>& list, const Mixture& m, const Size& d) {
  const Size E("E", m.experts);
  const Size all = m.zero_experts > 0 ? E + Size("Z", m.zero_experts) : E;
  list.push_back({Component::router, "router", Role::product, all, d});
  if (m.router_bias)
    list.push_back({Component::router, "bias", Role::other, all, 1});
  if (m.correction_bias)
    list.push_back({Component::router, "correction", Role::other, all, 1});
}

}  // namespace

void add_dense(std::vector<Weight>& list, const DenseFfn& ffn, Index D) {
  add_ffn(list, {Component::dense_ffn, "", Role::product, 1, 1},
          Size("f", ffn.hidden), Size("d", D), ffn.gated, ffn.biases);
}

void add_mixture(std::vector<Weight>& list, const Mixture& m, Index D) {
  const Size d("d", D);
  add_router(list, m, d);

  Weight expert{Component::routed_experts, "", Role::product, 1, 1};
  expert.copies = Size("E", m.experts);
  expert.met = m.chosen;
  expert.of = m.experts + m.zero_experts;
  const Size inside = m.latent > 0 ? Size("m", m.latent) : d;
  add_ffn(list, expert, Size("f_e", m.hidden), inside, m.gated, m.biases);
  if (m.latent > 0) {
    const Component c = Component::routed_experts;
    list.push_back({c, "latent_in", Role::product, inside, d});
    list.push_back({c, "latent_out", Role::product, d, inside});
  }
  if (m.shared_hidden == 0) return;
  add_ffn(list, {Component::shared_experts, "", Role::product, 1, 1},
          Size("s", m.shared_hidden), d, m.gated, m.biases);
  if (m.shared_gate)
    list.push_back(
        {Component::shared_experts, "open", Role::product, 1, d});
}

}  // namespace moe::accounting
