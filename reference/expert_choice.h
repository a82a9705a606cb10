// Experts choose tokens: each takes the C tokens of a group that score best.
//
//   s = softmax over experts of x W^T + b                            [T,E]
//   chosen[g,e] = the C tokens of group g with the largest s[.,e], best first
//   y[t] = sum over the experts e that took t of s[t,e] FFN_e(x[t])
//
// With a cap of b experts per token (most_experts), `chosen` is what
// capped_choice finds: as many slots filled as can be, and of those choices
// the one with the largest sum of scores. Slots nobody fills hold -1.
//
// Seen from the tokens it is token choice with up to E slots: slot e holds
// expert e or nobody. A token that no expert takes gets exactly +0. Which
// tokens an expert takes depends on the whole group: not causal.
//
// source: Zhou et al. 2022 (2202.09368) section 3.1; the cap: 3.3.
#pragma once
#include "reference/router.h"
#include "reference/trace.h"
#include "reference/variants.h"

namespace moe::reference {

/// One expert-choice layer; x [T,D], T a multiple of the group; returns y
/// [T,D]. Records logits, scores [T,E]; selected (token within its group, or
/// -1) and weights [groups*E,C]; positions [T,E] and on as token choice.
///   order: per token one chain over the experts that took it, e ascending.
///   Throws Error if the layer or x makes no sense.
Matrix expert_choice(const ExpertChoiceLayer& layer, const ConstMatrix& x,
                     Trace* trace = nullptr);

/// The experts' lists, selected [groups*E,C], as slots of the tokens: slot e
/// of token t holds e and the score s[t,e] if e took t, else -1 and 0. A list
/// may hold -1, for nobody.
///   s [T,E]; `group` tokens to a group; returns [T,E].
Routing slots_of_tokens(const IntMatrix& selected, const Matrix& s,
                        Index group);

}  // namespace moe::reference
