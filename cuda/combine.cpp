#include "cuda/combine.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {

DeviceMatrix combine(const DeviceDispatch& dispatch, const DeviceRouting& routing,
                     const DeviceMatrix& rows, Trace* trace) {
  const bool weighted = routing.weight_on == WeightOn::output;
  DeviceMatrix y(routing.tokens, rows.cols);
  kernels::combine(rows.view(), dispatch.positions.data(),
                   weighted ? routing.weights.data() : nullptr, routing.chosen, y.view());
  record(trace, "combined", y);
  return y;
}

Matrix combine(const Dispatch& dispatch, const Routing& routing, const ConstMatrix& rows,
               Trace* trace) {
  return download(combine(upload(dispatch), upload(routing), upload(rows), trace));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
