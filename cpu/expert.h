// The feed-forward networks, each over the rows of its own tokens.
//
//   hidden = f(x W_gate^T + b_gate) * (x W_up^T + b_up)      gated   [R,F]
//   hidden = f(x W_up^T + b_up)                              plain   [R,F]
//   out    = hidden W_down^T + b_down                                [R,D]
#pragma once
#include <span>
#include <vector>

#include "cpu/panels.h"
#include "reference/dispatch.h"
#include "reference/layer.h"

namespace moe::cpu {

/// One network, packed. Where it is gated, gate and up panels of the same outputs lie side by side
/// (gate, up, gate, up, ...), so that one task computes both and applies the activation while the
/// two are at hand.
struct PreparedFfn {
  Panels in;         ///< [F,D] up, or gate and up
  Panels down;       ///< [D,F]
  Index hidden = 0;  ///< F
  Index width = 0;   ///< D
  bool gated = false;
  bool gate_biased = false, up_biased = false, down_biased = false;
};

/// All experts, packed.
struct PreparedExperts {
  Activation activation;
  std::vector<PreparedFfn> ffn;
  Index identities = 0;  ///< experts after these that return what they are given
};
/// E, networks and identities.
inline Index count(const PreparedExperts& experts) {
  return static_cast<Index>(experts.ffn.size()) + experts.identities;
}

/// Bytes of the networks' packed weights.
Index bytes(const PreparedFfn& ffn);
/// Of all of them.
Index bytes(const PreparedExperts& experts);

/// Threads for a layer whose experts see `rows` rows in all: `requested`, or for 0 as many as are
/// worth waking for that (cpu/parallel.h).
int thread_count(int requested, const PreparedExperts& experts, Index rows);

/// Packs a network. Throws Error naming a weight that the format does not hold.
PreparedFfn prepare(const Ffn& ffn, bool gated, WeightFormat format = WeightFormat::f32);
/// Packs all experts; likewise.
PreparedExperts prepare(const Experts& experts, WeightFormat format = WeightFormat::f32);
/// The network that was packed, bit for bit.
Ffn unpack(const PreparedFfn& ffn);
/// The experts that were packed, bit for bit.
Experts unpack(const PreparedExperts& experts);

/// The hidden values of one network; x [R,D], returns [R,F]: reference::hidden_values.
Matrix hidden_values(const Activation& activation, const PreparedFfn& ffn, const ConstMatrix& x,
                     int threads = 0);

/// Runs expert e over rows offsets[e] .. offsets[e+1]-1 of `rows` [R,D]: reference::run_experts.
///   Records hidden [R,F] and expert_out [R,D]; returns expert_out.
Matrix run_experts(const PreparedExperts& experts, const Dispatch& dispatch,
                   const ConstMatrix& rows, Trace* trace, int threads = 0);

// ------------------------------------------------------ what they are made of

/// One network to run, over `rows` rows.
struct FfnJob {
  const PreparedFfn* ffn = nullptr;
  const Activation* activation = nullptr;
  Index rows = 0;

  /// Row r is x + stride * (tokens ? tokens[r] : r), D values, times input_scale[r] if there is
  /// one.
  const float* x = nullptr;
  Index stride = 0;
  const Index* tokens = nullptr;
  const float* input_scale = nullptr;

  /// Where the rows as the network sees them [rows,D] and the hidden values [rows,F] are also
  /// written, or nullptr.
  float* dispatched = nullptr;
  float* hidden = nullptr;

  /// Where the outputs go, [rows,D], times output_scale[r] if there is one; nullptr: compute the
  /// hidden values only.
  float* out = nullptr;
  const float* output_scale = nullptr;
};

/// Copies the rows offsets[networks] .. offsets[E]-1, which belong to identities, to `out` [R,D].
void run_identities(const PreparedExperts& experts, const Dispatch& dispatch,
                    const ConstMatrix& rows, Matrix& out);

/// Runs the networks together, each in three steps: rows into tiles; first product and activation,
/// which leave the hidden values in tiles; second product. A step of one network waits for the step
/// before it, not for the other networks.
///   arena: how many values the rows and hidden values of a wave of networks take, if it is more than
///          one network; 0: as many as suit them. It shows in no result.
void run_ffns(std::span<const FfnJob> jobs, int threads, Index arena = 0);

}  // namespace moe::cpu
