// moe account --claims: a sentence with numbers, against every convention.
#include <fmt/format.h>

#include <cmath>
#include <regex>

#include "reference/error.h"
#include "tools/account.h"

namespace moe::tools {
namespace {

struct Claim {
  std::string text;   // "3.3B"
  double value = 0;   // 3.3e9
  double unit = 1;    // of its last digit: 1e8
  std::string kind;   // "total", "active" or ""
};

struct Convention {
  const char* name;
  const char* kind;
  Index count;
};

// A claim against every convention it may mean.
struct ClaimVerdict {
  struct Row {
    std::string convention;
    Index count;
    double off;
    std::string how;  // "rounded", "cut off" or ""
  };
  std::string text, kind;
  std::vector<Row> rows;
  bool fits;
};

// Numbers with a unit, and the nearest of the words that say what they are.
std::vector<Claim> claims_in(const std::string& sentence) {
  static const std::regex number(R"((\d+(?:[.,]\d+)*)\s*([kKmMbBtT])(?:illion|rillion|n)?\b)");
  static const std::regex word(R"((total|overall|param\w*\s+in\s+all|activ\w*|used|per token))", std::regex::icase);
  std::vector<Claim> claims;
  for (std::sregex_iterator it(sentence.begin(), sentence.end(), number), end; it != end; ++it) {
    Claim c;
    c.text = it->str();
    std::string digits = (*it)[1].str();
    std::erase(digits, ',');
    const double scale = std::pow(1000.0, 1.0 + static_cast<double>(std::string("kmbt").find(static_cast<char>(std::tolower((*it)[2].str()[0])))));
    const std::size_t point = digits.find('.');
    const auto decimals = point == std::string::npos ? 0.0 : static_cast<double>(digits.size() - point - 1);
    c.value = std::stod(digits) * scale;
    c.unit = scale * std::pow(10, -decimals);
    std::ptrdiff_t nearest = 1 << 20;
    for (std::sregex_iterator w(sentence.begin(), sentence.end(), word), none; w != none; ++w) {
      const std::ptrdiff_t after = w->position() - (it->position() + it->length());
      const std::ptrdiff_t before = it->position() - (w->position() + w->length());
      const std::ptrdiff_t distance = after >= 0 ? after : before + 4;  // what follows a number says more than what precedes it
      if (distance >= nearest) continue;
      nearest = distance;
      const char first = static_cast<char>(std::tolower(w->str()[0]));
      c.kind = first == 'a' || first == 'u' || w->str().starts_with("per") ? "active" : "total";
    }
    claims.push_back(c);
  }
  return claims;
}

// How the count gives the claimed digits, or "".
std::string fits(Index count, const Claim& claim) {
  const double in_units = static_cast<double>(count) / claim.unit;
  const double wanted = std::round(claim.value / claim.unit);
  if (std::floor(in_units + 0.5) == wanted) return "rounded";
  if (std::floor(in_units) == wanted) return "cut off";
  return "";
}

std::vector<ClaimVerdict> judge_claims(const std::string& sentence, const Accounted& a) {
  const std::vector<Claim> claims = claims_in(sentence);
  if (claims.empty()) throw Error(fmt::format("--claims: expected numbers with K, M, B or T, like 30B; found '{}'", sentence));
  const accounting::Counts& n = a.counts;
  std::vector<Convention> all{{"total", "total", n.total}, {"C1", "active", n.c1}, {"C2", "active", n.c2}, {"C3", "active", n.c3}};
  if (n.mtp > 0) {
    all.push_back({"total with MTP", "total", n.total + n.mtp});
    all.push_back({"total as stored", "total", n.total + n.mtp_stored});
    all.push_back({"mtp", "", n.mtp});
  }
  std::vector<ClaimVerdict> verdicts;
  for (const Claim& claim : claims) {
    ClaimVerdict v{.text = claim.text, .kind = claim.kind, .rows = {}, .fits = false};
    for (const Convention& c : all) {
      if (!claim.kind.empty() && claim.kind != c.kind) continue;
      v.rows.push_back({c.name, c.count, claim.value / static_cast<double>(c.count) - 1, fits(c.count, claim)});
      v.fits = v.fits || !v.rows.back().how.empty();
    }
    verdicts.push_back(v);
  }
  return verdicts;
}

}  // namespace

bool print_claims(const std::string& sentence, const Accounted& a) {
  say(paint(Ink::title, a.label) + "  \"" + sentence + "\"\n\n");
  bool good = true;
  for (const ClaimVerdict& v : judge_claims(sentence, a)) {
    Table table({v.kind.empty() ? v.text : v.text + " " + v.kind, "exact", "off by", ""});
    for (const ClaimVerdict::Row& row : v.rows)
      table.add({row.convention, grouped(row.count), fmt::format("{:+.2f} %", 100 * row.off), row.how.empty() ? "" : mark(true) + " " + row.how});
    say(table.text());
    say(v.fits ? "\n" : "  " + mark(false) + " no convention gives these digits\n\n");
    good = good && v.fits;
  }
  return good;
}

bool add_claims(Json& json, const std::string& sentence, const Accounted& a) {
  bool good = true;
  json["claims"] = Json::array();
  for (const ClaimVerdict& v : judge_claims(sentence, a)) {
    Json claim{{"text", v.text}, {"kind", v.kind}, {"ok", v.fits}, {"conventions", Json::object()}};
    for (const ClaimVerdict::Row& row : v.rows) claim["conventions"][row.convention] = {{"count", row.count}, {"off_by", row.off}, {"fits", row.how}};
    json["claims"].push_back(claim);
    good = good && v.fits;
  }
  return good;
}

}  // namespace moe::tools
