// The comparison in words.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "check/compare.h"

namespace moe::check {
namespace {

std::string extent(const StageComparison& s) {
  std::string text = fmt::format("{} of {} values differ", s.differing, s.values);
  if (s.worst_ulp > 0) text += fmt::format(", by {} ULP at most (flat {})", s.worst_ulp, s.worst);
  if (s.nan_against_number > 0)
    text += fmt::format(", {} NaN against a number", s.nan_against_number);
  return text;
}

// "name 3 of 64" of every later stage, or that it is equal.
std::string later_stages(const Comparison& comparison, std::size_t after) {
  std::string text;
  for (std::size_t i = after + 1; i < comparison.stages.size(); i++) {
    const StageComparison& s = comparison.stages[i];
    if (!text.empty()) text += " · ";
    if (!s.problem.empty())
      text += s.name + " " + s.problem;
    else if (s.differing == 0)
      text += s.name + " equal";
    else
      text += fmt::format("{} {} of {} ({} ULP)", s.name, s.differing, s.values, s.worst_ulp);
  }
  return text.empty() ? "no later stage" : text;
}

std::string distance_text(const StageComparison& s) {
  if (s.nan_against_number > 0 && s.ulp == 0 && s.expected != s.found &&
      (s.expected.find("nan") != std::string::npos || s.found.find("nan") != std::string::npos))
    return "NaN against a number";
  if (s.ulp == 0) return "-0 against +0";
  const bool floats = s.expected.find("0x") != std::string::npos;
  return fmt::format("{} {}", s.ulp, floats ? "ULP" : "apart");
}

}  // namespace

std::string report(const Comparison& comparison, const std::string& expected_name,
                   const std::string& found_name, const std::string& command) {
  const std::size_t count = comparison.stages.size();
  if (comparison.equal())
    return fmt::format("equal: {} and {}, {} stages, {} values\n", expected_name, found_name, count,
                       comparison.values());
  std::string text = fmt::format("MISMATCH  {} against {}\n", found_name, expected_name);
  const StageComparison* first = comparison.first_difference();
  if (first == nullptr) {
    text += count == 0 ? "nothing was compared: there are no stages\n"
                       : "nothing was compared: every stage is empty\n";
    return text + fmt::format("repeat     {}\n", command);
  }
  const auto place = static_cast<std::size_t>(first - comparison.stages.data());
  text += fmt::format("stage      {} ({} of {}; {} equal before it)\n", first->name, place + 1,
                      count, place);
  const std::size_t width = std::max({expected_name.size(), found_name.size(), std::size_t{10}});
  if (!first->problem.empty()) {
    text += fmt::format("problem    {} {}\n", first->name, first->problem);
  } else {
    text +=
        fmt::format("element    flat {} of {}: {}\n", first->first, first->values, first->element);
    text += fmt::format("{:<{}} {}\n", expected_name, width, first->expected);
    text += fmt::format("{:<{}} {}   {}\n", found_name, width, first->found, distance_text(*first));
    text += fmt::format("extent     {}\n", extent(*first));
    text += fmt::format("pattern    {}\n", first->pattern);
    text += fmt::format("window     {:<{}} {}\n", expected_name, width, first->window[0]);
    text += fmt::format("           {:<{}} {}\n", found_name, width, first->window[1]);
  }
  text += fmt::format("then       {}\n", later_stages(comparison, place));
  return text + fmt::format("repeat     {}\n", command);
}

}  // namespace moe::check
