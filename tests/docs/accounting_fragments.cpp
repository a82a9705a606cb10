// Tables about cost: models worked through, claims, mistakes.
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "reference/accounting/bytes.h"
#include "reference/accounting/cache.h"
#include "reference/accounting/flops.h"
#include "reference/accounting/step.h"
#include "reference/accounting/touched.h"
#include "reference/accounting/traffic.h"
#include "tests/docs/accounting_models.h"
#include "tests/docs/docs_fragments.h"

namespace moe::docs {
namespace {

using namespace accounting;

double real(Index n) { return static_cast<double>(n); }

Size formula(const Weight& w) {
  Size s = w.rows;
  if (w.cols.letters() != "1") s = w.rows.letters() == "1" ? w.cols : s * w.cols;
  return w.copies.letters() == "1" ? s : w.copies * s;
}

// Every weight, and what is summed of them.
std::string worked(const std::string& name) {
  const Counted c = counted(name);
  Table table({"component", "weight", "formula", "with values", "one layer", "layers", "all", "one token meets"});
  for (const Weight& w : weights(c.model)) {
    const Size s = formula(w);
    table.row({name_of(w.component), w.name, s.letters(), s.numbers(), grouped(s.value()), std::to_string(w.layers), grouped(w.total()), grouped(w.active())});
  }
  Table sums({"sum", "value"});
  sums.row({"total", grouped(c.counts.total)});
  sums.row({"C1", grouped(c.counts.c1)});
  sums.row({"C2 = C1 - embedding", grouped(c.counts.c2)});
  sums.row({"C3 = C2 - head", grouped(c.counts.c3)});
  if (c.counts.mtp > 0) {
    sums.row({"MTP, apart", grouped(c.counts.mtp)});
    sums.row({"MTP as stored", grouped(c.counts.mtp_stored)});
  }
  const Formats stored = formats_stored(c.model);
  sums.row({"bytes of the weights, as stored", grouped(bytes_of(weights(c.model), stored))});
  sums.row({"bytes of the checkpoint", grouped(checkpoint_bytes(c.model, stored))});
  sums.row({"FLOPs of the weights, one token", grouped(weight_flops(c.model, true))});
  sums.row({"FLOPs of decoding at context 1024", grouped(decode_flops(c.model, 1024))});
  sums.row({"FLOPs of a prompt of 4096", grouped(prefill_flops(c.model, 4096, false))});
  sums.row({"cache of a token, bytes in bf16", grouped(cache(c.model, {}).per_token)});
  if (cache(c.model, {}).per_windowed_token > 0) sums.row({"and while inside the window", grouped(cache(c.model, {}).per_windowed_token)});
  sums.row({"dispatched for a token, bytes in bf16", grouped(all_to_all(c.model, {}).dispatch)});
  sums.row({"and in FP8 with scales", grouped(all_to_all(c.model, {.dispatch_bytes = 1, .dispatch_scales = true}).dispatch)});
  return table.text() + "\n" + sums.text();
}

std::string fits(Index count, const std::string& digits) {
  const std::size_t point = digits.find('.');
  const auto decimals = point == std::string::npos ? 0.0 : real(static_cast<Index>(digits.size() - point - 1));
  const double unit = 1e9 * std::pow(10, -decimals);
  const double wanted = std::round(std::stod(digits) * 1e9 / unit);
  const double is = real(count) / unit;
  if (std::floor(is + 0.5) == wanted) return "rounded";
  if (std::floor(is) == wanted) return "cut off";
  return "";
}

}  // namespace

std::string accounting_mixtral() { return worked("Mixtral-8x7B"); }
std::string accounting_deepseek() { return worked("DeepSeek-V3"); }
std::string accounting_gpt_oss() { return worked("gpt-oss-20b"); }

std::string accounting_models() {
  Table table({"model", "total", "C1", "C2", "C3", "C1 of total", "MTP, apart"});
  for (const Counted& c : all_counted()) {
    const Counts& n = c.counts;
    table.row({c.name, grouped(n.total), billions(n.c1), billions(n.c2), billions(n.c3), percentage(real(n.c1) / real(n.total)), n.mtp > 0 ? billions(n.mtp) : ""});
  }
  return table.text();
}

std::string accounting_published() {
  Table table({"model", "published total", "counted", "off by", "published active", "C1", "C2", "C3", "where it is published"});
  std::ifstream in(MOE_SOURCE_DIR "/tests/data/accounting/published.txt");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name, total, active, where;
    words >> name >> total >> active;
    std::getline(words >> std::ws, where);
    const Counted c = counted(name);
    const auto cell = [&](Index n) {
      const std::string how = active == "-" ? "" : fits(n, active);
      return billions(n) + (how.empty() ? "" : ", " + how);
    };
    table.row({name, total + " B", billions(c.counts.total), fmt::format("{:+.2f} %", 100 * (real(c.counts.total) / (std::stod(total) * 1e9) - 1)),
               active == "-" ? "" : active + " B", cell(c.counts.c1), cell(c.counts.c2), cell(c.counts.c3), where});
  }
  return table.text();
}

