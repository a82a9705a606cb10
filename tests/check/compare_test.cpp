// The comparator on planted differences: what is not known to be equal is a failure, and the report
// says where and what.
#include "check/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "check/case.h"
#include "reference/numerics/bits.h"
#include "reference/sparse.h"

namespace moe::check {
namespace {

Recording trace_of(const char* line) {
  const Case c = parse_case(line);
  Recording trace;
  reference::sparse(make_sparse_layer(c), make_tokens(c), &trace);
  return trace;
}

const Recording& expected() {
  static const Recording trace =
      trace_of("preset=deepseek_v3 T=9 D=8 F=12 E=8 K=2 seed=3 route=uniform");
  return trace;
}

Stage& stage(Recording& trace, const char* name) {
  for (Stage& s : trace.stages)
    if (s.name == name) return s;
  throw std::out_of_range(name);
}

std::vector<float>& floats(Recording& trace, const char* name) {
  return std::get<std::vector<float>>(stage(trace, name).values);
}

std::vector<std::int32_t>& integers(Recording& trace, const char* name) {
  return std::get<std::vector<std::int32_t>>(stage(trace, name).values);
}

// The first difference after a plant; there must be one, and every report must name it.
StageComparison planted(const std::function<void(Recording&)>& plant) {
  Recording found = expected();
  plant(found);
  const Comparison comparison = compare(expected(), found);
  EXPECT_FALSE(comparison.equal());
  EXPECT_FALSE(comparison.nothing_to_compare());
  const StageComparison* first = comparison.first_difference();
  if (first == nullptr) throw std::logic_error("no difference found");
  const std::string text = report(comparison, "reference", "cpu", "moe case 'T=9'");
  EXPECT_NE(text.find("MISMATCH  cpu against reference"), std::string::npos) << text;
  EXPECT_NE(text.find(first->name), std::string::npos) << text;
  EXPECT_NE(text.find("moe case 'T=9'"), std::string::npos) << text;
  if (first->problem.empty()) {
    for (const std::string& part :
         {first->expected, first->found, first->pattern, first->element, first->window[0]})
      EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks " << part;
  } else {
    EXPECT_NE(text.find(first->problem), std::string::npos) << text;
  }
  return *first;
}

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Compare, EqualTracesAreEqual) {
  const Comparison comparison = compare(expected(), expected());
  EXPECT_TRUE(comparison.equal());
  EXPECT_EQ(comparison.first_difference(), nullptr);
  EXPECT_EQ(comparison.differing(), 0);
  EXPECT_EQ(comparison.stages.size(), 11U);
  Index values = 0;
  for (const StageComparison& s : comparison.stages) {
    EXPECT_EQ(s.fingerprint[0], s.fingerprint[1]);
    values += s.values;
  }
  EXPECT_EQ(comparison.values(), values);
  EXPECT_EQ(values, 9 * (8 + 8 + 2 + 2 + 2) + 18 * (8 + 12 + 8) + 9 * 8 * 3);
  const std::string text = report(comparison, "reference", "cpu", "moe case");
  EXPECT_CONTAINS(text, "equal: reference and cpu, 11 stages");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Compare, WrongValue) {
  const StageComparison s = planted([](Recording& r) { floats(r, "hidden")[3 * 12 + 5] += 1; });
  EXPECT_EQ(s.name, "hidden");
  EXPECT_EQ(s.first, 3 * 12 + 5);
  EXPECT_EQ(s.differing, 1);
  EXPECT_GT(s.ulp, 1000U);
  EXPECT_NE(s.fingerprint[0], s.fingerprint[1]);
  EXPECT_CONTAINS(s.element, "row 3 (expert ");
  EXPECT_CONTAINS(s.element, "f 5");
  EXPECT_CONTAINS(s.expected, "(0x");
  EXPECT_CONTAINS(s.pattern, "one value");
}

TEST(Compare, FirstStageIsNamedAndLaterOnesAreListed) {
  Recording found = expected();
  floats(found, "output")[0] += 1;
  floats(found, "scores")[4] += 1;
  const Comparison comparison = compare(expected(), found);
  EXPECT_EQ(comparison.first_difference()->name, "scores");
  EXPECT_EQ(comparison.differing(), 2);
  const std::string text = report(comparison, "reference", "cpu", "");
  EXPECT_CONTAINS(text, "scores (2 of 11; 1 equal before it)");
  EXPECT_CONTAINS(text, "output 1 of 72");
  EXPECT_CONTAINS(text, "hidden equal");
}

TEST(Compare, OneUlp) {
  const StageComparison s = planted([](Recording& r) {
    float& v = floats(r, "combined")[7];
    v = std::nextafter(v, 100.0F);
  });
  EXPECT_EQ(s.ulp, 1U);
  EXPECT_EQ(s.worst_ulp, 1U);
  EXPECT_CONTAINS(s.pattern, "within 1 ULP");
}

TEST(Compare, NanAgainstNumberBothWays) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const StageComparison s = planted([&](Recording& r) { floats(r, "output")[7] = nan; });
  EXPECT_EQ(s.ulp, 0U);
  EXPECT_EQ(s.nan_against_number, 1);
  EXPECT_CONTAINS(s.pattern, "NaN");
  Recording with_nan = expected();
  floats(with_nan, "output")[7] = nan;
  const Comparison other_way = compare(with_nan, expected());
  EXPECT_FALSE(other_way.equal());
  EXPECT_CONTAINS(report(other_way, "a", "b", ""), "NaN against a number");
}

