// moe account, as scripts meet it.
#include <cstring>

#include "tests/cli/program.h"

namespace moe::test {
namespace {

std::string config(const std::string& name) { return data("accounting/" + name + ".json"); }

TEST(CliAccount, JsonKeysThatStay) {
  const Json j = run_moe({"account", config("DeepSeek-V3"), "--json"}).json();
  EXPECT_EQ(j["model"], config("DeepSeek-V3"));
  EXPECT_EQ(j["total"], 671026419200);
  EXPECT_EQ(j["active"]["C1"].get<std::int64_t>() - j["active"]["C2"].get<std::int64_t>(), 129280LL * 7168);
  EXPECT_EQ(j["mtp"].get<std::int64_t>() / 1000000, 11610);
  std::int64_t total = 0, active = 0;
  for (const char* name : {"embedding", "lm_head", "attention", "dense_ffn", "router", "routed_experts", "shared_experts", "norms"}) {
    total += j["components"][name]["total"].get<std::int64_t>();
    active += j["components"][name]["active"].get<std::int64_t>();
  }
  EXPECT_EQ(total, j["total"]);
  EXPECT_EQ(active, j["active"]["C1"]);
}

TEST(CliAccount, ByNameByFileAndByFolder) {
  const Folder folder;
  write_file(folder / "config.json", read_file(config("Mixtral-8x7B")));
  for (const std::string& asked : {std::string("mixtral-8x7b"), config("Mixtral-8x7B"), folder / "config.json", folder.path().string()}) {
    const Outcome r = run_moe({"account", asked, "--json"});
    EXPECT_EQ(r.status, 0) << r.err;
    EXPECT_EQ(r.json()["total"], 46702792704) << asked;
  }
  EXPECT_NE(run_moe({"account", "--names"}).out.find("Mixtral-8x7B\n"), std::string::npos);
}

TEST(CliAccount, AgreesWithTheWeights) {
  for (const auto& entry : std::filesystem::directory_iterator(data("checkpoints"))) {
    if (!entry.is_directory()) continue;
    const Json counted = run_moe({"account", entry.path().string(), "--json"}).json();
    const Json model = run_moe({"model", entry.path().string(), "--json", "--tier", "cpu"}).json();
    std::int64_t total = 0, active = 0;
    for (const Json& layer : model["layers"]) {
      total += layer["parameters"]["total"].get<std::int64_t>();
      active += layer["parameters"]["active"].get<std::int64_t>();
    }
    EXPECT_EQ(counted["moe"]["total"], total) << entry.path();
    EXPECT_EQ(counted["moe"]["active"], active) << entry.path();
  }
}

void expect_refused(const std::vector<std::string>& arguments, const std::vector<std::string>& named) {
  const Outcome r = run_moe(arguments);
  EXPECT_EQ(r.status, 2) << r.out << r.err;
  EXPECT_TRUE(r.out.empty()) << r.out;
  EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
  for (const std::string& word : named) EXPECT_NE(r.err.find(word), std::string::npos) << "expected " << word << " in\n" << r.err;
}

TEST(CliAccount, BadInput) {
  const Folder folder;
  expect_refused({"account"}, {"MODEL"});
  expect_refused({"account", "no-such-model"}, {"no-such-model"});
  expect_refused({"account", folder.path().string()}, {folder.path().string(), "config.json"});
  write_file(folder / "config.json", "{\"model_type\": \"mixtral\", \"hidden_size\": \"wide\"}");
  expect_refused({"account", folder / "config.json", "--json"}, {"config.json", "hidden_size", "wide"});
  write_file(folder / "config.json", "[]");
  expect_refused({"account", folder / "config.json"}, {"config.json", "object"});
  std::string huge = read_file(config("Mixtral-8x7B"));
  huge.replace(huge.find("32000"), 5, "1099511627776");
  huge.replace(huge.find("4096"), 4, "1099511627776");
  write_file(folder / "config.json", huge);
  expect_refused({"account", folder / "config.json"}, {"config.json", "2^63"});
}

TEST(CliAccount, BytesOfABundledCheckpointAreThoseOfItsFiles) {
  int checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data("checkpoints"))) {
    if (!entry.is_directory()) continue;
    const Json bytes = run_moe({"account", entry.path().string(), "--json"}).json()["bytes"];
    EXPECT_EQ(bytes["files"], bytes["checkpoint"]) << entry.path();
    const std::string file = read_file(entry.path() / "model.safetensors");
    std::uint64_t header = 0;
    std::memcpy(&header, file.data(), 8);
    EXPECT_EQ(bytes["files"].get<std::uint64_t>() + header + 8, file.size()) << entry.path();
    checked++;
  }
  EXPECT_EQ(checked, 5);
}

TEST(CliAccount, TouchedByATrace) {
  const Folder folder;
  ASSERT_EQ(run_moe({"model", data("checkpoints/mixtral-tiny"), "--layers", "0", "--out", folder / "t.npz", "--tier", "cpu"}).status, 0);
  const Json one = run_moe({"account", data("checkpoints/mixtral-tiny"), "--trace", folder / "t.npz", "--json"}).json()["touched"];
  EXPECT_EQ(one["from"], "trace");
  EXPECT_EQ(one["experts_per_layer"], 2.0);  // one token touches K
  const Json many = run_moe({"account", data("checkpoints/mixtral-tiny"), "--trace", folder / "t.npz", "--batch", "4", "--json"}).json()["touched"];
  EXPECT_GT(many["experts_per_layer"].get<double>(), 2);
  EXPECT_LT(many["experts_per_layer"].get<double>(), 8);
  EXPECT_EQ(many["load"].size(), 8U);
  EXPECT_EQ(many["replicas"]["copies"].size(), 8U);
  EXPECT_LE(many["replicas"]["busiest_rank"].get<double>(), many["replicas"]["busiest_rank_before"].get<double>());
  expect_refused({"account", "DeepSeek-V3", "--trace", folder / "t.npz"}, {"t.npz", "selected", "8", "2"});
  expect_refused({"account", "Llama-3-8B", "--trace", folder / "t.npz"}, {"t.npz", "no experts"});
}

