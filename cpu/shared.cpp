#include "cpu/shared.h"

#include "cpu/numerics/elementary.h"
#include "cpu/parallel.h"

namespace moe::cpu {

PreparedShared prepare(const Shared& shared) {
  return {shared.activation, prepare(shared.ffn, shared.activation.gated),
          prepare(shared.gate, Vector())};
}

Shared unpack(const PreparedShared& prepared) {
  Shared shared{prepared.activation, unpack(prepared.ffn), {}};
  Vector none;
  unpack(prepared.gate, shared.gate, none);
  return shared;
}

std::optional<PreparedShared> prepare(const std::optional<Shared>& shared) {
  if (!shared) return std::nullopt;
  return prepare(*shared);
}

std::optional<Shared> unpack(const std::optional<PreparedShared>& prepared) {
  if (!prepared) return std::nullopt;
  return unpack(*prepared);
}

Vector openings(const PreparedShared& shared, const ConstMatrix& x, int threads) {
  if (shared.gate.outputs == 0) return {};
  const Matrix z = linear(x, shared.gate, threads);  // [T,1]
  Vector opening(z.rows());
  sigmoid(z.data(), opening.data(), z.rows());
  return opening;
}

FfnJob shared_job(const PreparedShared& shared, const ConstMatrix& x, const Vector& opening,
                  Matrix& out) {
  return {.ffn = &shared.ffn,
          .activation = &shared.activation,
          .rows = x.rows(),
          .x = x.data(),
          .stride = x.outerStride(),
          .out = out.data(),
          .output_scale = opening.size() == 0 ? nullptr : opening.data()};
}

Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace, int threads) {
  const Vector opening = openings(shared, x, threads);
  Matrix out(x.rows(), x.cols());
  const FfnJob job = shared_job(shared, x, opening, out);
  run_ffns({&job, 1}, thread_count(threads));
  record(trace, "shared", out);
  return out;
}

}  // namespace moe::cpu
