// moe case: a generated layer on every tier, one stage's numbers, and where two presets part.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "check/case.h"
#include "reference/error.h"
#include "reference/io/trace_file.h"
#include "reference/presets.h"
#include "tools/commands.h"
#include "tools/report.h"

namespace moe::tools {
namespace {

struct Request {
  std::string line, show, against;
  Options options;
};

const Stage& stage_of(const Recording& trace, const std::string& name) {
  if (const Stage* stage = trace.find(name)) return *stage;
  std::string known;
  for (const Stage& stage : trace.stages) known += (known.empty() ? "" : " ") + stage.name;
  throw Error(fmt::format("--show: expected one of {}, found '{}'", known, name));
}

// A stage as a matrix of numbers, as much as the terminal is wide and a page is long.
std::string numbers_text(const Stage& stage) {
  constexpr Index kRows = 24;
  const Index rows = stage.shape.empty() ? 1 : stage.shape[0];
  Index columns = 1;
  for (std::size_t i = 1; i < stage.shape.size(); i++) columns *= stage.shape[i];
  const Index shown = std::min<Index>(columns, (terminal().columns - 8) / 12);
  std::string text = fmt::format("\n{}  {}\n", paint(Ink::title, stage.name), paint(Ink::dim, fmt::format("[{}]", fmt::join(stage.shape, ","))));
  for (Index r = 0; r < std::min(rows, kRows); r++) {
    text += paint(Ink::dim, fmt::format("{:5} ", r));
    std::visit([&](const auto& v) {
      for (Index c = 0; c < shown; c++) text += fmt::format(" {:>11.6g}", static_cast<double>(v[static_cast<std::size_t>(r * columns + c)]));
    }, stage.values);
    text += shown < columns ? " …\n" : "\n";
  }
  return rows > kRows ? text + fmt::format("      … {} more rows\n", rows - kRows) : text;
}

Json numbers_json(const Stage& stage) {
  Json json{{"stage", stage.name}, {"shape", stage.shape}};
  std::visit([&](const auto& v) { json["values"] = v; }, stage.values);
  return json;
}

// The same tokens through the layer of another preset with the same sizes and draws.
check::Comparison compare_presets(const check::Case& c, const std::string& other, const Matrix& x, const Recording& trace,
                                  const check::Tier& tier, int threads, WeightFormat weights) {
  check::Case d = c;
  d.preset = other;
  Recording theirs;
  tier.prepare(rounded(weights, check::make_layer(d)), threads, weights)->run(x, &theirs, check::make_batch(d));
  return check::compare(trace, theirs);
}

std::string against_text(const check::Comparison& comparison, const check::Case& c, const std::string& other) {
  const auto* first = comparison.first_difference();
  if (first == nullptr) return fmt::format("\n  {} and {} have the same bits in every stage\n", c.preset, other);
  std::string same;
  for (const auto& stage : comparison.stages) {
    if (!stage.equal()) break;
    same += (same.empty() ? "" : ", ") + stage.name;
  }
  return fmt::format("\n  {} and {} part at {}{}\n", c.preset, other, paint(Ink::warn, first->name),
                     same.empty() ? "" : "; the same up to there: " + same) +
         check::report(comparison, c.preset, other, fmt::format("moe case {} --against {}", quoted(c.text()), other)) + "\n";
}

int run(const Request& request) {
  const Options& options = request.options;
  const Selection selection = select(options.tiers);
  const check::Case c = check::parse_case(request.line);
  if (!request.against.empty()) moe::preset(request.against);  // is there one?
  const WeightFormat weights = weight_format(options.weights).value_or(WeightFormat::f32);
  const Layer layer = rounded(weights, check::make_layer(c));
  const Matrix x = check::make_tokens(c);
  const Report report =
      examine(layer, x, {}, selection, {.threads = options.threads, .weights = weights, .batch = check::make_batch(c)});
  const Recording& trace = report.run.runs.front().trace;
  const Stage* shown = request.show.empty() ? nullptr : &stage_of(trace, request.show);
  if (!options.out.empty()) io::write_trace(options.out, trace);
  if (x.rows() == 0) note("there are no tokens: stages and shapes are the same, and no value could be compared");
  const std::string command = "moe case " + quoted(c.text());
  Json json{{"case", c.text()}, {"variant", c.variant}, {"preset", c.preset}};
  if (options.json) {
    add_report(json, report, selection);
    if (shown != nullptr) json["show"] = numbers_json(*shown);
  } else {
    print(fmt::format("{}\n{}\n", paint(Ink::title, c.text()), describe(selection)) + describe(report, command));
    if (shown != nullptr) print(numbers_text(*shown));
  }
  bool same = true;
  if (!request.against.empty()) {
    const auto comparison = compare_presets(c, request.against, x, trace, *selection.tiers.front(), options.threads, weights);
    same = comparison.equal();
    const auto* first = comparison.first_difference();
    json["against"] = {{"preset", request.against}, {"equal", same}, {"first_stage", first == nullptr ? Json() : Json(first->name)}};
    if (!options.json) print(against_text(comparison, c, request.against));
  }
  if (options.json) print_json(json);
  return report.ok() && same ? kFine : kDifferent;
}

}  // namespace

Command case_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("LINE", request->line, "such as 'preset=mixtral T=7 D=16 F=24 E=4 K=2 seed=0x2a gen=wild route=skew:0.9'")->required();
  app.add_option("--show", request->show, "print the numbers of this stage (of the first tier)");
  app.add_option("--against", request->against, "run the same tokens through another preset and find the first stage at which they part");
  add_options(app, request->options);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
