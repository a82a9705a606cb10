#include "cuda/memory.h"

#include "cuda/device.cuh"

namespace moe::MOE_CUDA_NAMESPACE {

#if defined(__CUDACC__)

void* allocate(std::size_t bytes) {
  void* p = nullptr;
  check(cudaMalloc(&p, bytes), "cudaMalloc");
  return p;
}
void release(void* device) noexcept { cudaFree(device); }
void copy_to_device(void* device, const void* host, std::size_t bytes) {
  check(cudaMemcpy(device, host, bytes, cudaMemcpyHostToDevice), "copy to the device");
}
void copy_to_host(void* host, const void* device, std::size_t bytes) {
  check(cudaMemcpy(host, device, bytes, cudaMemcpyDeviceToHost), "copy to the host");
}
void copy_rows_to_device(void* device, std::size_t device_pitch, const void* host,
                         std::size_t host_pitch, std::size_t row_bytes, std::size_t rows) {
  check(cudaMemcpy2D(device, device_pitch, host, host_pitch, row_bytes, rows,
                     cudaMemcpyHostToDevice),
        "copy to the device");
}
void copy_rows_to_host(void* host, std::size_t host_pitch, const void* device,
                       std::size_t device_pitch, std::size_t row_bytes, std::size_t rows) {
  check(cudaMemcpy2D(host, host_pitch, device, device_pitch, row_bytes, rows,
                     cudaMemcpyDeviceToHost),
        "copy to the host");
}
void clear(void* device, std::size_t bytes) { check(cudaMemset(device, 0, bytes), "clear"); }

#else

void* allocate(std::size_t bytes) { return cuda_on_cpu::allocate(bytes); }
void release(void* device) noexcept { cuda_on_cpu::release(device); }
void copy_to_device(void* device, const void* host, std::size_t bytes) {
  cuda_on_cpu::copy_to_device(device, host, bytes);
}
void copy_to_host(void* host, const void* device, std::size_t bytes) {
  cuda_on_cpu::copy_to_host(host, device, bytes);
}
void copy_rows_to_device(void* device, std::size_t device_pitch, const void* host,
                         std::size_t host_pitch, std::size_t row_bytes, std::size_t rows) {
  for (std::size_t r = 0; r < rows; r++)
    cuda_on_cpu::copy_to_device(static_cast<char*>(device) + r * device_pitch,
                                static_cast<const char*>(host) + r * host_pitch, row_bytes);
}
void copy_rows_to_host(void* host, std::size_t host_pitch, const void* device,
                       std::size_t device_pitch, std::size_t row_bytes, std::size_t rows) {
  for (std::size_t r = 0; r < rows; r++)
    cuda_on_cpu::copy_to_host(static_cast<char*>(host) + r * host_pitch,
                              static_cast<const char*>(device) + r * device_pitch, row_bytes);
}
void clear(void* device, std::size_t bytes) { cuda_on_cpu::set_bytes(device, 0, bytes); }

#endif

}  // namespace moe::MOE_CUDA_NAMESPACE