TEST(Compare, NanPayloadsAreEqual) {
  Recording a = expected();
  Recording b = expected();
  floats(a, "output")[7] = numerics::from_bits(0x7fc00000u);
  floats(b, "output")[7] = numerics::from_bits(0xffffdeadu);
  const Comparison comparison = compare(a, b);
  EXPECT_TRUE(comparison.equal());
  for (const StageComparison& s : comparison.stages) EXPECT_EQ(s.fingerprint[0], s.fingerprint[1]);
}

TEST(Compare, MinusZeroIsNotZero) {
  Recording a = expected();
  floats(a, "shared")[7] = 0.0F;
  Recording b = a;
  floats(b, "shared")[7] = -0.0F;
  const Comparison comparison = compare(a, b);
  EXPECT_FALSE(comparison.equal());
  EXPECT_CONTAINS(comparison.first_difference()->pattern, "sign of zero only");
  EXPECT_CONTAINS(report(comparison, "a", "b", ""), "-0 against +0");
}

TEST(Compare, InfinitiesDifferFromTheLargestNumber) {
  Recording a = expected();
  floats(a, "output")[0] = std::numeric_limits<float>::infinity();
  Recording b = a;
  EXPECT_TRUE(compare(a, b).equal());
  floats(b, "output")[0] = std::numeric_limits<float>::max();
  EXPECT_EQ(compare(a, b).first_difference()->ulp, 1U);
}

TEST(Compare, WrongShape) {
  const StageComparison s = planted([](Recording& r) { stage(r, "hidden").shape = {12, 18}; });
  EXPECT_EQ(s.problem, "is [12,18], expected [18,12]");
  EXPECT_EQ(s.values, 0);
  planted([](Recording& r) { stage(r, "hidden").shape = {18 * 12}; });
}

TEST(Compare, ShapeThatDoesNotFitItsValues) {
  const StageComparison s = planted([](Recording& r) { floats(r, "hidden").pop_back(); });
  EXPECT_EQ(s.problem, "holds 215 values, its shape is [18,12]");
}

TEST(Compare, WrongType) {
  const StageComparison s =
      planted([](Recording& r) { stage(r, "selected").values = std::vector<float>(18, 0.0F); });
  EXPECT_EQ(s.problem, "holds binary32, expected int32");
}

