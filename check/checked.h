// What the tests compare, on record: how many generated cases of each variant ran on each tier and had the reference's bits at every
// stage. tests/variants_test.cpp fails if it makes another number of comparisons than is written here.
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

}  // namespace moe::check
