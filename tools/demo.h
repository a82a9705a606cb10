// What the demo finds out about one checkpoint.
#pragma once
#include <string>
#include <vector>

#include "reference/accounting/parameters.h"
#include "reference/io/model_info.h"
#include "tools/report.h"

namespace moe::tools {

/// The experts' load in one layer.
struct LayerLoad {
  Index layer = 0;
  std::vector<Index> tokens;  ///< [E]
};

/// One checkpoint, all its MoE layers, all tiers.
struct CheckpointResult {
  std::string name;
  io::ModelInfo info;
  std::string storage;                ///< of the experts' numbers: f32, bf16, ...
  Index tokens = 0;                   ///< T
  std::vector<LayerLoad> loads;       ///< one for each MoE layer
  Index values = 0, differing = 0;    ///< compared between tiers
  bool equal = true, ok = true;
  std::uint64_t fingerprint = 0;      ///< of every stage of every layer
  double max_abs_error = 0;           ///< of the outputs, from the float64 capture
  double share = 0;                   ///< largest error of any number in units of its bound
  Index choices = 0, agreeing = 0;    ///< chosen experts, and those the capture chose too
  accounting::LayerParameters parameters;  ///< of all layers together
  std::vector<double> seconds;        ///< of each tier, for all layers
  std::string problems;               ///< reports of what differs
};

/// Runs every MoE layer of a folder on the hidden states of its capture.safetensors.
CheckpointResult run_checkpoint(const std::string& folder, const Selection& selection, int threads);

/// The block that shows it, for a terminal of that width.
std::string block(const CheckpointResult& result, const Selection& selection, int columns);

/// The same as JSON.
Json to_json(const CheckpointResult& result, const Selection& selection);

}  // namespace moe::tools
