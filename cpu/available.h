// Can this tier run here?
#pragma once
#include <string>

namespace moe::cpu {

/// Why the tier cannot run on this processor ("no fused multiply-add ..."); empty if it can.
std::string unavailable();

/// Throws Error with that reason, if there is one.
void require_available();

}  // namespace moe::cpu
