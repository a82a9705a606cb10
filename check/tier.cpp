#include "check/tier.h"

#include <fmt/format.h>

#include <algorithm>

#include "check/tier_adapter.h"
#include "cpu/available.h"
#include "cpu/sparse.h"
#include "reference/error.h"
#include "reference/sparse.h"

namespace moe::check {
namespace {

Tier reference_tier() {
  const auto prepare = [](const SparseLayer& layer, int) {
    validate(layer);
    return adapt(layer, [](const SparseLayer& own, const ConstMatrix& x, Trace* trace) {
      return reference::sparse(own, x, trace);
    });
  };
  return {"reference", "", prepare};
}

Tier cpu_tier() {
  const auto prepare = [](const SparseLayer& layer, int threads) {
    return adapt(cpu::prepare(layer),
                 [threads](const auto& handle, const ConstMatrix& x, Trace* trace) {
                   return cpu::sparse(handle, x, trace, threads);
                 });
  };
  return {"cpu", cpu::unavailable(), prepare};
}

}  // namespace

const std::vector<Tier>& tiers() {
  static const std::vector<Tier> all{reference_tier(), cpu_tier(), cuda_tier(),
                                     cuda_emulated_tier()};
  return all;
}

std::vector<const Tier*> select_tiers(const std::string& names) {
  std::vector<const Tier*> chosen;
  if (names.empty()) {
    for (const Tier& tier : tiers())
      if (tier.skipped.empty()) chosen.push_back(&tier);
    return chosen;
  }
  for (std::size_t at = 0; at <= names.size();) {
    const std::size_t end = std::min(names.find(',', at), names.size());
    const std::string name = names.substr(at, end - at);
    at = end + 1;
    const Tier* found = nullptr;
    std::string known;
    for (const Tier& tier : tiers()) {
      if (tier.name == name) found = &tier;
      known += (known.empty() ? "" : ", ") + tier.name;
    }
    if (found == nullptr)
      throw Error(fmt::format("unknown tier '{}', expected one of {}", name, known));
    if (!found->skipped.empty())
      throw Error(fmt::format("tier {} cannot run here: {}", name, found->skipped));
    for (const Tier* other : chosen)
      if (other == found) throw Error(fmt::format("tier {} is named twice", name));
    chosen.push_back(found);
  }
  return chosen;
}

}  // namespace moe::check
