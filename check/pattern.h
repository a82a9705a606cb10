// What differences look like: a guess at their cause from where and how they lie.
#pragma once
#include <string>
#include <vector>

#include "reference/trace.h"

namespace moe::check {

/// Whose rows the dispatched rows are, read from the stages selected and positions; empty where the
/// trace lacks them.
struct RowOwners {
  std::vector<Index> expert, token, slot;  ///< [R]
};
RowOwners row_owners(const Recording& recording);

/// Two stages of one shape as bits (NaN canonical), and where they differ. At least one value
/// differs.
struct Differences {
  std::string stage;
  Index rows = 0, cols = 0;                    ///< cols: the last axis
  bool integers = false;                       ///< int32 rather than binary32
  std::vector<std::uint32_t> expected, found;  ///< [rows, cols]
  std::vector<Index> at;                       ///< flat indices that differ, ascending
  const RowOwners* owners = nullptr;

  bool by_row_of_expert() const {
    return stage == "dispatched" || stage == "hidden" || stage == "expert_out";
  }
  bool by_expert_column() const { return stage == "logits" || stage == "scores"; }
};

/// Where element (r, c) of that stage belongs: "token 3, slot 1, expert 2, f 13".
std::string element_name(const Differences& d, Index flat);

/// The guess: where ("only rows of expert 2", "only the last 3 columns") and how ("every value
/// within 2 ULP", "shifted by one column", "transposed within a block", "rows permuted", "sign of
/// zero only", ...).
std::string guess_pattern(const Differences& d);

}  // namespace moe::check
