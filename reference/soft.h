// Soft MoE: slots are mixtures of tokens, outputs are mixtures of slots.
//
//   logits   L = x^ phi^^T                       [m,P]  m tokens of a group,
//                                                       P = E*S slots
//   dispatch D = softmax of L over tokens        [m,P]
//   slots    X_s = D^T x                         [P,D]
//   experts  Y_s = FFN_e(X_s) of each e's slots  [P,D]
//   combine  C = softmax of L over slots         [m,P]
//   y = C Y_s                                    [m,D]
//
// ^ and ^^ are the normalisations of SoftNormalisation. Nothing is chosen and
// nothing dropped; every output depends on every token of its group.
//
// source: Puigcerver et al. 2023 (2308.00951) section 2; normalisations:
// google-research/vmoe soft_moe/router.py, lucidrains/soft-moe-pytorch.
#pragma once
#include "reference/trace.h"
#include "reference/variants.h"

namespace moe::reference {

/// One Soft MoE layer; x [T,D], T a multiple of the group; returns y [T,D].
/// Records logits [T,P]; scores [T,P], the dispatch weights; weights [T,P],
/// the combine weights; dispatched, hidden and expert_out, whose rows are the
/// slots of expert 0 in every group, then those of expert 1, ...; output.
///   order: softmax sums ascending over tokens, or slots; X_s one chain over
///   tokens, y one chain over slots, ascending.
///   Throws Error if the layer or x makes no sense.
Matrix soft(const SoftLayer& layer, const ConstMatrix& x,
            Trace* trace = nullptr);

/// Tokens as they are compared with slots and, under `rms`, mixed: x [T,D].
Matrix normalised_tokens(const SoftLayer& layer, const ConstMatrix& x);
/// Slot parameters as they are compared with tokens [P,D].
Matrix normalised_slots(const SoftLayer& layer);

}  // namespace moe::reference
