#include "cpu/routed.h"

#include <algorithm>

#include "cpu/buffer.h"
#include "cpu/combine.h"
#include "cpu/parallel.h"
#include "cpu/portion.h"

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

// Stages of the whole batch that only a trace wants as matrices.
struct Stages {
  Matrix dispatched, hidden, outputs, combined, shared;
};

// A portion's place in the batch, and its outputs.
struct Place {
  const Portion* portion;
  Stages* stages;  // or nullptr
  float* outputs;  // [its rows,D]
};

std::vector<FfnJob> expert_jobs(const PreparedExperts& experts, const Place& place,
                                const std::vector<float>& scales, const ConstMatrix& x) {
  const Dispatch& dispatch = place.portion->dispatch;
  const Index D = x.cols();
  std::vector<FfnJob> jobs;
  for (std::size_t e = 0; e < experts.ffn.size(); e++) {
    const Index own = dispatch.offsets[e];         // first row in the portion
    const Index whole = place.portion->begins[e];  // in the batch
    const Index F = experts.ffn[e].hidden;
    Stages* const stages = place.stages;
    jobs.push_back({.ffn = &experts.ffn[e],
                    .activation = &experts.activation,
                    .rows = dispatch.offsets[e + 1] - own,
                    .x = x.data(),
                    .stride = x.outerStride(),
                    .tokens = dispatch.tokens.data() + own,
                    .input_scale = scales.empty() ? nullptr : scales.data() + own,
                    .dispatched = stages ? stages->dispatched.data() + whole * D : nullptr,
                    .hidden = stages ? stages->hidden.data() + whole * F : nullptr,
                    .out = place.outputs + own * D});
  }
  return jobs;
}

// The rows of identities, and what a trace wants of them.
void copy_identities(const PreparedExperts& experts, const Place& place,
                     const std::vector<float>& scales, const ConstMatrix& x) {
  const Dispatch& dispatch = place.portion->dispatch;
  const Index D = x.cols();
  for (std::size_t e = experts.ffn.size(); e + 1 < dispatch.offsets.size(); e++)
    for (Index r = dispatch.offsets[e]; r < dispatch.offsets[e + 1]; r++) {
      const auto row = static_cast<std::size_t>(r);
      const float* from = x.data() + dispatch.tokens[row] * x.outerStride();
      float* to = place.outputs + r * D;
      std::copy(from, from + D, to);
      for (Index d = 0; d < D && !scales.empty(); d++) to[d] = scales[row] * to[d];
      if (place.stages == nullptr) continue;
      const Index whole = place.portion->begins[e] + r - dispatch.offsets[e];
      std::copy(to, to + D, place.stages->dispatched.data() + whole * D);
      place.stages->hidden.row(whole).setZero();
    }
}

// A portion's outputs to their places in the batch.
void copy_outputs(const Place& place) {
  const Dispatch& dispatch = place.portion->dispatch;
  const Index D = place.stages->outputs.cols();
  for (std::size_t e = 0; e + 1 < dispatch.offsets.size(); e++)
    std::copy(place.outputs + dispatch.offsets[e] * D, place.outputs + dispatch.offsets[e + 1] * D,
              place.stages->outputs.data() + place.portion->begins[e] * D);
}

void record_stages(Trace* trace, const Stages& stages, bool shared) {
  record(trace, "dispatched", stages.dispatched);
  record(trace, "hidden", stages.hidden);
  record(trace, "expert_out", stages.outputs);
  record(trace, "combined", stages.combined);
  if (shared) record(trace, "shared", stages.shared);
}

// x [n,D] the portion's tokens, y [n,D] their outputs.
void run_portion(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                 const Portion& part, const ConstMatrix& x, Stages* stages, float* y,
                 int threads) {
  const Index D = x.cols();
  const std::vector<float> scales = input_scales(part.dispatch, part.routing);
  const Index R = part.dispatch.offsets.back();
  Buffer memory(R * D), from_shared(shared ? part.tokens * D : 0);
  const Place place{&part, stages, memory.data()};
  std::vector<FfnJob> jobs = expert_jobs(experts, place, scales, x);
  copy_identities(experts, place, scales, x);
  Shares both;
  if (shared) {
    both = shares(*shared, x, threads);
    jobs.push_back(shared_job(*shared, x, both.opened, from_shared.data()));
  }
  run_ffns(jobs, threads);
  const Eigen::Map<const Matrix> outputs(memory.data(), R, D);
  combine_and_add(part.dispatch, part.routing, outputs,
                  {.shared = shared ? from_shared.data() : nullptr,
                   .keep = both.kept.size() == 0 ? nullptr : both.kept.data(),
                   .combined = stages ? stages->combined.data() + part.first * D : nullptr},
                  y, threads);
  if (stages == nullptr) return;
  copy_outputs(place);
  if (shared)
    std::copy(from_shared.data(), from_shared.data() + part.tokens * D,
              stages->shared.data() + part.first * D);
}

// Experts in the space of x [T,D], with the shared expert's tasks among theirs.
Matrix run_together(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                    const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                    Trace* trace, int threads) {
  const Index T = x.rows();
  const Index D = x.cols();
  const auto R = static_cast<Index>(dispatch.tokens.size());
  std::optional<Stages> stages;
  if (trace != nullptr)
    stages = Stages{Matrix(R, D), Matrix(R, experts.ffn[0].hidden), Matrix(R, D), Matrix(T, D),
                    Matrix(shared ? T : 0, D)};
  Matrix y = new_matrix(T, D);
  const Index count = portion_count(experts, dispatch, D);
  for (Index i = 0; i < count; i++) {
    const Portion part = portion(routing, dispatch, T * i / count, T * (i + 1) / count);
    run_portion(experts, shared, part, x.middleRows(part.first, part.tokens),
                stages ? &*stages : nullptr, y.data() + part.first * D, threads);
  }
  if (stages) record_stages(trace, *stages, shared.has_value());
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
  add_shared({.shared = from_shared.data(), .keep = kept.size() == 0 ? nullptr : kept.data()}, y,
             threads);
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
