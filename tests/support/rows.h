// Rows of the preset table by kind.
#pragma once
#include <vector>

#include "check/case.h"
#include "reference/presets.h"

namespace moe::test {

/// All rows of that variant.
inline std::vector<Preset> rows_of(std::string_view variant) {
  std::vector<Preset> rows;
  for (const Preset& row : presets())
    if (row.variant == variant) rows.push_back(row);
  return rows;
}

/// Does the row at evaluation choose by ranking scores of the token as it is, and use every slot?
inline bool is_ranked(const Preset& row) {
  const RouterConfig& r = row.router;
  const bool ranks = r.choice == Choice::top_k || r.choice == Choice::near_tie;
  return ranks && r.later == LaterSlots::all && !row.unscored && !row.input_norm;
}

/// Rows of token choice whose routing is a ranking.
inline std::vector<Preset> ranked_rows() {
  std::vector<Preset> rows;
  for (const Preset& row : rows_of("sparse"))
    if (is_ranked(row)) rows.push_back(row);
  return rows;
}

/// Of these, rows that drop nothing and are made of networks and an added shared expert alone.
inline std::vector<Preset> plain_rows() {
  std::vector<Preset> rows;
  for (const Preset& row : ranked_rows()) {
    const bool added = row.shared != SharedKind::blended && row.shared != SharedKind::weighed;
    const bool more = row.identities != 0 || row.latent != 0 || row.residual || row.expert_scale;
    if (added && !more && !row.capacity) rows.push_back(row);
  }
  return rows;
}

/// Rows of token choice in which no token can lose an expert to another: its result is its own.
inline std::vector<Preset> dropless_rows() {
  std::vector<Preset> rows;
  for (const Preset& row : rows_of("sparse"))
    if (!row.capacity) rows.push_back(row);
  return rows;
}

/// The case of a row, with one expert a token where the row has no other choice.
inline check::Case case_of(const Preset& row, std::string rest) {
  const auto at = rest.find("K=");
  if (row.router.choice == Choice::balanced && at != std::string::npos)
    rest.replace(at, rest.find(' ', at) - at, "K=1");
  return check::parse_case("preset=" + std::string(row.name) + " " + rest);
}

/// Does the case divide its tokens evenly among its experts (BASE in training)? Then E divides T.
inline bool needs_whole_shares(const check::Case& c) {
  return c.variant == "sparse" && preset(c.preset).router.choice == Choice::balanced;
}

}  // namespace moe::test
