#include "cuda/linear.h"

#include "cuda/device_layer.h"

namespace moe::MOE_CUDA_NAMESPACE {
namespace {

constexpr Index kMostInt = std::numeric_limits<std::int32_t>::max();

std::string shape(const Matrix& w, const Vector& bias) {
  return "[" + std::to_string(w.rows()) + "," + std::to_string(w.cols()) + "] with " +
         std::to_string(bias.size()) + " biases";
}

}  // namespace

PreparedLinear prepare(std::span<const Matrix* const> w, std::span<const Vector* const> bias) {
  auto device = std::make_shared<DeviceLinear>();
  device->experts = static_cast<Index>(w.size());
  device->outputs = w.empty() ? 0 : w[0]->rows();
  device->inputs = w.empty() ? 0 : w[0]->cols();
  const Index F = device->outputs;
  const Index D = device->inputs;
  if (F > kMostInt || D > kMostInt || device->experts > kMostInt)
    throw Error("cuda: " + std::to_string(w.size()) + " weights [" + std::to_string(F) + "," +
                std::to_string(D) + "], expected at most " + std::to_string(kMostInt) + " of each");
  bool any_bias = false;
  for (std::size_t e = 0; e < w.size(); e++) {
    const Index biases = bias[e]->size();
    if (w[e]->rows() != F || w[e]->cols() != D || (biases != 0 && biases != F))
      throw Error("cuda: weights of expert " + std::to_string(e) + " are " +
                  shape(*w[e], *bias[e]) + ", expected [" + std::to_string(F) + "," +
                  std::to_string(D) + "] with " + std::to_string(F) + " or none");
    device->biased.push_back(biases != 0);
    any_bias = any_bias || biases != 0;
  }

  const Index stride = row_stride(D);
  device->weight = Array<float>(static_cast<std::size_t>(device->experts * F * stride));
  for (std::size_t e = 0; e < w.size(); e++)
    if (w[e]->size() != 0)
      copy_rows_to_device(device->weight.data() + static_cast<Index>(e) * F * stride,
                          static_cast<std::size_t>(stride) * sizeof(float), w[e]->data(),
                          static_cast<std::size_t>(D) * sizeof(float),
                          static_cast<std::size_t>(D) * sizeof(float), static_cast<std::size_t>(F));
  if (!any_bias) return {device};
  std::vector<float> biases(static_cast<std::size_t>(device->experts * row_stride(F)), 0.0F);
  for (std::size_t e = 0; e < w.size(); e++)
    std::copy(bias[e]->data(), bias[e]->data() + bias[e]->size(),
              biases.begin() + static_cast<Index>(e) * row_stride(F));
  device->bias = Array<float>(biases);
  return {device};
}

PreparedLinear prepare(const Matrix& w, const Vector& bias) {
  const Matrix* const one_w[] = {&w};
  const Vector* const one_bias[] = {&bias};
  return prepare(one_w, one_bias);
}

void unpack(const DeviceLinear& linear, Index expert, Matrix& w, Vector& bias) {
  const Index F = linear.outputs;
  const Index D = linear.inputs;
  const Index stride = row_stride(D);
  w.resize(F, D);
  if (w.size() != 0)
    copy_rows_to_host(w.data(), static_cast<std::size_t>(D) * sizeof(float),
                      linear.weight.data() + expert * F * stride,
                      static_cast<std::size_t>(stride) * sizeof(float),
                      static_cast<std::size_t>(D) * sizeof(float), static_cast<std::size_t>(F));
  bias.resize(linear.biased[static_cast<std::size_t>(expert)] ? F : 0);
  if (bias.size() != 0)
    copy_to_host(bias.data(), linear.bias.data() + expert * row_stride(F),
                 static_cast<std::size_t>(F) * sizeof(float));
}

void unpack(const PreparedLinear& linear, Matrix& w, Vector& bias) {
  unpack(*linear.device, 0, w, bias);
}

DeviceMatrix linear(const DeviceMatrix& x, const PreparedLinear& w) {
  if (x.cols != w.device->inputs)
    throw Error("linear: x has " + std::to_string(x.cols) + " columns, w is [" +
                std::to_string(w.device->outputs) + "," + std::to_string(w.device->inputs) + "]");
  DeviceMatrix y(x.rows, w.device->outputs);
  kernels::linear(x.view(), w.device->view(), kernels::plan(x.rows), y.view());
  return y;
}

Matrix linear(const ConstMatrix& x, const PreparedLinear& w) {
  return download(linear(upload(x), w));
}

}  // namespace moe::MOE_CUDA_NAMESPACE
