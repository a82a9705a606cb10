// What the hosts of the stages hold on the device, and the stages between such things. For the .cpp
// files of this folder; users see the functions of the same names that take and return host
// matrices.
#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cuda/kernels.h"
#include "cuda/routed.h"
#include "cuda/router.h"
#include "reference/dispatch.h"

namespace moe::MOE_CUDA_NAMESPACE {

/// A matrix on the device. Rows are row_stride(cols) floats apart.
struct DeviceMatrix {
  Array<float> data;
  Index rows = 0, cols = 0;

  DeviceMatrix() = default;
  DeviceMatrix(Index rows, Index cols);
  kernels::View view() { return {data.data(), rows, cols, row_stride(cols)}; }
  kernels::ConstView view() const { return {data.data(), rows, cols}; }
};

/// Matrices [outputs, inputs] and biases of one shape, one after another: one of each per expert.
struct DeviceLinear {
  Array<float> weight, bias;
  Index experts = 0, outputs = 0, inputs = 0;
  std::vector<bool> biased;  ///< which experts have a bias; the others' is +0, where all chains start

  kernels::Weights view() const {
    return {weight.data(), bias.data(), experts, outputs, inputs};
  }
};
/// Copies one matrix and one bias (or empty) per expert. Throws Error if the shapes differ.
PreparedLinear prepare(std::span<const Matrix* const> w, std::span<const Vector* const> bias);
/// Those of one expert, bit for bit.
void unpack(const DeviceLinear& linear, Index expert, Matrix& w, Vector& bias);

/// Routing on the device.
struct DeviceRouting {
  Array<int> selected;         ///< [T,K]
  Array<float> weights;        ///< [T,K]
  Array<float> chosen_scores;  ///< [T,K]
  Index tokens = 0, chosen = 0;
  WeightOn weight_on = WeightOn::output;
  bool full = true;  ///< every slot has an expert; if not, some may hold -1

  DeviceRouting() = default;
  /// Room for T tokens of K slots. Throws Error if T*K does not fit 31 bits.
  DeviceRouting(Index T, Index K, WeightOn on);
};

/// Dispatch on the device.
struct DeviceDispatch {
  Array<int> offsets;    ///< [E+1]
  Array<int> tokens;     ///< [T*K], of which the first R count
  Array<int> slots;      ///< [T*K], likewise
  Array<int> positions;  ///< [T,K]
  Index experts = 0;
  Index rows = 0;  ///< R
};

DeviceMatrix upload(const ConstMatrix& host);
DeviceRouting upload(const Routing& host);
/// What the stages after place() read: offsets and positions.
DeviceDispatch upload(const Dispatch& host);
Matrix download(const DeviceMatrix& device);
Routing download(const DeviceRouting& device);
Dispatch download(const DeviceDispatch& device, Index T, Index K);

/// Shows a matrix to the trace, if there is one.
void record(Trace* trace, std::string_view name, const DeviceMatrix& values);
/// The same for [T,K] integers.
void record(Trace* trace, std::string_view name, const Array<int>& values, Index T, Index K);

// ------------------------------------------------------------------------------------ the stages

DeviceMatrix linear(const DeviceMatrix& x, const PreparedLinear& w);
/// What a token-choice layer reads: x, or where that is jittered, what is written to `changed`.
const DeviceMatrix& layer_input(const PreparedRouter& router, const DeviceMatrix& x,
                                const Batch& batch, DeviceMatrix& changed);
DeviceRouting route(const PreparedRouter& router, const DeviceMatrix& x, Trace* trace,
                    const Batch& batch = {});
DeviceRouting route_to_all(const PreparedRouter& router, const DeviceMatrix& x, Trace* trace);
/// Waits for the device where R is not T*K for certain: what follows must know how many rows it has.
DeviceDispatch place(const DeviceRouting& routing, Index E,
                     const std::optional<Capacity>& capacity, Trace* trace);
void drop_weights(const Capacity& capacity, const DeviceDispatch& dispatch,
                  DeviceRouting& routing, Trace* trace);
DeviceMatrix gather(const DeviceDispatch& dispatch, const DeviceRouting& routing,
                    const DeviceMatrix& x, Trace* trace);
DeviceMatrix hidden_values(const PreparedExperts& experts, const DeviceMatrix& x,
                           const kernels::Plan& plan);
DeviceMatrix run_experts(const PreparedExperts& experts, const DeviceDispatch& dispatch,
                         const DeviceMatrix& rows, Trace* trace);
DeviceMatrix combine(const DeviceDispatch& dispatch, const DeviceRouting& routing,
                     const DeviceMatrix& rows, Trace* trace);
DeviceMatrix run_shared(const PreparedShared& shared, const DeviceMatrix& x, Trace* trace);
/// Multiplies y [T,D] by what the shared expert leaves it: reference::make_room.
void make_room(const PreparedShared& shared, const DeviceMatrix& x, DeviceMatrix& y);
Matrix run_routed(const PreparedExperts& experts, const std::optional<PreparedShared>& shared,
                  const DeviceRouting& routing, const DeviceDispatch& dispatch,
                  const DeviceMatrix& x, Trace* trace,
                  const std::optional<PreparedLatent>& latent = {}, bool residual = false);

}  // namespace moe::MOE_CUDA_NAMESPACE
