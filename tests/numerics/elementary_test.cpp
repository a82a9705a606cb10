// The elementary functions: literal values, special values, the hard cases, and a stratified
// million inputs per function and tier. `exactmoe_exhaustive` does all 2^32.
#include "cpu/instructions.h"
#include "cpu/numerics/elementary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "reference/numerics/functions.h"
#include "tests/numerics/stratified.h"
#include "tools/definition.h"

namespace moe {
namespace {

using numerics::bits;
using numerics::ElementaryFunction;
using numerics::from_bits;
using numerics::Function;
using numerics::same;

constexpr float kInfinity = INFINITY, kNan = NAN;

std::string describe(const ElementaryFunction& f, std::uint32_t input, float expected,
                     float found) {
  char text[200];
  std::snprintf(text, sizeof text, "%s at %08x (%a): expected %08x (%a), found %08x (%a)",
                std::string(f.name).c_str(), input, static_cast<double>(from_bits(input)),
                bits(expected), static_cast<double>(expected), bits(found),
                static_cast<double>(found));
  return text;
}

// What the CPU tier makes of one input: a full vector of it and a tail, all of which must agree.
float on_cpu(const ElementaryFunction& f, std::uint32_t input) {
  const std::vector<std::uint32_t> inputs(35, input);
  std::vector<float> y(inputs.size());
  cpu::evaluate(f.function, inputs.data(), y.data(), static_cast<Index>(y.size()));
  for (const float value : y) EXPECT_TRUE(same(value, y[0])) << describe(f, input, y[0], value);
  return y[0];
}

void expect_value(const ElementaryFunction& f, std::uint32_t input, float expected) {
  const float reference = f.evaluate(input), cpu = on_cpu(f, input);
  EXPECT_TRUE(same(reference, expected))
      << "reference: " << describe(f, input, expected, reference);
  EXPECT_TRUE(same(cpu, expected)) << "cpu: " << describe(f, input, expected, cpu);
}

void expect_value(Function function, float x, float expected) {
  expect_value(numerics::elementary_functions()[static_cast<std::size_t>(function)], bits(x),
               expected);
}

TEST(Elementary, TableIsInOrderAndComplete) {
  const auto& table = numerics::elementary_functions();
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(static_cast<int>(table[i].function), static_cast<int>(i));
    EXPECT_EQ(numerics::find_function(table[i].name), &table[i]);
    EXPECT_NE(table[i].checksum, 0u);
  }
  EXPECT_EQ(numerics::find_function("sine"), nullptr);
}

TEST(Elementary, CpuTierHasAnInstructionSetWithFusedMultiplyAdd) {
  EXPECT_FALSE(cpu::instruction_set().empty());
  EXPECT_NE(cpu::instruction_set(), "SSE4");
}

// Decimal literals of published or float64 calculations: nine digits, so compared to half a unit of
// the ninth.
TEST(Elementary, DecimalLiterals) {
  struct Literal {
    Function function;
    float x;
    double value;
  };
  const Literal literals[] = {
      {Function::sigmoid, 0.5f, 0.622459331},   {Function::sigmoid, -1.0f, 0.268941421},
      {Function::sigmoid, 2.0f, 0.880797078},   {Function::sigmoid, 1.5f, 0.817574476},
      {Function::sigmoid, 0.0f, 0.5},           {Function::sigmoid, -0.5f, 0.377540669},
      {Function::silu, 1.0f, 0.731058579},      {Function::gelu, 1.0f, 0.841344746},
      {Function::gelu_tanh, 1.0f, 0.841191991}, {Function::exp, 1.0f, 2.718281828},
      {Function::log, 2.0f, 0.693147181},       {Function::log1p, 1.0f, 0.693147181},
      {Function::tanh, 0.5f, 0.462117157},      {Function::erf, 0.5f, 0.520499878},
      {Function::rsqrt, 2.0f, 0.707106781},     {Function::softplus, 0.0f, 0.693147181},
  };
  for (const Literal& literal : literals) {
    const auto& f = numerics::elementary_functions()[static_cast<std::size_t>(literal.function)];
    const double y = f.evaluate(bits(literal.x));
    // Half a unit of the ninth digit, and half a binary32 step.
    EXPECT_LE(std::fabs(y - literal.value), 0.5e-9 + std::fabs(y) * 0x1p-24)
        << f.name << " at " << literal.x;
  }
  // sqrt(softplus) of the router with that score.
  const float z[] = {0.5f, -1.0f, 2.0f, 1.5f, 0.0f, -0.5f};
  const double root[] = {0.986953385, 0.559697854, 1.458399126,
                         1.304382336, 0.832554611, 0.688532486};
  for (int i = 0; i < 6; ++i)
    EXPECT_LE(std::fabs(std::sqrt(static_cast<double>(numerics::softplus(z[i]))) - root[i]),
              0.5e-9 + root[i] * 0x1p-24);
}

TEST(Elementary, SpecialValues) {
  const float largest = 0x1.fffffep127f, smallest = 0x1p-149f;
  for (const ElementaryFunction& f : numerics::elementary_functions())
    if (f.function != Function::normal_quantile) expect_value(f, bits(kNan), kNan);
  expect_value(Function::exp, 0.0f, 1.0f);
  expect_value(Function::exp, -0.0f, 1.0f);
  expect_value(Function::exp, kInfinity, kInfinity);
  expect_value(Function::exp, -kInfinity, 0.0f);
  expect_value(Function::exp, largest, kInfinity);
  expect_value(Function::exp, 0x1.62e42ep6f, 0x1.ffff08p127f);  // the last finite one
  expect_value(Function::exp, 0x1.62e43p6f, kInfinity);
  expect_value(Function::exp, -0x1.9fe368p6f, smallest);  // the last that is not zero
  expect_value(Function::exp, -0x1.9fe36ap6f, 0.0f);
  expect_value(Function::log, 0.0f, -kInfinity);
  expect_value(Function::log, -0.0f, -kInfinity);
  expect_value(Function::log, 1.0f, 0.0f);
  expect_value(Function::log, -smallest, kNan);
  expect_value(Function::log, kInfinity, kInfinity);
  expect_value(Function::log, -kInfinity, kNan);
  expect_value(Function::log, smallest, -0x1.9d1dap6f);
  expect_value(Function::log1p, -1.0f, -kInfinity);
  expect_value(Function::log1p, -0.0f, -0.0f);
  expect_value(Function::log1p, smallest, smallest);
  expect_value(Function::log1p, -1.5f, kNan);
  expect_value(Function::log1p, kInfinity, kInfinity);
  expect_value(Function::softplus, -kInfinity, 0.0f);
  expect_value(Function::softplus, kInfinity, kInfinity);
  expect_value(Function::softplus, largest, largest);
  expect_value(Function::sigmoid, kInfinity, 1.0f);
  expect_value(Function::sigmoid, -kInfinity, 0.0f);
  expect_value(Function::sigmoid, -0.0f, 0.5f);
  for (const Function gate : {Function::silu, Function::gelu, Function::gelu_tanh}) {
    expect_value(gate, 0.0f, 0.0f);
    expect_value(gate, -0.0f, -0.0f);
    expect_value(gate, kInfinity, kInfinity);
    expect_value(gate, -kInfinity, -0.0f);
    expect_value(gate, largest, largest);
    expect_value(gate, -largest, -0.0f);  // rounds to zero and keeps its sign
  }
  for (const Function odd : {Function::tanh, Function::erf}) {
    expect_value(odd, 0.0f, 0.0f);
    expect_value(odd, -0.0f, -0.0f);
    expect_value(odd, kInfinity, 1.0f);
    expect_value(odd, -kInfinity, -1.0f);
  }
  expect_value(Function::tanh, -smallest, -smallest);
  expect_value(Function::erf, smallest, smallest);  // 2/sqrt(pi) times it
  expect_value(Function::rsqrt, 4.0f, 0.5f);
  expect_value(Function::rsqrt, 0.0f, kInfinity);
  expect_value(Function::rsqrt, -0.0f, -kInfinity);
  expect_value(Function::rsqrt, kInfinity, 0.0f);
  expect_value(Function::rsqrt, -1.0f, kNan);
  expect_value(Function::rsqrt, smallest, 0x1.6a09e6p74f);
}

// x/2 is a tie between two binary32 numbers for every odd subnormal x, and the true value of a gate
// lies just above it: upwards is right for both signs. Half of these inputs come out wrong in a
// naive evaluation.
TEST(Elementary, GatesOfSubnormals) {
  for (const Function gate : {Function::silu, Function::gelu, Function::gelu_tanh}) {
    const auto& f = numerics::elementary_functions()[static_cast<std::size_t>(gate)];
    std::vector<std::uint32_t> inputs;
    for (std::uint32_t u = 1; u < 0x00800000; u += u < 64 ? 1 : 1021)
      for (const std::uint32_t sign : {0u, 0x80000000u}) inputs.push_back(u | sign);
    std::vector<float> y(inputs.size());
    cpu::evaluate(gate, inputs.data(), y.data(), static_cast<Index>(y.size()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::uint32_t u = inputs[i] & 0x7fffffff, negative = inputs[i] & 0x80000000;
      const float expected = from_bits(negative | (negative ? u / 2 : (u + 1) / 2));
      ASSERT_TRUE(same(f.evaluate(inputs[i]), expected))
          << describe(f, inputs[i], expected, f.evaluate(inputs[i]));
      ASSERT_TRUE(same(y[i], expected)) << "cpu: " << describe(f, inputs[i], expected, y[i]);
    }
  }
}

// The inputs whose values lie nearest to the middle between two binary32 numbers, out of all 2^32,
// with values by MPFR (`exactmoe_exhaustive --hard-cases`).
TEST(Elementary, HardCases) {
  std::ifstream file(MOE_TEST_DATA "/numerics/hard_cases.txt");
  ASSERT_TRUE(file) << "tests/data/numerics/hard_cases.txt";
  std::set<std::string> names;
  int cases = 0;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    std::uint32_t input = 0, expected = 0;
    ASSERT_TRUE(words >> name >> std::hex >> input >> expected) << line;
    const ElementaryFunction* f = numerics::find_function(name);
    ASSERT_NE(f, nullptr) << line;
    expect_value(*f, input, from_bits(expected));
    names.insert(name);
    ++cases;
  }
  EXPECT_EQ(cases, 646) << "the file is not what it was";
  EXPECT_EQ(names.size(), 11u);
}

// The one input that the code names: 2^-52 from a tie.
TEST(Elementary, GeluTanhNearestTie) {
  expect_value(Function::gelu_tanh, -0x1.6148dep-16f, -0x1.61475ap-17f);
}

// CPU tier against reference bit by bit, both against the C library's binary64 value wherever that
// can tell.
TEST(Elementary, StratifiedMillion) {
  for (const ElementaryFunction& f : numerics::elementary_functions()) {
    const std::vector<std::uint32_t> inputs = numerics::stratified_million(f);
    std::vector<float> y(inputs.size());
    cpu::evaluate(f.function, inputs.data(), y.data(), static_cast<Index>(y.size()));
    std::size_t judged = 0, wrong = 0, different = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const float reference = f.evaluate(inputs[i]);
      if (!same(y[i], reference) && different++ == 0)
        ADD_FAILURE() << "cpu: " << describe(f, inputs[i], reference, y[i]);
      float expected;
      if (!definition::clear_value(f.function, inputs[i], expected)) continue;
      ++judged;
      if (!same(reference, expected) && wrong++ == 0)
        ADD_FAILURE() << describe(f, inputs[i], expected, reference);
    }
    EXPECT_EQ(different, 0u) << f.name;
    EXPECT_EQ(wrong, 0u) << f.name;
    EXPECT_GE(judged, f.function == Function::normal_quantile ? 0 : inputs.size() / 4 * 3)
        << f.name;
  }
}

