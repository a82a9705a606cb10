// Nemotron 3: experts that are not gated, perhaps in a latent space.
#include "tests/io/family_folders.h"

namespace moe::io {
namespace {

// Experts of two matrices, side by side or in one tensor, in D = 5 dimensions or in L = 4.
void expect_nemotron(bool fused, bool latent, const char* stem) {
  const Index F = 3, L = latent ? 4 : D;
  const Folder folder;
  Draft draft(std::string(stem) + "layers.1.mixer.", F);
  draft.add_router("gate.weight");
  draft.add_vector("gate.e_score_correction_bias", correction);
  std::vector<float> ups, downs;
  for (Index e = 0; e < E; ++e) {
    const std::string name = "experts." + std::to_string(e) + ".";
    if (!fused) draft.add(name + "up_proj.weight", {F, L}, table(up, e, F, L));
    if (!fused) draft.add(name + "down_proj.weight", {L, F}, table(down, e, L, F));
    for (const float v : table(up, e, F, L)) ups.push_back(v);
    for (const float v : table(down, e, L, F)) downs.push_back(v);
  }
  if (fused) draft.add("experts.up_proj", {E, F, L}, ups);
  if (fused) draft.add("experts.down_proj", {E, L, F}, downs);
  draft.add("shared_experts.up_proj.weight", {S, D}, table(sh_up, 0, S, D));
  draft.add("shared_experts.down_proj.weight", {D, S}, table(sh_down, 0, D, S));
  if (latent) draft.add("fc1_latent_proj.weight", {L, D}, table(gate, 7, L, D));
  if (latent) draft.add("fc2_latent_proj.weight", {D, L}, table(gate, 8, D, L));
  const std::string config = latent ? changed(kNemotron, R"("mlp_bias")", R"("moe_latent_size":4,"mlp_bias")") : kNemotron;
  write_model(folder, with_f(config, F), draft.tensors);
  const SparseLayer layer = load_layer(folder.path(), 1);
  expect_matrix(layer.router.weight, router, 0, E, D);
  expect_matrix(layer.router.selection_bias, correction, 0, E, 1);
  ASSERT_EQ(layer.experts.ffn.size(), std::size_t(E));
  for (Index e = 0; e < E; ++e) {
    EXPECT_EQ(layer.experts.ffn[std::size_t(e)].gate.size(), 0);
    expect_matrix(layer.experts.ffn[std::size_t(e)].up, up, e, F, L);
    expect_matrix(layer.experts.ffn[std::size_t(e)].down, down, e, L, F);
  }
  expect_matrix(layer.shared->ffn.up, sh_up, 0, S, D);
  expect_matrix(layer.shared->ffn.down, sh_down, 0, D, S);
  ASSERT_EQ(layer.latent.has_value(), latent);
  if (latent) expect_matrix(layer.latent->down, gate, 7, L, D);
  if (latent) expect_matrix(layer.latent->up, gate, 8, D, L);
}

TEST(Nemotron, EveryWeightLandsInItsPlace) {
  for (const bool latent : {false, true})
    for (const bool fused : {false, true}) expect_nemotron(fused, latent, fused ? "model." : "backbone.");
}

}  // namespace
}  // namespace moe::io
