#include "cpu/instructions.h"

#include "cpu/numerics/targets.h"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include "reference/error.h"

namespace moe::cpu {
namespace {

// Highway's sets are bits, the best of them the lowest.
std::vector<std::int64_t> usable() {
  std::vector<std::int64_t> sets;
  for (std::int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1)
    sets.push_back(left & -left);
  return sets;
}

void use_only(std::int64_t sets) {
  hwy::SetSupportedTargetsForTest(sets);  // 0: all again
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const std::int64_t set : usable()) names.emplace_back(hwy::TargetName(set));
  return names;
}

std::string_view instruction_set() {
  const std::vector<std::int64_t> sets = usable();
  return sets.empty() ? std::string_view() : hwy::TargetName(sets.front());
}

void use_instruction_set(std::string_view name) {
  use_only(0);
  if (name.empty()) return;
  std::string known;
  for (const std::int64_t set : usable()) {
    if (name == hwy::TargetName(set)) return use_only(set);
    known += (known.empty() ? "" : ", ") + std::string(hwy::TargetName(set));
  }
  throw Error("unknown instruction set '" + std::string(name) + "', expected one of " + known);
}

}  // namespace moe::cpu
