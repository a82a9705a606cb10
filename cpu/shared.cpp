#include "cpu/shared.h"

#include "cpu/buffer.h"
#include "cpu/numerics/elementary.h"
#include "cpu/parallel.h"
#include "cpu/router.h"

namespace moe::cpu {

PreparedShared prepare(const Shared& shared, WeightFormat format) {
  return {shared.activation, prepare(shared.ffn, shared.activation.gated, format),
          prepare(shared.gate, shared.gate_bias), shared.join};
}

Shared unpack(const PreparedShared& prepared) {
  Shared shared{prepared.activation, unpack(prepared.ffn), {}, prepared.join};
  unpack(prepared.gate, shared.gate, shared.gate_bias);
  return shared;
}

std::optional<PreparedShared> prepare(const std::optional<Shared>& shared, WeightFormat format) {
  if (!shared) return std::nullopt;
  return prepare(*shared, format);
}

std::optional<Shared> unpack(const std::optional<PreparedShared>& prepared) {
  if (!prepared) return std::nullopt;
  return unpack(*prepared);
}

Shares shares(const PreparedShared& shared, const ConstMatrix& x, int threads) {
  if (shared.gate.outputs == 0) return {};
  const Matrix z = linear(x, shared.gate, threads);  // [T,1] or [T,2]
  if (shared.join == SharedJoin::weighed) {
    const Matrix p = all_scores(Score::softmax, z, threads);
    return {p.col(0), p.col(1)};
  }
  Shares result{{}, Vector(z.rows())};
  sigmoid(z.data(), result.opened.data(), z.rows());
  if (shared.join == SharedJoin::added) return result;
  result.kept.resize(z.rows());
  for (Index t = 0; t < z.rows(); t++) result.kept[t] = 1 - result.opened[t];
  return result;
}

FfnJob shared_job(const PreparedShared& shared, const ConstMatrix& x, const Vector& opened,
                  float* out) {
  return {.ffn = &shared.ffn,
          .activation = &shared.activation,
          .rows = x.rows(),
          .x = x.data(),
          .stride = x.outerStride(),
          .out = out,
          .output_scale = opened.size() == 0 ? nullptr : opened.data()};
}

Matrix run_shared(const PreparedShared& shared, const ConstMatrix& x, Trace* trace, int threads) {
  const Vector opened = shares(shared, x, threads).opened;
  Matrix out = new_matrix(x.rows(), x.cols());
  const FfnJob job = shared_job(shared, x, opened, out.data());
  run_ffns({&job, 1}, thread_count(threads));
  record(trace, "shared", out);
  return out;
}

}  // namespace moe::cpu
