#include "cpu/ffn_run.h"

#include <algorithm>

#include "cpu/activation.h"

namespace moe::cpu {

FfnRun::FfnRun(const FfnJob& job, float* memory)
    : job_(&job),
      rows_(job.rows, job.ffn->width, tile_height(), memory),
      hidden_(job.rows, job.ffn->hidden, tile_height(), memory + job.rows * job.ffn->width) {}

void FfnRun::gather(Index tile, float* scaled) {
  const Index D = job_->ffn->width;
  const Tiles& tiles = rows_.tiles();
  const float* sources[kMostRows];
  for (Index i = 0; i < tiles.rows(tile); i++) {
    const Index r = tiles.begin(tile) + i;
    const float* x = job_->x + job_->stride * (job_->tokens != nullptr ? job_->tokens[r] : r);
    if (job_->input_scale != nullptr) {
      float* product = scaled + i * D;
      for (Index d = 0; d < D; d++) product[d] = job_->input_scale[r] * x[d];
      x = product;
    }
    if (job_->dispatched != nullptr) std::copy(x, x + D, job_->dispatched + r * D);
    sources[i] = x;
  }
  rows_.set(tile, sources);
}

// `values` is [panel][row][16]; of a gated network the panels are gate, up, gate, up, ...
void FfnRun::activate(const Block& block, float* values) {
  const Index F = job_->ffn->hidden;
  const Tiles& tiles = hidden_.tiles();
  const Depths& depths = hidden_.depths();
  const Index first = tiles.begin(block.first_tile);
  const Index size = (tiles.begin(block.last_tile) - first) * kPanel;
  const Index unit = job_->ffn->gated ? 2 : 1;
  for (Index panel = block.first_panel; panel < block.last_panel; panel += unit) {
    float* gate = values + (panel - block.first_panel) * size;
    float* h = gate + (unit - 1) * size;
    if (job_->ffn->gated)
      gated_activation(*job_->activation, gate, h, h, size);
    else
      nonlinearity(*job_->activation, h, h, size);

    const Index f = panel / unit * kPanel;
    const Index width = std::min(kPanel, F - f);
    const Index piece = depths.piece(f);
    for (Index t = block.first_tile; t < block.last_tile; t++) {
      const Index rows = tiles.rows(t);
      float* to = hidden_.at(piece, t) + (f - depths.begin(piece)) * rows;
      const float* sources[kMostRows];
      for (Index i = 0; i < rows; i++, h += kPanel) {
        sources[i] = h;
        if (job_->hidden != nullptr)
          std::copy(h, h + width, job_->hidden + (tiles.begin(t) + i) * F + f);
      }
      interleave(sources, rows, 0, width, to);
    }
  }
}

void FfnRun::store(const Block& block, const float* values) const {
  const Index D = job_->ffn->width;
  const Tiles& tiles = hidden_.tiles();
  for (Index panel = block.first_panel; panel < block.last_panel; panel++) {
    const Index d = panel * kPanel;
    const Index width = std::min(kPanel, D - d);
    for (Index r = tiles.begin(block.first_tile); r < tiles.begin(block.last_tile); r++) {
      float* to = job_->out + r * D + d;
      if (job_->output_scale != nullptr)
        for (Index j = 0; j < width; j++) to[j] = job_->output_scale[r] * values[j];
      else
        std::copy(values, values + width, to);
      values += kPanel;
    }
  }
}

void FfnRun::compute_hidden(const Block& block, float* values) {
  multiply(rows_, job_->ffn->in, block, values);
  activate(block, values);
}

void FfnRun::compute_outputs(const Block& block, float* values) const {
  multiply(hidden_, job_->ffn->down, block, values);
  store(block, values);
}

}  // namespace moe::cpu
