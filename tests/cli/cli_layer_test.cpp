// What the subcommands that compute print and return.
#include <cctype>
#include <set>
#include <sstream>

#include <cstring>

#include "reference/io/npz.h"
#include "tests/cli/program.h"

namespace moe::test {
namespace {

bool is_hash(const Json& j) {
  const std::string s = j.is_string() ? j.get<std::string>() : "";
  return s.size() == 16 && std::all_of(s.begin(), s.end(), [](unsigned char c) { return std::isxdigit(c) && !std::isupper(c); });
}

// The keys of one layer's report, as the contract has them.
void expect_layer_keys(const Json& j, const std::set<std::string>& tiers) {
  EXPECT_TRUE(j["file"].is_string());
  EXPECT_EQ(j["variant"], "sparse");
  ASSERT_TRUE(j["stages"].is_object());
  for (const char* stage : {"logits", "scores", "selected", "weights", "positions", "dispatched", "hidden", "expert_out", "combined", "output"})
    EXPECT_TRUE(j["stages"].contains(stage)) << stage;
  for (const auto& [name, stage] : j["stages"].items()) {
    ASSERT_EQ(stage["shape"].size(), 2U) << name;
    EXPECT_GT(stage["shape"][0].get<int>(), 0);
    EXPECT_EQ(stage["equal"], true) << name;
    std::set<std::string> hashed, values;
    for (const auto& [tier, hash] : stage["hash"].items()) {
      hashed.insert(tier);
      EXPECT_TRUE(is_hash(hash)) << hash;
      values.insert(hash.get<std::string>());
    }
    EXPECT_EQ(hashed, tiers) << name;
    EXPECT_EQ(values.size(), 1U) << name << ": tiers differ";
  }
  EXPECT_EQ(j["equal"], true);
  EXPECT_EQ(j["ok"], true);
  ASSERT_TRUE(j["skipped"].is_object());
  for (const auto& [tier, reason] : j["skipped"].items()) {
    EXPECT_FALSE(tiers.contains(tier));
    EXPECT_FALSE(reason.get<std::string>().empty());
  }
  EXPECT_EQ(j["skipped"].size() + tiers.size(), 4U) << "every tier either ran or was skipped";
}

void expect_expectations(const Json& expected) {
  for (const char* name : {"output", "weights", "logits"}) {
    ASSERT_TRUE(expected.contains(name)) << name;
    EXPECT_TRUE(expected[name]["max_abs_error"].is_number());
    EXPECT_GT(expected[name]["bound"].get<double>(), 0.0);
    EXPECT_LE(expected[name]["max_abs_error"].get<double>(), expected[name]["bound"].get<double>());
    EXPECT_EQ(expected[name]["ok"], true);
  }
  EXPECT_EQ(expected["selected"]["mismatches"], 0);
  EXPECT_EQ(expected["selected"]["ok"], true);
}

TEST(Cli, LayerHasTheKeysOfTheContract) {
  const Outcome r = run_moe({"layer", data("vectors/layers/mixtral_small.npz"), "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  expect_layer_keys(j, {"reference", "cpu"});
  expect_expectations(j["expected"]);
}

TEST(Cli, EveryLayerFileIsEqualAndOk) {
  std::map<std::string, int> variants;
  for (const auto& entry : std::filesystem::directory_iterator(data("vectors/layers"))) {
    const Outcome r = run_moe({"layer", entry.path().string(), "--json", "--tier", kFastTiers});
    EXPECT_EQ(r.status, 0) << entry.path() << r.err;
    const Json j = r.json();
    EXPECT_EQ(j["equal"], true) << entry.path();
    EXPECT_EQ(j["ok"], true) << entry.path();
    EXPECT_GE(j["expected"].size(), 2U) << entry.path() << ": something besides the output";
    for (const auto& [name, verdict] : j["expected"].items()) EXPECT_EQ(verdict["ok"], true) << entry.path() << name;
    variants[j["variant"]]++;
  }
  EXPECT_EQ(variants, (std::map<std::string, int>{{"sparse", 12}, {"expert_choice", 1}, {"soft", 1}, {"hierarchical", 1}}));
}

TEST(Cli, ModelHasTheKeysOfTheContract) {
  const std::string folder = data("checkpoints/deepseek-v3-tiny");
  const Outcome r = run_moe({"model", folder, "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  EXPECT_EQ(j["model"], folder);
  EXPECT_EQ(j["equal"], true);
  EXPECT_EQ(j["ok"], true);
  ASSERT_EQ(j["layers"].size(), 3U);
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(j["layers"][static_cast<std::size_t>(i)]["layer"], i + 1);  // layer 0 is dense
    expect_layer_keys(j["layers"][static_cast<std::size_t>(i)], {"reference", "cpu"});
    expect_expectations(j["layers"][static_cast<std::size_t>(i)]["expected"]);
  }
}

TEST(Cli, ModelRunsOneLayerOnEveryTierThatIsHere) {
  const Outcome r = run_moe({"model", data("checkpoints/mixtral-tiny"), "--layers", "1", "--json"});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  ASSERT_EQ(j["layers"].size(), 1U);
  std::set<std::string> tiers;
  for (const auto& [tier, hash] : j["layers"][0]["stages"]["output"]["hash"].items()) tiers.insert(tier);
  EXPECT_TRUE(tiers.contains("reference") && tiers.contains("cpu"));
  expect_layer_keys(j["layers"][0], tiers);
}

TEST(Cli, ModelWithoutExpectationsComparesTheTiers) {
  const Folder folder;
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy(data("checkpoints/olmoe-tiny/") + name, folder / name);
  const Outcome r = run_moe({"model", folder.path().string(), "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_NE(r.err.find("generated"), std::string::npos) << r.err;
  const Json j = r.json();
  ASSERT_EQ(j["layers"].size(), 3U);
  EXPECT_TRUE(j["layers"][0]["expected"].empty());
  expect_layer_keys(j["layers"][0], {"reference", "cpu"});
  EXPECT_NE(j["layers"][0]["stages"]["output"]["hash"], j["layers"][1]["stages"]["output"]["hash"]);
}

TEST(Cli, HashesDoNotDependOnThreads) {
  std::set<std::string> seen;
  for (const char* threads : {"1", "2", "3", "7"}) {
    const Outcome r = run_moe({"case", "preset=deepseek_v3 T=31 D=33 F=40 E=8 K=3 gen=wild", "--json", "--tier", "cpu", "--threads", threads});
    EXPECT_EQ(r.status, 0) << r.err;
    seen.insert(r.json()["stages"].dump());
  }
  EXPECT_EQ(seen.size(), 1U);
}

TEST(Cli, ANamedTierThatCannotRunIsSkippedAndNamed) {
  const Json list = run_moe({"list", "--json"}).json();
  for (const Json& tier : list["tiers"]) {
    const std::string name = tier["name"];
    if (tier["available"] == true) continue;
    const Outcome r = run_moe({"case", "preset=mixtral", "--json", "--tier", "reference," + name});
    EXPECT_EQ(r.status, 0) << r.err;
    EXPECT_EQ(r.json()["skipped"][name], tier["skipped"]);
    EXPECT_FALSE(r.json()["stages"]["output"]["hash"].contains(name));
    EXPECT_EQ(run_moe({"case", "preset=mixtral", "--tier", name}).status, 2);
  }
}

// A layer file with one array of its expectations times 3.
void write_changed(const std::string& from, const std::string& name, const std::string& to) {
  std::vector<io::Array> arrays = io::read_npz(from).arrays();
  for (io::Array& array : arrays) {
    if (array.name != name) continue;
    std::vector<double> values(array.bytes.size() / sizeof(double));
    std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
    for (double& value : values) value *= 3;
    array = io::make_array(name, io::DType::f64, array.shape, std::as_bytes(std::span(values)));
  }
  io::write_npz(to, arrays);
}

TEST(Cli, ChangedExpectationsAreNoticed) {
  const Folder folder;
  for (const auto& [file, name] : {std::pair("mixtral_small", "out.y"), std::pair("mixtral_small", "out.aux_load_balance"),
                                   std::pair("switch_cap_drops", "out.aux_z"), std::pair("t2t_hier_roomy", "out.aux_loss"),
                                   std::pair("t2t_hier_roomy", "out.combine_inner"), std::pair("t2t_hier_roomy", "out.combine_outer")}) {
    write_changed(data(std::string("vectors/layers/") + file + ".npz"), name, folder / "changed.npz");
    const Outcome r = run_moe({"layer", folder / "changed.npz", "--tier", "reference"});
    EXPECT_EQ(r.status, 1) << file << " " << name << "\n" << r.err;
  }
}

TEST(Cli, NoTokensAreNoDifference) {
  const Outcome r = run_moe({"case", "preset=mixtral T=0", "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.json()["equal"], true);
  EXPECT_NE(r.err.find("no tokens"), std::string::npos) << r.err;
}

TEST(Cli, CaseShowsAStage) {
  const Outcome r = run_moe({"case", "preset=mixtral T=3 D=8 F=6 E=4 K=2", "--show", "selected", "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  EXPECT_EQ(j["show"]["stage"], "selected");
  EXPECT_EQ(j["show"]["values"].size(), 6U);
  for (const Json& e : j["show"]["values"]) EXPECT_TRUE(e.get<int>() >= 0 && e.get<int>() < 4);
}

TEST(Cli, CaseFindsWhereTwoPresetsPart) {
  const std::string line = "preset=olmoe T=5 D=8 F=6 E=4 K=2";
  const Outcome r = run_moe({"case", line, "--against", "mixtral", "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 1) << r.err;  // they differ, and that is what the comparison found
  EXPECT_EQ(r.json()["ok"], true);
  EXPECT_EQ(r.json()["against"]["first_stage"], "weights");  // mixtral divides them by their sum
  const Outcome same = run_moe({"case", line, "--against", "olmoe", "--json", "--tier", kFastTiers});
  EXPECT_EQ(same.status, 0) << same.err;
  EXPECT_EQ(same.json()["against"]["equal"], true);
}

TEST(Cli, ListNamesWhatThereIs) {
  const Json j = run_moe({"list", "--json"}).json();
  EXPECT_EQ(j["tiers"].size(), 4U);
  EXPECT_EQ(j["tiers"][0]["available"], true);
  EXPECT_GE(j["presets"].size(), 10U);
  EXPECT_EQ(j["functions"].size(), 12U);
  EXPECT_GE(j["variants"].size(), 12U);
  std::set<std::string> alone;
  for (const Json& variant : j["variants"]) {  // no cell is empty
    const Json& checked = variant["checked"];
    if (checked.contains("reference")) {
      alone.insert(variant["name"]);
      EXPECT_GT(checked["reference"]["oracle_values"], 0) << variant;
    }
    for (const Json& tier : j["tiers"]) {
      const std::string name = tier["name"];
      if (name == "reference") continue;
      if (!checked.contains("reference")) {
        EXPECT_GT(checked[name]["cases"], 0) << variant;
        EXPECT_EQ(checked[name]["runs_here"], tier["available"]) << variant;
      }
      EXPECT_EQ(checked[name]["runs_here"] == true, !checked[name].contains("skipped")) << variant;
      if (!checked.contains("reference") && tier["available"] == false) {
        EXPECT_EQ(checked[name]["skipped"], tier["skipped"]);
      }
    }
  }
  EXPECT_EQ(alone, (std::set<std::string>{"health", "losses", "mixture_tree"}));
}

TEST(Cli, ListShowsEveryVariantOnEveryTierInWords) {
  const std::string text = run_moe({"list"}).out;
  const Json j = run_moe({"list", "--json"}).json();
  const std::string table = text.substr(0, text.find("presets"));
  std::istringstream lines(table);
  std::map<std::string, std::string> row_of;  // the first line of each name is that of the tiers
  for (std::string line, name; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 130U) << line;
    std::istringstream(line) >> name;
    row_of.emplace(name, line);
  }
  for (const Json& variant : j["variants"]) {
    const std::string line = row_of[variant["name"]];
    for (const auto& [tier, checked] : variant["checked"].items()) {
      const char* key = checked.contains("oracle_values") ? "oracle_values" : "cases";
      const std::string cell = checked.contains(key) ? std::to_string(checked[key].get<int>()) : "the reference's alone";
      EXPECT_NE(line.find(cell), std::string::npos) << tier << ": " << line;
      if (checked.contains("cases") && checked.contains("skipped")) {
        EXPECT_NE(line.find(checked["skipped"].get<std::string>()), std::string::npos) << tier << ": " << line;
      }
    }
  }
}

TEST(Cli, DemoIsEqualAndOk) {
  const Outcome r = run_moe({"demo", "--json", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  EXPECT_EQ(j["equal"], true);
  EXPECT_EQ(j["ok"], true);
  ASSERT_EQ(j["checkpoints"].size(), 5U);
  for (const Json& c : j["checkpoints"]) {
    EXPECT_EQ(c["load"].size(), 3U);
    EXPECT_EQ(c["choices"]["agree"], c["choices"]["compared"]);
    EXPECT_GT(c["choices"]["agree"].get<int>(), 0);
    EXPECT_GT(c["values"].get<int>(), 0);
    EXPECT_LE(c["float64"]["share_of_bound"].get<double>(), 1.0);
  }
}

TEST(Cli, DemoFitsTheTerminal) {
  const Outcome r = run_moe({"demo", "--tier", kFastTiers});
  EXPECT_EQ(r.status, 0) << r.err;
  EXPECT_EQ(r.out.find('\033'), std::string::npos) << "colours where there is no terminal";
  std::size_t width = 0;
  int lines = 0;
  for (const char c : r.out) {
    if (c == '\n') {
      EXPECT_LE(width, 80U) << "line " << lines;
      width = 0;
      lines++;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      width++;
    }
  }
  EXPECT_GT(lines, 50);
}

class CliBench : public testing::TestWithParam<const char*> {};

TEST_P(CliBench, HasTheKeysOfTheContract) {
  const Outcome r = run_moe({"bench", "--shape", "D=32,F=48,E=4,K=2,T=8", "--route", "skew:1.2", "--json", "--tier", "cpu", "--threads", "1",
                             "--weights", GetParam()});
  EXPECT_EQ(r.status, 0) << r.err;
  const Json j = r.json();
  EXPECT_EQ(j["tier"], "cpu");
  EXPECT_EQ(j["shape"], Json({{"D", 32}, {"F", 48}, {"E", 4}, {"K", 2}, {"T", 8}}));
  EXPECT_EQ(j["threads"], 1);
  EXPECT_GT(j["seconds"]["min"].get<double>(), 0.0);
  EXPECT_GE(j["seconds"]["median"].get<double>(), j["seconds"]["min"].get<double>());
  for (const char* key : {"tokens_per_second", "gflops", "weight_gbytes_per_second", "share_of_ceiling"}) EXPECT_GT(j[key].get<double>(), 0.0) << key;
  for (const char* key : {"fma_gflops", "read_gbytes_per_second"}) EXPECT_GT(j["ceiling"][key].get<double>(), 0.0) << key;
  EXPECT_EQ(j["weights"], GetParam());
}

INSTANTIATE_TEST_SUITE_P(Weights, CliBench, testing::Values("f32", "bf16", "f16"));

}  // namespace
}  // namespace moe::test
