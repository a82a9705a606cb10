// moe account: bytes, FLOPs, traffic and bounds of one model as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reference/accounting/cache.h"
#include "reference/accounting/flops.h"
#include "reference/accounting/replicas.h"
#include "reference/accounting/stages.h"
#include "reference/accounting/step.h"
#include "reference/accounting/touched.h"
#include "reference/accounting/traffic.h"
#include "reference/error.h"
#include "tools/account.h"

namespace moe::tools {
namespace {

using namespace accounting;

double real(Index n) { return static_cast<double>(n); }

std::string seconds_text(double s) { return s < 1e-3 ? fmt::format("{:.1f} µs", s * 1e6) : s < 1 ? fmt::format("{:.2f} ms", s * 1e3) : fmt::format("{:.2f} s", s); }

std::string flops_text(Index flops) {
  static constexpr const char* kUnits[] = {"FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP", "EFLOP"};
  double x = real(flops);
  std::size_t unit = 0;
  for (; x >= 999.5 && unit + 1 < std::size(kUnits); unit++) x /= 1000;
  return fmt::format("{:.{}f} {}  {}", x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0, kUnits[unit], grouped(flops));
}

void row(const char* name, const std::string& text) { say("  " + paint(Ink::dim, left(name, 18)) + text + "\n"); }

void heading(const std::string& text) { say("\n" + paint(Ink::accent, text) + "\n"); }

void print_bytes(const AccountRequest& request, const Accounted& a, const Costs& c) {
  heading("bytes");
  const std::string how = request.weights.empty() ? "as the checkpoint stores them" : "matrices in " + request.weights;
  row("weights", fmt::format("{}  {}  ({})", bytes_text(real(c.weight_bytes)), grouped(c.weight_bytes), how));
  if (c.checkpoint_bytes != c.weight_bytes)
    row("checkpoint", fmt::format("{}  {}  with MTP and what it stores twice", bytes_text(real(c.checkpoint_bytes)), grouped(c.checkpoint_bytes)));
  if (c.file_bytes > 0)
    row("files", fmt::format("{} {} of tensors in the folder", mark(c.file_bytes == c.checkpoint_bytes), grouped(c.file_bytes)));
  std::string formats;
  for (const Format f : {Format::bf16, Format::fp8, Format::mxfp4, Format::nvfp4, Format::int4})
    formats += fmt::format("{}{} {}", formats.empty() ? "" : " · ", name_of(f), bytes_text(real(bytes_of(weights(a.model), formats_all(f)))));
  row("other formats", formats);
  const Cache cache_size = cache(a.model, {});
  std::string kept = fmt::format("{} a token", grouped(cache_size.per_token));
  if (cache_size.per_windowed_token > 0) kept += fmt::format(", {} while inside a window or chunk", grouped(cache_size.per_windowed_token));
  if (cache_size.state > 0) kept += fmt::format(", {} of state a sequence", grouped(cache_size.state));
  row("cache, bf16", kept);
  row("", fmt::format("{} for one sequence of {}", bytes_text(real(cache_bytes(a.model, request.context, {}))), grouped(request.context)));
}

void print_flops(const AccountRequest& request, const Accounted& a) {
  const Index n = request.context;
  heading("FLOPs (a multiply-add is 2)");
  row("weights, 1 token", flops_text(weight_flops(a.model, true)));
  row("decode", fmt::format("{}  one token at context {}", flops_text(decode_flops(a.model, n)), grouped(n)));
  row("prefill", fmt::format("{}  {} tokens, logits of the last", flops_text(prefill_flops(a.model, n, false)), grouped(n)));
  row("training", fmt::format("{}  the same tokens, forward and backward", flops_text(training_flops(a.model, n, false))));
  row("", fmt::format("{}  with everything computed twice", flops_text(training_flops(a.model, n, true))));
}

void print_activations(const AccountRequest& request, const Accounted& a) {
  const Index n = request.context;
  heading(fmt::format("activations kept for training on {} tokens, bf16", grouped(n)));
  row("dropless", bytes_text(real(training_bytes(a.model, n, 2, false, 0))));
  if (a.counts[Component::routed_experts].total > 0) row("capacity 1.25", bytes_text(real(training_bytes(a.model, n, 2, false, 1.25))));
  row("recomputed", fmt::format("{}  each layer keeps its input alone", bytes_text(real(training_bytes(a.model, n, 2, true, 0)))));
}

void print_touched(const AccountRequest& request, const Accounted& a, const Costs& c) {
  if (!c.mixture) return;
  const Mixture& m = *c.mixture;
  heading(fmt::format("experts touched by {} token{}", grouped(request.batch), request.batch == 1 ? "" : "s"));
  row(c.measured ? "in the trace" : "expected",
      fmt::format("{:.2f} of {} in each of {} layers{}", c.touched, m.experts, c.moe_layers,
                  c.measured ? fmt::format(", mean over {} tokens in batches", grouped(c.trace_tokens)) : ", uniform routing"));
  row("tiles", fmt::format("{} of the rows computed are padding, with tiles of {}", percent(c.padding), request.tile));
  if (!c.measured) return;
  const double mean = real(c.trace_tokens * m.chosen) / real(m.experts);
  row("busiest", fmt::format("{:.2f} times the mean", real(*std::max_element(c.load.begin(), c.load.end())) / std::max(mean, 1e-300)));
  const Index slots = m.experts + request.ranks;
  if (m.experts % request.ranks != 0) return;
  const Replicas r = replicate(c.load, slots, request.ranks);
  row("EPLB", fmt::format("busiest of {} ranks {:.2f} times the mean; {:.2f} with one replica more on each", request.ranks, r.before, r.max_over_mean));
  Index expert = 0;
  for (const Weight& w : weights(a.model))
    if (w.component == Component::routed_experts && w.of > 1) expert = plus(expert, times({copy_bytes(w, a.formats), w.layers}));
  row("", fmt::format("{} a rank for it, in all layers", bytes_text(real(expert))));
}

void print_traffic(const AccountRequest& request, const Accounted& a, const Costs& c) {
  if (!c.mixture) return;
  const AllToAll bf16 = all_to_all(a.model, {});
  const AllToAll fp8 = all_to_all(a.model, {.dispatch_bytes = 1, .dispatch_scales = true});
  heading(fmt::format("all-to-all for one token, {} layers", bf16.layers));
  row("dispatch", fmt::format("{} in bf16, {} in FP8 with scales; every choice sent", grouped(bf16.dispatch), grouped(fp8.dispatch)));
  row("combine", fmt::format("{} in bf16", grouped(bf16.combine)));
  if (c.mixture->experts % request.ranks != 0 || request.ranks % request.nodes != 0) {
    row("copies", fmt::format("{} ranks on {} nodes do not divide {} experts", request.ranks, request.nodes, c.mixture->experts));
    return;
  }
  const Spread spread{.ranks = request.ranks, .nodes = request.nodes};
  const Copies free = expected_copies(*c.mixture, spread, false);
  row("copies a layer", fmt::format("{:.3f} leave their rank one by one, {:.3f} once for each of {} ranks", free.each, free.per_rank, request.ranks));
  row("", fmt::format("{} of bf16 dispatch once for each rank", bytes_text(dispatch_bytes_per_rank_copy(a.model, {}, spread))));
  if (request.nodes > 1) {
    const Copies limited = expected_copies(*c.mixture, spread, true);
    row("", fmt::format("{:.3f} cross nodes, {:.3f} stay inside; {:.3f} cross with the model's group limit", free.per_node, free.inside, limited.per_node));
    const double computing = real(c.mixture->experts) / real(c.mixture->experts + c.mixture->zero_experts);
    const double copy = real(bf16.dispatch) / (real(c.mixture->chosen) * computing);
    row("bytes by link", fmt::format("{} between nodes ({} limited), {} inside, bf16 dispatch", bytes_text(copy * free.per_node),
                                     bytes_text(copy * limited.per_node), bytes_text(copy * free.inside)));
  }
  row("TP", fmt::format("{} in all-reduces over {} ranks", bytes_text(tensor_parallel_bytes(a.model, request.ranks, 2)), request.ranks));
  row("DP", fmt::format("{} of gradients a step and rank, over {} copies", bytes_text(data_parallel_bytes(a.counts.total, request.ranks, 2)), request.ranks));
}

std::string bound_text(const Bound& b) { return fmt::format("at least {}, bound by {}", seconds_text(b.seconds()), b.is_compute() ? "arithmetic" : "memory"); }

void print_bounds(const AccountRequest& request, const Accounted& a, const Costs& c) {
  const Hardware& h = c.hardware;
  heading(fmt::format("on {} × {}", c.devices, h.what));
  row("ridge", fmt::format("{:.0f} FLOP a byte ({} TFLOP/s {}, {}/s)", h.ridge(), brief(h.flops / 1e12), h.number, bytes_text(h.bandwidth)));
  const StepBytes bytes = step_bytes(a.model, a.formats, request.batch, request.context, {}, c.measured ? c.touched : kUniform);
  const double flops = step_flops(a.model, request.batch, request.context);
  row("decode reads", fmt::format("{}: {} dense, {} experts, {} cache", bytes_text(bytes.sum()), bytes_text(bytes.dense), bytes_text(bytes.experts),
                                  bytes_text(bytes.cache + bytes.state)));
  const Bound decode = decode_bound(bytes, flops, h, c.devices);
  row("decode step", fmt::format("{}, {:.1f} FLOP a byte; {} tokens/s", bound_text(decode), flops / bytes.sum(), brief(real(request.batch) / decode.seconds())));
  row("", fmt::format("about {} if products do not overlap",
                      seconds_text(summed_seconds(a.model, a.formats, request.batch, request.context, c.measured ? c.touched : kUniform, h, c.devices))));
  row("prefill", bound_text(prefill_bound(a.model, a.formats, request.context, h, c.devices)));
  const double w = c.weight_bytes == 0 ? 2 : real(c.weight_bytes) / real(a.counts.total);
  const ComputeBound batch = compute_bound_batch(a.model, h, w);
  std::string from = fmt::format("from {:.0f} tokens dense matrices", batch.dense);
  if (batch.experts > 0) from += fmt::format(", from {:.0f} experts", batch.experts);
  row("arithmetic", from + fmt::format(" ({:.2f} bytes a weight)", w));
  if (request.seconds <= 0) return;
  const Utilisation u =
      utilisation(a.model, a.formats, request.batch, request.context, c.mixture ? c.touched : 0, request.seconds, h, c.devices);
  row("measured step", fmt::format("MBU {}, S-MBU {}; MFU {}, S-MFU {}", percent(u.mbu), percent(u.s_mbu), percent(u.mfu), percent(u.s_mfu)));
}

}  // namespace

void print_costs(const AccountRequest& request, const Accounted& a) {
  const Costs c = costs_of(request, a);
  print_bytes(request, a, c);
  print_flops(request, a);
  print_activations(request, a);
  print_touched(request, a, c);
  print_traffic(request, a, c);
  print_bounds(request, a, c);
}

}  // namespace moe::tools
