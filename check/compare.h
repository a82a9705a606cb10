// Bit comparison of two traces, stage by stage, and a report that says where they part.
//
// Unknown is failure: a missing stage, another shape, nothing to compare. Two NaNs are equal, a NaN and a number are not,
// -0 and +0 are not.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "reference/trace.h"

namespace moe::check {

/// What one stage's comparison found.
struct StageComparison {
  std::string name;                ///< of the stage
  Shape shape;                     ///< of the expected stage
  Index values = 0;                ///< compared
  Index differing = 0;             ///< of them not equal bit for bit
  std::uint64_t fingerprint[2]{};  ///< of the expected and of the found stage
  std::string problem;             ///< missing, another shape or type; empty if values could be compared
  Index first = -1;                ///< flat index of the first difference
  std::string expected;            ///< its expected value, decimal and hexadecimal
  std::string found;               ///< its found value, the same way
  std::uint64_t ulp = 0;           ///< their distance in units in the last place; 0 for NaN against number
  std::string pattern;             ///< a guess: one expert, one token, one column tail, shifted, transposed, everywhere ...
  std::string element;             ///< where the first difference is, in words: token, slot, expert, column
  std::string window[2];           ///< the first difference among its neighbours, expected and found
  std::uint64_t worst_ulp = 0;     ///< the largest distance of any two numbers
  Index worst = -1;                ///< its flat index
  Index nan_against_number = 0;    ///< differences of that kind

  /// True of an empty stage too, if both are empty.
  bool equal() const { return problem.empty() && differing == 0; }
};

/// What the comparison of two traces found.
struct Comparison {
  std::vector<StageComparison> stages;  ///< in the order of the expected trace, then those that it lacks

  bool equal() const;            ///< at least one value compared, every stage equal
  bool nothing_to_compare() const;  ///< at least one stage, all equal, all empty: T = 0
  Index values() const;          ///< compared in all
  Index differing() const;       ///< not equal in all
  const StageComparison* first_difference() const;  ///< nullptr if equal, or if there is no stage at all
};

/// Compares every stage of both. An empty stage (T = 0) is equal to an empty one of the same shape, but does not count as a value.
Comparison compare(const Recording& expected, const Recording& found);

/// What a person needs to find the cause: the first stage and element that differ, both values in decimal and hex, ULP, how far
/// it spreads, the pattern, and the command that repeats it. One line if equal.
std::string report(const Comparison& comparison, const std::string& expected_name, const std::string& found_name,
                   const std::string& command);

}  // namespace moe::check
