#include "cpu/sparse.h"

#include "cpu/available.h"
#include "cpu/dispatch.h"
#include "cpu/parallel.h"
#include "cpu/routed.h"

namespace moe::cpu {
PreparedSparse prepare(const SparseLayer& layer, WeightFormat format) {
  require_available();
  validate(layer);
  return {.outline = Outline<SparseLayer>({.router = without_weights(layer.router),
                                           .capacity = layer.capacity,
                                           .experts = without_weights(layer.experts),
                                           .shared = {},
                                           .residual = layer.residual,
                                           .nonfinite = layer.nonfinite}),
          .router = prepare(layer.router),
          .experts = prepare(layer.experts, format),
          .shared = prepare(layer.shared, format),
          .latent = prepare(layer.latent)};
}

SparseLayer unpack(const PreparedSparse& prepared) {
  SparseLayer layer = prepared.outline.layer();
  layer.router = unpack(prepared.router);
  layer.experts = unpack(prepared.experts);
  layer.shared = unpack(prepared.shared);
  layer.latent = unpack(prepared.latent);
  return layer;
}

Matrix sparse(const PreparedSparse& layer, const ConstMatrix& x, Trace* trace, int threads,
              const Batch& batch) {
  threads = thread_count(threads, layer.experts, x.rows() * layer.router.config.chosen);
  layer.outline.check_input(x);
  const auto E = count(layer.experts);
  const std::optional<Capacity>& capacity = layer.outline->capacity;

  Matrix changed;
  const bool jitters = jitters_layer(layer.router, batch);
  if (jitters) changed = layer_input(layer.router, x, batch, threads);
  const ConstMatrix input = jitters ? ConstMatrix(changed) : x;
  Routing routing = route(layer.router, input, trace, threads, batch);
  const Dispatch dispatch = place(routing, E, capacity, trace);
  if (capacity) drop_weights(*capacity, dispatch, routing, trace);
  return run_routed(layer.experts, layer.shared, routing, dispatch, input, trace, threads,
                    layer.latent, layer.outline->residual);
}

}  // namespace moe::cpu
