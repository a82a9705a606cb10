// A case is a line: what can be said in it.
#include "check/case.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "reference/error.h"
#include "reference/expert.h"
#include "tests/support/rows.h"

namespace moe::check {
namespace {

std::string error_of(const std::string& line) {
  try {
    parse_case(line);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(CaseLine, RoundTrip) {
  for (const char* line :
       {"variant=sparse preset=mixtral T=7 D=16 F=24 E=4 K=2 seed=0x2a gen=wild route=skew:0.9",
        "variant=sparse preset=deepseek_v3 T=0 D=1 F=1 E=16 K=4 shared=5 groups=4 kept=2 "
        "seed=0xffffffffffffffff gen=exact route=one",
        "variant=sparse preset=llama4 T=1 D=2 F=3 E=1 K=1 seed=0x0 gen=normal route=uniform",
        "variant=expert_choice preset=expert_choice T=8 D=2 F=3 E=4 K=2 C=3 batch=4 cap=2 seed=0x1 "
        "gen=normal route=uniform",
        "variant=sparse preset=mixtral T=1 D=2 F=3 E=8 K=3 later=until_mass threshold=0.7 training=1 seed=0x1 gen=normal route=uniform",
        "variant=hierarchical preset=mesh_threshold T=1 D=2 F=3 E=8 K=1 threshold=1e-30 seed=0x1 gen=normal route=uniform",
        "variant=sparse preset=gpt_oss T=1 D=2 F=3 E=8 K=1 seed=0x1 gen=normal route=empty"}) {
    const Case c = parse_case(line);
    EXPECT_EQ(c.text(), line);
    EXPECT_EQ(parse_case(c.text()), c);
  }
  for (const double exponent : {0.0, 0.1, 1.0 / 3, 1e-300, 100.0}) {
    Case c;
    c.route = {Route::Kind::skew, exponent};
    EXPECT_EQ(parse_case(c.text()), c) << c.text();
  }
  for (const float threshold : {0.0F, 0.1F, 1.0F / 3, 0x1p-149F, 1e6F}) {
    Case c;
    c.later = LaterSlots::above_threshold;
    c.threshold = threshold;
    EXPECT_EQ(parse_case(c.text()), c) << c.text();
  }
}

TEST(CaseLine, EveryFieldIsRead) {
  const Case c = parse_case(
      "\tkept=2 groups=4 shared=3 route=skew:1.5 gen=exact seed=42 K=3 E=12 F=8 D=6 T=9\n"
      "preset=deepseek_v2 variant=sparse ");
  EXPECT_EQ(c.preset, "deepseek_v2");
  EXPECT_EQ(c.T, 9);
  EXPECT_EQ(c.D, 6);
  EXPECT_EQ(c.F, 8);
  EXPECT_EQ(c.E, 12);
  EXPECT_EQ(c.K, 3);
  EXPECT_EQ(c.shared, 3);
  EXPECT_EQ(c.groups, 4);
  EXPECT_EQ(c.kept, 2);
  EXPECT_EQ(c.seed, 42U);
  EXPECT_EQ(c.family, Family::exact);
  EXPECT_EQ(c.route, (Route{Route::Kind::skew, 1.5}));
  EXPECT_EQ(parse_case("preset=mixtral"), Case());
}

// The case's threshold, or the preset's for the preset's own rule, or one of the rule.
TEST(CaseLine, ThresholdOfLaterSlots) {
  const auto threshold = [](const std::string& line) {
    const RouterConfig r = make_sparse_layer(parse_case("E=4 K=2 " + line)).router.config;
    return std::pair(r.later, r.later_threshold);
  };
  using enum LaterSlots;
  EXPECT_EQ(threshold("preset=mixtral later=until_mass"), std::pair(until_mass, 0.25F));
  EXPECT_EQ(threshold("preset=mixtral later=above_threshold"), std::pair(above_threshold, 0.25F));
  EXPECT_EQ(threshold("preset=mixtral later=random"), std::pair(random, 0.5F));
  EXPECT_EQ(threshold("preset=mixtral later=until_mass threshold=0.7"), std::pair(until_mass, 0.7F));
  EXPECT_EQ(threshold("preset=dynamic_moe"), std::pair(until_mass, 0.4F));
  EXPECT_EQ(threshold("preset=dynamic_moe later=until_mass"), std::pair(until_mass, 0.4F));
  EXPECT_EQ(threshold("preset=dynamic_moe threshold=0"), std::pair(until_mass, 0.0F));
  EXPECT_EQ(threshold("preset=dynamic_moe later=random"), std::pair(random, 0.5F));
  EXPECT_EQ(threshold("preset=mesh_threshold"), std::pair(above_threshold, 0.2F));
  EXPECT_EQ(threshold("preset=mesh_top2 threshold=0.5"), std::pair(random, 0.5F));
  const Layer two = make_layer(parse_case("variant=hierarchical preset=mixtral E=4 K=2 later=until_mass threshold=0.7"));
  EXPECT_EQ(std::get<HierarchicalLayer>(two).outer.config.later_threshold, 0.7F);
  EXPECT_EQ(std::get<HierarchicalLayer>(two).inner[1].config.later_threshold, 0.7F);
}

TEST(CaseLine, ErrorsNameTheWord) {
  const std::map<std::string, std::string> expected{
      {"", "empty line"},
      {"T", "'T' is no key=value"},
      {"T=3 T=4", "'T' comes twice"},
      {"t=3", "unknown key 't', expected one of variant preset T"},
      {"T=-1", "T is '-1', expected an integer from 0 to 2147483647"},
      {"T=3x", "T is '3x'"},
      {"T=", "T is ''"},
      {"D=0", "D is '0', expected an integer from 1"},
      {"F=99999999999999999999", "F is '99999999999999999999'"},
      {"E=4 K=5", "K=5 of E=4, expected K <= E"},
      {"preset=gpt5", "unknown preset 'gpt5'"},
      {"variant=loose", "variant is 'loose', expected one of sparse, dense, expert_choice, soft, hierarchical"},
      {"priority=first", "priority is 'first', expected one of choice, token, score, confidence"},
      {"later=some", "later is 'some', expected one of all, none, above_threshold, until_mass"},
      {"preset=gpt_oss later=until_mass", "later=until_mass with the raw logits of gpt_oss, expected a preset with softmax"},
      {"threshold=0.5", "threshold=0.5 means nothing to variant=sparse preset=mixtral later=all, expected it where later slots have a threshold"},
      {"later=none threshold=0.5", "threshold=0.5 means nothing to variant=sparse preset=mixtral later=none"},
      {"variant=dense preset=dynamic_moe threshold=0.5", "threshold=0.5 means nothing to variant=dense"},
      {"variant=hierarchical preset=hash K=1 threshold=0.5", "threshold=0.5 means nothing to variant=hierarchical preset=hash"},
      {"later=until_mass threshold=", "threshold is '', expected a number from 0 to 1000000"},
      {"later=until_mass threshold=-0.5", "threshold is '-0.5', expected a number from 0"},
      {"later=until_mass threshold=nan", "threshold is 'nan'"},
      {"later=until_mass threshold=inf", "threshold is 'inf'"},
      {"later=until_mass threshold=1e7", "threshold is '1e7'"},
      {"later=until_mass threshold=1e-60", "threshold is '1e-60'"},
      {"later=until_mass threshold=0.5x", "threshold is '0.5x'"},
      {"later=random threshold=0", "threshold=0 with later=random, expected more than 0, up to 1000000"},
      {"preset=mesh_top2 threshold=0", "threshold=0 with later=random, expected more than 0"},
      {"C=-2", "C is '-2', expected an integer from 0"},
      {"T=5 batch=2", "batch=2, expected a divisor of T=5"},
      {"variant=hierarchical E=8 inner=3", "inner=3, expected a divisor of E=8"},
      {"inner=2", "inner means nothing to variant=sparse preset=mixtral"},
      {"cap=2", "cap means nothing to variant=sparse"},
      {"S=2", "S means nothing to variant=sparse"},
      {"variant=dense C=3", "C means nothing to variant=dense"},
      {"variant=soft later=none", "later means nothing to variant=soft"},
      {"preset=hash K=1 later=none", "later means nothing to variant=sparse preset=hash"},
      {"priority=token", "priority means nothing to variant=sparse preset=mixtral, expected it where places are limited"},
      {"cap=-1", "cap is '-1', expected an integer from 0"},
      {"S=0", "S is '0', expected an integer from 1"},
      {"gen=gaussian", "gen is 'gaussian', expected exact, normal or wild"},
      {"route=skew", "route is 'skew', expected uniform, skew:EXPONENT"},
      {"route=skew:nan", "route is 'skew:nan'"},
      {"route=skew:-1", "route is 'skew:-1'"},
      {"route=skew:101", "route is 'skew:101'"},
      {"seed=0x", "seed is '0x'"},
      {"seed=-1", "seed is '-1'"},
      {"E=8 groups=3", "groups=3, expected a divisor of E=8"},
      {"E=8 K=3 groups=4 kept=1", "kept=1 of 4 groups of 2 experts"},
      {"E=8 groups=2 kept=3", "kept=3 of 2 groups"},
      {"D=1000000 F=1000000 E=1000 K=2", "expected at most 4294967296"},
      {"T=2147483647 D=2147483647 F=2147483647 E=2147483647 K=1", "expected at most 4294967296"},
      {"T=\x01\x02", "T is '\?\?'"}};
  for (const auto& [line, message] : expected)
    EXPECT_NE(error_of(line).find(message), std::string::npos)
        << "line  " << line << "\ngot   " << error_of(line) << "\nwant  " << message;
}

// Pieces of good lines in any order, and bytes of any kind: Error or a case, nothing else.
TEST(CaseLine, GarbageGivesErrorOnly) {
  std::mt19937 random(7);
  const char* const pieces[] = {"T=",
                                "D=",
                                "E=",
                                "K=",
                                "groups=",
                                "kept=",
                                "seed=0x",
                                "route=skew:",
                                "gen=",
                                "preset=",
                                "mixtral",
                                "wild",
                                "1",
                                "2",
                                "8",
                                "-",
                                "=",
                                " ",
                                "999999999999",
                                ".5",
                                "e400",
                                "\t",
                                "deepseek_v3",
                                "variant=sparse",
                                "later=until_mass",
                                "threshold="};
  int cases = 0;
  for (int i = 0; i < 200000; i++) {
    std::string line;
    const auto length = random() % 12;
    for (unsigned j = 0; j < length; j++)
      if (random() % 8 == 0)
        line += static_cast<char>(random());
      else
        line += pieces[random() % std::size(pieces)];
    try {
      const Case c = parse_case(line);
      EXPECT_EQ(parse_case(c.text()), c);
      cases++;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(cases, 100);  // the fuzzer does reach good lines
}

}  // namespace
}  // namespace moe::check
