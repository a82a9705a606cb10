#include "reference/accounting/hardware.h"

#include <array>

#include "reference/error.h"

namespace moe::accounting {
namespace {

// source: the makers' data sheets: NVIDIA A100 80GB SXM, H100 SXM5, H200 SXM,
// HGX B200; AMD Instinct MI300X; AMD EPYC 9654, base clock 2.4 GHz x 96 cores
// x 32 binary32 FLOPs a cycle, twelve channels of DDR5-4800. Written down from
// memory of those sheets; a test holds the H100's ridge to its known 295.
const std::array kHardware{
    Hardware{"a100", "NVIDIA A100 80GB SXM", 312e12, "bf16", 0, 2.039e12, 80e9,
             300e9, 25e9},
    Hardware{"h100", "NVIDIA H100 SXM", 989e12, "bf16", 1979e12, 3.35e12, 80e9,
             450e9, 50e9},
    Hardware{"h200", "NVIDIA H200 SXM", 989e12, "bf16", 1979e12, 4.8e12, 141e9,
             450e9, 50e9},
    Hardware{"b200", "NVIDIA B200", 2250e12, "bf16", 4500e12, 8e12, 180e9,
             900e9, 50e9},
    Hardware{"mi300x", "AMD Instinct MI300X", 1307e12, "bf16", 2615e12, 5.3e12,
             192e9, 448e9, 50e9},
    Hardware{"epyc", "AMD EPYC 9654", 7.37e12, "f32", 0, 460.8e9, 1.5e12, 0,
             50e9}};

}  // namespace

std::span<const Hardware> all_hardware() { return kHardware; }

const Hardware& hardware_named(std::string_view name) {
  std::string small(name);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string known;
  for (const Hardware& h : kHardware) {
    if (h.name == small) return h;
    known += (known.empty() ? "" : ", ") + h.name;
  }
  throw Error("hardware: expected one of " + known + ", here; found '" +
              std::string(name) + "'");
}

}  // namespace moe::accounting
