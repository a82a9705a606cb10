#include "reference/dense.h"

#include "reference/routed.h"

namespace moe::reference {

Matrix dense(const DenseLayer& layer, const ConstMatrix& x, Trace* trace) {
  validate(layer);
  validate_input(layer, x);
  const auto E = static_cast<Index>(layer.experts.ffn.size());

  const Routing routing = route_to_all(layer.gate, x, trace);
  const Dispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts, layer.shared, routing, dispatch, x, trace);
}

}  // namespace moe::reference
