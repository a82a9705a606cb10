// One layer run on all tiers and judged: what layer, model, case and demo have in common.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "reference/weight_format_layer.h"
#include "tools/commands.h"
#include "tools/expected.h"
#include "tools/run_tiers.h"

namespace moe::tools {

/// A layer, run and judged.
struct Report {
  LayerRun run;
  std::vector<Verdict> verdicts;  ///< of the first tier; empty if nothing was expected

  bool equal() const { return run.equal(); }
  bool ok() const { return equal() && all_ok(verdicts); }
};

/// Runs the layer on the tiers and compares with the expectations.
Report examine(const Layer& layer, const Matrix& x, const Expected& expected, const Selection& selection, const Settings& settings);

/// Adds "stages", "equal", "expected", "ok" and "skipped" to an object.
void add_report(Json& json, const Report& report, const Selection& selection);

/// The report for a person, under a heading. `command` repeats the run.
std::string describe(const Report& report, const std::string& command);

/// One line that says which tiers ran and which were skipped, and why.
std::string describe(const Selection& selection);

/// "mixtral-like: E 8, K 2, D 64, F 96": sizes in the letters of the axes.
std::string describe(const LayerSizes& sizes);

/// "soft: E 4, S 3, D 64, F 96": variant and sizes.
std::string describe(const Layer& layer);

/// The format of that name; none for an empty one.
std::optional<WeightFormat> weight_format(const std::string& name);

/// A word for a shell: in single quotes where it needs them.
std::string quoted(const std::string& word);

}  // namespace moe::tools
