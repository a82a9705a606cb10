// Counts against those of an independent counter, to the last parameter.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/accounting/configs.h"

namespace moe::test {
namespace {

using accounting::Component;
using accounting::Counts;

std::string billions(Index n) { return fmt::format("{:.3f}", static_cast<double>(n) / 1e9); }

TEST(AccountingGolden, EveryModelIsCountedExactly) {
  const std::vector<Golden> rows = golden();
  EXPECT_EQ(rows.size(), 43U);
  EXPECT_EQ(config_names().size(), rows.size());
  for (const Golden& g : rows) {
    const Counts n = accounting::count(model(g.name));
    EXPECT_EQ(n.total, g.total) << g.name;
    EXPECT_EQ(billions(n.c1), g.c1) << g.name;
    EXPECT_EQ(billions(n.c2), g.c2) << g.name;
    EXPECT_EQ(billions(n.c3), g.c3) << g.name;
    EXPECT_EQ(n.mtp == 0 ? "-" : billions(n.mtp), g.mtp) << g.name;
  }
}

TEST(AccountingGolden, ComponentsAddUp) {
  for (const std::string& name : config_names()) {
    const Counts n = accounting::count(model(name));
    Index total = 0, active = 0;
    for (const accounting::Count& c : n.components) {
      total += c.total;
      active += c.active;
      EXPECT_LE(c.active, c.total) << name;
      EXPECT_GE(c.active, 0) << name;
    }
    EXPECT_EQ(total, n.total) << name;
    EXPECT_EQ(active, n.c1) << name;
  }
}

// By hand, from the formulas: d 4096, h 32, g 8, a 128, f 14336, E 8, K 2, L 32, V 32000.
TEST(AccountingGolden, MixtralByHand) {
  const Counts n = accounting::count(model("Mixtral-8x7B"));
  EXPECT_EQ(n[Component::embedding].total, 32000 * 4096);
  EXPECT_EQ(n[Component::attention].total, 32 * (4096 * 4096 + 2 * 4096 * 8 * 128 + 4096 * 4096));
  EXPECT_EQ(n[Component::router].total, 32 * 4096 * 8);
  EXPECT_EQ(n[Component::routed_experts].total, Index{32} * 8 * 3 * 4096 * 14336);
  EXPECT_EQ(n[Component::routed_experts].active, Index{32} * 2 * 3 * 4096 * 14336);
  EXPECT_EQ(n[Component::norms].total, 32 * 2 * 4096 + 4096);
}

// README_WEIGHTS of DeepSeek-V3 leaves out eh_proj; with it, its 11.5 billion are these.
TEST(AccountingGolden, MtpOfDeepSeek) {
  const accounting::Model m = model("DeepSeek-V3");
  const Counts n = accounting::count(m);
  const Index eh_proj = 2 * m.width * m.width;
  EXPECT_EQ(eh_proj, 102'760'448);
  EXPECT_EQ(fmt::format("{:.1f}", static_cast<double>(n.mtp - eh_proj) / 1e9), "11.5");
  EXPECT_EQ(n.mtp_stored - n.mtp, 2 * m.vocabulary * m.width);
}

TEST(AccountingGolden, ZeroExpertsGiveARange) {
  const Counts n = accounting::count(model("LongCat-Flash-Chat"));
  const Index rest = n.c2 - n[Component::routed_experts].active;
  EXPECT_EQ(billions(rest + n.routed_least), "18.694");
  EXPECT_EQ(billions(rest + n.routed_most), "31.377");
}

// A file that is wrong in public: counted as it stands, and doubted.
TEST(AccountingGolden, AConfigThatContradictsItselfIsDoubted) {
  EXPECT_EQ(model("Switch-C-2048.hub-as-published").doubts.size(), 1U);
  EXPECT_TRUE(model("Switch-C-2048").doubts.empty());
}

}  // namespace
}  // namespace moe::test
