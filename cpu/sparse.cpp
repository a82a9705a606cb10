#include "cpu/sparse.h"

#include <bit>
#include <limits>

#include "cpu/available.h"
#include "cpu/combine.h"
#include "cpu/dispatch.h"
#include "cpu/parallel.h"

namespace moe::cpu {
namespace {

// Is every value a number? Reads exponents, which vectorises.
bool all_finite(const ConstMatrix& x) {
  std::uint32_t infinite = 0;
  for (Index t = 0; t < x.rows(); t++) {
    const float* row = x.data() + t * x.outerStride();
    for (Index d = 0; d < x.cols(); d++) {
      const auto magnitude = std::bit_cast<std::uint32_t>(row[d]) & 0x7fffffffU;
      infinite |= static_cast<std::uint32_t>(magnitude >= 0x7f800000U);
    }
  }
  return infinite == 0;
}

// moe::validate_input, whose slow search for the bad value runs only if there is one.
void check_input(const PreparedSparse& layer, const ConstMatrix& x) {
  const SparseLayer& outline = layer.outline();
  const Index limit = std::numeric_limits<std::int32_t>::max() / outline.router.config.chosen;
  const bool fits = x.cols() == layer.router().linear.panels.depth() && x.rows() <= limit;
  if (fits && (outline.nonfinite == NonFinite::allow || all_finite(x))) return;
  validate_input(outline, x);
}

// The choices and sizes of a layer; matrices keep the one size that matters and hold nothing.
SparseLayer outline_of(const SparseLayer& layer) {
  SparseLayer outline;
  outline.nonfinite = layer.nonfinite;
  outline.router.config = layer.router.config;
  outline.router.weight.resize(0, layer.router.weight.cols());
  outline.experts.activation = layer.experts.activation;
  outline.experts.ffn.resize(layer.experts.ffn.size());
  outline.experts.ffn[0].up.resize(layer.experts.ffn[0].up.rows(), 0);
  return outline;
}

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

PreparedSparse prepare(const SparseLayer& layer) {
  require_available();
  validate(layer);
  PreparedSparse prepared;
  prepared.router_ = prepare(layer.router);
  prepared.experts_ = prepare(layer.experts);
  if (layer.shared) prepared.shared_ = prepare(*layer.shared);
  prepared.outline_ = outline_of(layer);
  return prepared;
}

SparseLayer unpack(const PreparedSparse& prepared) {
  SparseLayer layer{.router = unpack(prepared.router()),
                    .experts = unpack(prepared.experts()),
                    .shared = {},
                    .nonfinite = prepared.outline().nonfinite};
  if (prepared.shared()) layer.shared = unpack(*prepared.shared());
  return layer;
}

Matrix sparse(const PreparedSparse& layer, const ConstMatrix& x, Trace* trace, int threads) {
  threads = thread_count(threads);
  check_input(layer, x);
  const PreparedExperts& experts = layer.experts();
  const Index D = x.cols();
  const Index F = experts.ffn[0].hidden;

  const Routing routing = route(layer.router(), x, trace, threads);
  const Dispatch dispatch = place(routing, static_cast<Index>(experts.ffn.size()), trace);
  const std::vector<float> scales = input_scales(dispatch, routing);
  const auto R = static_cast<Index>(dispatch.tokens.size());

  std::optional<Stages> stages;
  if (trace != nullptr) stages = Stages{Matrix(R, D), Matrix(R, F), Matrix(x.rows(), D)};
  Matrix outputs(R, D);
  std::vector<FfnJob> jobs =
      expert_jobs(experts, dispatch, scales, x, stages ? &*stages : nullptr, outputs);
  Matrix shared;
  Vector opening;
  if (layer.shared()) {
    shared.resize(x.rows(), D);
    opening = openings(*layer.shared(), x, threads);
    jobs.push_back(shared_job(*layer.shared(), x, opening, shared));
  }
  run_ffns(jobs, threads);
  Matrix y = combine_and_add(dispatch, routing, outputs, layer.shared() ? &shared : nullptr,
                             stages ? &stages->combined : nullptr, threads);
  if (stages) {
    record(trace, "dispatched", stages->dispatched);
    record(trace, "hidden", stages->hidden);
    record(trace, "expert_out", outputs);
    record(trace, "combined", stages->combined);
    if (layer.shared()) record(trace, "shared", shared);
    record(trace, "output", y);
  }
  return y;
}

}  // namespace moe::cpu