std::string accounting_misreadings() {
  const Counted mixtral = counted("Mixtral-8x7B"), qwen = counted("Qwen3-30B-A3B"), deepseek = counted("DeepSeek-V3"), moe16 = counted("DeepSeekMoE-16B"),
                olmoe = counted("OLMoE-1B-7B-0924"), granite = counted("Granite-3.0-1B-A400M-base"), st = counted("ST-MoE-32B"), llama = counted("Llama-2-7B");
  const auto share = [](const Counted& c) { return percentage(real(c.counts.c1) / real(c.counts.total)); };
  const auto expert = [](const Counted& c) {
    for (const Layer& layer : c.model.layers)
      if (layer.mixture) return 3 * c.model.width * layer.mixture->hidden;
    return Index{0};
  };
  const auto kib = [](const Counted& c) { return fmt::format("{:.0f}", real(cache(c.model, {}).per_token) / 1024); };
  const Hardware& h100 = hardware_named("h100");
  const auto batch = [&](const Counted& c) { return fmt::format("{:.0f}", compute_bound_batch(c.model, h100, 2).experts); };
  const double ffn = 6.0 * 4096 * 11008;
  const Index kept = 8 * 4096 * 4096;
  const Index compressed = 4096 * 4096 + 8 * 16 * 2 * 4096;

  Table table({"said", "the count"});
  table.row({"\"a tenth of the parameters is active\", as a law",
             fmt::format("C1 of the total: DeepSeek-V3 {}, Qwen3-30B-A3B {}, DeepSeekMoE-16B {}, OLMoE {}, Mixtral {}, Granite-1B-A400M {}", share(deepseek),
                         share(qwen), share(moe16), share(olmoe), share(mixtral), share(granite))});
  table.row({"\"top-8 of 128 is 6 % active\"", fmt::format("of the experts, {}; of the parameters of Qwen3-30B-A3B, {}", percentage(8.0 / 128), share(qwen))});
  table.row({"\"8x7B: each expert is a 7B model, 56B in all\"",
             fmt::format("an expert is one network of one layer, {} parameters; total {}, because the rest is shared", grouped(expert(mixtral)), grouped(mixtral.counts.total))});
  table.row({"\"Qwen3-30B-A3B: 64 experts of about 470M\"", fmt::format("128 experts in each of 48 layers, {} each", grouped(expert(qwen)))});
  table.row({"\"DeepSeekMoE 6B\"", fmt::format("{} total, {} active by C1", grouped(moe16.counts.total), grouped(moe16.counts.c1))});
  table.row({"\"ST-MoE: 32B active\"", fmt::format("{} in total; one encoder and one decoder token meet {} (C1)", grouped(st.counts.total), grouped(st.counts.c1))});
  table.row({"\"MoE shrinks the KV cache\"", fmt::format("a token keeps {} KiB in Mixtral, {} in Qwen3-30B, {} in DeepSeek-V3 (MLA does it), {} in DeepSeekMoE-16B", kib(mixtral),
                                                         kib(qwen), kib(deepseek), kib(moe16))});
  table.row({"\"37B active, so a server reads 37 GB a step\"",
             fmt::format("one sequence does; 64 touch {:.1f} of 256 experts a layer, {} of what is stored", expected_touched(256, 8, 64).mean,
                         percentage(expected_touched(256, 8, 64).mean / 256))});
  table.row({"\"fewer active experts, slower at a given batch\"",
             fmt::format("it is the batch that must grow: experts are bound by arithmetic on an H100 from {} tokens in flight (Mixtral), {} (DeepSeekMoE-16B), {} (Qwen3-30B), {} "
                         "(DeepSeek-V3)",
                         batch(mixtral), batch(moe16), batch(qwen), batch(deepseek))});
  table.row({"\"attention's n² dwarfs the networks\"",
             fmt::format("LLaMA-7B: a token's networks cost 6 d f = {:.0f} MFLOP a layer, scores and values 4 n d; equal at n = {:.0f}", ffn / 1e6, ffn / (4 * 4096))});
  table.row({"\"a shared base and rank-16 residuals compress 8 experts of 4096 x 4096 by 6.6\"", fmt::format("by {:.2f}", real(kept) / real(compressed))});
  table.row({"\"the cost of experts does not depend on E\"",
             fmt::format("the experts' does not; the router's is 2 d E, {} FLOPs a layer in DeepSeek-V3", grouped(2 * deepseek.model.width * 256))});
  table.row({"\"Llama-2-7B has 7B\"", fmt::format("{}; the name rounds by {:.1f} %", grouped(llama.counts.total), 100 * (7e9 / real(llama.counts.total) - 1))});
  return table.text();
}

