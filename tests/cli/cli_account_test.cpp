// moe account, as scripts meet it.
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

}  // namespace
}  // namespace moe::test
