// The tiers of this build, behind one face, so that tools and tests need not know which there are.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "reference/batch.h"
#include "reference/trace.h"
#include "reference/variants.h"
#include "reference/weight_format.h"

namespace moe::check {

/// A layer made ready for one tier. Immutable: may be run from several threads at once.
class Prepared {
 public:
  virtual ~Prepared() = default;
  /// y [T,D] for x [T,D]; shows every stage to the trace, if there is one.
  /// `batch` matters to layers that draw or look token ids up.
  virtual Matrix run(const ConstMatrix& x, Trace* trace, const Batch& batch = {}) const = 0;
};

/// One implementation of all layers.
struct Tier {
  std::string name;     ///< reference, cpu, cuda or cuda-emulated
  std::string skipped;  ///< why it cannot run here; empty if it can
  /// `prepare` as the tier does it.
  std::function<std::unique_ptr<Prepared>(const Layer&, int threads, WeightFormat format)> make;

  /// Makes a layer ready, for that many threads (0: as many as there are processors). The cpu tier
  /// keeps its networks' weights in `format` and throws Error if that does not hold them; the
  /// others keep binary32, which is the same numbers.
  std::unique_ptr<Prepared> prepare(const Layer& layer, int threads,
                                    WeightFormat format = WeightFormat::f32) const {
    return make(layer, threads, format);
  }
};

/// All four, reference first, those that cannot run here included.
const std::vector<Tier>& tiers();

/// The named tiers ("reference,cpu"), or all that run here if `names` is empty.
/// Throws Error naming an unknown tier, or one that cannot run here and why.
std::vector<const Tier*> select_tiers(const std::string& names);

}  // namespace moe::check
