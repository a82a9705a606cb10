#include "reference/trace.h"

namespace moe {

void record(Trace* trace, std::string_view name, const Matrix& values) {
  if (trace == nullptr) return;
  const auto size = static_cast<std::size_t>(values.size());
  trace->stage(name, {values.rows(), values.cols()},
               std::span(values.data(), size));
}

void record(Trace* trace, std::string_view name, const IntMatrix& values) {
  if (trace == nullptr) return;
  const auto size = static_cast<std::size_t>(values.size());
  trace->stage(name, {values.rows(), values.cols()},
               std::span(values.data(), size));
}

void Recording::stage(std::string_view name, const Shape& shape,
                      std::span<const float> values) {
  stages.push_back({std::string(name), shape,
                    std::vector<float>(values.begin(), values.end())});
}

void Recording::stage(std::string_view name, const Shape& shape,
                      std::span<const std::int32_t> values) {
  stages.push_back({std::string(name), shape,
                    std::vector<std::int32_t>(values.begin(), values.end())});
}

const Stage* Recording::find(std::string_view name) const {
  for (const Stage& stage : stages)
    if (stage.name == name) return &stage;
  return nullptr;
}

}  // namespace moe
