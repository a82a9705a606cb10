// Peer: one sgemm per matrix and expert, by OpenBLAS.
//   inner: the library spreads each product over the threads (what a user writes first)
//   outer: OpenMP over the experts, each product on one thread
#include <cblas.h>

#include "grouped.h"

namespace moe::bench {
namespace {

class OpenBlas : public Peer {
 public:
  OpenBlas(const PlainLayer& layer, bool outer) : layer_(layer), outer_(outer) {}

  void run(const RoutedTokens& in, int threads, float* y) override {
    omp_set_num_threads(threads);
    openblas_set_num_threads(outer_ ? 1 : threads);
    rows_.gather(layer_, in);
    if (outer_) {
#pragma omp parallel for schedule(dynamic, 1)
      for (std::int64_t e = 0; e < layer_.E; e++) expert(e);
    } else {
      for (std::int64_t e = 0; e < layer_.E; e++) expert(e);
    }
    rows_.combine(layer_, in, y);
  }

 private:
  // y [m,n] = x [m,k] w^T
  static void multiply(int m, int n, int k, const float* x, const float* w, float* y) {
    if (m == 1)
      cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1, w, k, x, 1, 0, y, 1);
    else
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, x, k, w, k, 0, y, n);
  }

  void expert(std::int64_t e) {
    const auto m = static_cast<int>(rows_.rows(e));
    if (m == 0) return;
    const auto D = static_cast<int>(layer_.D), F = static_cast<int>(layer_.F);
    const std::int64_t r = rows_.first[e];
    float *x = &rows_.x[r * D], *gate = &rows_.gate[r * F], *up = &rows_.up[r * F];
    multiply(m, F, D, x, layer_.gate[e], gate);
    multiply(m, F, D, x, layer_.up[e], up);
    if (outer_)
      silu_times(gate, up, std::int64_t{m} * F);
    else
      silu_times_on_all(gate, up, std::int64_t{m} * F);
    multiply(m, D, F, gate, layer_.down[e], &rows_.y[r * D]);
  }

  PlainLayer layer_;
  bool outer_;
  Grouped rows_;
};

}  // namespace
}  // namespace moe::bench

moe::bench::Peer* make_peer(const char* mode, const moe::bench::PlainLayer& layer) {
  return new moe::bench::OpenBlas(layer, std::string(mode) == "outer");
}

std::string peer_version() {
  const std::string text = openblas_get_config();  // "OpenBLAS 0.3.21 DYNAMIC_ARCH ..."
  return text.substr(0, text.find(' ', text.find(' ') + 1)) + " " + openblas_get_corename();
}
