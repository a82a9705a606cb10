#include "check/case.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <span>

#include "reference/error.h"
#include "reference/presets.h"

namespace moe::check {
namespace {

constexpr std::string_view kKeys =
    "variant preset T D F E K shared groups kept C batch cap S inner priority later threshold training "
    "seed gen route";
constexpr Index kMostOfAxis = std::numeric_limits<std::int32_t>::max();

// A word of the line as messages show it: printable, not endless.
std::string quoted(std::string_view word) {
  std::string shown;
  for (const char c : word.substr(0, 60)) shown += c >= ' ' && c <= '~' ? c : '?';
  return "'" + shown + (word.size() > 60 ? "..." : "") + "'";
}

[[noreturn]] void fail(std::string_view key, std::string_view value, const std::string& expected) {
  throw Error(fmt::format("case: {} is {}, expected {}", key, quoted(value), expected));
}

// All of `text` as an integer of that base, or false.
template <class Integer>
bool read_whole(std::string_view text, int base, Integer& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end;
}

constexpr float kMostOfThreshold = 1e6F;

float read_threshold(std::string_view value) {
  float threshold = -1;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, threshold);
  const bool fits = threshold >= 0 && threshold <= kMostOfThreshold;
  if (error != std::errc() || stop != end || !fits) fail("threshold", value, fmt::format("a number from 0 to {}", kMostOfThreshold));
  return threshold;
}

Index read_axis(std::string_view key, std::string_view value, Index least) {
  Index n = 0;
  if (!read_whole(value, 10, n) || n < least || n > kMostOfAxis)
    fail(key, value, fmt::format("an integer from {} to {}", least, kMostOfAxis));
  return n;
}

constexpr std::string_view kVariants[] = {"sparse", "dense", "expert_choice", "soft",
                                          "hierarchical"};
// In the order of the enumerators.
constexpr std::string_view kPriorities[] = {"choice", "token", "score", "confidence"};
constexpr std::string_view kLaterSlots[] = {"all", "none", "above_threshold", "until_mass", "random"};

std::size_t read_word(std::string_view key, std::string_view value,
                      std::span<const std::string_view> words) {
  const auto found = std::ranges::find(words, value);
  if (found == words.end()) fail(key, value, fmt::format("one of {}", fmt::join(words, ", ")));
  return static_cast<std::size_t>(found - words.begin());
}

std::uint64_t read_seed(std::string_view value) {
  std::uint64_t seed = 0;
  const bool hexadecimal = value.starts_with("0x");
  const std::string_view digits = hexadecimal ? value.substr(2) : value;
  if (!read_whole(digits, hexadecimal ? 16 : 10, seed))
    fail("seed", value, "an integer from 0 to 2^64-1, decimal or as 0x2a");
  return seed;
}

Family read_family(std::string_view value) {
  if (value == "exact") return Family::exact;
  if (value == "normal") return Family::normal;
  if (value == "wild") return Family::wild;
  fail("gen", value, "exact, normal or wild");
}

Route read_route(std::string_view value) {
  if (value == "uniform") return {Route::Kind::uniform, 0};
  if (value == "one") return {Route::Kind::one, 0};
  if (value == "empty") return {Route::Kind::empty, 0};
  constexpr std::string_view skew = "skew:";
  if (value.starts_with(skew)) {
    const std::string_view digits = value.substr(skew.size());
    double exponent = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error == std::errc() && stop == digits.data() + digits.size() && exponent >= 0 &&
        exponent <= 100)
      return {Route::Kind::skew, exponent};
  }
  fail("route", value, "uniform, skew:EXPONENT (0 to 100), one or empty");
}

// Sets one field; false if there is no such key.
bool set(Case& c, std::string_view key, std::string_view value) {
  if (key == "variant") {
    c.variant = kVariants[read_word(key, value, kVariants)];
  } else if (key == "preset") {
    preset(value);  // throws Error with the list of names
    c.preset = value;
  } else if (key == "T") {
    c.T = read_axis(key, value, 0);
  } else if (key == "D") {
    c.D = read_axis(key, value, 1);
  } else if (key == "F") {
    c.F = read_axis(key, value, 1);
  } else if (key == "E") {
    c.E = read_axis(key, value, 1);
  } else if (key == "K") {
    c.K = read_axis(key, value, 1);
  } else if (key == "shared") {
    c.shared = read_axis(key, value, 0);
  } else if (key == "groups") {
    c.groups = read_axis(key, value, 0);
  } else if (key == "kept") {
    c.kept = read_axis(key, value, 0);
  } else if (key == "C") {
    c.C = value == "-1" ? -1 : read_axis(key, value, 0);
  } else if (key == "batch") {
    c.batch = read_axis(key, value, 0);
  } else if (key == "cap") {
    c.cap = read_axis(key, value, 0);
  } else if (key == "S") {
    c.S = read_axis(key, value, 1);
  } else if (key == "inner") {
    c.inner = read_axis(key, value, 0);
  } else if (key == "priority") {
    c.priority = static_cast<Priority>(read_word(key, value, kPriorities));
  } else if (key == "later") {
    c.later = static_cast<LaterSlots>(read_word(key, value, kLaterSlots));
  } else if (key == "threshold") {
    c.threshold = read_threshold(value);
  } else if (key == "training") {
    if (value != "0" && value != "1") fail(key, value, "0 or 1");
    c.training = value == "1";
  } else if (key == "seed") {
    c.seed = read_seed(value);
  } else if (key == "gen") {
    c.family = read_family(value);
  } else if (key == "route") {
    c.route = read_route(value);
  } else {
    return false;
  }
  return true;
}

