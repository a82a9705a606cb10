#include "check/compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "check/pattern.h"
#include "reference/numerics/bits.h"
#include "reference/numerics/fingerprint.h"

namespace moe::check {
namespace {

using Floats = std::vector<float>;
using Integers = std::vector<std::int32_t>;

std::string text_of(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

const char* type_of(const Stage& stage) {
  return std::holds_alternative<Floats>(stage.values) ? "binary32" : "int32";
}

// The values as canonical bits.
std::vector<std::uint32_t> bits_of(const Stage& stage) {
  std::vector<std::uint32_t> bits;
  std::visit([&](const auto& values) { bits.reserve(values.size()); }, stage.values);
  if (const auto* floats = std::get_if<Floats>(&stage.values))
    for (const float v : *floats) bits.push_back(numerics::canonical(v));
  else
    for (const std::int32_t v : std::get<Integers>(stage.values))
      bits.push_back(static_cast<std::uint32_t>(v));
  return bits;
}

std::uint64_t fingerprint_of(const Stage& stage) {
  return std::visit([](const auto& v) { return numerics::fingerprint(std::span(v)); },
                    stage.values);
}

// Values the shape speaks of, or -1 where it makes no sense.
Index count_of(const Shape& shape) {
  Index count = 1;
  for (const Index axis : shape) {
    if (axis < 0) return -1;
    if (__builtin_mul_overflow(count, axis, &count)) return -1;
  }
  return count;
}

// Why the values of two stages cannot be compared, or nothing.
std::string problem_of(const Stage& expected, const Stage& found) {
  if (expected.values.index() != found.values.index())
    return fmt::format("holds {}, expected {}", type_of(found), type_of(expected));
  if (expected.shape != found.shape)
    return fmt::format("is {}, expected {}", text_of(found.shape), text_of(expected.shape));
  for (const Stage* stage : {&expected, &found}) {
    const auto size =
        std::visit([](const auto& v) { return static_cast<Index>(v.size()); }, stage->values);
    if (size != count_of(stage->shape))
      return fmt::format("holds {} values, its shape is {}", size, text_of(stage->shape));
  }
  return "";
}

std::string value_text(std::uint32_t bits, bool integer) {
  if (integer) return fmt::format("{}", static_cast<std::int32_t>(bits));
  return fmt::format("{:.9g} (0x{:08x})", numerics::from_bits(bits), bits);
}

std::uint64_t distance(std::uint32_t a, std::uint32_t b, bool integer) {
  if (!integer) return numerics::ulp_distance(numerics::from_bits(a), numerics::from_bits(b));
  const std::int64_t steps =
      std::int64_t{static_cast<std::int32_t>(a)} - std::int64_t{static_cast<std::int32_t>(b)};
  return static_cast<std::uint64_t>(steps < 0 ? -steps : steps);
}

bool nan_in(std::uint32_t a, std::uint32_t b) {
  return numerics::is_nan(numerics::from_bits(a)) || numerics::is_nan(numerics::from_bits(b));
}

// The first difference with two neighbours on each side, within its row.
std::string window_text(const std::vector<std::uint32_t>& bits, Index first, Index cols,
                        bool integer) {
  const Index row = first - first % cols;
  const Index begin = std::max(row, first - 2);
  const Index end = std::min(row + cols, first + 3);
  std::string text = begin > row ? ".. " : "";
  for (Index i = begin; i < end; i++) {
    const std::uint32_t value = bits[std::size_t(i)];
    text += integer ? fmt::format("{}", static_cast<std::int32_t>(value))
                    : fmt::format("{:.9g}", numerics::from_bits(value));
    text += i + 1 < end ? " " : "";
  }
  return text + (end < row + cols ? " .." : "");
}

StageComparison compare_stage(const Stage& expected, const Stage& found, const RowOwners& owners) {
  StageComparison result;
  result.name = expected.name;
  result.shape = expected.shape;
  result.fingerprint[0] = fingerprint_of(expected);
  result.fingerprint[1] = fingerprint_of(found);
  result.problem = problem_of(expected, found);
  if (!result.problem.empty()) return result;

  Differences d;
  d.stage = expected.name;
  d.integers = std::holds_alternative<Integers>(expected.values);
  d.expected = bits_of(expected);
  d.found = bits_of(found);
  d.owners = &owners;
  result.values = static_cast<Index>(d.expected.size());
  for (Index i = 0; i < result.values; i++)
    if (!(d.expected[std::size_t(i)] == d.found[std::size_t(i)])) d.at.push_back(i);
  result.differing = static_cast<Index>(d.at.size());
  if (d.at.empty()) return result;

  d.cols = expected.shape.empty() ? 1 : expected.shape.back();
  d.rows = result.values / d.cols;
  for (const Index i : d.at) {
    const std::uint32_t a = d.expected[std::size_t(i)];
    const std::uint32_t b = d.found[std::size_t(i)];
    const bool nan = !d.integers && nan_in(a, b);
    if (nan) result.nan_against_number++;
    const std::uint64_t steps = nan ? 0 : distance(a, b, d.integers);
    if (result.worst >= 0 && steps <= result.worst_ulp) continue;
    result.worst = i;
    result.worst_ulp = steps;
  }
  const auto first = std::size_t(d.at[0]);
  result.first = d.at[0];
  result.expected = value_text(d.expected[first], d.integers);
  result.found = value_text(d.found[first], d.integers);
  const bool nan = !d.integers && nan_in(d.expected[first], d.found[first]);
  result.ulp = nan ? 0 : distance(d.expected[first], d.found[first], d.integers);
  result.element = element_name(d, result.first);
  result.window[0] = window_text(d.expected, result.first, d.cols, d.integers);
  result.window[1] = window_text(d.found, result.first, d.cols, d.integers);
  result.pattern = guess_pattern(d);
  return result;
}

// Where two experts were taken for one another: do their scores tie?
std::string tie_of(const Recording& expected, const Recording& found, const StageComparison& s) {
  const Stage* scores = expected.find("scores");
  const Stage* a = expected.find("selected");
  const Stage* b = found.find("selected");
  if (s.name != "selected" || s.differing == 0 || scores == nullptr || scores->shape.size() != 2)
    return "";
  const Index t = s.first / s.shape.back();
  const Index E = scores->shape[1];
  const Index e[2] = {std::get<Integers>(a->values)[std::size_t(s.first)],
                      std::get<Integers>(b->values)[std::size_t(s.first)]};
  const auto* values = std::get_if<Floats>(&scores->values);
  if (values == nullptr || t >= scores->shape[0]) return "";
  for (const Index i : e)
    if (i < 0 || i >= E) return fmt::format("there is no expert {}", i);
  const float p = (*values)[std::size_t(t * E + e[0])];
  const float q = (*values)[std::size_t(t * E + e[1])];
  if (p == q)
    return fmt::format("experts {} and {} tie at {:.9g}: the smaller index wins", e[0], e[1], p);
  return fmt::format("expert {} scores {:.9g}, expert {} {:.9g}", e[0], p, e[1], q);
}

}  // namespace

bool Comparison::equal() const {
  return values() > 0 && std::all_of(stages.begin(), stages.end(),
                                     [](const StageComparison& s) { return s.equal(); });
}

bool Comparison::nothing_to_compare() const {
  return !stages.empty() && std::all_of(stages.begin(), stages.end(),
                                        [](const auto& s) { return s.equal() && s.values == 0; });
}

Index Comparison::values() const {
  Index sum = 0;
  for (const StageComparison& s : stages) sum += s.values;
  return sum;
}

Index Comparison::differing() const {
  Index sum = 0;
  for (const StageComparison& s : stages) sum += s.differing;
  return sum;
}

const StageComparison* Comparison::first_difference() const {
  for (const StageComparison& s : stages)
    if (!s.equal()) return &s;
  return nullptr;
}

Comparison compare(const Recording& expected, const Recording& found) {
  const RowOwners owners = row_owners(expected);
  Comparison result;
  std::vector<bool> used(found.stages.size(), false);
  for (const Stage& stage : expected.stages) {
    std::size_t i = 0;
    while (i < used.size() && (used[i] || found.stages[i].name != stage.name)) i++;
    if (i < used.size()) {
      used[i] = true;
      result.stages.push_back(compare_stage(stage, found.stages[i], owners));
      const std::string tie = tie_of(expected, found, result.stages.back());
      if (!tie.empty()) result.stages.back().pattern += "; " + tie;
      continue;
    }
    StageComparison missing;
    missing.name = stage.name;
    missing.shape = stage.shape;
    missing.fingerprint[0] = fingerprint_of(stage);
    missing.problem = "is missing";
    result.stages.push_back(missing);
  }
  for (std::size_t i = 0; i < used.size(); i++) {
    if (used[i]) continue;
    StageComparison extra;
    extra.name = found.stages[i].name;
    extra.shape = found.stages[i].shape;
    extra.fingerprint[1] = fingerprint_of(found.stages[i]);
    extra.problem = "is not expected";
    result.stages.push_back(extra);
  }
  return result;
}

}  // namespace moe::check
