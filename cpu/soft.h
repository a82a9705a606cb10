// Soft MoE: slots are mixtures of tokens, outputs are mixtures of slots.
//
//   logits   L = x^ phi^^T                       [m,P]  m tokens of a group, P = E*S slots
//   dispatch D = softmax of L over tokens        [m,P]
//   slots    X_s = D^T x                         [P,D]
//   experts  Y_s = FFN_e(X_s) of each e's slots  [P,D]
//   combine  C = softmax of L over slots         [m,P]
//   y = C Y_s                                    [m,D]
//
// ^ and ^^ are the normalisations of SoftNormalisation.
#pragma once
#include "cpu/expert.h"
#include "cpu/linear.h"
#include "cpu/outline.h"
#include "reference/trace.h"
#include "reference/variants.h"

namespace moe::cpu {

/// A Soft MoE layer, packed for this tier by prepare(). Nobody changes it: any number of threads
/// may run it at once.
struct PreparedSoft {
  Outline<SoftLayer> outline;  ///< keeps phi too: it cannot be had back from the normalised slots
  PreparedLinear slots;        ///< [P,D] normalised slots
  PreparedExperts experts;
};

/// Checks the layer (moe::validate), normalises its slots and packs its weights. Throws Error if
/// the layer makes no sense or this processor cannot run the tier.
PreparedSoft prepare(const SoftLayer& layer, WeightFormat format = WeightFormat::f32);

/// The layer that was packed, bit for bit.
SoftLayer unpack(const PreparedSoft& prepared);

/// One Soft MoE layer; x [T,D], returns y [T,D]: reference::soft. The same for any number of
/// threads, with or without a trace. Throws Error if x makes no sense.
Matrix soft(const PreparedSoft& layer, const ConstMatrix& x, Trace* trace = nullptr,
            int threads = 0);

/// Tokens as they are compared with slots and, under `rms`, mixed [T,D]:
/// reference::normalised_tokens. `layer` may be an outline.
Matrix normalised_tokens(const SoftLayer& layer, const ConstMatrix& x, int threads = 0);
/// Slot parameters as they are compared with tokens [P,D]: reference::normalised_slots.
Matrix normalised_slots(const SoftLayer& layer, int threads = 0);

}  // namespace moe::cpu
