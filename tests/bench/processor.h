// What processor this is, in words that mean something to a reader.
#pragma once
#include <string>

namespace moe::bench {

/// Its general name and widest vectors: "AMD Zen 5 (AVX-512), 2 cores".
std::string processor();

/// Makes the cpu tier, its ceiling and, if there are `peers`, those loaded from now on do without
/// instructions beyond that set. Throws Error naming those there are if it is none of them, and for
/// peers if it is not AVX2, which is what they can be told.
void restrict_to(const std::string& instructions, bool peers);

}  // namespace moe::bench
