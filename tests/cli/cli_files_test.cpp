// Traces that the program writes and compares, and expectations that do not hold.
#include "reference/io/array_values.h"
#include "reference/io/npz.h"
#include "reference/io/trace_file.h"
#include "reference/numerics/fingerprint.h"
#include "tests/cli/program.h"

namespace moe::test {
namespace {

constexpr const char* kCase = "preset=qwen2_moe T=5 D=8 F=6 E=4 K=2";

Outcome write_trace_of(const std::string& line, const std::string& path) {
  return run_moe({"case", line, "--out", path, "--json", "--tier", kFastTiers});
}

std::uint64_t fingerprint(const Stage& stage) {
  return std::visit([](const auto& v) { return numerics::fingerprint(v); }, stage.values);
}

TEST(CliFiles, ATraceHoldsWhatWasHashed) {
  const Folder folder;
  const Outcome r = write_trace_of(kCase, folder / "t.npz");
  ASSERT_EQ(r.status, 0) << r.err;
  const Recording trace = io::read_trace(folder / "t.npz");
  const Json stages = r.json()["stages"];
  EXPECT_EQ(trace.stages.size(), stages.size());
  for (const Stage& stage : trace.stages) {
    EXPECT_EQ(Json(stage.shape), stages[stage.name]["shape"]);
    EXPECT_EQ(fingerprint(stage), std::stoull(stages[stage.name]["hash"]["reference"].get<std::string>(), nullptr, 16)) << stage.name;
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"t.npz"});
}

TEST(CliFiles, SeveralLayersInOneTrace) {
  const Folder folder;
  const Outcome r = run_moe({"model", data("checkpoints/mixtral-tiny"), "--layers", "0,2", "--out", folder / "t.npz", "--tier", "cpu"});
  ASSERT_EQ(r.status, 0) << r.err;
  const Recording trace = io::read_trace(folder / "t.npz");
  EXPECT_NE(trace.find("layers.0.logits"), nullptr);
  EXPECT_NE(trace.find("layers.2.output"), nullptr);
  EXPECT_EQ(trace.find("layers.1.output"), nullptr);
}

TEST(CliFiles, EqualTracesAreEqual) {
  const Folder folder;
  ASSERT_EQ(write_trace_of(kCase, folder / "a.npz").status, 0);
  ASSERT_EQ(run_moe({"case", kCase, "--out", folder / "b.npz", "--tier", "cpu,reference"}).status, 0);
  const Outcome r = run_moe({"compare", folder / "a.npz", folder / "b.npz", "--json"});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.json()["equal"], true);
  EXPECT_GT(r.json()["values"].get<int>(), 0);
  EXPECT_EQ(r.json()["different"], 0);
  EXPECT_EQ(run_moe({"compare", folder / "a.npz", folder / "b.npz"}).status, 0);
}

TEST(CliFiles, APlantedDifferenceIsNamed) {
  const Folder folder;
  ASSERT_EQ(write_trace_of(kCase, folder / "a.npz").status, 0);
  Recording trace = io::read_trace(folder / "a.npz");
  for (Stage& stage : trace.stages)
    if (stage.name == "hidden") {
      float& value = std::get<std::vector<float>>(stage.values).at(7);
      value = numerics::from_bits(numerics::bits(value) ^ 1U);
    }
  io::write_trace(folder / "b.npz", trace);
  const Outcome json = run_moe({"compare", folder / "a.npz", folder / "b.npz", "--json"});
  EXPECT_EQ(json.status, 1) << json.err;
  EXPECT_EQ(json.json()["equal"], false);
  EXPECT_EQ(json.json()["first_difference"], "hidden");
  EXPECT_EQ(json.json()["different"], 1);
  EXPECT_EQ(json.json()["stages"]["hidden"]["first"]["index"], 7);
  EXPECT_EQ(json.json()["stages"]["hidden"]["first"]["ulp"], 1);
  const Outcome text = run_moe({"compare", folder / "a.npz", folder / "b.npz"});
  EXPECT_EQ(text.status, 1);
  EXPECT_NE(text.out.find("hidden"), std::string::npos);
}