// Phi^-1 against Phi: the cell's probability lies between those of the two ends of the value's
// neighbourhood, up to the error of erfc in binary64 (2^-50 of the probability is generous).
TEST(Elementary, NormalQuantileInvertsTheDistribution) {
  const auto distribution = [](double z) { return 0.5 * std::erfc(-z * 0.70710678118654752440); };
  for (std::uint32_t u = 0; u < 1u << 24; u += u < 4096 ? 1 : 1009) {
    const float y = numerics::normal_quantile(u);
    ASSERT_TRUE(same(y, -numerics::normal_quantile((1u << 24) - 1 - u))) << u;
    const double p = (2.0 * u + 1) * 0x1p-25;
    const double below = (static_cast<double>(std::nextafter(y, -kInfinity)) + y) / 2;
    const double above = (static_cast<double>(std::nextafter(y, kInfinity)) + y) / 2;
    ASSERT_LE(distribution(below), p * (1 + 0x1p-49)) << u;
    ASSERT_GE(distribution(above), p * (1 - 0x1p-49)) << u;
  }
  EXPECT_EQ(numerics::normal_quantile(0), -0x1.5ae102p+2f);
}

TEST(Elementary, ArraysInPlaceEmptyAndShort) {
  for (const ElementaryFunction& f : numerics::elementary_functions()) {
    if (f.function == Function::normal_quantile) continue;
    cpu::evaluate(f.function, nullptr, nullptr, 0);
  }
  for (Index n = 1; n < 40; ++n) {
    std::vector<float> x(static_cast<std::size_t>(n) + 1);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.37f * static_cast<float>(i) - 5;
    std::vector<float> y = x;
    cpu::silu(y.data(), y.data(), n);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
      EXPECT_TRUE(same(y[i], numerics::silu(x[i]))) << n << ' ' << i;
    EXPECT_TRUE(same(y.back(), x.back())) << "written past the end, n = " << n;
  }
}

