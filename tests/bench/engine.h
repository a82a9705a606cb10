// Whoever computes the layer: ours in each weight format, and the peers.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/workload.h"

namespace moe::bench {

/// One way to compute the layer, its weights made ready.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Seconds that one call takes, on the clock for that many threads (check/timing.h).
  virtual double seconds(const Tokens& tokens, int threads) = 0;
  /// What it computes, y [T,D].
  virtual Matrix output(const Tokens& tokens, int threads) = 0;
  /// Batches made before are gone; those to come may have the same addresses.
  virtual void forget_tokens() {}
};

/// An engine that this program knows.
struct EngineInfo {
  std::string name;         ///< ours-bf16, openblas-outer, ...
  bool ours;                ///< has to have the reference's bits
  double bytes_per_weight;  ///< as it keeps them
  double tolerance;         ///< of a peer's relative error
  bool spins;  ///< has threads of its own that spin: real-time priority would starve them
  bool obeys;         ///< can be told to do without some instructions (processor.h)
  std::string needs;  ///< the package that it comes from
};

/// All of them, ours first.
const std::vector<EngineInfo>& engines();
/// One of them. Throws Error naming all if there is none of that name.
const EngineInfo& engine_named(const std::string& name);

/// Makes it ready for the layer, which stays alive. Null, and why in `missing`, if it is not here.
std::unique_ptr<Engine> make_engine(const EngineInfo& info, const Shape& shape,
                                    const SparseLayer& layer, std::string& missing);
/// The version of an engine's library, once it has been made ready; empty if unknown.
std::string engine_version(const std::string& name);

}  // namespace moe::bench
