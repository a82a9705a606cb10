// The feed-forward networks, each over the rows of its own tokens.
//
//   hidden = f(x W_gate^T + b_gate) * (x W_up^T + b_up)      gated   [R,F]
//   hidden = f(x W_up^T + b_up)                              plain   [R,F]
//   out    = hidden W_down^T + b_down                                [R,D]
#pragma once
#include "reference/dispatch.h"
#include "reference/layer.h"
#include "reference/trace.h"

namespace moe::reference {

/// The hidden values of one network; x [R,D], returns [R,F].
Matrix hidden_values(const Activation& activation, const Ffn& ffn,
                     const ConstMatrix& x);

/// Runs expert e over rows offsets[e] .. offsets[e+1]-1 of `rows` [R,D]. The
/// rows of an identity come back as they are; their hidden values are +0.
///   Records hidden [R,F] and expert_out [R,D]; returns expert_out.
Matrix run_experts(const Experts& experts, const Dispatch& dispatch,
                   const ConstMatrix& rows, Trace* trace);

}  // namespace moe::reference