std::string accounting_mistakes() {
  const Counted mixtral = counted("Mixtral-8x7B"), qwen = counted("Qwen3-30B-A3B"), deepseek = counted("DeepSeek-V3"), oss = counted("gpt-oss-20b");
  const auto off = [](double wrong, double right) { return fmt::format("{:+.1f} %", 100 * (wrong / right - 1)); };
  Table table({"mistake", "met in", "model", "it gives", "counted", "off by"});
  const auto row = [&](const char* mistake, const char* where, const char* model, double wrong, Index right) {
    table.row({mistake, where, model, grouped(static_cast<Index>(std::llround(wrong))), grouped(right), off(wrong, real(right))});
  };
  const auto routed_flops = [](const Counted& c) { return 2.0 * real(c.counts[Component::routed_experts].active); };
  const double sees = real(weight_flops(mixtral.model, true)) - routed_flops(mixtral);
  row("operators without a rule (grouped products) count as 0", "PyTorch FlopCounterMode, fvcore, calflops", "Mixtral-8x7B, FLOPs", sees, weight_flops(mixtral.model, true));
  row("the same", "the same", "DeepSeek-V3, FLOPs", real(weight_flops(deepseek.model, true)) - routed_flops(deepseek), weight_flops(deepseek.model, true));
  row("one expert a layer whatever K is", "llm-analysis, which never reads K", "Mixtral-8x7B, C1", real(mixtral.counts.c1) - real(mixtral.counts[Component::routed_experts].active) / 2,
      mixtral.counts.c1);
  const Index one_ffn = deepseek.counts.total - deepseek.counts[Component::routed_experts].total;
  row("an unknown name of the number of experts: none", "llm-analysis (two names known)", "DeepSeek-V3, total", real(one_ffn), deepseek.counts.total);
  row("every layer has experts", "estimators for one layer, times the layers", "DeepSeek-V3, routed", real(deepseek.counts[Component::routed_experts].total) / 58 * 61,
      deepseek.counts[Component::routed_experts].total);
  row("the shared expert is left out", "estimators without one", "DeepSeek-V3, C1", real(deepseek.counts.c1 - deepseek.counts[Component::shared_experts].active), deepseek.counts.c1);
  row("keys and values of all query heads", "cookbook calc_transformer_mem", "Mixtral-8x7B, cache of a token", real(cache(mixtral.model, {}).per_token) * 32 / 8,
      cache(mixtral.model, {}).per_token);
  row("MLA read as 128 heads of keys and values", "tools that read num_key_value_heads", "DeepSeek-V3, cache of a token", 61.0 * 128 * (192 + 128) * 2,
      cache(deepseek.model, {}).per_token);
  row("head width d / h, head_dim ignored", "tools that do not know the key", "Qwen3-30B-A3B, attention", real(qwen.counts[Component::attention].total) / 2,
      qwen.counts[Component::attention].total);
  row("the bytes of 4-bit weights are half a byte each", "rules of thumb", "gpt-oss-20b, checkpoint", real(oss.counts.total) / 2,
      checkpoint_bytes(oss.model, formats_stored(oss.model)));
  row("memory by active parameters", "llmfit, llm-checker", "Mixtral-8x7B, bytes", 2.0 * real(mixtral.counts.c1), 2 * mixtral.counts.total);
  return table.text();
}

