#include "cpu/routed.h"

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

// Stages that only a trace wants as whole matrices.
struct Stages {
  Matrix dispatched, hidden, combined;
};

std::vector<FfnJob> expert_jobs(const PreparedExperts& experts, const Dispatch& dispatch,
                                const std::vector<float>& scales, const ConstMatrix& x,
                                Stages* stages, Matrix& out) {
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

}  // namespace

Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const Routing& routing, const Dispatch& dispatch, const ConstMatrix& x,
                  Trace* trace, int threads) {
  threads = thread_count(threads);
  const Index T = x.rows();
  const Index D = x.cols();
  const Index F = experts.ffn[0].hidden;
  const auto R = static_cast<Index>(dispatch.tokens.size());
  const std::vector<float> scales = input_scales(dispatch, routing);

  std::optional<Stages> stages;
  if (trace != nullptr) stages = Stages{Matrix(R, D), Matrix(R, F), Matrix(T, D)};
  Matrix outputs(R, D);
  std::vector<FfnJob> jobs =
      expert_jobs(experts, dispatch, scales, x, stages ? &*stages : nullptr, outputs);
  Matrix from_shared;
  Vector opening;
  if (shared) {
    from_shared.resize(T, D);
    opening = openings(*shared, x, threads);
    jobs.push_back(shared_job(*shared, x, opening, from_shared));
  }
  run_ffns(jobs, threads);
  Matrix y = combine_and_add(dispatch, routing, outputs, shared ? &from_shared : nullptr,
                             stages ? &stages->combined : nullptr, threads);
  if (stages) {
    record(trace, "dispatched", stages->dispatched);
    record(trace, "hidden", stages->hidden);
    record(trace, "expert_out", outputs);
    record(trace, "combined", stages->combined);
    if (shared) record(trace, "shared", from_shared);
    record(trace, "output", y);
  }
  return y;
}

}  // namespace moe::cpu