TEST(CliAccount, ClaimsMeetEveryConvention) {
  const Outcome good = run_moe({"account", "Qwen3-30B-A3B", "--claims", "30B total, 3B active"});
  EXPECT_EQ(good.status, 0) << good.err;
  for (const char* word : {"30,532,122,624", "3,353,032,704", "3,041,867,776", "2,730,702,848", "cut off", "rounded"})
    EXPECT_NE(good.out.find(word), std::string::npos) << word;
  EXPECT_EQ(run_moe({"account", "gpt-oss-20b", "--claims", "21B parameters in total with 3.6B active"}).status, 0);
  EXPECT_EQ(run_moe({"account", "Mixtral-8x7B", "--claims", "56B total"}).status, 1) << "8 x 7 is not 46.7";
  EXPECT_EQ(run_moe({"account", "DeepSeekMoE-16B", "--claims", "16.4B total, 2.8B active"}).status, 0);
  const Outcome both = run_moe({"account", "Mixtral-8x7B", "--claims", "46.7B total, 7B active", "--json"});
  EXPECT_EQ(both.status, 1);
  EXPECT_EQ(both.json()["claims"][0]["conventions"]["total"]["fits"], "rounded");
  EXPECT_EQ(both.json()["claims"][1]["ok"], false);
  expect_refused({"account", "Mixtral-8x7B", "--claims", "quite large"}, {"--claims", "quite large"});
}

TEST(CliAccount, ExplainsEveryNumber) {
  for (const char* component : {"embedding", "lm_head", "attention", "router", "routed_experts", "norms", "total", "C1", "C2", "C3", "flops", "cache", "bytes", "activations"}) {
    const Outcome r = run_moe({"account", "Mixtral-8x7B", "--explain", component});
    EXPECT_EQ(r.status, 0) << r.err;
    const std::string word = component == std::string("flops") ? "2 ×" : component == std::string("activations") ? "expert_out" : component;
    EXPECT_NE(r.out.find(word), std::string::npos) << r.out;
  }
  const std::string experts = run_moe({"account", "Mixtral-8x7B", "--explain", "routed_experts"}).out;
  EXPECT_NE(experts.find("E f_e d  =  8·14336·4096  =  469,762,048"), std::string::npos) << experts;
  EXPECT_NE(experts.find("45,097,156,608"), std::string::npos) << experts;
  expect_refused({"account", "Mixtral-8x7B", "--explain", "magic"}, {"--explain", "magic", "routed_experts"});
}

TEST(CliAccount, ComparesAndLists) {
  const std::string table = run_moe({"account", "Mixtral-8x7B", "DeepSeek-V3", "Llama-3-8B", "--batch", "64"}).out;
  for (const char* word : {"Mixtral-8x7B", "DeepSeek-V3", "Llama-3-8B", "222.4/256", "5.6 %"}) EXPECT_NE(table.find(word), std::string::npos) << table;
  EXPECT_EQ(run_moe({"account", "Mixtral-8x7B", "DeepSeek-V3", "--json"}).json()["models"].size(), 2U);
  const std::string list = run_moe({"account", "NLLB-MoE-54B", "--checklist"}).out;
  EXPECT_NE(list.find("num_experts_per_tok: 2"), std::string::npos) << list;
}

TEST(CliAccount, OptionsChangeWhatTheySay) {
  const auto number = [](std::vector<std::string> options, const char* group, const char* key) {
    options.insert(options.begin(), {"account", "DeepSeek-V3", "--json"});
    return run_moe(options).json()[group][key].get<double>();
  };
  EXPECT_NEAR(number({"--weights", "bf16"}, "bytes", "weights"), 2.0 * 671026419200, 1e6);
  EXPECT_EQ(number({"--context", "1024"}, "flops", "decode"), 90647166976);
  EXPECT_NEAR(number({"--batch", "16"}, "touched", "experts_per_layer"), 101.9622, 1e-4);
  EXPECT_NEAR(number({"--ranks", "8"}, "all_to_all", "dispatch_bf16_per_rank"), 3852134.7, 0.1);
  EXPECT_NEAR(number({"--hardware", "h200"}, "hardware", "ridge"), 989.0 / 4.8, 0.01);
  expect_refused({"account", "Mixtral-8x7B", "--weights", "int3"}, {"int3", "mxfp4"});
  expect_refused({"account", "Mixtral-8x7B", "--hardware", "abacus"}, {"abacus", "h100"});
  expect_refused({"account", "Mixtral-8x7B", "--batch", "0"}, {"--batch"});
  expect_refused({"account", "Mixtral-8x7B", "--context", "1099511627776"}, {"Mixtral-8x7B", "--context", "2^63"});
}

}  // namespace
}  // namespace moe::test
