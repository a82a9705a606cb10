#include "tests/bench/engine.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "check/timing.h"
#include "cpu/sparse.h"
#include "reference/error.h"
#include "reference/weight_format.h"
#include "tests/bench/torch.h"

namespace moe::bench {
namespace {

std::map<std::string, std::string> versions;

class Ours : public Engine {
 public:
  explicit Ours(cpu::PreparedSparse layer) : layer_(std::move(layer)) {}

  double seconds(const Tokens& tokens, int threads) override {
    Matrix y;
    return check::seconds_of(
        threads, [&] { y = cpu::sparse(layer_, tokens.x, nullptr, threads); });
  }

  Matrix output(const Tokens& tokens, int threads) override {
    return cpu::sparse(layer_, tokens.x, nullptr, threads);
  }

 private:
  cpu::PreparedSparse layer_;
};

std::unique_ptr<Engine> make_ours(const std::string& format, const SparseLayer& layer) {
  const WeightFormat kept = format == "f32"    ? WeightFormat::f32
                            : format == "bf16" ? WeightFormat::bf16
                                               : WeightFormat::f16;
  return std::make_unique<Ours>(cpu::prepare(layer, kept));
}

class InProcess : public Engine {
 public:
  explicit InProcess(Peer* peer) : peer_(peer) {}

  double seconds(const Tokens& tokens, int threads) override {
    if (y_.size() != tokens.x.size()) y_.resize(tokens.x.rows(), tokens.x.cols());
    return check::seconds_of(threads, [&] { peer_->run(routed(tokens), threads, y_.data()); });
  }

  Matrix output(const Tokens& tokens, int threads) override {
    Matrix y(tokens.x.rows(), tokens.x.cols());
    peer_->run(routed(tokens), threads, y.data());
    return y;
  }

 private:
  std::unique_ptr<Peer> peer_;
  Matrix y_;
};

// Libraries lie beside this program.
std::unique_ptr<Engine> make_peer_engine(const EngineInfo& info, const Shape& shape,
                                         const SparseLayer& layer, std::string& missing) {
  const std::size_t dash = info.name.find('-');
  const std::string library = info.name.substr(0, dash), mode = info.name.substr(dash + 1);
  const auto file = std::filesystem::read_symlink("/proc/self/exe").parent_path() /
                    fmt::format("libexactmoe_peer_{}.so", library);
  if (!std::filesystem::exists(file)) {
    missing = fmt::format("not built: {} was not here", info.needs);
    return {};
  }
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    missing = dlerror();
    return {};
  }
  const auto make = reinterpret_cast<decltype(&make_peer)>(dlsym(handle, "make_peer"));
  const auto version = reinterpret_cast<decltype(&peer_version)>(dlsym(handle, "peer_version"));
  Peer* peer = make(mode.c_str(), plain(shape, layer));
  if (peer == nullptr) {
    missing = "cannot do this shape";
    return {};
  }
  versions[info.name] = version();
  return std::make_unique<InProcess>(peer);
}

}  // namespace

const std::vector<EngineInfo>& engines() {
  static const std::vector<EngineInfo> all{
      {"ours-f32", true, 4, 0, false, true, ""},
      {"ours-bf16", true, 2, 0, false, true, ""},
      {"ours-f16", true, 2, 0, false, true, ""},
      {"openblas-inner", false, 4, 1e-4, true, true, "libopenblas-pthread-dev"},
      {"openblas-outer", false, 4, 1e-4, false, true, "libopenblas-pthread-dev"},
      {"libxsmm-packed", false, 4, 1e-4, false, true, "libxsmm-dev"},
      {"onednn-sgemm", false, 4, 1e-4, false, true, "libdnnl-dev"},
      {"onednn-packed", false, 4, 1e-4, false, true, "libdnnl-dev"},
      {"eigen-products", false, 4, 1e-4, false, false, "libeigen3-dev"},
      {"torch-eager-f32", false, 4, 1e-4, true, true, "PyTorch and transformers"},
      {"torch-grouped_mm-f32", false, 4, 1e-4, true, true, "PyTorch and transformers"},
      {"torch-eager-bf16", false, 2, 0.1, true, true, "PyTorch and transformers"},
      {"torch-grouped_mm-bf16", false, 2, 0.1, true, true, "PyTorch and transformers"},
  };
  return all;
}

const EngineInfo& engine_named(const std::string& name) {
  std::string known;
  for (const EngineInfo& info : engines()) {
    if (info.name == name) return info;
    known += " " + info.name;
  }
  throw Error(fmt::format("engine: expected one of{}, found '{}'", known, name));
}

std::unique_ptr<Engine> make_engine(const EngineInfo& info, const Shape& shape,
                                    const SparseLayer& layer, std::string& missing) {
  if (info.ours) return make_ours(info.name.substr(info.name.find('-') + 1), layer);
  if (!info.name.starts_with("torch-")) return make_peer_engine(info, shape, layer, missing);
  std::unique_ptr<Engine> engine = make_torch(info.name, shape, missing);
  if (engine) versions[info.name] = torch_version();
  return engine;
}

std::string engine_version(const std::string& name) {
  const auto it = versions.find(name);
  return it == versions.end() ? "" : it->second;
}

}  // namespace moe::bench
