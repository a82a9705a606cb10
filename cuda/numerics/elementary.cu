#include "cuda/device.cuh"
#include "cuda/numerics/elementary.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

using numerics::Function;

constexpr unsigned kThreads = 256;
// Values that a thread computes: enough that starting it costs little, also as a fiber.
constexpr Index kPerThread = 64;

template <Function function>
__global__ void evaluate_kernel(const std::uint32_t* inputs, float* outputs, Index n) {
  const Index threads = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += threads)
    outputs[i] = numerics::evaluate(function, inputs[i]);
}

using Kernel = void (*)(const std::uint32_t*, float*, Index);

Kernel kernel_of(Function function) {
  switch (function) {
    case Function::exp:
      return evaluate_kernel<Function::exp>;
    case Function::log:
      return evaluate_kernel<Function::log>;
    case Function::log1p:
      return evaluate_kernel<Function::log1p>;
    case Function::softplus:
      return evaluate_kernel<Function::softplus>;
    case Function::sigmoid:
      return evaluate_kernel<Function::sigmoid>;
    case Function::silu:
      return evaluate_kernel<Function::silu>;
    case Function::tanh:
      return evaluate_kernel<Function::tanh>;
    case Function::erf:
      return evaluate_kernel<Function::erf>;
    case Function::gelu:
      return evaluate_kernel<Function::gelu>;
    case Function::gelu_tanh:
      return evaluate_kernel<Function::gelu_tanh>;
    case Function::rsqrt:
      return evaluate_kernel<Function::rsqrt>;
    case Function::normal_quantile:
      return evaluate_kernel<Function::normal_quantile>;
  }
  throw Error("elementary function " + std::to_string(static_cast<int>(function)) +
              ": expected 0 to 11");
}

}  // namespace

void evaluate(Function function, const std::uint32_t* inputs, float* outputs, Index n) {
  const Kernel kernel = kernel_of(function);
  if (n <= 0) return;
  const auto size = static_cast<std::size_t>(n);
  Array<std::uint32_t> device_inputs(size);
  Array<float> device_outputs(size);
  copy_to_device(device_inputs.data(), inputs, size * sizeof(std::uint32_t));
  launch(kernel, dim3(blocks_for(n, kThreads * kPerThread)), dim3(kThreads), 0,
         device_inputs.data(), device_outputs.data(), n);
  copy_to_host(outputs, device_outputs.data(), size * sizeof(float));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
