// Peer: Eigen's own products, its threads inside each.
#include <Eigen/Dense>

#include "grouped.h"

namespace moe::bench {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

class EigenPeer : public Peer {
 public:
  explicit EigenPeer(const PlainLayer& layer) : layer_(layer) {}

  void run(const RoutedTokens& in, int threads, float* y) override {
    omp_set_num_threads(threads);
    Eigen::setNbThreads(threads);
    rows_.gather(layer_, in);
    const std::int64_t D = layer_.D, F = layer_.F;
    for (std::int64_t e = 0; e < layer_.E; e++) {
      const std::int64_t m = rows_.rows(e), r = rows_.first[e];
      if (m == 0) continue;
      multiply(m, F, D, &rows_.x[r * D], layer_.gate[e], &rows_.gate[r * F]);
      multiply(m, F, D, &rows_.x[r * D], layer_.up[e], &rows_.up[r * F]);
      silu_times_on_all(&rows_.gate[r * F], &rows_.up[r * F], m * F);
      multiply(m, D, F, &rows_.gate[r * F], layer_.down[e], &rows_.y[r * D]);
    }
    rows_.combine(layer_, in, y);
  }

 private:
  // y [m,n] = x [m,k] w^T
  static void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const float* x,
                       const float* w, float* y) {
    const Eigen::Map<const RowMajor> X(x, m, k), W(w, n, k);
    Eigen::Map<RowMajor> Y(y, m, n);
    if (m == 1)
      Y.row(0).transpose().noalias() = W * X.row(0).transpose();
    else
      Y.noalias() = X * W.transpose();
  }

  PlainLayer layer_;
  Grouped rows_;
};

}  // namespace
}  // namespace moe::bench

moe::bench::Peer* make_peer(const char*, const moe::bench::PlainLayer& layer) {
  return new moe::bench::EigenPeer(layer);
}

std::string peer_version() {
  return "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." +
         std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION);
}
