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
  PreparedLinear gate;  ///< [1,D]; no outputs where there is no gate
};

/// Packs the shared expert.
PreparedShared prepare(const Shared& shared);
/// The shared expert that was packed, bit for bit.
Shared unpack(const PreparedShared& shared);

/// The same where there may be none.
std::optional<PreparedShared> prepare(const std::optional<Shared>& shared);
/// The same where there may be none.
std::optional<Shared> unpack(const std::optional<PreparedShared>& shared);

/// sigmoid(gate . x) of every token, [T]; empty where there is no gate.
Vector openings(const PreparedShared& shared, const ConstMatrix& x, int threads);

/// FFN(x), times sigmoid(gate . x) where the layer has such a gate: reference::run_shared.
///   x [T,D]; returns [T,D], recorded as shared.
Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace,
                  int threads = 0);

/// The same as a job for run_ffns: `opening` as from openings(), `out` [T,D].
FfnJob shared_job(const PreparedShared& shared, const ConstMatrix& x, const Vector& opening,
                  Matrix& out);

}  // namespace moe::cpu
