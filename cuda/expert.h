// The feed-forward networks, each over the rows of its own tokens.
//
//   hidden = f(x W_gate^T + b_gate) * (x W_up^T + b_up)      gated   [R,F]
//   hidden = f(x W_up^T + b_up)                              plain   [R,F]
//   out    = hidden W_down^T + b_down                                [R,D]
#pragma once
#include "cuda/linear.h"
#include "reference/dispatch.h"
#include "reference/layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// Networks of one shape on the device, one after another. Immutable; copies share the weights.
struct PreparedExperts {
  Activation activation;
  PreparedLinear gate;  ///< [E][F,D]; empty where the activation is not gated
  PreparedLinear up;    ///< [E][F,D]
  PreparedLinear down;  ///< [E][D,F]
  Index identities = 0;  ///< experts after these that return what they are given
};

/// Copies all experts to the device.
PreparedExperts prepare(const Experts& experts);
/// The experts that were copied, bit for bit.
Experts unpack(const PreparedExperts& experts);

/// The hidden values of one network (E = 1); x [R,D], returns [R,F]: reference::hidden_values.
Matrix hidden_values(const PreparedExperts& ffn, const ConstMatrix& x);

/// Runs expert e over rows offsets[e] .. offsets[e+1]-1 of `rows` [R,D]: reference::run_experts.
///   Records hidden [R,F] and expert_out [R,D]; returns expert_out.
Matrix run_experts(const PreparedExperts& experts, const Dispatch& dispatch,
                   const ConstMatrix& rows, Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
