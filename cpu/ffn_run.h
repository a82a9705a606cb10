// One network under way: its rows and hidden values in tiles, and the fused steps around its two
// products.
#pragma once
#include "cpu/expert.h"
#include "cpu/schedule.h"

namespace moe::cpu {

/// A job and its values in tiles, which lie in memory of its maker's.
class FfnRun {
 public:
  /// Values of memory that a job takes.
  static Index values(const FfnJob& job) { return job.rows * (job.ffn->width + job.ffn->hidden); }
  /// Values that gather needs to itself.
  static Index scaled_values(const FfnJob& job) {
    return job.input_scale == nullptr ? 0 : job.ffn->width * tile_height();
  }

  FfnRun(const FfnJob& job, float* memory);

  /// Tiles to gather.
  Index tile_count() const { return rows_.tiles().count(); }
  /// The product whose values `activate` takes.
  Work first_product() const {
    return {rows_.tiles(), job_->ffn->in.count(), job_->ffn->gated ? 2 : 1};
  }
  /// The product whose values `store` takes; of no panels where nobody wants the outputs.
  Work second_product() const {
    return {hidden_.tiles(), job_->out == nullptr ? 0 : job_->ffn->down.count(), 1};
  }

  /// Step 1: a tile's rows, from wherever they are.
  void gather(Index tile, float* scaled);
  /// Step 2: a block of the first product into `values`, then the activation, and its results into
  /// tiles. Every tile of the block must be gathered.
  void compute_hidden(const Block& block, float* values);
  /// Step 3: a block of the second product into `values`, then to the outputs' rows. All hidden
  /// values of the block's rows must be there.
  void compute_outputs(const Block& block, float* values) const;

 private:
  void activate(const Block& block, float* values);
  void store(const Block& block, const float* values) const;

  const FfnJob* job_;
  PackedRows rows_;    // [rows,D]
  PackedRows hidden_;  // [rows,F]
};

}  // namespace moe::cpu
