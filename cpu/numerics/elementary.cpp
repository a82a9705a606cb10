#include "cpu/numerics/elementary.h"

#include "cpu/numerics/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/numerics/elementary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/numerics/elementary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace moe::cpu::HWY_NAMESPACE {

void evaluate_here(numerics::Function function, const void* inputs, float* y, Index n) {
  using numerics::Function;
  switch (function) {
    case Function::exp:
      return apply<Function::exp>(inputs, y, n);
    case Function::log:
      return apply<Function::log>(inputs, y, n);
    case Function::log1p:
      return apply<Function::log1p>(inputs, y, n);
    case Function::softplus:
      return apply<Function::softplus>(inputs, y, n);
    case Function::sigmoid:
      return apply<Function::sigmoid>(inputs, y, n);
    case Function::silu:
      return apply<Function::silu>(inputs, y, n);
    case Function::tanh:
      return apply<Function::tanh>(inputs, y, n);
    case Function::erf:
      return apply<Function::erf>(inputs, y, n);
    case Function::gelu:
      return apply<Function::gelu>(inputs, y, n);
    case Function::gelu_tanh:
      return apply<Function::gelu_tanh>(inputs, y, n);
    case Function::rsqrt:
      return apply<Function::rsqrt>(inputs, y, n);
    case Function::normal_quantile:
      return apply<Function::normal_quantile>(inputs, y, n);
  }
}

}  // namespace moe::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace moe::cpu {
namespace {

HWY_EXPORT(evaluate_here);

void dispatch(numerics::Function function, const void* inputs, float* y, Index n) {
  HWY_DYNAMIC_DISPATCH(evaluate_here)(function, inputs, y, n);
}

}  // namespace

void exp(const float* x, float* y, Index n) {
  dispatch(numerics::Function::exp, x, y, n);
}
void log(const float* x, float* y, Index n) {
  dispatch(numerics::Function::log, x, y, n);
}
void log1p(const float* x, float* y, Index n) {
  dispatch(numerics::Function::log1p, x, y, n);
}
void softplus(const float* x, float* y, Index n) {
  dispatch(numerics::Function::softplus, x, y, n);
}
void sigmoid(const float* x, float* y, Index n) {
  dispatch(numerics::Function::sigmoid, x, y, n);
}
void silu(const float* x, float* y, Index n) {
  dispatch(numerics::Function::silu, x, y, n);
}
void tanh(const float* x, float* y, Index n) {
  dispatch(numerics::Function::tanh, x, y, n);
}
void erf(const float* x, float* y, Index n) {
  dispatch(numerics::Function::erf, x, y, n);
}
void gelu(const float* x, float* y, Index n) {
  dispatch(numerics::Function::gelu, x, y, n);
}
void gelu_tanh(const float* x, float* y, Index n) {
  dispatch(numerics::Function::gelu_tanh, x, y, n);
}
void rsqrt(const float* x, float* y, Index n) {
  dispatch(numerics::Function::rsqrt, x, y, n);
}
void normal_quantile(const std::uint32_t* u, float* y, Index n) {
  dispatch(numerics::Function::normal_quantile, u, y, n);
}
void evaluate(numerics::Function function, const std::uint32_t* inputs, float* outputs, Index n) {
  dispatch(function, inputs, outputs, n);
}

}  // namespace moe::cpu
#endif  // HWY_ONCE
