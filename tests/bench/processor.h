// What processor this is, in words that mean something to a reader.
#pragma once
#include <string>

namespace moe::bench {

/// Its general name and widest vectors: "AMD Zen 5 (AVX-512), 2 cores".
std::string processor();

}  // namespace moe::bench
