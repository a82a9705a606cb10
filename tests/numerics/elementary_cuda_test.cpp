// The elementary functions in CUDA kernels: a stratified million inputs per function against the
// reference, bit by bit, on the CPU (emulated) and on a GPU where there is one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reference/error.h"
#include "reference/types.h"
#include "tests/numerics/stratified.h"

namespace moe {

// cuda/numerics/elementary.h; its two faces cannot be included together.
namespace cuda_emulated {
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n);
}
namespace cuda {
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n);
}

namespace {

using Evaluate = void (*)(numerics::Function, const std::uint32_t*, float*, Index);

[[maybe_unused]] void expect_reference_bits(Evaluate evaluate) {
  for (const numerics::ElementaryFunction& f : numerics::elementary_functions()) {
    const std::vector<std::uint32_t> inputs = numerics::stratified_million(f);
    std::vector<float> y(inputs.size());
    evaluate(f.function, inputs.data(), y.data(), static_cast<Index>(y.size()));
    std::size_t different = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float expected = f.evaluate(inputs[i]);
      if (numerics::same(y[i], expected) || different++ != 0) continue;
      ADD_FAILURE() << f.name << std::hex << " at " << inputs[i] << ": expected "
                    << numerics::bits(expected) << ", found " << numerics::bits(y[i]);
    }
    EXPECT_EQ(different, 0u) << f.name;
  }
}

TEST(ElementaryCuda, EmulatedStratifiedMillion) {
#if defined(EXACTMOE_HAS_CUDA_EMULATED)
  expect_reference_bits(cuda_emulated::evaluate);
#else
  GTEST_SKIP() << "cuda-emulated: not built";
#endif
}

// Sizes that do not fill a block, a warp, or anything; nothing is written past the end.
TEST(ElementaryCuda, EmulatedShortArrays) {
#if defined(EXACTMOE_HAS_CUDA_EMULATED)
  const auto& silu = *numerics::find_function("silu");
  for (const std::size_t n : {0u, 1u, 31u, 33u, 127u, 257u}) {
    std::vector<std::uint32_t> inputs;
    for (std::size_t i = 0; i < n; ++i)
      inputs.push_back(numerics::bits(0.37f * static_cast<float>(i) - 5));
    std::vector<float> y(n + 1, 7);
    cuda_emulated::evaluate(silu.function, inputs.data(), y.data(), static_cast<Index>(n));
    for (std::size_t i = 0; i < n; ++i)
      EXPECT_TRUE(numerics::same(y[i], silu.evaluate(inputs[i]))) << n << ' ' << i;
    EXPECT_EQ(y[n], 7) << n;
  }
#else
  GTEST_SKIP() << "cuda-emulated: not built";
#endif
}

TEST(ElementaryCuda, DeviceStratifiedMillion) {
#if defined(EXACTMOE_HAS_CUDA)
  const std::uint32_t input = 0;
  float y;
  try {
    cuda::evaluate(numerics::Function::exp, &input, &y, 1);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  expect_reference_bits(cuda::evaluate);
#else
  GTEST_SKIP() << "cuda: not built";
#endif
}

}  // namespace
}  // namespace moe
