// moe account: one model as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/account.h"

namespace moe::tools {
namespace {

using accounting::Component;
using accounting::Counts;
using accounting::Layer;
using accounting::MixerKind;

double ratio(Index part, Index whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

std::string share_bar(double share, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  int eighths = static_cast<int>(std::lround(share * width * 8));
  if (share > 0) eighths = std::max(eighths, 1);
  return paint(Ink::bar, repeat("█", eighths / 8) + kEighths[eighths % 8]);
}

namespace {

const char* name_of_kind(MixerKind kind) {
  switch (kind) {
    case MixerKind::attention: return "attention";
    case MixerKind::latent: return "latent attention";
    case MixerKind::delta_net: return "gated delta net";
    case MixerKind::lightning: return "lightning attention";
    case MixerKind::mamba1: return "Mamba";
    case MixerKind::mamba2: return "Mamba-2";
  }
  return "";
}

std::string describe(const accounting::Mixture& m) {
  std::string s = fmt::format("E {}, K {}, F {}", m.experts, m.chosen, m.hidden);
  if (m.zero_experts > 0) s += fmt::format(", {} that compute nothing", m.zero_experts);
  if (m.latent > 0) s += fmt::format(", in width {}", m.latent);
  if (m.shared_hidden > 0) s += fmt::format(", shared {}", m.shared_hidden);
  if (m.chosen_groups < m.groups) s += fmt::format(", {} of {} groups", m.chosen_groups, m.groups);
  return s;
}

// "32 layers: 32 attention; 32 with experts (E 8, K 2, F 14336)"
std::vector<std::string> describe(const accounting::Model& model) {
  std::map<std::string, int> mixers;
  std::map<std::string, int> mixtures;
  int dense = 0;
  for (const Layer& layer : model.layers) {
    for (const accounting::Mixer& m : layer.mixers)
      mixers[fmt::format("{}{}{}", m.window > 0 ? "windowed " : m.chunk > 0 ? "chunked " : "", m.cross ? "cross-" : "", name_of_kind(m.kind))]++;
    if (layer.mixture) mixtures[describe(*layer.mixture)]++;
    dense += static_cast<int>(layer.dense.size());
  }
  std::vector<std::string> lines{fmt::format("{} layers · D {} · V {}{}", model.layers.size(), model.width, model.vocabulary, model.tied ? ", tied" : "")};
  for (const auto& [name, n] : mixers) lines.push_back(fmt::format("{} × {}", n, name));
  for (const auto& [name, n] : mixtures) lines.push_back(fmt::format("{} × experts: {}", n, name));
  if (dense > 0) lines.push_back(fmt::format("{} × dense network", dense));
  return lines;
}

void print_components(const Counts& n) {
  Table table({"component", "total", "", "active (C1)", "share of all parameters"});
  for (std::size_t c = 0; c < accounting::kComponents; c++) {
    const accounting::Count& count = n.components[c];
    if (count.total == 0) continue;
    table.add({name_of(static_cast<Component>(c)), grouped(count.total), percent(ratio(count.total, n.total)), grouped(count.active),
               share_bar(ratio(count.total, n.total), 24)});
  }
  table.add({"all", grouped(n.total), percent(1), grouped(n.c1), ""});
  say(table.text());
}

void print_conventions(const Accounted& a) {
  const Counts& n = a.counts;
  Table table({"active for one token", "parameters", "of all", "counts"});
  table.add({"C1", grouped(n.c1), percent(ratio(n.c1, n.total)), "all but the routed experts that are not chosen"});
  table.add({"C2", grouped(n.c2), percent(ratio(n.c2, n.total)), a.model.tied ? "the same: the one table is the head" : "C1 without the embedding table"});
  table.add({"C3", grouped(n.c3), percent(ratio(n.c3, n.total)), "C2 without the head"});
  say("\n" + table.text());
  if (n.routed_least != n.routed_most) {
    const Index rest = n.c2 - n.components[static_cast<std::size_t>(Component::routed_experts)].active;
    say(fmt::format("  C2 is the mean of uniform routing; from {} to {} as more or fewer choices are zero experts\n", grouped(rest + n.routed_least),
                      grouped(rest + n.routed_most)));
  }
  if (n.mtp > 0) {
    say(fmt::format("  MTP, apart: {}", grouped(n.mtp)));
    if (n.mtp_stored != n.mtp) say(fmt::format(" ({} as stored, with its copies of embedding and head)", grouped(n.mtp_stored)));
    say("\n");
  }
}

void print_list(const char* heading, const std::vector<std::string>& items, Ink ink) {
  if (items.empty()) return;
  bool first = true;
  for (const std::string& line : wrap(items, " · ", terminal().columns - 18)) {
    say("  " + paint(ink, left(first ? heading : "", 14)) + line + "\n");
    first = false;
  }
}

}  // namespace

std::string percent(double share) {
  const double p = 100 * share;
  if (p > 0 && p < 0.01) return "< 0.01 %";
  return fmt::format("{:.{}f} %", p, p >= 99.95 ? 0 : p >= 0.95 ? 1 : p == 0 ? 0 : 2);
}

void print_account(const AccountRequest& request, const Accounted& a) {
  say(fmt::format("{}  {}\n", paint(Ink::title, a.label), a.model.model_type));
  for (const std::string& line : wrap(describe(a.model), " · ", terminal().columns - 4)) say("  " + line + "\n");
  say("\n");
  print_components(a.counts);
  print_conventions(a);
  print_costs(request, a);
  say("\n");
  print_list("assumed", a.model.assumed, Ink::warn);
  print_list("not counted", a.model.not_counted, Ink::dim);
  print_list("doubtful", a.model.doubts, Ink::bad);
}

}  // namespace moe::tools
