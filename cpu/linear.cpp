#include "cpu/linear.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cpu/available.h"
#include "cpu/parallel.h"
#include "cpu/schedule.h"
#include "reference/error.h"

namespace moe::cpu {
namespace {

// Copies a task's outputs to where they belong in y [T,F].
void store(const Tiles& tiles, const Block& block, const float* out, float* y, Index F) {
  const Index first = tiles.begin(block.first_tile);
  const Index rows = tiles.begin(block.last_tile) - first;
  for (Index panel = block.first_panel; panel < block.last_panel; panel++) {
    const Index width = std::min(kPanel, F - panel * kPanel);
    for (Index r = 0; r < rows; r++, out += kPanel)
      std::copy(out, out + width, y + (first + r) * F + panel * kPanel);
  }
}

// y = x W^T + b for some rows, y [n,F].
void multiply_rows(const ConstMatrix& x, const PreparedLinear& w, float* y, int threads) {
  Buffer memory(x.size());
  PackedRows rows(x.rows(), x.cols(), tile_height(), memory.data());
  const Tiles& tiles = rows.tiles();
  constexpr Index together = 16;  // tiles per task
  parallel_ranges(threads, tiles.count(), together, [&](Index first, Index last) {
    for (Index t = first; t < last; t++) {
      std::vector<const float*> sources;
      for (Index r = tiles.begin(t); r < tiles.begin(t + 1); r++)
        sources.push_back(x.data() + r * x.outerStride());
      rows.set(t, sources.data());
    }
  });

  const std::vector<Work> jobs{{tiles, w.panels.count(), 1}};
  const std::vector<Task> tasks = plan(jobs, threads);
  const Index size = largest_output(jobs, tasks);
  Buffer out(size * threads);
  parallel_for(threads, static_cast<Index>(tasks.size()), [&](Index task, int worker) {
    const Block& block = tasks[static_cast<std::size_t>(task)].block;
    multiply(rows, w.panels, block, out.data() + worker * size);
    store(tiles, block, out.data() + worker * size, y, w.outputs);
  });
}

}  // namespace

PreparedLinear prepare(const Matrix& w, const Vector& bias) {
  require_available();
  PreparedLinear linear{Panels(panels_for(w.rows()), w.cols()), w.rows(), bias.size() != 0};
  parallel_for(thread_count(0), linear.panels.count(),
               [&](Index panel, int) { linear.panels.set(panel, w, bias, panel * kPanel); });
  return linear;
}

void unpack(const PreparedLinear& linear, Matrix& w, Vector& bias) {
  w.resize(linear.outputs, linear.panels.depth());
  bias.resize(linear.biased ? linear.outputs : 0);
  for (Index panel = 0; panel < linear.panels.count(); panel++) {
    linear.panels.get(panel, w, panel * kPanel);
    linear.panels.get(panel, bias, panel * kPanel);
  }
}

Matrix linear(const ConstMatrix& x, const PreparedLinear& w, int threads) {
  if (x.cols() != w.panels.depth())
    throw Error("linear: x has " + std::to_string(x.cols()) + " columns, expected " +
                std::to_string(w.panels.depth()));
  threads = thread_count(threads);
  // Some rows after the other, so that packed they stay in a cache and take little memory.
  constexpr Index few_values = Index{1} << 18;
  constexpr Index few_rows = 192;
  const Index together = std::max(few_rows, few_values / std::max<Index>(1, x.cols()));
  const Index parts = (x.rows() + together - 1) / together;
  Matrix y = new_matrix(x.rows(), w.outputs);
  for (Index i = 0; i < parts; i++) {
    const Index first = x.rows() * i / parts, last = x.rows() * (i + 1) / parts;
    multiply_rows(x.middleRows(first, last - first), w, y.data() + first * w.outputs, threads);
  }
  return y;
}

Matrix product(const ConstMatrix& a, const ConstMatrix& b, int threads) {
  PreparedLinear w{Panels(panels_for(b.cols()), b.rows()), b.cols(), false};
  parallel_for(thread_count(threads), w.panels.count(),
               [&](Index panel, int) { w.panels.set_columns(panel, b); });
  return linear(a, w, threads);
}

}  // namespace moe::cpu
