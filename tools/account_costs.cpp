// moe account: what a model costs beyond its parameters.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <thread>

#include "check/ceiling.h"
#include "reference/accounting/cache.h"
#include "reference/accounting/flops.h"
#include "reference/accounting/stages.h"
#include "reference/accounting/step.h"
#include "reference/accounting/touched.h"
#include "reference/accounting/traffic.h"
#include "reference/error.h"
#include "reference/io/checkpoint.h"
#include "reference/io/trace_file.h"
#include "tools/account.h"

namespace moe::tools {
namespace {

using namespace accounting;

Hardware hardware_of(const std::string& name) {
  if (name != "here") return hardware_named(name);
  const auto threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const check::Ceiling c = check::measure_ceiling(threads);
  return {.name = "here", .what = fmt::format("this machine, {} threads, measured", threads), .flops = c.fma_gflops * 1e9, .number = "f32",
          .bandwidth = c.read_gbytes_per_second * 1e9};
}

IntMatrix read_selected(const std::string& path, const Mixture& m) {
  const Recording trace = io::read_trace(path);
  for (const Stage& stage : trace.stages) {
    if (stage.name != "selected" && !stage.name.ends_with(".selected")) continue;
    const auto* values = std::get_if<std::vector<std::int32_t>>(&stage.values);
    if (values == nullptr || stage.shape.size() != 2) break;
    if (stage.shape[1] != m.chosen)
      throw Error(fmt::format("{}: selected: expected K {} as in the config, found {} columns", path, m.chosen, stage.shape[1]));
    IntMatrix selected(stage.shape[0], stage.shape[1]);
    std::copy(values->begin(), values->end(), selected.data());
    return selected;
  }
  throw Error(path + ": expected a stage selected [T,K] of integers, found none");
}

void add_touched(const AccountRequest& request, Costs& c) {
  if (!c.mixture) {
    if (!request.trace.empty()) throw Error(request.trace + ": the model has no experts, a trace says nothing about it");
    return;
  }
  const Mixture& m = *c.mixture;
  const auto E = static_cast<double>(m.experts);
  const double K = static_cast<double>(m.chosen) * E / static_cast<double>(m.experts + m.zero_experts);
  const double rows = static_cast<double>(request.batch) * K;
  if (request.trace.empty()) {
    c.touched = expected_touched(E, K, static_cast<double>(request.batch)).mean;
    const double computed = expected_padded_rows(E, K, std::min<Index>(request.batch, 1 << 20), request.tile);
    c.padding = computed == 0 ? 0 : 1 - rows / computed;
    return;
  }
  const IntMatrix selected = read_selected(request.trace, m);
  c.measured = true;
  c.trace_tokens = selected.rows();
  c.touched = mean_touched(selected, request.batch);
  if (selected.size() > 0 && selected.maxCoeff() >= m.experts + m.zero_experts)
    throw Error(fmt::format("{}: selected: expected experts below {} as in the config, found {}", request.trace, m.experts, selected.maxCoeff()));
  c.load = load_of(selected, m.experts + m.zero_experts);
  c.load.resize(static_cast<std::size_t>(m.experts));
  const auto wasted = static_cast<double>(padded_rows(c.load, request.tile));
  c.padding = wasted / (wasted + static_cast<double>(selected.size()));
}

Index file_bytes(const std::string& folder) {
  std::error_code none;
  if (folder.empty()) return 0;
  const std::filesystem::path root(folder);
  if (!std::filesystem::exists(root / "model.safetensors", none) && !std::filesystem::exists(root / "model.safetensors.index.json", none)) return 0;
  return io::Checkpoint(folder).tensor_bytes();
}

// A context or batch whose counts do not fit is refused here, with the model's name.
void expect_countable(const AccountRequest& request, const Accounted& a) {
  try {
    training_flops(a.model, request.context, true);
    training_bytes(a.model, request.context, 2, false, 1.25);
    times({request.batch, cache_bytes(a.model, request.context, {})});
  } catch (const Error& error) {
    throw Error(fmt::format("{}: --batch {} --context {}: {}", a.asked, request.batch, request.context, error.what()));
  }
}

}  // namespace

Costs costs_of(const AccountRequest& request, const Accounted& a) {
  expect_countable(request, a);
  Costs c;
  for (const accounting::Layer& layer : a.model.layers) {
    if (!layer.mixture) continue;
    c.moe_layers++;
    if (!c.mixture) c.mixture = layer.mixture;
  }
  c.hardware = hardware_of(request.hardware);
  c.weight_bytes = bytes_of(weights(a.model), a.formats);
  c.checkpoint_bytes = accounting::checkpoint_bytes(a.model, a.formats);
  c.file_bytes = file_bytes(a.folder);
  c.devices = request.devices;
  if (c.devices == 0) {
    const double held = static_cast<double>(c.weight_bytes) + static_cast<double>(request.batch) * static_cast<double>(cache_bytes(a.model, request.context, {}));
    c.devices = c.hardware.memory > 0 ? std::max<Index>(1, static_cast<Index>(std::ceil(held / c.hardware.memory))) : 1;
  }
  add_touched(request, c);
  return c;
}

std::string bytes_text(double bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    unit++;
  }
  const int digits = unit == 0 ? 0 : bytes < 9.995 ? 2 : bytes < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", bytes, digits, kUnits[unit]);
}

}  // namespace moe::tools
