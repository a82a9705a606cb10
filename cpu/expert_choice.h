// Experts choose tokens: each takes the C tokens of a group that score best.
//
//   s = softmax over experts of x W^T + b                            [T,E]
//   chosen[g,e] = the C tokens of group g with the largest s[.,e], best first
//   y[t] = sum over the experts e that took t of s[t,e] FFN_e(x[t])  +  shared(x[t])
#pragma once
#include "cpu/outline.h"
#include "cpu/router.h"
#include "cpu/shared.h"
#include "reference/variants.h"

namespace moe::cpu {

/// An expert-choice layer, packed for this tier by prepare(). Nobody changes it: any number of
/// threads may run it at once.
struct PreparedExpertChoice {
  Outline<ExpertChoiceLayer> outline;
  PreparedLinear router;  ///< [E,D] and bias
  PreparedExperts experts;
  std::optional<PreparedShared> shared;
};

/// Checks the layer (moe::validate) and packs its weights. Throws Error if the layer makes no sense
/// or this processor cannot run the tier.
PreparedExpertChoice prepare(const ExpertChoiceLayer& layer,
                             WeightFormat format = WeightFormat::f32);

/// The layer that was packed, bit for bit.
ExpertChoiceLayer unpack(const PreparedExpertChoice& prepared);

/// One expert-choice layer; x [T,D], returns y [T,D]: reference::expert_choice. The same for any
/// number of threads, with or without a trace. Throws Error if x makes no sense.
Matrix expert_choice(const PreparedExpertChoice& layer, const ConstMatrix& x,
                     Trace* trace = nullptr, int threads = 0);

/// The experts' lists, selected [groups*E,C], as slots of the tokens [T,E]:
/// reference::slots_of_tokens.
Routing slots_of_tokens(const IntMatrix& selected, const Matrix& s, Index group);

}  // namespace moe::cpu
