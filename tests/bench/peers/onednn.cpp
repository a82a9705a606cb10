// Peer: oneDNN.
//   sgemm:  dnnl_sgemm per matrix and expert, on the weights as stored
//   packed: the matmul primitive, weights reordered once into the layout that it asks for
#include <dnnl.h>

#include <dnnl.hpp>
#include <map>
#include <tuple>

#include "grouped.h"
#include "large_pages.h"

namespace moe::bench {
namespace {

using dnnl::memory;

class OneDnn : public Peer {
 public:
  OneDnn(const PlainLayer& layer, bool packed)
      : layer_(layer), packed_(packed), engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    if (!packed) return;
    in_ = primitive(kTypicalRows, layer.F, layer.D, any(layer.F, layer.D)).weights_desc();
    down_ = primitive(kTypicalRows, layer.D, layer.F, any(layer.D, layer.F)).weights_desc();
    const std::size_t size = 2 * in_.get_size() + down_.get_size();
    memory_ = allocate(size * static_cast<std::size_t>(layer.E));
    for (std::int64_t e = 0; e < layer.E; e++) {
      char* to = memory_.get() + size * static_cast<std::size_t>(e);
      gate_.push_back(pack(layer.gate[e], layer.F, layer.D, in_, to));
      up_.push_back(pack(layer.up[e], layer.F, layer.D, in_, to + in_.get_size()));
      down_weights_.push_back(pack(layer.down[e], layer.D, layer.F, down_, to + 2 * in_.get_size()));
    }
    stream_.wait();
  }

  void run(const RoutedTokens& in, int threads, float* y) override {
    omp_set_num_threads(threads);
    rows_.gather(layer_, in);
    const std::int64_t D = layer_.D, F = layer_.F;
    for (std::int64_t e = 0; e < layer_.E; e++) {
      const std::int64_t m = rows_.rows(e), r = rows_.first[e];
      if (m == 0) continue;
      float *x = &rows_.x[r * D], *gate = &rows_.gate[r * F], *up = &rows_.up[r * F];
      if (packed_) {
        multiply_packed(threads, m, F, D, x, in_, gate_[e], gate);
        multiply_packed(threads, m, F, D, x, in_, up_[e], up);
        silu_times_on_all(gate, up, m * F);
        multiply_packed(threads, m, D, F, gate, down_, down_weights_[e], &rows_.y[r * D]);
      } else {
        dnnl_sgemm('N', 'T', m, F, D, 1, x, D, layer_.gate[e], D, 0, gate, F);
        dnnl_sgemm('N', 'T', m, F, D, 1, x, D, layer_.up[e], D, 0, up, F);
        silu_times_on_all(gate, up, m * F);
        dnnl_sgemm('N', 'T', m, D, F, 1, gate, F, layer_.down[e], F, 0, &rows_.y[r * D], D);
      }
    }
    rows_.combine(layer_, in, y);
  }

 private:
  static constexpr std::int64_t kTypicalRows = 64;
  struct Made {
    dnnl::matmul product;
    memory x, w, y;
  };

  static memory::desc any(std::int64_t n, std::int64_t k) {
    return {{k, n}, memory::data_type::f32, memory::format_tag::any};
  }

  dnnl::matmul::primitive_desc primitive(std::int64_t m, std::int64_t n, std::int64_t k,
                                         const memory::desc& weights) const {
    const memory::desc x({m, k}, memory::data_type::f32, memory::dims{k, 1});
    const memory::desc y({m, n}, memory::data_type::f32, memory::dims{n, 1});
#if DNNL_VERSION_MAJOR >= 3
    return {engine_, x, weights, y};
#else
    return {dnnl::matmul::desc(x, weights, y), engine_};
#endif
  }

  char* pack(const float* w, std::int64_t n, std::int64_t k, const memory::desc& layout, char* to) {
    const memory::desc plain({k, n}, memory::data_type::f32, memory::dims{1, k});
    memory from(plain, engine_, const_cast<float*>(w)), packed(layout, engine_, to);
    dnnl::reorder(from, packed).execute(stream_, from, packed);
    return to;
  }

  void multiply_packed(int threads, std::int64_t m, std::int64_t n, std::int64_t k, float* x,
                       const memory::desc& layout, char* w, float* y) {
    auto it = made_.find({threads, m, n, k});
    if (it == made_.end()) {
      const auto d = primitive(m, n, k, layout);
      it = made_.emplace(std::tuple(threads, m, n, k),
                         Made{dnnl::matmul(d), memory(d.src_desc(), engine_, x),
                              memory(layout, engine_, w), memory(d.dst_desc(), engine_, y)})
               .first;
    }
    Made& p = it->second;
    p.x.set_data_handle(x), p.w.set_data_handle(w), p.y.set_data_handle(y);
    p.product.execute(stream_, {{DNNL_ARG_SRC, p.x}, {DNNL_ARG_WEIGHTS, p.w}, {DNNL_ARG_DST, p.y}});
    stream_.wait();
  }

  PlainLayer layer_;
  bool packed_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  memory::desc in_, down_;
  Memory memory_;
  std::vector<char*> gate_, up_, down_weights_;
  std::map<std::tuple<int, std::int64_t, std::int64_t, std::int64_t>, Made> made_;
  Grouped rows_;
};

}  // namespace
}  // namespace moe::bench

moe::bench::Peer* make_peer(const char* mode, const moe::bench::PlainLayer& layer) {
  return new moe::bench::OneDnn(layer, std::string(mode) == "packed");
}

std::string peer_version() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch);
}
