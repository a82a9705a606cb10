// The configs of tests/data/accounting, for the fragments about cost.
#pragma once
#include <string>
#include <vector>

#include "reference/accounting/counts.h"

namespace moe::docs {

/// A model and its counts.
struct Counted {
  std::string name;
  accounting::Model model;
  accounting::Counts counts;
};

/// One of them by name.
Counted counted(const std::string& name);
/// All of them, by name; the one known to be wrong left out.
std::vector<Counted> all_counted();
/// 1234567 as "1,234,567".
std::string grouped(Index n);
/// 46702792704 as "46.703" billions.
std::string billions(Index n);
/// "27.6 %".
std::string percentage(double share);

}  // namespace moe::docs
