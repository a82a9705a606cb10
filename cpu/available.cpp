#include "cpu/available.h"

#include "cpu/instructions.h"
#include "reference/error.h"

namespace moe::cpu {

std::string unavailable() {
  // Asked once: every call of a layer wants to know, and asking the processor takes 8 microseconds
  // where a hypervisor answers for it.
  static const bool available = !instruction_set().empty();
  if (available) return {};
  return "this processor has no vector instructions with a fused multiply-add (on x86: AVX2 and "
         "FMA; on AArch64: NEON, and AES, without which older versions of Highway do not use it), "
         "which every sum of the cpu tier needs";
}

void require_available() {
  const std::string reason = unavailable();
  if (!reason.empty()) throw Error("cpu: " + reason);
}

}  // namespace moe::cpu
