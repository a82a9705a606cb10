#include "cuda/soft.h"

#include "cuda/device_layer.h"
#include "reference/layer_checks.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

PreparedLinear prepare_vector(const Vector& v) {
  return v.size() == 0 ? PreparedLinear{} : prepare(Matrix(v.size(), 0), v);
}

Vector unpack_vector(const PreparedLinear& prepared) {
  Matrix nothing;
  Vector v;
  if (prepared.device) unpack(prepared, nothing, v);
  return v;
}

// Rows of x as they are compared: by the layer's normalisation, which is not none.
DeviceMatrix normalised(const SoftLayer& outline, const kernels::ConstView& x, float scale,
                        const PreparedLinear& gamma) {
  DeviceMatrix y(x.rows, x.cols);
  if (outline.normalisation == SoftNormalisation::l2)
    kernels::normalise_by_l2(x, scale, y.view());
  else
    kernels::normalise_by_rms(x, gamma.device->bias.data(), y.view());
  return y;
}

DeviceMatrix transposed(const DeviceMatrix& x, Index groups) {
  DeviceMatrix y(groups * x.cols, groups == 0 ? 0 : x.rows / groups);  // no group: nothing
  kernels::transpose(x.view(), groups, y.view());
  return y;
}

DeviceMatrix with_groups_swapped(const DeviceMatrix& x, Index A, Index B, Index S) {
  DeviceMatrix y(x.rows, x.cols);
  kernels::swap_groups(x.view(), A, B, S, y.view());
  return y;
}

DeviceMatrix softmax(const DeviceMatrix& z) {
  DeviceMatrix p(z.rows, z.cols);
  kernels::softmax(z.view(), p.view());
  return p;
}

// offsets[i] = i * rows.
Array<int> equal_offsets(Index count, Index rows) {
  std::vector<int> offsets;
  for (Index i = 0; i <= count; i++) offsets.push_back(static_cast<int>(i * rows));
  return Array<int>(offsets);
}

// y = x w^T in every group; x and w are the groups' matrices, one under the other, and w has `outputs`
// rows in each. The product and the order of its sums are those of linear, with a group where an expert
// was.
DeviceMatrix product_by_group(const DeviceMatrix& x, const DeviceMatrix& w, Index groups,
                              Index outputs) {
  DeviceMatrix y(x.rows, outputs);
  if (x.rows == 0) return y;
  const Array<int> offsets = equal_offsets(groups, x.rows / groups);
  const int rows_per_tile = kernels::rows_per_tile(x.rows, groups);
  const Index count = kernels::most_tiles(x.rows, groups, rows_per_tile);
  Array<kernels::Tile> tiles(static_cast<std::size_t>(count));
  kernels::plan(offsets.data(), groups, rows_per_tile, tiles.data(), count);
  kernels::linear(x.view(), {w.data.data(), nullptr, groups, outputs, w.cols},
                  {tiles.data(), count, rows_per_tile}, y.view());
  return y;
}

}  // namespace

PreparedSoft prepare(const SoftLayer& layer) {
  validate(layer);
  PreparedSoft prepared;
  prepared.phi_ = prepare(layer.phi, Vector());
  prepared.token_gamma_ = prepare_vector(layer.token_gamma);
  prepared.slot_gamma_ = prepare_vector(layer.slot_gamma);
  prepared.experts_ = prepare(layer.experts);
  prepared.outline_.slots = layer.slots;
  prepared.outline_.group = layer.group;
  prepared.outline_.normalisation = layer.normalisation;
  prepared.outline_.scale = layer.scale;
  prepared.outline_.experts.ffn.resize(layer.experts.ffn.size());
  prepared.outline_.nonfinite = layer.nonfinite;

  prepared.slots_ = prepared.phi_;
  if (layer.normalisation == SoftNormalisation::none) return prepared;
  const kernels::ConstView phi(prepared.phi_.device->weight.data(), layer.phi.rows(),
                               layer.phi.cols());
  auto slots = std::make_shared<DeviceLinear>();
  slots->weight =
      std::move(normalised(prepared.outline_, phi, layer.scale, prepared.slot_gamma_).data);
  slots->experts = 1;
  slots->outputs = phi.rows;
  slots->inputs = phi.cols;
  slots->biased = {false};
  prepared.slots_ = {slots};
  return prepared;
}

SoftLayer unpack(const PreparedSoft& prepared) {
  SoftLayer layer = prepared.outline();
  Vector nothing;
  unpack(prepared.phi(), layer.phi, nothing);
  layer.token_gamma = unpack_vector(prepared.token_gamma());
  layer.slot_gamma = unpack_vector(prepared.slot_gamma());
  layer.experts = unpack(prepared.experts());
  return layer;
}

Matrix soft(const PreparedSoft& layer, const ConstMatrix& host_x, Trace* trace) {
  const SoftLayer& outline = layer.outline();
  const Index P = layer.phi().device->outputs;
  // moe::validate_input of a layer whose phi the host does not have.
  checks::expect_input(host_x, layer.phi().device->inputs, P, outline.group,
                       outline.nonfinite == NonFinite::refuse);
  const Index T = host_x.rows();
  const Index groups = T == 0 ? 0 : outline.group == 0 ? 1 : T / outline.group;
  const Index E = P / outline.slots;
  const DeviceMatrix x = upload(host_x);

  DeviceMatrix tokens;  // empty where nothing is normalised
  const bool normalises = outline.normalisation != SoftNormalisation::none;
  if (normalises) tokens = normalised(outline, x.view(), 1, layer.token_gamma());
  const DeviceMatrix logits = linear(normalises ? tokens : x, layer.slots());
  record(trace, "logits", logits);

  const DeviceMatrix share = softmax(transposed(logits, groups));  // [groups*P,m]
  const DeviceMatrix combine_weights = softmax(logits);            // [T,P]
  const bool mixes_normalised = outline.normalisation == SoftNormalisation::rms;
  const DeviceMatrix rows = with_groups_swapped(
      product_by_group(share, transposed(mixes_normalised ? tokens : x, groups), groups, x.cols),
      groups, E, outline.slots);
  if (trace != nullptr) {
    // Back from [groups*P,m] to [groups*m,P]: each group's matrix is transposed once more.
    DeviceMatrix dispatch_weights(T, P);
    kernels::transpose(share.view(), groups, dispatch_weights.view());
    record(trace, "scores", dispatch_weights);
    record(trace, "weights", combine_weights);
  }
  record(trace, "dispatched", rows);

  DeviceDispatch dispatch;
  dispatch.offsets = equal_offsets(E, outline.slots * groups);
  dispatch.experts = E;
  dispatch.rows = rows.rows;
  const DeviceMatrix outputs = run_experts(layer.experts(), dispatch, rows, trace);
  const DeviceMatrix by_group = with_groups_swapped(outputs, E, groups, outline.slots);
  const Matrix y =
      download(product_by_group(combine_weights, transposed(by_group, groups), groups, x.cols));
  moe::record(trace, "output", y);
  return y;
}

}  // namespace moe::MOE_CUDA_NAMESPACE
