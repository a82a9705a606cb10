// Peer: libxsmm's just-in-time kernels over weights packed once into blocks [n/B][k/bk][bk][B],
// OpenMP over blocks of outputs and experts.
#include <libxsmm.h>

#include "grouped.h"
#include "large_pages.h"

namespace moe::bench {
namespace {

constexpr std::int64_t kMostRows = 48;  // of tokens in one call of a kernel

// One [n,k] matrix per expert, packed, and the kernels that multiply by it.
struct Packed {
  std::int64_t n, k, block, depth;
  const float* values;
  libxsmm_smmfunction kernels[kMostRows + 1][2];  // by rows; the second adds to y

  Packed(std::int64_t n_, std::int64_t k_, const std::vector<const float*>& from, float* to)
      : n(n_), k(k_), values(to) {
    block = n % 64 == 0 && libxsmm_get_target_archid() >= LIBXSMM_X86_AVX512 ? 64 : 32;
    depth = k % 256 == 0 ? 256 : k % 128 == 0 ? 128 : 32;
#pragma omp parallel for collapse(2)
    for (std::int64_t e = 0; e < static_cast<std::int64_t>(from.size()); e++)
      for (std::int64_t b = 0; b < n / block; b++)
        for (std::int64_t j = 0; j < k; j++)
          for (std::int64_t i = 0; i < block; i++)
            to[e * n * k + b * block * k + j * block + i] = from[e][(b * block + i) * k + j];
    const auto lda = static_cast<int>(block), ldb = static_cast<int>(k), ldc = static_cast<int>(n);
    const float alpha = 1;
    for (int rows = 1; rows <= kMostRows; rows++)
      for (const int adds : {0, 1}) {
        const auto beta = static_cast<float>(adds);
        kernels[rows][adds] = libxsmm_smmdispatch(lda, rows, static_cast<int>(depth), &lda, &ldb,
                                                  &ldc, &alpha, &beta, nullptr, nullptr);
      }
  }

  // Outputs of one block for m rows: y [m,n], x [m,k].
  void multiply(std::int64_t e, std::int64_t b, std::int64_t m, const float* x, float* y) const {
    const float* w = values + e * n * k + b * block * k;
    for (std::int64_t r = 0; r < m; r += kMostRows) {
      const auto rows = std::min(kMostRows, m - r);
      for (std::int64_t j = 0; j < k; j += depth)
        kernels[rows][j > 0](w + j * block, x + r * k + j, y + r * n + b * block);
    }
  }
};

class Xsmm : public Peer {
 public:
  explicit Xsmm(const PlainLayer& layer)
      : layer_(layer),
        memory_(allocate(sizeof(float) * 3 * layer.E * layer.D * layer.F)),
        gate_(layer.F, layer.D, layer.gate, part(0)),
        up_(layer.F, layer.D, layer.up, part(1)),
        down_(layer.D, layer.F, layer.down, part(2)) {}

  void run(const RoutedTokens& in, int threads, float* y) override {
    omp_set_num_threads(threads);
    rows_.gather(layer_, in);
    const std::int64_t D = layer_.D, F = layer_.F;
    std::vector<std::int64_t> busy;
    for (std::int64_t e = 0; e < layer_.E; e++)
      if (rows_.rows(e) > 0) busy.push_back(e);
    const auto experts = static_cast<std::int64_t>(busy.size());
    const std::int64_t in_blocks = F / gate_.block, down_blocks = D / down_.block;
#pragma omp parallel
    {
#pragma omp for schedule(dynamic, 1)
      for (std::int64_t i = 0; i < experts * in_blocks; i++) {
        const std::int64_t e = busy[i / in_blocks], b = i % in_blocks;
        const std::int64_t r = rows_.first[e], m = rows_.rows(e);
        gate_.multiply(e, b, m, &rows_.x[r * D], &rows_.gate[r * F]);
        up_.multiply(e, b, m, &rows_.x[r * D], &rows_.up[r * F]);
        for (std::int64_t t = r; t < r + m; t++) {
          const std::int64_t at = t * F + b * gate_.block;
          silu_times(&rows_.gate[at], &rows_.up[at], gate_.block);
        }
      }
#pragma omp for schedule(dynamic, 1)
      for (std::int64_t i = 0; i < experts * down_blocks; i++) {
        const std::int64_t e = busy[i / down_blocks], r = rows_.first[e];
        down_.multiply(e, i % down_blocks, rows_.rows(e), &rows_.gate[r * F], &rows_.y[r * D]);
      }
    }
    rows_.combine(layer_, in, y);
  }

 private:
  float* part(std::int64_t i) {
    return reinterpret_cast<float*>(memory_.get()) + i * layer_.E * layer_.D * layer_.F;
  }

  PlainLayer layer_;
  Memory memory_;
  Packed gate_, up_, down_;
  Grouped rows_;
};

}  // namespace
}  // namespace moe::bench

moe::bench::Peer* make_peer(const char*, const moe::bench::PlainLayer& layer) {
  if (layer.D % 32 != 0 || layer.F % 32 != 0) return nullptr;
  libxsmm_init();
  return new moe::bench::Xsmm(layer);
}

std::string peer_version() {
  return std::string("libxsmm ") + LIBXSMM_VERSION + " " + libxsmm_get_target_arch();
}
