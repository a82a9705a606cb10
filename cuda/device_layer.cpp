#include "cuda/device_layer.h"

#include <algorithm>

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

std::size_t size_of(Index n) { return static_cast<std::size_t>(n); }
std::size_t bytes_of(Index n) { return static_cast<std::size_t>(n) * sizeof(float); }

std::vector<int> to_ints(const std::vector<Index>& values) {
  return {values.begin(), values.end()};  // T*K fits 31 bits
}
std::vector<int> to_ints(const IntMatrix& values) {
  return {values.data(), values.data() + values.size()};
}
// The first `size` of them.
std::vector<Index> to_indices(const Array<int>& device, Index size) {
  const std::vector<int> host = device.to_host();
  return {host.begin(), host.begin() + size};
}
std::vector<float> to_floats(const Matrix& values) {
  return {values.data(), values.data() + values.size()};
}
Matrix to_matrix(const Array<float>& device, Index rows, Index cols) {
  const std::vector<float> host = device.to_host();
  Matrix m(rows, cols);
  std::copy(host.begin(), host.end(), m.data());
  return m;
}
IntMatrix to_matrix(const Array<int>& device, Index rows, Index cols) {
  const std::vector<int> host = device.to_host();
  IntMatrix m(rows, cols);
  std::copy(host.begin(), host.end(), m.data());
  return m;
}

}  // namespace

DeviceMatrix::DeviceMatrix(Index rows_, Index cols_)
    : data(size_of(rows_ * row_stride(cols_))), rows(rows_), cols(cols_) {}

DeviceMatrix upload(const ConstMatrix& host) {
  DeviceMatrix device(host.rows(), host.cols());
  if (host.size() != 0)
    copy_rows_to_device(device.data.data(), bytes_of(row_stride(host.cols())), host.data(),
                        bytes_of(host.outerStride()), bytes_of(host.cols()), size_of(host.rows()));
  return device;
}

Matrix download(const DeviceMatrix& device) {
  Matrix host(device.rows, device.cols);
  if (host.size() != 0)
    copy_rows_to_host(host.data(), bytes_of(host.cols()), device.data.data(),
                      bytes_of(row_stride(host.cols())), bytes_of(host.cols()),
                      size_of(host.rows()));
  return host;
}

DeviceRouting upload(const Routing& host) {
  DeviceRouting device;
  device.selected = Array<int>(to_ints(host.selected));
  device.weights = Array<float>(to_floats(host.weights));
  device.chosen_scores = Array<float>(to_floats(host.chosen_scores));
  device.tokens = host.selected.rows();
  device.chosen = host.selected.cols();
  device.weight_on = host.weight_on;
  device.full = host.selected.size() == 0 || host.selected.minCoeff() >= 0;
  return device;
}

Routing download(const DeviceRouting& device) {
  const Index T = device.tokens;
  const Index K = device.chosen;
  return {to_matrix(device.selected, T, K), to_matrix(device.weights, T, K),
          to_matrix(device.chosen_scores, T, K), device.weight_on};
}

DeviceDispatch upload(const Dispatch& host) {
  DeviceDispatch device;
  device.offsets = Array<int>(to_ints(host.offsets));
  device.positions = Array<int>(to_ints(host.positions));
  device.experts = static_cast<Index>(host.offsets.size()) - 1;
  device.rows = host.offsets.back();
  return device;
}

Dispatch download(const DeviceDispatch& device, Index T, Index K) {
  return {to_indices(device.offsets, device.experts + 1), to_indices(device.tokens, device.rows),
          to_indices(device.slots, device.rows), to_matrix(device.positions, T, K)};
}

void record(Trace* trace, std::string_view name, const DeviceMatrix& values) {
  if (trace != nullptr) moe::record(trace, name, download(values));
}

void record(Trace* trace, std::string_view name, const Array<int>& values, Index T, Index K) {
  if (trace != nullptr) moe::record(trace, name, to_matrix(values, T, K));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