// Every named array function computes what its name says.
TEST(Elementary, NamedArrayFunctions) {
  const float x[] = {0.25f, 0.5f, 0.75f, 1.5f, 2.5f, 3.5f, 0.125f, 6.0f, 0.7f};
  float y[9];
  struct Named {
    void (*array)(const float*, float*, Index);
    float (*scalar)(float);
  };
  const Named named[] = {{cpu::exp, [](float v) { return numerics::exp(v); }},
                         {cpu::log, [](float v) { return numerics::log(v); }},
                         {cpu::log1p, [](float v) { return numerics::log1p(v); }},
                         {cpu::softplus, [](float v) { return numerics::softplus(v); }},
                         {cpu::sigmoid, [](float v) { return numerics::sigmoid(v); }},
                         {cpu::silu, [](float v) { return numerics::silu(v); }},
                         {cpu::tanh, [](float v) { return numerics::tanh(v); }},
                         {cpu::erf, [](float v) { return numerics::erf(v); }},
                         {cpu::gelu, [](float v) { return numerics::gelu(v); }},
                         {cpu::gelu_tanh, [](float v) { return numerics::gelu_tanh(v); }},
                         {cpu::rsqrt, [](float v) { return numerics::rsqrt(v); }}};
  for (const Named& f : named) {
    f.array(x, y, 9);
    for (int i = 0; i < 9; ++i) EXPECT_TRUE(same(y[i], f.scalar(x[i]))) << &f - named << ' ' << i;
  }
  const std::uint32_t u[] = {0, 1u << 23, (1u << 24) - 1};
  cpu::normal_quantile(u, y, 3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(same(y[i], numerics::normal_quantile(u[i])));
}

}  // namespace
}  // namespace moe