TEST(Compare, MissingStage) {
  const StageComparison s = planted([](Recording& r) { r.stages.erase(r.stages.begin() + 6); });
  EXPECT_EQ(s.name, "hidden");
  EXPECT_EQ(s.problem, "is missing");
}

TEST(Compare, ExtraStageAndTheSameStageTwice) {
  StageComparison s = planted([](Recording& r) {
    r.stages.push_back({"extra", {1}, std::vector<float>{1}});
  });
  EXPECT_EQ(s.problem, "is not expected");
  s = planted([](Recording& r) { r.stages.push_back(r.stages[0]); });
  EXPECT_EQ(s.name, "logits");
  EXPECT_EQ(s.problem, "is not expected");
}

TEST(Compare, NothingComparedIsFailure) {
  const Comparison none = compare({}, {});
  EXPECT_FALSE(none.equal());
  EXPECT_FALSE(none.nothing_to_compare());
  EXPECT_EQ(none.first_difference(), nullptr);
  EXPECT_CONTAINS(report(none, "a", "b", ""), "nothing was compared: there are no stages");
}

TEST(Compare, NoTokens) {
  const Recording empty = trace_of("preset=mixtral T=0 D=4 F=4 E=4 K=2");
  const Comparison comparison = compare(empty, empty);
  EXPECT_FALSE(comparison.equal());  // no value was compared
  EXPECT_TRUE(comparison.nothing_to_compare());
  EXPECT_CONTAINS(report(comparison, "a", "b", ""), "nothing was compared: every stage is empty");
  Recording other = empty;
  other.stages[0].shape = {0, 5};
  EXPECT_FALSE(compare(empty, other).nothing_to_compare());
}

TEST(Compare, WrongIntegers) {
  const StageComparison s = planted([](Recording& r) { integers(r, "positions")[3] += 2; });
  EXPECT_EQ(s.ulp, 2U);
  EXPECT_EQ(s.element, "token 1, slot 1");
  EXPECT_CONTAINS(planted([](Recording& r) {
                    auto& v = integers(r, "selected");
                    std::swap(v[0], v[1]);
                  }).pattern,
                  "the same experts in another order");
}

TEST(Compare, TieIsTold) {
  Recording a = expected();
  auto& scores = floats(a, "scores");
  auto& selected = integers(a, "selected");
  selected[0] = 1;
  scores[1] = scores[5] = 0.25F;
  Recording b = a;
  integers(b, "selected")[0] = 5;
  EXPECT_CONTAINS(compare(a, b).first_difference()->pattern, "experts 1 and 5 tie at 0.25");
}

// ---------------------------------------------------------------------------- patterns

TEST(Pattern, WhereTheyLie) {
  // Rows of one expert.
  const auto& selected = std::get<std::vector<std::int32_t>>(expected().find("selected")->values);
  const auto& positions = std::get<std::vector<std::int32_t>>(expected().find("positions")->values);
  const std::int32_t expert = selected[5];
  EXPECT_CONTAINS(planted([&](Recording& r) {
                    for (std::size_t i = 0; i < selected.size(); i++)
                      if (selected[i] == expert)
                        for (std::size_t f = 0; f < 12; f++)
                          floats(r, "hidden")[std::size_t(positions[i]) * 12 + f] *= 3;
                  }).pattern,
                  "only rows of expert " + std::to_string(expert));
  EXPECT_CONTAINS(planted([](Recording& r) {
                    for (std::size_t t = 0; t < 9; t++) floats(r, "logits")[t * 8 + 6] += 1;
                  }).pattern,
                  "only expert 6");
  EXPECT_CONTAINS(planted([](Recording& r) {
                    for (std::size_t t = 0; t < 9; t++)
                      floats(r, "output")[t * 8 + 2] += float(t) + 1;
                  }).pattern,
                  "only column 2");
  EXPECT_CONTAINS(planted([](Recording& r) {
                    for (std::size_t t = 0; t < 18; t++)
                      for (std::size_t f = 8; f < 12; f++)
                        floats(r, "hidden")[t * 12 + f] += float(f);
                  }).pattern,
                  "only the last 4 of 12 columns (a tail)");
  EXPECT_CONTAINS(planted([](Recording& r) {
                    for (std::size_t d = 0; d < 8; d++)
                      floats(r, "output")[4 * 8 + d] += float(d) + 1;
                  }).pattern,
                  "only token 4");
  EXPECT_CONTAINS(planted([](Recording& r) {
                    for (std::size_t i = 6 * 8; i < 72; i++) floats(r, "output")[i] += float(i);
                  }).pattern,
                  "only the last 3 of 9 tokens (a tail)");
  EXPECT_CONTAINS(planted([](Recording& r) {
                    for (float& v : floats(r, "output")) v *= 1.5F;
                  }).pattern,
                  "everywhere");
}

