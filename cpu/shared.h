// The experts every token visits.
#pragma once
#include <optional>

#include "cpu/expert.h"
#include "cpu/linear.h"
#include "reference/trace.h"

namespace moe::cpu {

/// The shared expert, packed.
struct PreparedShared {
  Activation activation;
  PreparedFfn ffn;
  PreparedLinear gate;  ///< [1,D] or [2,D]; no outputs where there is no gate
  SharedJoin join = SharedJoin::added;
};

/// What the routed experts' output and the shared expert's are multiplied by, token by token.
struct Shares {
  Vector kept;    ///< [T], empty: all of the former
  Vector opened;  ///< [T], empty: all of the latter
};

/// Packs the shared expert.
PreparedShared prepare(const Shared& shared, WeightFormat format = WeightFormat::f32);
/// The shared expert that was packed, bit for bit.
Shared unpack(const PreparedShared& shared);

/// The same where there may be none.
std::optional<PreparedShared> prepare(const std::optional<Shared>& shared,
                                      WeightFormat format = WeightFormat::f32);
/// The same where there may be none.
std::optional<Shared> unpack(const std::optional<PreparedShared>& shared);

/// The shares of every token: reference::shares.
Shares shares(const PreparedShared& shared, const ConstMatrix& x, int threads);

/// FFN(x), times the share that the layer's gate gives it: reference::run_shared.
///   x [T,D]; returns [T,D], recorded as shared.
Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace,
                  int threads = 0);

/// The same as a job for run_ffns: `opened` as from shares(), `out` [T,D].
FfnJob shared_job(const PreparedShared& shared, const ConstMatrix& x, const Vector& opened,
                  float* out);

}  // namespace moe::cpu