std::string name_of(Family family) {
  switch (family) {
    case Family::exact:
      return "exact";
    case Family::normal:
      return "normal";
    case Family::wild:
      return "wild";
  }
  return "?";
}

std::string name_of(const Route& route) {
  switch (route.kind) {
    case Route::Kind::uniform:
      return "uniform";
    case Route::Kind::skew:
      return fmt::format("skew:{}", route.exponent);
    case Route::Kind::one:
      return "one";
    case Route::Kind::empty:
      return "empty";
  }
  return "?";
}

Index divided_up(Index a, Index b) {
  return (a + b - 1) / b;
}

bool is_balanced(const Case& c) {
  return c.variant == "sparse" && preset(c.preset).router.choice == Choice::balanced;
}

// The rule of the slots after the first: the case's, or else the preset's.
LaterSlots later_slots(const Case& c) {
  const Preset& row = preset(c.preset);
  if ((c.variant != "sparse" && c.variant != "hierarchical") || row.unscored) return LaterSlots::all;
  return c.later == LaterSlots::all ? row.router.later : c.later;
}

// That a threshold is a number which the rule can use.
void check_threshold(const Case& c) {
  if (!c.threshold) return;
  const LaterSlots later = later_slots(c);
  const bool positive = later == LaterSlots::random;
  if (later == LaterSlots::all || later == LaterSlots::none)
    throw Error(fmt::format("case: threshold={} means nothing to variant={} preset={} later={}, expected it where later slots have a "
                            "threshold: above_threshold, until_mass, random",
                            *c.threshold, c.variant, c.preset, kLaterSlots[static_cast<std::size_t>(later)]));
  if (!(*c.threshold >= 0) || !(*c.threshold <= kMostOfThreshold) || (positive && *c.threshold == 0))
    throw Error(fmt::format("case: threshold={} with later={}, expected {} to {}", *c.threshold, kLaterSlots[static_cast<std::size_t>(later)],
                            positive ? "more than 0, up" : "a number from 0", kMostOfThreshold));
}

// What the case says and its variant would not read.
void refuse_unread(const Case& c) {
  const auto refuse = [&c](const char* key, const char* reader) {
    throw Error(fmt::format("case: {} means nothing to variant={} preset={}, expected {}", key, c.variant, c.preset, reader));
  };
  const bool chooses = c.variant == "sparse" || c.variant == "hierarchical";
  const Preset& row = preset(c.preset);
  if (c.cap != 0 && c.variant != "expert_choice") refuse("cap", "it with variant=expert_choice");
  if (c.S != 1 && c.variant != "soft") refuse("S", "it with variant=soft");
  if (c.inner != 0 && c.variant != "hierarchical") refuse("inner", "it with variant=hierarchical");
  if (c.C >= 0 && !chooses && c.variant != "expert_choice") refuse("C", "it where experts have places");
  if (c.later != LaterSlots::all && (!chooses || (c.variant == "sparse" && row.unscored)))
    refuse("later", "it where slots have scores");
  if (c.priority && (!chooses || (c.C < 0 && !row.capacity))) refuse("priority", "it where places are limited");
}

}  // namespace

std::string Case::text() const {
  std::string line =
      fmt::format("variant={} preset={} T={} D={} F={} E={} K={}", variant, preset, T, D, F, E, K);
  if (shared != 0) line += fmt::format(" shared={}", shared);
  if (groups != 0) line += fmt::format(" groups={}", groups);
  if (kept != 0) line += fmt::format(" kept={}", kept);
  if (C != -1) line += fmt::format(" C={}", C);
  if (batch != 0) line += fmt::format(" batch={}", batch);
  if (cap != 0) line += fmt::format(" cap={}", cap);
  if (S != 1) line += fmt::format(" S={}", S);
  if (inner != 0) line += fmt::format(" inner={}", inner);
  if (priority)
    line += fmt::format(" priority={}", kPriorities[static_cast<std::size_t>(*priority)]);
  if (later != LaterSlots::all)
    line += fmt::format(" later={}", kLaterSlots[static_cast<std::size_t>(later)]);
  if (threshold) line += fmt::format(" threshold={}", *threshold);
  if (training) line += " training=1";
  return line + fmt::format(" seed={:#x} gen={} route={}", seed, name_of(family), name_of(route));
}