TEST(CliFiles, AMissingStageIsADifference) {
  const Folder folder;
  ASSERT_EQ(write_trace_of(kCase, folder / "a.npz").status, 0);
  Recording trace = io::read_trace(folder / "a.npz");
  trace.stages.erase(trace.stages.begin() + 1);
  io::write_trace(folder / "b.npz", trace);
  EXPECT_EQ(run_moe({"compare", folder / "a.npz", folder / "b.npz"}).status, 1);
  EXPECT_EQ(run_moe({"compare", folder / "b.npz", folder / "a.npz"}).status, 1);
}

// A layer file with one value of one expectation changed.
void plant(const std::string& name, std::size_t index, double factor, const std::string& path) {
  const io::ArrayTable file = io::read_npz(data("vectors/layers/mixtral_small.npz"));
  std::vector<io::Array> arrays;
  for (const io::Array& a : file.arrays()) {
    arrays.push_back(a);
    if (a.name != name) continue;
    std::vector<double> values = io::to_f64(a);
    values.at(index) *= factor;
    arrays.back() = io::make_array(name, io::DType::f64, a.shape, std::as_bytes(std::span(values)));
  }
  io::write_npz(path, arrays);
}

TEST(CliFiles, AWrongExpectationIsADifference) {
  const Folder folder;
  for (const auto& [array, stage] : {std::pair("out.y", "output"), {"out.topk_w", "weights"}, {"out.router_logits", "logits"}}) {
    plant(array, 3, 1.001, folder / "bad.npz");
    const Outcome r = run_moe({"layer", folder / "bad.npz", "--json", "--tier", kFastTiers});
    EXPECT_EQ(r.status, 1) << array << r.err;
    EXPECT_EQ(r.json()["equal"], true);
    EXPECT_EQ(r.json()["ok"], false);
    EXPECT_EQ(r.json()["expected"][stage]["ok"], false);
    EXPECT_EQ(r.json()["expected"][stage]["outside"], 1);
    plant(array, 3, 1.0, folder / "good.npz");
    EXPECT_EQ(run_moe({"layer", folder / "good.npz", "--tier", kFastTiers}).status, 0);
  }
}

TEST(CliFiles, NaNIsExpectedNowhere) {
  const Folder folder;
  plant("out.y", 0, std::numeric_limits<double>::quiet_NaN(), folder / "bad.npz");
  const Outcome r = run_moe({"layer", folder / "bad.npz", "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 1) << r.err;
  EXPECT_EQ(r.json()["expected"]["output"]["ok"], false);
}

TEST(CliFiles, OtherChoicesAreMismatches) {
  const Folder folder;
  const io::ArrayTable file = io::read_npz(data("vectors/layers/mixtral_small.npz"));
  std::vector<io::Array> arrays;
  for (const io::Array& a : file.arrays()) {
    arrays.push_back(a);
    if (a.name != "out.topk_idx") continue;
    std::vector<std::int64_t> values = io::to_i64(a);
    std::swap(values.at(0), values.at(1));  // the order counts: a softmax router's is defined
    arrays.back() = io::make_array(a.name, io::DType::i64, a.shape, std::as_bytes(std::span(values)));
  }
  io::write_npz(folder / "bad.npz", arrays);
  const Outcome r = run_moe({"layer", folder / "bad.npz", "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 1) << r.err;
  EXPECT_EQ(r.json()["expected"]["selected"]["mismatches"], 2);
}

TEST(CliFiles, AFailedRunLeavesNothingBehind) {
  const Folder folder;
  const Outcome r = write_trace_of(kCase, folder / "missing/t.npz");
  EXPECT_EQ(r.status, 2);
  EXPECT_TRUE(r.out.empty());
  EXPECT_TRUE(folder.names().empty());
  write_file(folder / "old.npz", "old");
  EXPECT_EQ(run_moe({"layer", folder / "nowhere.npz", "--out", folder / "old.npz"}).status, 2);
  EXPECT_EQ(read_file(folder / "old.npz"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"old.npz"});
}

}  // namespace
}  // namespace moe::test
