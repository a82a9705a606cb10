// Two levels: a token picks groups of experts, then experts in each of them.
//
//   outer   S1, g = route(outer, x)            [T,K1]  groups and weights
//   inner   S2, h = route(inner[i], x)         [T,K2]  for each group i
//   slot k2*K1 + k1: expert S1[k1]*E2 + S2[k2] of group S1[k1], weight g[k1] * h[k2]
//   y = sum over slots of weight * FFN_expert(x)
#pragma once
#include "cpu/expert.h"
#include "cpu/outline.h"
#include "cpu/router.h"
#include "reference/variants.h"

namespace moe::cpu {

/// A two-level layer, packed for this tier by prepare(). Nobody changes it: any number of threads
/// may run it at once.
struct PreparedHierarchical {
  Outline<HierarchicalLayer> outline;
  PreparedRouter outer;
  std::vector<PreparedRouter> inner;  ///< [E1]
  PreparedExperts experts;
};

/// Checks the layer (moe::validate) and packs its weights. Throws Error if the layer makes no sense
/// or this processor cannot run the tier.
PreparedHierarchical prepare(const HierarchicalLayer& layer,
                             WeightFormat format = WeightFormat::f32);

/// The layer that was packed, bit for bit.
HierarchicalLayer unpack(const PreparedHierarchical& prepared);

/// One two-level layer; x [T,D], returns y [T,D]: reference::hierarchical. The same for any number
/// of threads, with or without a trace. Throws Error if x makes no sense.
Matrix hierarchical(const PreparedHierarchical& layer, const ConstMatrix& x, Trace* trace = nullptr,
                    int threads = 0, const Batch& batch = {});

/// The two levels as one: slot k2*K1 + k1 of each token: reference::flattened.
Routing flattened(const PreparedHierarchical& layer, const Routing& outer, const Dispatch& groups,
                  const std::vector<Routing>& inner, int threads = 0);

}  // namespace moe::cpu
