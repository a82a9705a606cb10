// Which of the instruction sets that the tier was compiled for it uses. Chosen when the program
// starts, the best of this processor; shows in no result.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace moe::cpu {

/// Those of this processor that the tier can use, best first: "AVX3_DL" (AVX-512), "AVX2", ...
/// Empty if there is none.
std::vector<std::string> instruction_sets();

/// The one in use; empty if there is none.
std::string_view instruction_set();

/// Uses that one from now on, or the best for an empty name: to test and to measure the others.
/// Not while the tier is computing. Throws Error naming those there are if it is none of them.
void use_instruction_set(std::string_view name);

}  // namespace moe::cpu
