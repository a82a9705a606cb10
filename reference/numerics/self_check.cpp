#include "reference/numerics/self_check.h"

namespace moe::numerics {
namespace {

struct Text {
  Violation violation;
  const char* words;
};

constexpr Text kTexts[] = {
    {kFlushesResults,
     "subnormal results become zero (FTZ: an object linked with -ffast-math, "
     "or nvcc -ftz=true)"},
    {kFlushesInputs,
     "subnormal operands are read as zero (DAZ: an object linked with "
     "-ffast-math)"},
    {kRounding,
     "rounding is not to nearest even (fesetround, or the MXCSR register)"},
    {kContracts,
     "products and sums are fused unasked (compile with -ffp-contract=off; "
     "nvcc -fmad=false)"},
    {kFma,
     "std::fma rounds more than once (compile with -mfma, or replace the "
     "C library's)"},
    {kExcessPrecision,
     "intermediate results are wider than their type (x87: compile with "
     "-mfpmath=sse)"},
    {kReassociates,
     "sums are regrouped (-ffast-math, -Ofast, -fassociative-math)"},
    {kIgnoresSpecials,
     "NaN, infinity or the sign of zero is ignored (-ffast-math, "
     "-ffinite-math-only, -fno-signed-zeros)"},
    {kDivSqrt,
     "division, square root or narrowing is not correctly rounded "
     "(-ffast-math, -mrecip)"},
};

}  // namespace

std::string describe_violations(unsigned violations) {
  if (violations == 0) return "arithmetic is exact";
  std::string text;
  for (const Text& entry : kTexts) {
    if ((violations & entry.violation) == 0) continue;
    if (!text.empty()) text += "; ";
    text += entry.words;
  }
  return text;
}

}  // namespace moe::numerics
