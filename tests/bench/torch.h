// PyTorch as a peer: a process of its own, asked through pipes, so that its threads and ours do not
// meet. Its weights are drawn there, by the same formula.
#pragma once
#include "tests/bench/engine.h"

namespace moe::bench {

/// The engine torch-MODE-FORMAT (peers/torch_peer.py). One process serves all engines of a shape
/// while any of them lives. Null, and why in `missing`, if it is not here.
std::unique_ptr<Engine> make_torch(const std::string& name, const Shape& shape,
                                   std::string& missing);
/// What the process said it is.
std::string torch_version();

}  // namespace moe::bench
