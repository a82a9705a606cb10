// Which experts a token visits, and with what weights. The pipeline is told in reference/router.h.
#pragma once
#include "cuda/linear.h"
#include "reference/router.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A router on the device. Immutable; copies share the weights.
struct PreparedRouter {
  RouterConfig config;
  PreparedLinear linear;          ///< [E,D] and bias
  PreparedLinear selection_bias;  ///< as the bias of a matrix without columns; empty: none
};

/// Copies a router to the device.
PreparedRouter prepare(const Router& router);
/// The router that was copied, bit for bit.
Router unpack(const PreparedRouter& router);

/// The whole pipeline; x [T,D]: reference::route. Records logits, scores, selected, weights.
Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace);

/// Every expert in the slot of its own number: reference::route_to_all. Records the same.
Routing route_to_all(const PreparedRouter& router, const ConstMatrix& x, Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
