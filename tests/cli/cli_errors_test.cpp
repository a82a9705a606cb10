// Bad usage and bad input: status 2, one line on standard error that names the place, nothing on standard output.
#include "tests/cli/program.h"

namespace moe::test {
namespace {

void expect_refused(const std::vector<std::string>& arguments, const std::vector<std::string>& named) {
  const Outcome r = run_moe(arguments);
  const std::string what = ::testing::PrintToString(arguments) + "\n" + r.err;
  EXPECT_EQ(r.status, 2) << what;
  EXPECT_TRUE(r.out.empty()) << what << r.out;
  EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << what;
  EXPECT_EQ(r.err.rfind("moe: ", 0), 0U) << what;
  for (const std::string& word : named) EXPECT_NE(r.err.find(word), std::string::npos) << "expected " << word << " in\n" << what;
}

TEST(CliErrors, Usage) {
  expect_refused({}, {"subcommand"});
  expect_refused({"nonsense"}, {"nonsense"});
  expect_refused({"layer"}, {"FILE"});
  expect_refused({"layer", "a.npz", "b.npz"}, {"b.npz"});
  expect_refused({"case", "preset=mixtral", "--nonsense"}, {"--nonsense"});
  expect_refused({"case", "preset=mixtral", "--threads", "0"}, {"--threads"});
  expect_refused({"case", "preset=mixtral", "--threads", "many"}, {"--threads"});
  expect_refused({"case", "preset=mixtral", "--weights", "f64"}, {"--weights", "f64"});
  expect_refused({"case", "preset=mixtral", "--out", ""}, {"--out"});
}

TEST(CliErrors, Tiers) {
  expect_refused({"case", "preset=mixtral", "--tier", "gpu"}, {"gpu", "reference", "cuda-emulated"});
  expect_refused({"case", "preset=mixtral", "--tier", "reference,,cpu"}, {"--tier"});
  expect_refused({"case", "preset=mixtral", "--tier", "cpu,cpu"}, {"cpu", "twice"});
}

TEST(CliErrors, Cases) {
  expect_refused({"case", "preset=nonsense"}, {"nonsense", "mixtral"});
  expect_refused({"case", "garbage"}, {"garbage"});
  expect_refused({"case", "T=-1"}, {"T", "-1"});
  expect_refused({"case", "E=4 K=5"}, {"K", "5"});
  expect_refused({"case", "gen=strange"}, {"strange"});
  expect_refused({"case", "preset=mixtral", "--show", "nonsense"}, {"nonsense", "logits"});
  expect_refused({"case", "preset=mixtral", "--against", "nonsense"}, {"nonsense", "mixtral"});
}

TEST(CliErrors, LayerFiles) {
  const Folder folder;
  const std::string good = data("vectors/layers/mixtral_small.npz");
  expect_refused({"layer", folder / "missing.npz"}, {"missing.npz"});
  expect_refused({"layer", folder.path().string()}, {folder.path().string()});
  write_file(folder / "empty.npz", "");
  expect_refused({"layer", folder / "empty.npz", "--json"}, {"empty.npz"});
  const std::string bytes = read_file(good);
  for (const std::size_t keep : {std::size_t{10}, bytes.size() / 2, bytes.size() - 1}) {
    write_file(folder / "cut.npz", bytes.substr(0, keep));
    expect_refused({"layer", folder / "cut.npz", "--json"}, {"cut.npz"});
  }
}

TEST(CliErrors, Models) {
  const Folder folder;
  const std::string model = data("checkpoints/mixtral-tiny");
  expect_refused({"model", folder / "missing"}, {"missing"});
  expect_refused({"model", folder.path().string()}, {"config.json"});
  expect_refused({"model", model, "--layers", "7"}, {"7", "0, 1, 2"});
  expect_refused({"model", model, "--layers", "one"}, {"one"});
  expect_refused({"model", model, "--layers", "1,1"}, {"twice"});
  expect_refused({"model", model, "--input", folder / "missing.safetensors"}, {"missing.safetensors"});
  expect_refused({"model", model, "--input", model + "/model.safetensors"}, {"layers.0.input"});
  expect_refused({"model", model, "--input", data("checkpoints/gpt-oss-tiny/capture.safetensors")}, {"layers.0.input", "64", "80"});
  std::filesystem::copy(model, folder.path(), std::filesystem::copy_options::recursive);
  std::string config = read_file(folder / "config.json");
  config.replace(config.find("\"num_experts_per_tok\": 2"), 24, "\"num_experts_per_tok\": 9");
  std::filesystem::permissions(folder / "config.json", std::filesystem::perms::owner_all);
  write_file(folder / "config.json", config);
  expect_refused({"model", folder.path().string()}, {"config.json", "num_experts_per_tok", "9"});
}

TEST(CliErrors, OtherFiles) {
  const Folder folder;
  expect_refused({"compare", folder / "a.npz", folder / "b.npz"}, {"a.npz"});
  write_file(folder / "a.npz", "no archive");
  expect_refused({"compare", folder / "a.npz", folder / "a.npz", "--json"}, {"a.npz"});
  expect_refused({"account", folder / "missing"}, {"missing"});
  write_file(folder / "config.json", "{\"model_type\": \"strange\"}");
  expect_refused({"account", folder / "config.json"}, {"config.json", "strange"});
  expect_refused({"demo", "--data", folder / "missing"}, {"missing"});
  std::filesystem::create_directory(folder / "data");
  expect_refused({"demo", "--data", folder / "data"}, {"data"});
}

TEST(CliErrors, Bench) {
  const std::string shape = "D=8,F=8,E=4,K=2,T=4";
  expect_refused({"bench"}, {"--shape"});
  expect_refused({"bench", "--shape", "D=8,F=8,E=4,K=2"}, {"--shape", "T"});
  expect_refused({"bench", "--shape", shape + ",D=9"}, {"D=9"});
  expect_refused({"bench", "--shape", "D=8,F=8,E=4,K=2,T=x"}, {"T=x"});
  expect_refused({"bench", "--shape", "D=8,F=8,E=4,K=5,T=4"}, {"K"});
  expect_refused({"bench", "--shape", shape, "--route", "sideways"}, {"sideways"});
  expect_refused({"bench", "--shape", shape, "--route", "skew:x"}, {"skew"});
  expect_refused({"bench", "--shape", shape, "--tier", "reference,cpu"}, {"one tier"});
  expect_refused({"bench", "--shape", "D=1000000,F=1000000,E=1000,K=2,T=1"}, {"values"});
}

}  // namespace
}  // namespace moe::test
