// moe account --checklist: what a technical report would have to state, and what a config says of it.
#include <fmt/format.h>

#include "tools/account.h"

namespace moe::tools {
namespace {

struct Item {
  std::string what;
  bool given;
  std::string found;
};

}  // namespace

void print_checklist(const Accounted& a) {
  const accounting::Model& m = a.model;
  const accounting::Counts& n = a.counts;
  const auto assumed = [&](const char* key) {
    for (const std::string& s : m.assumed)
      if (s.starts_with(key)) return true;
    return false;
  };
  accounting::Mixture first;
  std::size_t with_experts = 0;
  for (const accounting::Layer& layer : m.layers) {
    if (!layer.mixture) continue;
    if (with_experts++ == 0) first = *layer.mixture;
  }
  const std::string open = "not in a config.json";
  std::vector<Item> items{
      {"total parameters, and whether they include embedding, head, MTP, vision", true, grouped(n.total) + " without MTP"},
      {"active parameters, and by which convention", true, fmt::format("C1 {}, C2 {}, C3 {}", grouped(n.c1), grouped(n.c2), grouped(n.c3))},
      {"whether embedding and head are one table", !assumed("tie_word_embeddings"), m.tied ? "one" : "two"},
      {"width of a head", !assumed("head_dim"), assumed("head_dim") ? "assumed" : "given"},
      {"layers, and which of them have experts", true, fmt::format("{} of {}", with_experts, m.layers.size())}};
  if (with_experts > 0) {
    items.push_back({"experts, chosen, width of one", true, fmt::format("{}, {}, {}", first.experts, first.chosen, first.hidden)});
    items.push_back({"shared experts", true, first.shared_hidden > 0 ? fmt::format("width {}", first.shared_hidden) : "none"});
    items.push_back({"capacity, and what becomes of dropped tokens", false, open});
    items.push_back({"load measured in training and serving, not assumed uniform", false, open});
    items.push_back({"experts touched by a batch, and at which batch a speed was measured", false, open});
    items.push_back({"expert parallelism: ranks, replicas, bytes sent", false, open});
  }
  items.push_back({"storage of each class of weights", !assumed("torch_dtype"), fmt::format("{}{}", m.storage.number, m.storage.linear.empty() ? "" : ", linear layers " + m.storage.linear)});
  items.push_back({"multi-token prediction, counted apart", m.mtp.modules > 0 && !assumed("mtp"),
                   m.mtp.modules > 0 ? grouped(n.mtp) : "none said"});
  items.push_back({"longest context, and the cache of one token", m.longest > 0, m.longest > 0 ? grouped(m.longest) : "not given"});
  items.push_back({"tokens and FLOPs of training, with attention or without", false, open});
  items.push_back({"hardware, batch and context of every speed", false, open});
  say(paint(Ink::title, a.label) + "  what a report has to state\n\n");
  std::size_t left_open = 0;
  for (const Item& item : items) {
    say(fmt::format("  {} {}\n      {}\n", mark(item.given), item.what, paint(Ink::dim, item.found)));
    left_open += item.given ? 0 : 1;
  }
  say(fmt::format("\n  {} of {} are left open by this config\n", left_open, items.size()));
  for (const std::string& s : m.assumed) say(paint(Ink::warn, "  assumed ") + s + "\n");
}

}  // namespace moe::tools
