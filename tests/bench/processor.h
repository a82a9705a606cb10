// What processor this is, in words that mean something to a reader.
#pragma once
#include <string>

namespace moe::bench {

/// Its general name and widest vectors: "AMD Zen 5 (AVX-512), 2 cores".
std::string processor();

/// Makes the cpu tier, its ceiling and the peers that are loaded from now on do without instructions
/// beyond that set. Throws Error naming those there are if it is none of them; peers can be told AVX2.
void restrict_to(const std::string& instructions);

}  // namespace moe::bench
