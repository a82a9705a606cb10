#include "cpu/dense.h"

#include "cpu/available.h"
#include "cpu/dispatch.h"
#include "cpu/parallel.h"
#include "cpu/routed.h"

namespace moe::cpu {

PreparedDense prepare(const DenseLayer& layer, WeightFormat format) {
  require_available();
  validate(layer);
  return {.outline = Outline<DenseLayer>({.gate = without_weights(layer.gate),
                                          .experts = without_weights(layer.experts),
                                          .shared = {},
                                          .nonfinite = layer.nonfinite}),
          .gate = prepare(layer.gate),
          .experts = prepare(layer.experts, format),
          .shared = prepare(layer.shared, format)};
}

DenseLayer unpack(const PreparedDense& prepared) {
  DenseLayer layer = prepared.outline.layer();
  layer.gate = unpack(prepared.gate);
  layer.experts = unpack(prepared.experts);
  layer.shared = unpack(prepared.shared);
  return layer;
}

Matrix dense(const PreparedDense& layer, const ConstMatrix& x, Trace* trace, int threads) {
  const auto E = static_cast<Index>(layer.experts.ffn.size());
  threads = thread_count(threads, layer.experts, x.rows() * E);
  layer.outline.check_input(x);

  const Routing routing = route_to_all(layer.gate, x, trace, threads);
  const Dispatch dispatch = place(routing, E, std::nullopt, trace);
  return run_routed(layer.experts, layer.shared, routing, dispatch, x, trace, threads);
}

}  // namespace moe::cpu
