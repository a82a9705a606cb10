#include "cpu/routed.h"

#include "cpu/buffer.h"
#include "cpu/combine.h"
#include "cpu/parallel.h"

namespace moe::cpu {
namespace {

// What each row is multiplied by before its expert sees it, where weights act on the input.
std::vector<float> input_scales(const Dispatch& dispatch, const Routing& routing) {
  std::vector<float> scales;
  if (routing.weight_on == WeightOn::output) return scales;
  for (std::size_t r = 0; r < dispatch.tokens.size(); r++)
    scales.push_back(routing.weights(dispatch.tokens[r], dispatch.slots[r]));
  return scales;
}

// Rows [R,D] in a buffer, which is ready for use sooner than a matrix: see cpu/buffer.h.
using Rows = Eigen::Map<Matrix>;

// Stages that only a trace wants as whole matrices.
struct Stages {
  Matrix dispatched, hidden, combined;
};

std::vector<FfnJob> expert_jobs(const PreparedExperts& experts, const Dispatch& dispatch,
                                const std::vector<float>& scales, const ConstMatrix& x,
                                Stages* stages, Rows& out) {
  const Index D = x.cols();
  std::vector<FfnJob> jobs;
  for (std::size_t e = 0; e < experts.ffn.size(); e++) {
    const Index first = dispatch.offsets[e];
    const Index F = experts.ffn[e].hidden;
    jobs.push_back({.ffn = &experts.ffn[e],
                    .activation = &experts.activation,
                    .rows = dispatch.offsets[e + 1] - first,
                    .x = x.data(),
                    .stride = x.outerStride(),
                    .tokens = dispatch.tokens.data() + first,
                    .input_scale = scales.empty() ? nullptr : scales.data() + first,
                    .dispatched = stages ? stages->dispatched.data() + first * D : nullptr,
                    .hidden = stages ? stages->hidden.data() + first * F : nullptr,
                    .out = out.data() + first * D});
  }
  return jobs;
}

// The rows of identities, and what a trace wants of them.
void copy_identities(const PreparedExperts& experts, const Dispatch& dispatch,
                     const std::vector<float>& scales, const ConstMatrix& x, Stages* stages,
                     Rows& out) {
  for (Index r = dispatch.offsets[experts.ffn.size()]; r < dispatch.offsets.back(); r++) {
    const auto row = static_cast<std::size_t>(r);
    out.row(r) = x.row(dispatch.tokens[row]);
    for (Index d = 0; d < x.cols() && !scales.empty(); d++) out(r, d) = scales[row] * out(r, d);
    if (stages == nullptr) continue;
    stages->dispatched.row(r) = out.row(r);
    stages->hidden.row(r).setZero();
  }
}

void record_rows(Trace* trace, const std::optional<Stages>& stages, const Rows& outputs) {
  if (!stages) return;
  record(trace, "dispatched", stages->dispatched);
  record(trace, "hidden", stages->hidden);
  record(trace, "expert_out", Matrix(outputs));
  record(trace, "combined", stages->combined);
}

// Experts in the space of x [T,D], with the shared expert's tasks among theirs.
Matrix run_together(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                    const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                    Trace* trace, int threads) {
  const Index T = x.rows();
  const Index D = x.cols();
  const Index F = experts.ffn[0].hidden;
  const auto R = static_cast<Index>(dispatch.tokens.size());
  const std::vector<float> scales = input_scales(dispatch, routing);

  std::optional<Stages> stages;
  if (trace != nullptr) stages = Stages{Matrix(R, D), Matrix(R, F), Matrix(T, D)};
  Stages* wanted = stages ? &*stages : nullptr;
  Buffer memory(R * D);
  Rows outputs(memory.data(), R, D);
  std::vector<FfnJob> jobs = expert_jobs(experts, dispatch, scales, x, wanted, outputs);
  copy_identities(experts, dispatch, scales, x, wanted, outputs);
  Matrix from_shared;
  Shares both;
  if (shared) {
    from_shared.resize(T, D);
    both = shares(*shared, x, threads);
    jobs.push_back(shared_job(*shared, x, both.opened, from_shared));
  }
  run_ffns(jobs, threads);
  Matrix y = combine_and_add(dispatch, routing, outputs,
                             {.shared = shared ? &from_shared : nullptr,
                              .keep = both.kept.size() == 0 ? nullptr : &both.kept,
                              .combined = stages ? &stages->combined : nullptr},
                             threads);
  record_rows(trace, stages, outputs);
  if (shared) record(trace, "shared", from_shared);
  return y;
}

// Experts in a narrower space, then the shared expert.
Matrix run_in_latent(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                     const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                     Trace* trace, int threads, const PreparedLatent& latent) {
  const Matrix u = linear(x, latent.down, threads);  // [T,L]
  record(trace, "latent", u);
  Matrix y = linear(run_together(experts, std::nullopt, routing, dispatch, u, trace, threads),
                    latent.up, threads);  // [T,D]
  record(trace, "expanded", y);
  if (!shared) return y;
  const Vector kept = shares(*shared, x, threads).kept;
  const Matrix from_shared = run_shared(*shared, x, trace, threads);
  add_shared({.shared = &from_shared, .keep = kept.size() == 0 ? nullptr : &kept}, y, threads);
  return y;
}

}  // namespace

std::optional<PreparedLatent> prepare(const std::optional<Latent>& latent) {
  if (!latent) return std::nullopt;
  return PreparedLatent{prepare(latent->down, Vector()), prepare(latent->up, Vector())};
}

std::optional<Latent> unpack(const std::optional<PreparedLatent>& prepared) {
  if (!prepared) return std::nullopt;
  Latent latent;
  Vector none;
  unpack(prepared->down, latent.down, none);
  unpack(prepared->up, latent.up, none);
  return latent;
}

Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace, int threads, const std::optional<PreparedLatent>& latent,
                  bool residual) {
  threads = thread_count(threads);
  Matrix y = latent ? run_in_latent(experts, shared, routing, dispatch, x, trace, threads, *latent)
                    : run_together(experts, shared, routing, dispatch, x, trace, threads);
  if (residual)
    for (Index t = 0; t < y.rows(); t++)
      for (Index d = 0; d < y.cols(); d++) y(t, d) = y(t, d) + x(t, d);
  record(trace, "output", y);
  return y;
}

}  // namespace moe::cpu
