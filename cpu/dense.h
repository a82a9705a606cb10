// Every expert for every token, weighted by a gate: the classic mixture.
//
//   y[t] = sum over e of g[t,e] FFN_e(x[t])  +  shared(x[t])
#pragma once
#include "cpu/outline.h"
#include "cpu/router.h"
#include "cpu/shared.h"
#include "reference/variants.h"

namespace moe::cpu {

/// A dense layer, packed for this tier by prepare(). Nobody changes it: any number of threads may
/// run it at once.
struct PreparedDense {
  Outline<DenseLayer> outline;
  PreparedRouter gate;
  PreparedExperts experts;
  std::optional<PreparedShared> shared;
};

/// Checks the layer (moe::validate) and packs its weights. Throws Error if the layer makes no sense
/// or this processor cannot run the tier.
PreparedDense prepare(const DenseLayer& layer, WeightFormat format = WeightFormat::f32);

/// The layer that was packed, bit for bit.
DenseLayer unpack(const PreparedDense& prepared);

/// One dense layer; x [T,D], returns y [T,D]: reference::dense. The same for any number of threads,
/// with or without a trace. Throws Error if x makes no sense.
Matrix dense(const PreparedDense& layer, const ConstMatrix& x, Trace* trace = nullptr,
             int threads = 0);

}  // namespace moe::cpu
