// One layer on several tiers: prepare, run, record, compare.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "check/compare.h"
#include "check/tier.h"
#include "tools/output.h"

namespace moe::tools {

/// Which tiers run, and why the others do not.
struct Selection {
  std::vector<const check::Tier*> tiers;       ///< in the order named; never empty
  std::map<std::string, std::string> skipped;  ///< name and reason, of every tier that does not run
};

/// Tiers of a list such as "reference,cpu,cuda"; all that run here if it is empty. One that is named but cannot run here is
/// skipped with a note. Throws Error for a name that is not a tier, named twice, and if none of those named can run.
Selection select(const std::string& names);

/// What one tier made of a layer.
struct TierRun {
  const check::Tier* tier = nullptr;
  Recording trace;
  Matrix output;               ///< without a trace attached
  double seconds = 0;          ///< of the fastest run without a trace
  check::Comparison comparison;  ///< with the first tier's trace; of the first tier itself: empty
  bool untraced_equal = false;  ///< the output without a trace is the recorded one

  /// Every stage has the first tier's bits; without tokens, the same stages and shapes.
  bool same_as_first() const;
};

/// What all tiers made of a layer.
struct LayerRun {
  std::vector<TierRun> runs;  ///< the first is what the others are compared with

  /// Every stage has the same bits; without tokens, the same stages and shapes.
  bool equal() const;
  Index values() const;     ///< compared between tiers, all stages
  Index differing() const;  ///< of them not the same bits
  /// Every stage of the first tier folded into one number.
  std::uint64_t fingerprint() const;
};

/// How a layer is run.
struct Settings {
  int threads = 0;                           ///< of each tier; 0: as many as there are processors
  WeightFormat weights = WeightFormat::f32;  ///< in which the cpu tier keeps them
  double seconds = 0;                        ///< to spend on measuring each tier
  Batch batch = {};                          ///< matters to layers that draw or look token ids up
};

/// Runs every tier twice, with and without a trace; then again without one until settings.seconds have been spent on it.
LayerRun run_tiers(const Layer& layer, const Matrix& x, const Selection& selection, const Settings& settings);

/// {"output":{"shape":[T,D],"hash":{"reference":"16 digits",...},"equal":true},...}
Json stages_json(const LayerRun& run);

/// {"cuda":"no CUDA device"}
Json skipped_json(const Selection& selection);

/// One line per stage for a person, and the report of every tier that differs. `command` repeats the run.
std::string describe(const LayerRun& run, const std::string& command);

/// Fingerprint of one stage.
std::uint64_t fingerprint(const Stage& stage);

/// The stage's values as the matrix [T,K] of integers, [T,D] of numbers. Throws Error if it is missing or of another type.
IntMatrix integers(const Recording& trace, std::string_view stage);
Matrix numbers(const Recording& trace, std::string_view stage);

/// Tokens that each of E experts was given, from selected [T,K].
std::vector<Index> expert_load(const IntMatrix& selected, Index E);

}  // namespace moe::tools