TEST(Pattern, HowTheyDiffer) {
  const auto change =
      [](const char* name,
         const std::function<void(const std::vector<float>&, std::vector<float>&)>& f) {
        return planted([&](Recording& r) {
                 Recording before = expected();
                 f(floats(before, name), floats(r, name));
               })
            .pattern;
      };
  EXPECT_CONTAINS(change("output",
                         [](const auto& a, auto& b) {
                           for (std::size_t t = 0; t < 9; t++)
                             for (std::size_t d = 1; d < 8; d++) b[t * 8 + d] = a[t * 8 + d - 1];
                         }),
                  "shifted by one column");
  EXPECT_CONTAINS(change("output",
                         [](const auto& a, auto& b) {
                           for (std::size_t i = 8; i < 72; i++) b[i] = a[i - 8];
                         }),
                  "shifted by one row");
  EXPECT_CONTAINS(change("hidden",
                         [](const auto& a, auto& b) {
                           for (std::size_t r = 0; r < 4; r++)
                             for (std::size_t c = 0; c < 4; c++)
                               b[(r + 4) * 12 + c + 4] = a[(c + 4) * 12 + r + 4];
                         }),
                  "transposed within a block");
  EXPECT_CONTAINS(change("hidden",
                         [](const auto& a, auto& b) {
                           for (std::size_t r = 0; r < 18; r++)
                             for (std::size_t c = 0; c < 12; c++) b[c * 18 + r] = a[r * 12 + c];
                         }),
                  "transposed: written column by column");
  EXPECT_CONTAINS(change("hidden",
                         [](const auto& a, auto& b) {
                           const std::size_t to[] = {5, 1, 9};
                           const std::size_t from[] = {1, 9, 5};
                           for (int i = 0; i < 3; i++)
                             std::copy_n(a.begin() + std::ptrdiff_t(from[i] * 12), 12,
                                         b.begin() + std::ptrdiff_t(to[i] * 12));
                         }),
                  "rows permuted");
  EXPECT_CONTAINS(change("output",
                         [](const auto&, auto& b) {
                           for (float& v : b) v = std::nextafter(v, 0.0F);
                         }),
                  "all within 1 ULP");
  EXPECT_CONTAINS(
      change("output", [](const auto&, auto& b) { std::fill(b.begin(), b.end(), 0.0F); }),
      "every wrong value is 0: skipped or never written");
  EXPECT_CONTAINS(change("output",
                         [](const auto&, auto& b) {
                           for (float& v : b) v = -v;
                         }),
                  "the sign is wrong");
  EXPECT_CONTAINS(change("output",
                         [](const auto&, auto& b) {
                           for (float& v : b) v = std::nextafter(v, 0.0F);
                           b[5] += 1;
                         }),
                  "most within 16 ULP");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_CONTAINS(change("output", [&](const auto&, auto& b) { b[3] = b[40] = nan; }),
                  "every wrong value is NaN");
}

}  // namespace
}  // namespace moe::check
