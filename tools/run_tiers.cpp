#include "tools/run_tiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>

#include "reference/error.h"
#include "reference/numerics/fingerprint.h"

namespace moe::tools {
namespace {

const check::Tier& find_tier(const std::string& name) {
  std::string known;
  for (const check::Tier& tier : check::tiers()) {
    if (tier.name == name) return tier;
    known += (known.empty() ? "" : ", ") + tier.name;
  }
  throw Error(fmt::format("--tier: expected {}, found '{}'", known, name));
}

std::vector<std::string> split(const std::string& names) {
  std::vector<std::string> parts;
  std::istringstream in(names);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  if (names.ends_with(',')) parts.emplace_back();
  return parts;
}

// The output alone, as a trace.
Recording only_output(const Matrix& y) {
  Recording r;
  record(&r, "output", y);
  return r;
}

Recording only_output(const Recording& trace) {
  Recording r;
  if (const Stage* output = trace.find("output")) r.stages.push_back(*output);
  return r;
}

double run_once(const check::Prepared& prepared, const Matrix& x, const Batch& batch, Matrix& y) {
  const auto start = std::chrono::steady_clock::now();
  y = prepared.run(x, nullptr, batch);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TierRun run_tier(const check::Tier& tier, const Layer& layer, const Matrix& x, const Settings& settings) {
  const Batch& batch = settings.batch;
  TierRun r;
  r.tier = &tier;
  const auto prepared = tier.prepare(layer, settings.threads, settings.weights);
  prepared->run(x, &r.trace, batch);
  r.seconds = run_once(*prepared, x, batch, r.output);
  Matrix again;
  for (double spent = r.seconds; spent < settings.seconds;) {
    const double s = run_once(*prepared, x, batch, again);
    r.seconds = std::min(r.seconds, s);
    spent += s;
  }
  r.untraced_equal = x.rows() == 0 || check::compare(only_output(r.trace), only_output(r.output)).equal();
  return r;
}

bool stage_equal(const LayerRun& run, const std::string& name) {
  bool found = false;
  for (const TierRun& r : run.runs) {
    if (name == "output" && !r.untraced_equal) return false;
    for (const auto& stage : r.comparison.stages)
      if (stage.name == name) {
        if (!stage.equal()) return false;
        found = true;
      }
  }
  return found || run.runs.size() == 1;
}

}  // namespace

Selection select(const std::string& names) {
  Selection s;
  for (const check::Tier& tier : check::tiers())
    s.skipped[tier.name] = tier.skipped.empty() ? "not named in --tier" : tier.skipped;
  if (names.empty()) {
    for (const check::Tier& tier : check::tiers())
      if (tier.skipped.empty()) s.tiers.push_back(&tier);
  }
  std::string reasons;
  for (const std::string& name : split(names)) {
    const check::Tier& tier = find_tier(name);
    if (std::find(s.tiers.begin(), s.tiers.end(), &tier) != s.tiers.end())
      throw Error(fmt::format("--tier: expected every tier once, found '{}' twice", name));
    if (tier.skipped.empty()) {
      s.tiers.push_back(&tier);
      continue;
    }
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name, tier.skipped);
  }
  if (s.tiers.empty()) throw Error("--tier: none of these can run here: " + reasons);
  if (!reasons.empty()) note("skipped: " + reasons);
  for (const check::Tier* tier : s.tiers) s.skipped.erase(tier->name);
  return s;
}

bool TierRun::same_as_first() const {
  return comparison.equal() || (output.rows() == 0 && comparison.nothing_to_compare());
}

bool LayerRun::equal() const {
  for (std::size_t i = 0; i < runs.size(); i++)
    if (!runs[i].untraced_equal || (i > 0 && !runs[i].same_as_first())) return false;
  return !runs.empty();
}

Index LayerRun::values() const {
  Index n = 0;
  for (const TierRun& r : runs) n += r.comparison.values();
  return n;
}

Index LayerRun::differing() const {
  Index n = 0;
  for (const TierRun& r : runs) n += r.comparison.differing();
  return n;
}

std::uint64_t LayerRun::fingerprint() const {
  std::uint64_t h = 0;
  for (const Stage& stage : runs.front().trace.stages) h = numerics::mix(h + tools::fingerprint(stage));
  return h;
}

LayerRun run_tiers(const Layer& layer, const Matrix& x, const Selection& selection, const Settings& settings) {
  LayerRun all;
  for (const check::Tier* tier : selection.tiers) {
    all.runs.push_back(run_tier(*tier, layer, x, settings));
    TierRun& r = all.runs.back();
    if (all.runs.size() > 1) r.comparison = check::compare(all.runs.front().trace, r.trace);
  }
  return all;
}

std::uint64_t fingerprint(const Stage& stage) {
  return std::visit([](const auto& v) { return numerics::fingerprint(v); }, stage.values);
}

Json stages_json(const LayerRun& run) {
  Json stages = Json::object();
  for (const TierRun& r : run.runs)
    for (const Stage& stage : r.trace.stages) {
      Json& entry = stages[stage.name];
      if (!entry.contains("shape")) {
        entry["shape"] = stage.shape;
        entry["hash"] = Json::object();
        entry["equal"] = stage_equal(run, stage.name);
      }
      entry["hash"][r.tier->name] = hex16(fingerprint(stage));
    }
  return stages;
}

Json skipped_json(const Selection& selection) {
  Json skipped = Json::object();
  for (const auto& [name, reason] : selection.skipped) skipped[name] = reason;
  return skipped;
}

std::string describe(const LayerRun& run, const std::string& command) {
  Table table({"stage", "shape", "fingerprint", "tiers"});
  for (const Stage& stage : run.runs.front().trace.stages) {
    std::string shape;
    for (const Index n : stage.shape) shape += (shape.empty() ? "" : ",") + std::to_string(n);
    const bool equal = stage_equal(run, stage.name);
    table.add({stage.name, "[" + shape + "]", paint(Ink::dim, hex16(fingerprint(stage))),
               mark(equal) + (run.runs.size() == 1 ? " alone" : equal ? " same bits" : " different")});
  }
  std::string text = table.text();
  const std::string& first = run.runs.front().tier->name;
  for (std::size_t i = 0; i < run.runs.size(); i++) {
    const TierRun& r = run.runs[i];
    if (i > 0 && !r.same_as_first()) text += check::report(r.comparison, first, r.tier->name, command) + "\n";
    if (!r.untraced_equal)
      text += check::report(check::compare(only_output(r.trace), only_output(r.output)), r.tier->name + " with a trace",
                            r.tier->name + " without", command) + "\n";
  }
  return text;
}

IntMatrix integers(const Recording& trace, std::string_view stage) {
  const Stage* s = trace.find(stage);
  const auto* v = s == nullptr ? nullptr : std::get_if<std::vector<std::int32_t>>(&s->values);
  if (v == nullptr || s->shape.size() != 2) throw Error(fmt::format("stage {}: expected a matrix of integers, found none", stage));
  return Eigen::Map<const IntMatrix>(v->data(), s->shape[0], s->shape[1]);
}

Matrix numbers(const Recording& trace, std::string_view stage) {
  const Stage* s = trace.find(stage);
  const auto* v = s == nullptr ? nullptr : std::get_if<std::vector<float>>(&s->values);
  if (v == nullptr || s->shape.size() != 2) throw Error(fmt::format("stage {}: expected a matrix of numbers, found none", stage));
  return Eigen::Map<const Matrix>(v->data(), s->shape[0], s->shape[1]);
}

std::vector<Index> expert_load(const IntMatrix& selected, Index E) {
  std::vector<Index> load(static_cast<std::size_t>(E), 0);
  for (Index i = 0; i < selected.size(); i++) load.at(static_cast<std::size_t>(selected.data()[i]))++;
  return load;
}

}  // namespace moe::tools
