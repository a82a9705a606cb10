#include "reference/numerics/functions.h"

namespace moe::numerics {
namespace {

// The value of a fixed function: what the table points to.
template <Function function>
float at(std::uint32_t input) {
  return evaluate(function, input);
}

constexpr std::uint64_t kAll = std::uint64_t{1} << 32;
constexpr std::uint64_t kCells = std::uint64_t{1} << 24;

// The checksums were computed once, together with a comparison of every value
// with the definition: `exactmoe_exhaustive --mpfr`.
constexpr std::array<ElementaryFunction, kFunctions> kTable{{
    {Function::exp, "exp", "e^x", kAll, at<Function::exp>, 0x4ccc7cddaea06b26u},
    {Function::log, "log", "log x", kAll, at<Function::log>,
     0x117fa2a6bbdea567u},
    {Function::log1p, "log1p", "log(1 + x)", kAll, at<Function::log1p>,
     0x6569d9f1e4503308u},
    {Function::softplus, "softplus", "log(1 + e^x)", kAll,
     at<Function::softplus>, 0x6466007299f8f063u},
    {Function::sigmoid, "sigmoid", "1 / (1 + e^-x)", kAll,
     at<Function::sigmoid>, 0x9a2a1e4b06fbde80u},
    {Function::silu, "silu", "x / (1 + e^-x)", kAll, at<Function::silu>,
     0xac31e4d5a68fed81u},
    {Function::tanh, "tanh", "tanh x", kAll, at<Function::tanh>,
     0xc805c4afc419cf8au},
    {Function::erf, "erf", "erf x", kAll, at<Function::erf>,
     0xf4385827c6183119u},
    {Function::gelu, "gelu", "x Phi(x)", kAll, at<Function::gelu>,
     0x77ff9a35f38700c1u},
    {Function::gelu_tanh, "gelu_tanh",
     "x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))", kAll,
     at<Function::gelu_tanh>, 0xed55cc5d9588bdd5u},
    {Function::rsqrt, "rsqrt", "1 / sqrt(x)", kAll, at<Function::rsqrt>,
     0xa4c784ff6fac9136u},
    {Function::normal_quantile, "normal_quantile", "Phi^-1((2u + 1) / 2^25)",
     kCells, at<Function::normal_quantile>, 0x6d5caee64df557fdu},
}};

}  // namespace

const std::array<ElementaryFunction, kFunctions>& elementary_functions() {
  return kTable;
}

const ElementaryFunction* find_function(std::string_view name) {
  for (const ElementaryFunction& function : kTable)
    if (function.name == name) return &function;
  return nullptr;
}

}  // namespace moe::numerics
