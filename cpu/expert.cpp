#include "cpu/expert.h"

#include <algorithm>
#include <atomic>

#include "cpu/available.h"
#include "cpu/buffer.h"
#include "cpu/parallel.h"
#include "reference/error.h"

namespace moe::cpu {

PreparedFfn prepare(const Ffn& ffn, bool gated, WeightFormat format) {
  require_available();
  const Index F = ffn.up.rows();
  const Index D = ffn.up.cols();
  const Index panels = panels_for(F);
  PreparedFfn p{.in = Panels(gated ? 2 * panels : panels, D, format),
                .down = Panels(panels_for(D), F, format),
                .hidden = F,
                .width = D,
                .gated = gated,
                .gate_biased = ffn.gate_bias.size() != 0,
                .up_biased = ffn.up_bias.size() != 0,
                .down_biased = ffn.down_bias.size() != 0};
  std::atomic<bool> held{true};
  const auto set = [&](Panels& to, Index panel, const Matrix& w, const Vector& bias, Index i) {
    if (!to.set(panel, w, bias, i * kPanel)) held = false;
  };
  parallel_for(thread_count(0), panels, [&](Index i, int) {
    if (gated) set(p.in, 2 * i, ffn.gate, ffn.gate_bias, i);
    set(p.in, gated ? 2 * i + 1 : i, ffn.up, ffn.up_bias, i);
  });
  parallel_for(thread_count(0), p.down.count(),
               [&](Index i, int) { set(p.down, i, ffn.down, ffn.down_bias, i); });
  if (!held) expect_held(format, ffn);  // names the first that it does not hold
  return p;
}

PreparedExperts prepare(const Experts& experts, WeightFormat format) {
  PreparedExperts prepared{experts.activation, {}, experts.identities};
  for (const Ffn& ffn : experts.ffn) try {
      prepared.ffn.push_back(prepare(ffn, experts.activation.gated, format));
    } catch (const Error& error) {
      throw Error("expert " + std::to_string(prepared.ffn.size()) + ": " + error.what());
    }
  return prepared;
}

Index bytes(const PreparedFfn& ffn) { return ffn.in.bytes() + ffn.down.bytes(); }

Index bytes(const PreparedExperts& experts) {
  Index all = 0;
  for (const PreparedFfn& ffn : experts.ffn) all += bytes(ffn);
  return all;
}

int thread_count(int requested, const PreparedExperts& experts, Index rows) {
  // Of one thread in a nanosecond, on a processor of today; twice as much would not matter.
  constexpr double bytes_read = 40, multiply_adds = 100;
  if (experts.ffn.empty()) return thread_count(requested, 0.0);
  const PreparedFfn& one = experts.ffn.front();
  const auto touched = static_cast<double>(std::min<Index>(rows, count(experts)));
  const auto weight_bytes = static_cast<double>(bytes(one));
  const auto weights = static_cast<double>((one.gated ? 3 : 2) * one.hidden * one.width);
  return thread_count(requested, std::max(touched * weight_bytes / bytes_read,
                                          static_cast<double>(rows) * weights / multiply_adds));
}

Ffn unpack(const PreparedFfn& p) {
  Ffn ffn;
  const Index F = p.hidden;
  const Index D = p.width;
  if (p.gated) ffn.gate.resize(F, D);
  ffn.up.resize(F, D);
  ffn.down.resize(D, F);
  ffn.gate_bias.resize(p.gate_biased ? F : 0);
  ffn.up_bias.resize(p.up_biased ? F : 0);
  ffn.down_bias.resize(p.down_biased ? D : 0);
  for (Index i = 0; i < panels_for(F); i++) {
    const Index up = p.gated ? 2 * i + 1 : i;
    if (p.gated) p.in.get(2 * i, ffn.gate, i * kPanel);
    if (p.gated) p.in.get(2 * i, ffn.gate_bias, i * kPanel);
    p.in.get(up, ffn.up, i * kPanel);
    p.in.get(up, ffn.up_bias, i * kPanel);
  }
  for (Index i = 0; i < p.down.count(); i++) {
    p.down.get(i, ffn.down, i * kPanel);
    p.down.get(i, ffn.down_bias, i * kPanel);
  }
  return ffn;
}

Experts unpack(const PreparedExperts& prepared) {
  Experts experts{prepared.activation, {}, prepared.identities};
  for (const PreparedFfn& ffn : prepared.ffn) experts.ffn.push_back(unpack(ffn));
  return experts;
}

Matrix hidden_values(const Activation& activation, const PreparedFfn& ffn, const ConstMatrix& x,
                     int threads) {
  Matrix hidden = new_matrix(x.rows(), ffn.hidden);
  const FfnJob job{.ffn = &ffn,
                   .activation = &activation,
                   .rows = x.rows(),
                   .x = x.data(),
                   .stride = x.outerStride(),
                   .hidden = hidden.data()};
  run_ffns({&job, 1}, thread_count(threads));
  return hidden;
}

void run_identities(const PreparedExperts& experts, const Dispatch& dispatch,
                    const ConstMatrix& rows, Matrix& out) {
  const Index first = dispatch.offsets[experts.ffn.size()];
  const Index own = dispatch.offsets.back() - first;
  out.middleRows(first, own) = rows.middleRows(first, own);
}

Matrix run_experts(const PreparedExperts& experts, const Dispatch& dispatch,
                   const ConstMatrix& rows, Trace* trace, int threads) {
  const Index R = rows.rows();
  const Index D = rows.cols();
  const Index F = experts.ffn.empty() ? 0 : experts.ffn[0].hidden;
  Matrix out = new_matrix(R, D);
  Matrix hidden = Matrix::Zero(trace != nullptr ? R : 0, F);
  std::vector<FfnJob> jobs;
  for (std::size_t e = 0; e < experts.ffn.size(); e++) {
    const Index first = dispatch.offsets[e];
    jobs.push_back({.ffn = &experts.ffn[e],
                    .activation = &experts.activation,
                    .rows = dispatch.offsets[e + 1] - first,
                    .x = rows.data() + first * rows.outerStride(),
                    .stride = rows.outerStride(),
                    .hidden = trace != nullptr ? hidden.data() + first * F : nullptr,
                    .out = out.data() + first * D});
  }
  run_ffns(jobs, thread_count(threads));
  run_identities(experts, dispatch, rows, out);
  if (trace != nullptr) record(trace, "hidden", hidden);
  record(trace, "expert_out", out);
  return out;
}

}  // namespace moe::cpu