std::string accounting_touched() {
  Table table({"E, K", "B = 1", "4", "16", "64", "256", "1024"});
  for (const auto& [E, K] : {std::pair{8.0, 2.0}, {32.0, 4.0}, {64.0, 8.0}, {128.0, 8.0}, {256.0, 8.0}, {384.0, 8.0}, {512.0, 10.0}}) {
    std::vector<std::string> cells{fmt::format("{:.0f}, {:.0f}", E, K)};
    for (double B = 1; B <= 1024; B *= 4) {
      const Expectation e = expected_touched(E, K, B);
      cells.push_back(fmt::format("{:.1f} ± {:.1f}", e.mean, std::sqrt(std::max(0.0, e.variance))));
    }
    table.row(cells);
  }
  return table.text();
}

std::string accounting_bytes() {
  std::vector<std::string> columns{"model"};
  for (const Format f : all_formats()) columns.emplace_back(name_of(f));
  Table table(columns);
  for (const char* name : {"Mixtral-8x7B", "Qwen3-30B-A3B", "DeepSeek-V3", "gpt-oss-20b"}) {
    const Counted c = counted(name);
    std::vector<std::string> cells{name};
    for (const Format f : all_formats()) cells.push_back(fmt::format("{:.2f}", real(bytes_of(weights(c.model), formats_all(f))) / 1e9));
    table.row(cells);
  }
  return table.text();
}

std::string accounting_bounds() {
  Table table({"hardware", "peak, TFLOP/s", "memory, TB/s", "ridge, FLOP a byte", "dense from", "Mixtral's experts from", "DeepSeek-V3's from", "DeepSeek-V3, 64 sequences, bound by"});
  const Counted mixtral = counted("Mixtral-8x7B"), deepseek = counted("DeepSeek-V3");
  const Formats bf16 = formats_all(Format::bf16);
  for (const Hardware& h : all_hardware()) {
    const ComputeBound a = compute_bound_batch(mixtral.model, h, 2), b = compute_bound_batch(deepseek.model, h, 2);
    const StepBytes bytes = step_bytes(deepseek.model, bf16, 64, 4096, {});
    const Bound bound = decode_bound(bytes, step_flops(deepseek.model, 64, 4096), h, 1);
    table.row({h.what + ", " + h.number, fmt::format("{:.4g}", h.flops / 1e12), fmt::format("{:.4g}", h.bandwidth / 1e12), fmt::format("{:.0f}", h.ridge()),
               fmt::format("{:.0f} tokens", a.dense), fmt::format("{:.0f}", a.experts), fmt::format("{:.0f}", b.experts), bound.is_compute() ? "arithmetic" : "memory"});
  }
  return table.text();
}

}  // namespace moe::docs
