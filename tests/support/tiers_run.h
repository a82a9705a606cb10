// Running cases on tiers in tests, and counting what ran.
#pragma once
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>

#include "check/case.h"
#include "check/compare.h"
#include "check/tier.h"
#include "reference/sparse.h"

namespace moe::test {

/// One pass: every stage, and the result.
struct Pass {
  Recording trace;
  Matrix y;
};

inline Pass run(const check::Tier& tier, const Layer& layer, const ConstMatrix& x, int threads = 1,
                const Batch& batch = {}) {
  Pass pass;
  pass.y = tier.prepare(layer, threads)->run(x, &pass.trace, batch);
  return pass;
}

/// What the reference does with a token-choice case.
inline Recording reference_trace(const check::Case& c, const Batch& batch) {
  Recording trace;
  reference::sparse(check::make_sparse_layer(c), check::make_tokens(c), &trace, batch);
  return trace;
}

/// A case on two threads.
inline Pass run_case(const check::Tier& tier, const check::Case& c) {
  return run(tier, check::make_layer(c), check::make_tokens(c), 2, check::make_batch(c));
}

/// The stage as a matrix; throws where there is none.
inline Matrix stage(const Recording& trace, const char* name) {
  const Stage* found = trace.find(name);
  if (found == nullptr) throw std::out_of_range(name);
  return Eigen::Map<const Matrix>(std::get<std::vector<float>>(found->values).data(),
                                  found->shape[0], found->shape[1]);
}

inline IntMatrix int_stage(const Recording& trace, const char* name) {
  const Stage* found = trace.find(name);
  if (found == nullptr) throw std::out_of_range(name);
  return Eigen::Map<const IntMatrix>(std::get<std::vector<std::int32_t>>(found->values).data(),
                                     found->shape[0], found->shape[1]);
}

/// The matrix as a trace of one stage, so that two can be compared bit for bit.
inline Recording as_trace(const Matrix& m) {
  Recording trace;
  record(&trace, "output", m);
  return trace;
}

/// Every value of both is the same, bit for bit; an empty matrix passes if both are.
inline ::testing::AssertionResult same_bits(const Matrix& expected, const Matrix& found) {
  const check::Comparison comparison = check::compare(as_trace(expected), as_trace(found));
  if (comparison.equal() || comparison.nothing_to_compare()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << check::report(comparison, "expected", "found", "");
}

inline ::testing::AssertionResult same_trace(const Recording& expected, const Recording& found,
                                             const std::string& name, const std::string& line) {
  const check::Comparison comparison = check::compare(expected, found);
  const bool no_tokens = comparison.nothing_to_compare();
  if (comparison.equal() || no_tokens) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << check::report(
             comparison, "reference", name, "moe case '" + line + "' --tier reference," + name);
}

/// Comparisons that ran, by tier; those of skipped tiers are counted apart and named.
class Count {
 public:
  void ran(const std::string& tier) { ran_[tier]++; }
  void skipped(const check::Tier& tier) {
    skipped_[tier.name]++;
    reason_[tier.name] = tier.skipped;
  }

  /// Fails if a tier that runs here made another number of comparisons than `pinned` says.
  void check(const std::map<std::string, int>& pinned) const {
    for (const check::Tier& tier : check::tiers()) {
      if (tier.name == "reference") continue;
      const int expected = pinned.at(tier.name);
      if (tier.skipped.empty()) {
        std::printf("ran      %-14s %d comparisons\n", tier.name.c_str(), of(ran_, tier.name));
        EXPECT_EQ(of(ran_, tier.name), expected) << tier.name;
      } else {
        std::printf("SKIPPED  %-14s %d comparisons: %s\n", tier.name.c_str(),
                    of(skipped_, tier.name), tier.skipped.c_str());
        EXPECT_EQ(of(ran_, tier.name), 0) << tier.name;
        EXPECT_EQ(of(skipped_, tier.name), expected) << tier.name;
      }
    }
  }

 private:
  static int of(const std::map<std::string, int>& counts, const std::string& name) {
    const auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
  }
  std::map<std::string, int> ran_, skipped_;
  std::map<std::string, std::string> reason_;
};

}  // namespace moe::test
