// moe compare: two traces, stage by stage, bit by bit.
#include <fmt/format.h>

#include <memory>

#include "check/compare.h"
#include "reference/io/trace_file.h"
#include "tools/commands.h"
#include "tools/output.h"

namespace moe::tools {
namespace {

struct Request {
  std::string a, b;
  Options options;
};

Json to_json(const Request& request, const check::Comparison& comparison) {
  Json j{{"a", request.a}, {"b", request.b}};
  Json stages = Json::object();
  for (const auto& s : comparison.stages) {
    Json entry{{"shape", s.shape},
               {"values", s.values},
               {"different", s.differing},
               {"hash", {{"a", hex16(s.fingerprint[0])}, {"b", hex16(s.fingerprint[1])}}},
               {"equal", s.equal()}};
    if (!s.problem.empty()) entry["problem"] = s.problem;
    if (s.first >= 0) {
      entry["first"] = {{"index", s.first}, {"a", s.expected}, {"b", s.found}, {"ulp", s.ulp}};
      entry["pattern"] = s.pattern;
    }
    stages[s.name] = entry;
  }
  j["stages"] = stages;
  if (const auto* first = comparison.first_difference()) j["first_difference"] = first->name;
  j["values"] = comparison.values();
  j["different"] = comparison.differing();
  j["equal"] = comparison.equal();
  return j;
}

int run(const Request& request) {
  const Recording a = io::read_trace(request.a);
  const Recording b = io::read_trace(request.b);
  const check::Comparison comparison = check::compare(a, b);
  if (request.options.json) {
    print_json(to_json(request, comparison));
  } else {
    for (const auto& s : comparison.stages)
      print(fmt::format("  {} {} {}\n", mark(s.equal()), left(s.name, 12),
                        !s.problem.empty() ? s.problem
                        : s.equal()        ? fmt::format("{} values, same bits", grouped(s.values))
                                           : fmt::format("{} of {} values differ", grouped(s.differing), grouped(s.values))));
    print(check::report(comparison, request.a, request.b, fmt::format("moe compare '{}' '{}'", request.a, request.b)) + "\n");
  }
  return comparison.equal() ? kFine : kDifferent;
}

}  // namespace

Command compare_command(CLI::App& app) {
  auto request = std::make_shared<Request>();
  app.add_option("A", request->a, "a trace (.npz): what is expected")->required();
  app.add_option("B", request->b, "another: what is compared with it")->required();
  add_json(app, request->options);
  return [request] { return run(*request); };
}

}  // namespace moe::tools
