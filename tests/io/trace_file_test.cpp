// Traces go to .npz and come back.
#include "reference/io/trace_file.h"

#include "reference/io/npz.h"
#include "tests/io/support.h"

namespace moe::io {
namespace {

using testing::data_path;
using testing::expect_error;
using testing::Folder;

Recording example() {
  Recording trace;
  trace.stage("logits", {2, 3},
              std::span<const float>(std::vector<float>{1, -0.0F, 3, 4, 5, 0x1p-149F}));
  trace.stage("selected", {2, 1}, std::span<const std::int32_t>(std::vector<std::int32_t>{2, -1}));
  trace.stage("dispatched", {0, 3}, std::span<const float>());
  return trace;
}

TEST(TraceFile, RoundTripsStagesInOrder) {
  const Folder folder;
  const Recording trace = example();
  write_trace(folder.path("t.npz"), trace);
  const Recording back = read_trace(folder.path("t.npz"));
  ASSERT_EQ(back.stages.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back.stages[i].name, trace.stages[i].name);
    EXPECT_EQ(back.stages[i].shape, trace.stages[i].shape);
    EXPECT_EQ(back.stages[i].values, trace.stages[i].values);
  }
  const auto& logits = std::get<std::vector<float>>(back.find("logits")->values);
  EXPECT_TRUE(std::signbit(logits[1]));
}

TEST(TraceFile, RefusesStagesTwiceAndOtherTypes) {
  const Folder folder;
  Recording trace = example();
  trace.stages.push_back(trace.stages[0]);
  expect_error([&] { write_trace(folder.path("t.npz"), trace); }, {"t.npz", "logits", "twice"});
  expect_error([&] { write_trace(folder.path("t.npz"), Recording()); }, {"t.npz", "no arrays"});
  EXPECT_TRUE(folder.names().empty());
  expect_error([] { read_trace(data_path("io/stored.npz")); },
               {"stored.npz", "array a_f8", "F32 or I32", "F64"});
}

}  // namespace
}  // namespace moe::io
