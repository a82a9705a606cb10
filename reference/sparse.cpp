#include "reference/sparse.h"

#include "reference/dispatch.h"
#include "reference/routed.h"
#include "reference/router.h"

namespace moe::reference {

Matrix sparse(const SparseLayer& layer, const ConstMatrix& x, Trace* trace,
              const Batch& batch) {
  validate(layer);
  validate_input(layer, x);
  const Index E = sizes(layer).experts;

  const Matrix input = layer_input(layer.router, x, batch);
  Routing routing = route(layer.router, input, trace, batch);
  const Dispatch dispatch = place(routing, E, layer.capacity, trace);
  if (layer.capacity) drop_weights(*layer.capacity, dispatch, routing, trace);
  return run_routed(layer.experts, layer.shared, routing, dispatch, input,
                    trace, layer.latent, layer.residual);
}

}  // namespace moe::reference
