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
  PreparedLinear input_gain;      ///< likewise [D]
  PreparedLinear expert_scale;    ///< likewise [E]
  PreparedLinear noise;           ///< [E,D]; empty where noise is not learned
  IntMatrix table;                ///< [V,K] or empty, on the host: which rows are read is known there
  Index unscored = 0;             ///< E of a router without scores
};

/// Copies a router to the device.
PreparedRouter prepare(const Router& router);
/// The router that was copied, bit for bit.
Router unpack(const PreparedRouter& router);

/// The whole pipeline; x [T,D]: reference::route. Records logits, noisy_logits where there is noise,
/// scores, selected, weights; without scores only the last two. Choices that rank no keys (table, lot,
/// balanced) are made on the host: they are integer work in sequence.
Routing route(const PreparedRouter& router, const ConstMatrix& x, Trace* trace,
              const Batch& batch = {});

/// The choices and sizes of a router; its matrix keeps the width and holds nothing.
Router router_outline(const Router& router);

/// Every expert in the slot of its own number: reference::route_to_all. Records the same.
Routing route_to_all(const PreparedRouter& router, const ConstMatrix& x, Trace* trace);

}  // namespace moe::MOE_CUDA_NAMESPACE