Case parse_case(std::string_view line) {
  constexpr std::string_view blanks = " \t\r\n";
  Case c;
  std::set<std::string_view> seen;
  for (std::size_t at = line.find_first_not_of(blanks); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    const std::string_view word = line.substr(at, end - at);
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos)
      throw Error(fmt::format("case: {} is no key=value, expected keys {}", quoted(word), kKeys));
    const std::string_view key = word.substr(0, equals);
    if (!seen.insert(key).second) throw Error(fmt::format("case: {} comes twice", quoted(key)));
    if (!set(c, key, word.substr(equals + 1)))
      throw Error(fmt::format("case: unknown key {}, expected one of {}", quoted(key), kKeys));
    at = line.find_first_not_of(blanks, end);
  }
  if (seen.empty()) throw Error("case: empty line, expected key=value words");
  if (!seen.contains("variant")) c.variant = preset(c.preset).variant;
  if (!seen.contains("K") && is_balanced(c)) c.K = 1;
  validate(c);
  return c;
}

void validate(const Case& c) {
  refuse_unread(c);
  check_threshold(c);
  if (c.T < 0 || c.D < 1 || c.F < 1 || c.E < 1 || c.K < 1 || c.shared < 0)
    throw Error(fmt::format("case: T={} D={} F={} E={} K={}, expected T >= 0, others >= 1", c.T,
                            c.D, c.F, c.E, c.K));
  if (c.K != 1 && is_balanced(c))
    throw Error(fmt::format("case: K={}, expected 1 as {} divides tokens evenly", c.K, c.preset));
  if (c.K > c.E) throw Error(fmt::format("case: K={} of E={}, expected K <= E", c.K, c.E));
  if (c.batch != 0 && c.T % c.batch != 0)
    throw Error(fmt::format("case: batch={}, expected a divisor of T={}", c.batch, c.T));
  if (c.later == LaterSlots::until_mass && preset(c.preset).router.score == Score::logit)
    throw Error(fmt::format("case: later=until_mass with the raw logits of {}, expected a preset with softmax, "
                            "sigmoid or sqrt_softplus",
                            c.preset));
  if (c.cap < 0) throw Error(fmt::format("case: cap={}, expected 0 or more", c.cap));
  if (c.inner != 0 && c.E % c.inner != 0)
    throw Error(fmt::format("case: inner={}, expected a divisor of E={}", c.inner, c.E));
  const bool count_fits = c.groups == 0 || (c.groups <= c.E && c.E % c.groups == 0);
  if (!count_fits)
    throw Error(fmt::format("case: groups={}, expected a divisor of E={}", c.groups, c.E));
  const GroupLimit limit = group_limit(c);
  if (limit.kept < 1 || limit.kept > limit.count || limit.kept * (c.E / limit.count) < c.K)
    throw Error(
        fmt::format("case: kept={} of {} groups of {} experts, expected 1 to {} that hold "
                    "K={}",
                    limit.kept, limit.count, c.E / limit.count, limit.count, c.K));
  const auto real = [](Index n) { return static_cast<double>(n); };
  const double values = real(c.E) * real(c.D) * (3 * real(c.F) + real(c.S)) +
                        3 * real(c.D) * real(std::max(c.shared, c.F)) +
                        real(c.T) * (2 * real(c.D) + real(c.E * c.S) + real(c.K) * real(c.D + c.F));
  if (!(values <= static_cast<double>(kMostValues)))
    throw Error(fmt::format("case: {:.3g} values, expected at most {}", values, kMostValues));
}

GroupLimit group_limit(const Case& c) {
  GroupLimit limit = preset(c.preset).router.groups;
  const Index published_count = limit.count;
  const Index published_kept = limit.kept;
  limit.count = c.groups;
  if (limit.count == 0)  // the largest divisor of E that is not above the preset's count
    for (limit.count = std::min(published_count, c.E); c.E % limit.count != 0;) limit.count--;
  limit.kept = c.kept;
  if (limit.kept == 0) {
    const Index needed = divided_up(c.K, c.E / limit.count);
    const Index share = divided_up(published_kept * limit.count, published_count);
    limit.kept = std::min(std::max(share, needed), limit.count);
  }
  return limit;
}

}  // namespace moe::check
