// Networks over their rows: the fused kernels around the two products.
#include <algorithm>
#include <atomic>
#include <vector>

#include "cpu/activation.h"
#include "cpu/expert.h"
#include "cpu/parallel.h"
#include "cpu/schedule.h"

namespace moe::cpu {
namespace {

// A job and its values in tiles.
struct Run {
  const FfnJob* job;
  PackedRows rows;    // [rows,D]
  PackedRows hidden;  // [rows,F]
};

// Step 1: the tile's rows, from wherever they are.
void pack_tile(Run& run, Index tile, float* scaled) {
  const FfnJob& job = *run.job;
  const Index D = job.ffn->width;
  const Tiles& tiles = run.rows.tiles();
  const float* sources[kMostRows];
  for (Index i = 0; i < tiles.rows(tile); i++) {
    const Index r = tiles.begin(tile) + i;
    const float* x = job.x + job.stride * (job.tokens != nullptr ? job.tokens[r] : r);
    if (job.input_scale != nullptr) {
      float* product = scaled + i * D;
      for (Index d = 0; d < D; d++) product[d] = job.input_scale[r] * x[d];
      x = product;
    }
    if (job.dispatched != nullptr) std::copy(x, x + D, job.dispatched + r * D);
    sources[i] = x;
  }
  run.rows.set(tile, sources);
}

// Step 2, after the product: the activation, and its results into the tiles of `hidden`.
// `values` is [panel][row][16]; of a gated network the panels are gate, up, gate, up, ...
void activate(Run& run, const Block& block, float* values) {
  const FfnJob& job = *run.job;
  const Index F = job.ffn->hidden;
  const Tiles& tiles = run.hidden.tiles();
  const Depths& depths = run.hidden.depths();
  const Index first = tiles.begin(block.first_tile);
  const Index size = (tiles.begin(block.last_tile) - first) * kPanel;
  const Index unit = job.ffn->gated ? 2 : 1;
  for (Index panel = block.first_panel; panel < block.last_panel; panel += unit) {
    float* gate = values + (panel - block.first_panel) * size;
    float* h = gate + (unit - 1) * size;
    if (job.ffn->gated)
      gated_activation(*job.activation, gate, h, h, size);
    else
      nonlinearity(*job.activation, h, h, size);

    const Index f = panel / unit * kPanel;
    const Index width = std::min(kPanel, F - f);
    const Index piece = depths.piece(f);
    for (Index t = block.first_tile; t < block.last_tile; t++) {
      const Index rows = tiles.rows(t);
      float* to = run.hidden.at(piece, t) + (f - depths.begin(piece)) * rows;
      const float* sources[kMostRows];
      for (Index i = 0; i < rows; i++, h += kPanel) {
        sources[i] = h;
        if (job.hidden != nullptr)
          std::copy(h, h + width, job.hidden + (tiles.begin(t) + i) * F + f);
      }
      interleave(sources, rows, 0, width, to);
    }
  }
}

// Step 3, after the product: the outputs to their rows.
void store(const Run& run, const Block& block, const float* values) {
  const FfnJob& job = *run.job;
  const Index D = job.ffn->width;
  const Tiles& tiles = run.hidden.tiles();
  for (Index panel = block.first_panel; panel < block.last_panel; panel++) {
    const Index d = panel * kPanel;
    const Index width = std::min(kPanel, D - d);
    for (Index r = tiles.begin(block.first_tile); r < tiles.begin(block.last_tile); r++) {
      float* to = job.out + r * D + d;
      if (job.output_scale != nullptr)
        for (Index j = 0; j < width; j++) to[j] = job.output_scale[r] * values[j];
      else
        std::copy(values, values + width, to);
      values += kPanel;
    }
  }
}

// Runs all blocks of a product; `then` gets each block's values.
template <class Then>
void products(std::vector<Run>& runs, const std::vector<Work>& works, int threads, bool first,
              const Then& then) {
  const std::vector<Task> tasks = plan(works, threads);
  const Index size = largest_output(works, tasks);
  Buffer values(size * threads);
  // Every other thread begins at the small end: large tasks wait for arithmetic and small ones for
  // memory, and side by side each has what it waits for to itself. As many as have been claimed at
  // both ends together are at most all, so the ends do not pass each other.
  const auto count = static_cast<Index>(tasks.size());
  std::atomic<Index> from_front{0}, from_back{0};
  parallel_for(threads, count, [&](Index, int worker) {
    const Index i = worker % 2 == 0 ? from_front++ : count - 1 - from_back++;
    const Task& task = tasks[static_cast<std::size_t>(i)];
    Run& run = runs[static_cast<std::size_t>(task.job)];
    float* out = values.data() + worker * size;
    const PreparedFfn& ffn = *run.job->ffn;
    multiply(first ? run.rows : run.hidden, first ? ffn.in : ffn.down, task.block, out);
    then(run, task.block, out);
  });
}

void pack(std::vector<Run>& runs, int threads) {
  struct Tile {
    Run* run;
    Index first, last;
  };
  constexpr Index together = 8;
  std::vector<Tile> tasks;
  Index scaled_size = 0;
  Index values = 0;
  for (Run& run : runs) {
    values += run.job->rows * run.job->ffn->width;
    const Index count = run.rows.tiles().count();
    for (Index t = 0; t < count; t += together)
      tasks.push_back({&run, t, std::min(count, t + together)});
    if (run.job->input_scale != nullptr)
      scaled_size = std::max(scaled_size, run.job->ffn->width * tile_height());
  }
  // One thread copies so few in less time than two take to meet.
  constexpr Index few = Index{1} << 14;
  if (values <= few) threads = 1;
  Buffer scaled(scaled_size * threads);
  parallel_for(threads, static_cast<Index>(tasks.size()), [&](Index i, int worker) {
    const Tile& task = tasks[static_cast<std::size_t>(i)];
    for (Index t = task.first; t < task.last; t++)
      pack_tile(*task.run, t, scaled.data() + worker * scaled_size);
  });
}

}  // namespace

void run_ffns(std::span<const FfnJob> jobs, int threads) {
  std::vector<Run> runs;
  for (const FfnJob& job : jobs) {
    if (job.rows == 0) continue;  // nobody chose this expert
    runs.push_back({&job, PackedRows(job.rows, job.ffn->width, tile_height()),
                    PackedRows(job.rows, job.ffn->hidden, tile_height())});
  }
  pack(runs, threads);

  std::vector<Work> in, down;
  for (const Run& run : runs) {
    in.push_back({run.rows.tiles(), run.job->ffn->in.count(), run.job->ffn->gated ? 2 : 1});
    if (run.job->out != nullptr)
      down.push_back({run.hidden.tiles(), run.job->ffn->down.count(), 1});
  }
  products(runs, in, threads, true, activate);
  // Nobody may read hidden values before all of a row's are there: parallel_for ends in a barrier.
  if (!down.empty()) products(runs, down, threads, false, store);
}

}  // namespace moe::cpu
