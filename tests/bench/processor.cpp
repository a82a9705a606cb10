#include "tests/bench/processor.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

#include "cpu/instructions.h"
#include "reference/error.h"

namespace moe::bench {
namespace {

// The first value of each key.
std::map<std::string, std::string> description() {
  std::map<std::string, std::string> values;
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string key = line.substr(0, colon);
    key.erase(key.find_last_not_of(" \t") + 1);
    values.emplace(key, line.substr(std::min(line.size(), colon + 2)));
  }
  return values;
}

int number(const std::string& text) { return text.empty() ? 0 : std::stoi(text); }

// Families and models of AMD's generations.
std::string amd(int family, int model) {
  if (family == 26) return "AMD Zen 5";
  if (family == 25)
    return (model >= 0x10 && model < 0x20) || model >= 0x60 ? "AMD Zen 4" : "AMD Zen 3";
  if (family == 23) return model >= 0x30 ? "AMD Zen 2" : "AMD Zen";
  return fmt::format("AMD family {}", family);
}

bool has_flag(const std::string& flags, const std::string& flag) {
  return (" " + flags + " ").find(" " + flag + " ") != std::string::npos;
}

}  // namespace

std::string processor() {
  auto values = description();
  std::string name = values["model name"];
  if (values["vendor_id"] == "AuthenticAMD")
    name = amd(number(values["cpu family"]), number(values["model"]));
  if (name.empty()) name = "an unnamed processor";
  const std::string flags = values["flags"];
  const char* vectors = values.contains("Features") ? "NEON"
                        : has_flag(flags, "avx512f") ? "AVX-512"
                        : has_flag(flags, "avx2")    ? "AVX2"
                                                     : "SSE";
  return fmt::format("{} ({}), {} cores", name, vectors, std::thread::hardware_concurrency());
}

void restrict_to(const std::string& instructions, bool peers) {
  cpu::use_instruction_set(instructions);
  if (!peers) return;
  if (instructions != "AVX2")
    throw Error(fmt::format("--instructions={}: peers can be restricted to AVX2 and to nothing else", instructions));
  // As each library wants to be told, before it is loaded; the last three are those in PyTorch.
  for (const auto& [name, value] : {std::pair{"OPENBLAS_CORETYPE", "Haswell"}, std::pair{"LIBXSMM_TARGET", "hsw"},
                                    std::pair{"DNNL_MAX_CPU_ISA", "AVX2"}, std::pair{"ONEDNN_MAX_CPU_ISA", "AVX2"},
                                    std::pair{"ATEN_CPU_CAPABILITY", "avx2"}, std::pair{"MKL_ENABLE_INSTRUCTIONS", "AVX2"}})
    setenv(name, value, 1);
}

}  // namespace moe::bench
