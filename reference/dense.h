// Every expert for every token, weighted by a gate: the classic mixture.
//
//   y[t] = sum over e of g[t,e] FFN_e(x[t])      g = softmax or sigmoid of
//                                                x W^T + b         [T,E]
//
// source: Jacobs, Jordan, Nowlan, Hinton 1991, eq. 1 (the blend y that its
// losses compare with the target).
#pragma once
#include "reference/trace.h"
#include "reference/variants.h"

namespace moe::reference {

/// One dense layer; x [T,D], returns y [T,D]. Throws Error if the layer or x
/// makes no sense.
///   order: per token one chain over the experts, e ascending.
Matrix dense(const DenseLayer& layer, const ConstMatrix& x,
             Trace* trace = nullptr);

}  // namespace moe::reference
