// Every input of every elementary function, on every tier: one checksum per function and tier,
// compared with the recorded one; with --mpfr, every value compared with the definition.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cpu/instructions.h"
#include "cpu/numerics/elementary.h"
#include "reference/error.h"
#include "reference/numerics/fingerprint.h"
#include "reference/numerics/functions.h"
#include "reference/numerics/self_check.h"
#ifdef EXACTMOE_MPFR
#include "tools/definition.h"
#endif

namespace moe {

// cuda/numerics/elementary.h; its two faces cannot be included together.
namespace cuda_emulated {
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n);
}
namespace cuda {
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n);
}

namespace {

using numerics::ElementaryFunction;

constexpr std::uint64_t kBlock = 4096;  // --stride counts in blocks of inputs

struct Tier {
  std::string name;
  std::function<void(const ElementaryFunction&, const std::uint32_t*, float*, Index)> evaluate;
  bool parallel = true;  // may blocks be evaluated on several threads?
  std::uint64_t blocks_per_call = 1;
};

void evaluate_reference(const ElementaryFunction& f, const std::uint32_t* inputs, float* y,
                        Index n) {
  for (Index i = 0; i < n; ++i) y[i] = f.evaluate(inputs[i]);
}

template <auto evaluate>
[[maybe_unused]] void on_device(const ElementaryFunction& f, const std::uint32_t* inputs, float* y,
                                Index n) {
  evaluate(f.function, inputs, y, n);
}

#ifdef EXACTMOE_HAS_CUDA
// Is there a GPU, and can it run our code?
bool device_answers() {
  const std::uint32_t input = 0;
  float y;
  try {
    cuda::evaluate(numerics::Function::exp, &input, &y, 1);
    return true;
  } catch (const Error& error) {
    std::cerr << "skipped: " << error.what() << '\n';
    return false;
  }
}
#endif

std::vector<Tier> all_tiers() {
  std::vector<Tier> tiers{{"reference", evaluate_reference}};
  if (!cpu::instruction_set().empty())
    tiers.push_back({"cpu", [](const ElementaryFunction& f, const std::uint32_t* inputs, float* y,
                               Index n) { cpu::evaluate(f.function, inputs, y, n); }});
    // A device takes many blocks at once; the emulator runs one grid at a time.
#ifdef EXACTMOE_HAS_CUDA_EMULATED
  tiers.push_back({"cuda-emulated", on_device<cuda_emulated::evaluate>, false, 64});
#endif
#ifdef EXACTMOE_HAS_CUDA
  if (device_answers()) tiers.push_back({"cuda", on_device<cuda::evaluate>, false, 4096});
#endif
#ifdef EXACTMOE_MPFR
  // Not a tier, but it answers the same question. One input in 65536 also audits the C library's
  // binary64 value.
  tiers.push_back({"definition",
                   [](const ElementaryFunction& f, const std::uint32_t* inputs, float* y, Index n) {
                     for (Index i = 0; i < n; ++i) {
                       y[i] = definition::value(f.function, inputs[i], f.evaluate(inputs[i]));
                       if (numerics::mix(inputs[i]) % 65536 == 0 &&
                           !definition::library_is_accurate(f.function, inputs[i]))
                         throw Error(std::string(f.name) +
                                     ": the C library's binary64 value is off at input " +
                                     std::to_string(inputs[i]) + "; expected an error below 2^-44");
                     }
                   }});
#endif
  return tiers;
}

// The inputs of blocks first, first + 1, ... of those selected by the stride.
std::vector<std::uint32_t> inputs_of(std::uint64_t first, std::uint64_t count,
                                     std::uint64_t stride) {
  std::vector<std::uint32_t> inputs(count * kBlock);
  for (std::uint64_t i = 0; i < inputs.size(); ++i)
    inputs[i] = static_cast<std::uint32_t>((first + i / kBlock) * stride * kBlock + i % kBlock);
  return inputs;
}

std::uint64_t selected_blocks(const ElementaryFunction& f, std::uint64_t stride) {
  return (f.inputs / kBlock + stride - 1) / stride;
}

struct Outcome {
  std::uint64_t checksum = 0;
  double seconds = 0;
};

Outcome run(const Tier& tier, const ElementaryFunction& f, std::uint64_t stride) {
  const auto start = std::chrono::steady_clock::now();
  const auto blocks = static_cast<Index>(selected_blocks(f, stride));
  const auto step = static_cast<Index>(tier.blocks_per_call);
  std::uint64_t sum = 0;  // of integers modulo 2^64: any order gives the same
  std::string failure;
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : sum) if (tier.parallel)
  for (Index first = 0; first < blocks; first += step) {
    try {
      if (first % 4096 == 0) numerics::require_exact_arithmetic("a thread of the exhaustive run");
      const auto count = static_cast<std::uint64_t>(std::min(step, blocks - first));
      const auto inputs = inputs_of(static_cast<std::uint64_t>(first), count, stride);
      std::vector<float> y(inputs.size());
      tier.evaluate(f, inputs.data(), y.data(), static_cast<Index>(inputs.size()));
      for (std::size_t i = 0; i < inputs.size(); ++i)
        sum += numerics::checksum_term(inputs[i], y[i]);
    } catch (const std::exception& error) {
#pragma omp critical
      failure = error.what();
    }
  }
  if (!failure.empty()) throw Error(failure);
  return {sum, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

// Where a tier first differs from the reference, in words.
std::string first_difference(const Tier& tier, const ElementaryFunction& f, std::uint64_t stride) {
  const std::uint64_t blocks = selected_blocks(f, stride);
  for (std::uint64_t first = 0; first < blocks; first += tier.blocks_per_call) {
    const auto inputs = inputs_of(first, std::min(tier.blocks_per_call, blocks - first), stride);
    std::vector<float> y(inputs.size());
    tier.evaluate(f, inputs.data(), y.data(), static_cast<Index>(inputs.size()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const float expected = f.evaluate(inputs[i]);
      if (numerics::same(y[i], expected)) continue;
      char text[160];
      std::snprintf(text, sizeof text, "input %08x: reference %08x (%a), %s %08x (%a)", inputs[i],
                    numerics::bits(expected), static_cast<double>(expected), tier.name.c_str(),
                    numerics::bits(y[i]), static_cast<double>(y[i]));
      return text;
    }
  }
  return "no value differs from the reference's: the reference itself differs from what is "
         "recorded";
}

struct Options {
  std::vector<std::string> tiers, functions;
  std::uint64_t stride = 1;
  bool mpfr = false;
  std::string record, hard_cases;
};

std::vector<Tier> chosen_tiers(const Options& options) {
  std::vector<Tier> chosen;
  const std::vector<Tier> known = all_tiers();
  const auto has = [&](std::string_view name) {
    return std::find(options.tiers.begin(), options.tiers.end(), name) != options.tiers.end();
  };
  for (const Tier& tier : known) {
    if (tier.name == "definition" ? options.mpfr : options.tiers.empty() || has(tier.name))
      chosen.push_back(tier);
  }
  for (const std::string& name : options.tiers)
    if (std::none_of(known.begin(), known.end(),
                     [&](const Tier& tier) { return tier.name == name; }))
      throw Error("--tier " + name + ": expected one that is built and runs here");
  if (options.mpfr && (chosen.empty() || chosen.back().name != "definition"))
    throw Error("--mpfr: expected a build that found MPFR (Debian: libmpfr-dev)");
  return chosen;
}

std::string hexadecimal(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// A table on the terminal and, in the same words, a document.
class Report {
 public:
  explicit Report(const Options& options) : stride_(options.stride) {
    std::printf("%-16s %-14s %11s  %-16s %8s\n", "function", "tier", "inputs", "checksum",
                "seconds");
  }
  void row(const ElementaryFunction& f, const Tier& tier, const Outcome& outcome, bool ok) {
    const std::uint64_t inputs = selected_blocks(f, stride_) * kBlock;
    std::printf("%-16s %-14s %11llu  %s %8.1f  %s\n", std::string(f.name).c_str(),
                tier.name.c_str(), static_cast<unsigned long long>(inputs),
                hexadecimal(outcome.checksum).c_str(), outcome.seconds, ok ? "ok" : "DIFFERENT");
    std::fflush(stdout);
    rows_ << "| " << f.name << " | " << tier.name << " | " << inputs << " | `"
          << hexadecimal(outcome.checksum) << "` | " << (ok ? "equal" : "**different**") << " |\n";
    (ok ? passed_ : failed_)++;
  }
  // What there is so far, as a document.
  void write(const std::string& file) const {
    if (file.empty()) return;
    std::ofstream out(file + ".part");
    out << "# Elementary functions: exhaustive results\n\nEvery input of every function. A "
           "checksum is the sum, modulo\n"
           "2^64, of a mixed word for each (input, value); tiers with equal checksums return equal "
           "bits everywhere.\n"
           "The row `definition` is the correctly rounded value, computed by MPFR wherever the C "
           "library's binary64\n"
           "value cannot tell. Written by `exactmoe_exhaustive --record`; compiler "
        << __VERSION__ << ", " << cpu::instruction_set()
        << (stride_ == 1 ? "" : ", a sample of the inputs")
        << ".\n\n| function | tier | inputs | checksum | against the recorded one "
           "|\n|---|---|---|---|---|\n"
        << rows_.str() << "\n"
        << passed_ << " equal, " << failed_ << " different.\n";
    out.close();
    if (!out || std::rename((file + ".part").c_str(), file.c_str()) != 0)
      throw Error(file + ": cannot be written");
  }
  bool close() const {
    std::printf("%d equal, %d different\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0;
  }

 private:
  std::uint64_t stride_;
  std::ostringstream rows_;
  int passed_ = 0, failed_ = 0;
};

bool is_chosen(const Options& options, const ElementaryFunction& f) {
  const auto& names = options.functions;
  return names.empty() || std::find(names.begin(), names.end(), f.name) != names.end();
}

// Writes the inputs whose values lie nearest to a rounding boundary, and these values, by MPFR.
bool write_hard_cases([[maybe_unused]] const Options& options) {
#ifdef EXACTMOE_MPFR
  std::ofstream out(options.hard_cases);
  out << "# Inputs at which the true value, in the normal range, lies within 2^-50 of itself of "
         "the middle between two\n"
         "# binary32 numbers, and the correctly rounded values, by MPFR. Written by "
         "`exactmoe_exhaustive --hard-cases`.\n"
         "# function input value\n";
  for (const ElementaryFunction& f : numerics::elementary_functions()) {
    if (!is_chosen(options, f)) continue;
    std::vector<std::uint32_t> found;
    const auto blocks = static_cast<Index>(selected_blocks(f, options.stride));
#pragma omp parallel for schedule(dynamic, 16)
    for (Index block = 0; block < blocks; ++block)
      for (const std::uint32_t input :
           inputs_of(static_cast<std::uint64_t>(block), 1, options.stride)) {
        if (!definition::is_hard(f.function, input)) continue;
#pragma omp critical
        found.push_back(input);
      }
    std::sort(found.begin(), found.end());
    for (const std::uint32_t input : found) {
      char line[64];
      const float value = definition::value(f.function, input, 0);
      std::snprintf(line, sizeof line, "%s %08x %08x\n", std::string(f.name).c_str(), input,
                    numerics::bits(value));
      out << line;
    }
    std::printf("%-16s %zu hard cases\n", std::string(f.name).c_str(), found.size());
    std::fflush(stdout);
  }
  out.close();
  if (!out) throw Error(options.hard_cases + ": cannot be written");
  return true;
#else
  throw Error("--hard-cases: expected a build that found MPFR (Debian: libmpfr-dev)");
#endif
}

bool prove(const Options& options) {
  const std::vector<Tier> tiers = chosen_tiers(options);
  Report report(options);
  for (const std::string& name : options.functions)
    if (numerics::find_function(name) == nullptr)
      throw Error("--function " + name + ": expected one of those that `moe list` names");
  for (const ElementaryFunction& f : numerics::elementary_functions()) {
    if (!is_chosen(options, f)) continue;
    // Of a sample no checksum is recorded: the reference's stands in.
    std::optional<std::uint64_t> expected;
    if (options.stride == 1)
      expected = f.checksum;
    else
      expected = run({"reference", evaluate_reference}, f, options.stride).checksum;
    for (const Tier& tier : tiers) {
      const Outcome outcome = run(tier, f, options.stride);
      const bool ok = outcome.checksum == *expected;
      report.row(f, tier, outcome, ok);
      if (!ok) std::printf("  %s\n", first_difference(tier, f, options.stride).c_str());
    }
    report.write(options.record);
  }
  return report.close();
}

}  // namespace
}  // namespace moe

// NOLINTNEXTLINE(bugprone-exception-escape): an option declared wrongly ends the program, as it should
int main(int argc, char** argv) {
  moe::Options options;
  CLI::App app(
      "All inputs of every elementary function, on every tier, against the recorded checksums.");
  app.add_option("--tier", options.tiers, "only these: reference, cpu, ...")->delimiter(',');
  app.add_option("--function", options.functions, "only these")->delimiter(',');
  app.add_option("--stride", options.stride,
                 "every N-th block of 4096 inputs; compared with the reference of the same run")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20));
  app.add_flag("--mpfr", options.mpfr, "compare with the definition too");
  app.add_option("--record", options.record, "write the results to this file as Markdown");
  app.add_option("--hard-cases", options.hard_cases,
                 "write the inputs nearest to rounding boundaries to this file instead");
  try {
    app.parse(argc, argv);
    const bool fine =
        options.hard_cases.empty() ? moe::prove(options) : moe::write_hard_cases(options);
    return fine ? 0 : 1;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
