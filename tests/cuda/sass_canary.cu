// Kernels that differ only in what may be fused: check_sass.py demands separate products and sums of
// all but canary_fused. Compiled by nvcc alone.
__global__ void canary_separate(const float* a, const float* b, float* c) {
  c[threadIdx.x] = a[threadIdx.x] * b[threadIdx.x] + c[threadIdx.x];
}
__global__ void canary_fused(const float* a, const float* b, float* c) {
  c[threadIdx.x] = __fmaf_rn(a[threadIdx.x], b[threadIdx.x], c[threadIdx.x]);
}
__global__ void canary_double(const double* a, const double* b, double* c) {
  c[threadIdx.x] = a[threadIdx.x] * b[threadIdx.x] + c[threadIdx.x];
}
