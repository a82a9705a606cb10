#include "check/tier.h"

#include <fmt/format.h>

#include <algorithm>

#include "check/tier_adapter.h"
#include "cpu/available.h"
#include "cpu/dense.h"
#include "cpu/expert_choice.h"
#include "cpu/hierarchical.h"
#include "cpu/soft.h"
#include "cpu/sparse.h"
#include "reference/dense.h"
#include "reference/error.h"
#include "reference/expert_choice.h"
#include "reference/hierarchical.h"
#include "reference/soft.h"
#include "reference/sparse.h"

namespace moe::check {
namespace {

struct RunReference {
  Matrix operator()(const SparseLayer& l, const ConstMatrix& x, Trace* trace,
                    const Batch& batch) const {
    return reference::sparse(l, x, trace, batch);
  }
  Matrix operator()(const DenseLayer& l, const ConstMatrix& x, Trace* trace, const Batch&) const {
    return reference::dense(l, x, trace);
  }
  Matrix operator()(const ExpertChoiceLayer& l, const ConstMatrix& x, Trace* trace,
                    const Batch&) const {
    return reference::expert_choice(l, x, trace);
  }
  Matrix operator()(const SoftLayer& l, const ConstMatrix& x, Trace* trace, const Batch&) const {
    return reference::soft(l, x, trace);
  }
  Matrix operator()(const HierarchicalLayer& l, const ConstMatrix& x, Trace* trace,
                    const Batch& batch) const {
    return reference::hierarchical(l, x, trace, batch);
  }
};

struct RunCpu {
  int threads;
  Matrix operator()(const cpu::PreparedSparse& l, const ConstMatrix& x, Trace* trace,
                    const Batch& batch) const {
    return cpu::sparse(l, x, trace, threads, batch);
  }
  Matrix operator()(const cpu::PreparedDense& l, const ConstMatrix& x, Trace* trace,
                    const Batch&) const {
    return cpu::dense(l, x, trace, threads);
  }
  Matrix operator()(const cpu::PreparedExpertChoice& l, const ConstMatrix& x, Trace* trace,
                    const Batch&) const {
    return cpu::expert_choice(l, x, trace, threads);
  }
  Matrix operator()(const cpu::PreparedSoft& l, const ConstMatrix& x, Trace* trace,
                    const Batch&) const {
    return cpu::soft(l, x, trace, threads);
  }
  Matrix operator()(const cpu::PreparedHierarchical& l, const ConstMatrix& x, Trace* trace,
                    const Batch& batch) const {
    return cpu::hierarchical(l, x, trace, threads, batch);
  }
};

Tier reference_tier() {
  const auto prepare = [](const Layer& layer, int, WeightFormat) {
    const auto checked = [](const auto& one) {
      validate(one);
      return one;
    };
    return adapt(layer, checked, RunReference{});
  };
  return {"reference", "", prepare};
}

Tier cpu_tier() {
  const auto prepare = [](const Layer& layer, int threads, WeightFormat format) {
    const auto packed = [format](const auto& one) { return cpu::prepare(one, format); };
    return adapt(layer, packed, RunCpu{threads});
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
