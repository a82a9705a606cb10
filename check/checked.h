// What the tests compare, on record: how many generated cases of each variant ran on each tier and had the reference's bits at every
// stage (tests/variants_test.cpp), and how many values of what the reference alone has agree with an oracle in binary64
// (tests/losses_oracle_test.cpp, tests/mixture_tree_oracle_test.cpp). The tests fail if they make another number of comparisons than
// is written here.
#pragma once
#include <span>
#include <string_view>

#include "reference/variants.h"

namespace moe::check {

/// Cases of one variant, or of layers with that part.
struct Checked {
  std::string_view name;     ///< a variant (`sparse`), or a part of layers (`capacity`)
  std::string_view what;     ///< in words
  bool (*is_of)(const Layer& layer);  ///< does a layer count?
  int cpu;            ///< cases on that tier
  int cuda;           ///< where there is a GPU
  int cuda_emulated;  ///< on any machine
};

/// All rows, variants first.
std::span<const Checked> checked();

/// Of that row and tier; 0 if it has none. The reference is what the others are compared with.
int cases(const Checked& row, std::string_view tier);

/// What the reference alone has.
struct CheckedAlone {
  std::string_view name;  ///< `losses`
  std::string_view what;  ///< in words
  int values;             ///< results that agree with the same equations in binary64
  std::string_view why;   ///< why no other tier has it
};

/// All rows.
std::span<const CheckedAlone> checked_alone();

/// The values of that row; 0 if there is none.
int oracle_values(std::string_view name);

}  // namespace moe::check
