// FLOPs, bytes, caches, traffic: the published and independently counted values.
#include <gtest/gtest.h>

#include <cmath>

#include "reference/accounting/flops.h"
#include "reference/accounting/replicas.h"
#include "reference/accounting/stages.h"
#include "reference/accounting/step.h"
#include "reference/accounting/touched.h"
#include "reference/accounting/traffic.h"
#include "tests/accounting/configs.h"

namespace moe::test {
namespace {

using namespace accounting;

/// gpt-oss-120b is gpt-oss-20b with 36 layers of 128 experts; Scout is Maverick with 16 experts in every layer.
Model relative(const std::string& name) {
  if (name == "gpt-oss-120b") {
    Config c = config("gpt-oss-20b");
    c["num_hidden_layers"] = 36;
    c["num_local_experts"] = 128;
    for (int i = 0; i < 12; i++) c["layer_types"].push_back(i % 2 == 0 ? "sliding_attention" : "full_attention");
    return parsed(c);
  }
  if (name == "Llama-4-Scout-17B-16E") {
    Config c = config("Llama-4-Maverick-17B-128E");
    language(c)["num_local_experts"] = 16;
    language(c)["interleave_moe_layer_step"] = 1;
    return parsed(c);
  }
  if (name == "Kimi-K2-Instruct") {
    Config c = config("DeepSeek-V3");
    c["n_routed_experts"] = 384;
    c["num_attention_heads"] = 64;
    c["first_k_dense_replace"] = 1;
    c["n_group"] = c["topk_group"] = 1;
    return parsed(c);
  }
  return model(name);
}

struct Work {
  const char* model;
  Index weights, decode_1024, decode_32768, prefill_4096;
};

TEST(AccountingCosts, FlopsOfATokenAndAPrompt) {
  for (const Work& w : {Work{"Llama-3-70B", 139'003'428'864, 141'687'783'424, 224'902'774'784, 582'748'632'776'704},
                        {"Mixtral-8x7B", 25'497'174'016, 26'034'044'928, 42'677'043'200, 107'762'065'342'464},
                        {"Qwen3-30B-A3B", 6'083'313'664, 6'888'620'032, 31'853'117'440, 28'967'492'386'816},
                        {"DeepSeek-V3", 73'249'193'984, 90'647'166'976, 629'984'329'728, 334'368'312'131'584},
                        {"gpt-oss-120b", 10'262'200'320, 10'601'938'944, 19'963'625'472, 39'917'596'557'312},
                        {"Qwen3-Next-80B-A3B", 7'124'746'240, 7'460'552'704, 13'701'677'056, 28'835'019'489'280},
                        {"Jamba-v0.1", 23'672'651'776, 23'767'285'760, 25'847'660'544, 95'427'328'212'992},
                        {"MiniMax-M1-80k", 94'345'101'312, 95'047'647'232, 105'449'521'152, 380'623'131'246'592}}) {
    const Model m = relative(w.model);
    EXPECT_EQ(weight_flops(m, true), w.weights) << w.model;
    EXPECT_EQ(decode_flops(m, 1024), w.decode_1024) << w.model;
    EXPECT_EQ(decode_flops(m, 32768), w.decode_32768) << w.model;
    EXPECT_EQ(prefill_flops(m, 4096, false), w.prefill_4096) << w.model;
    EXPECT_EQ(training_flops(m, 4096, false), 3 * prefill_flops(m, 4096, true)) << w.model;
    EXPECT_EQ(training_flops(m, 4096, true), 4 * prefill_flops(m, 4096, true)) << w.model;
  }
}

// A prompt is the sum of its positions.
TEST(AccountingCosts, PromptsAreSumsOfPositions) {
  for (const std::string& name : config_names())
    for (const Layer& layer : model(name).layers)
      for (const Mixer& mixer : layer.mixers) {
        if (mixer.cross) continue;
        Mixer narrow = mixer;  // limits small enough to be reached
        narrow.window = std::min<Index>(mixer.window, 5);
        narrow.chunk = std::min<Index>(mixer.chunk, 4);
        narrow.index_keys = std::min<Index>(mixer.index_keys, 6);
        Index sum = 0;
        for (Index n = 1; n <= 11; n++) sum += mixer_flops(narrow, n, false);
        EXPECT_EQ(mixer_prompt_flops(narrow, 11), sum) << name;
      }
}

struct Kept {
  const char* model;
  Index per_token, per_windowed_token, state, at_32768;
};

TEST(AccountingCosts, CachesAndStates) {
  for (const Kept& k : {Kept{"Llama-2-7B", 524'288, 0, 0, 17'179'869'184},
                        {"Llama-3-70B", 327'680, 0, 0, 10'737'418'240},
                        {"Mixtral-8x7B", 131'072, 0, 0, 4'294'967'296},
                        {"Qwen3-30B-A3B", 98'304, 0, 0, 3'221'225'472},
                        {"DeepSeek-V3", 70'272, 0, 0, 2'302'672'896},
                        {"DeepSeek-V3.2", 85'888, 0, 0, 2'814'377'984},
                        {"GLM-4.5", 376'832, 0, 0, 12'348'030'976},
                        {"gpt-oss-120b", 36'864, 36'864, 0, 1'212'678'144},
                        {"Llama-4-Scout-17B-16E", 49'152, 147'456, 0, 2'818'572'288},
                        {"Qwen3-Next-80B-A3B", 24'576, 0, 77'266'944, 882'573'312},
                        {"Jamba-v0.1", 16'384, 0, 16'056'320, 552'927'232},
                        {"MiniMax-M1-80k", 40'960, 0, 293'601'280, 1'635'778'560},
                        {"Nemotron-3-Nano-30B-A3B", 6'144, 0, 49'082'368, 250'408'960},
                        {"LongCat-Flash-Chat", 64'512, 0, 0, 2'113'929'216}}) {
    const Model m = relative(k.model);
    const Cache c = cache(m, {});
    EXPECT_EQ(c.per_token, k.per_token) << k.model;
    EXPECT_EQ(c.per_windowed_token, k.per_windowed_token) << k.model;
    EXPECT_EQ(c.state, k.state) << k.model;
    EXPECT_EQ(cache_bytes(m, 32768, {}), k.at_32768) << k.model;
  }
}

TEST(AccountingCosts, CachesOfPagesAndRanks) {
  const Model mixtral = model("Mixtral-8x7B");  // 8 key-value heads
  EXPECT_EQ(cache_bytes(mixtral, 17, {.page = 16}), 32 * 131'072);
  EXPECT_EQ(cache(mixtral, {.tensor_ranks = 8}).per_token, 131'072 / 8);
  EXPECT_EQ(cache(mixtral, {.tensor_ranks = 16}).per_token, 131'072 / 8) << "beyond g, heads are copied";
  const Model deepseek = model("DeepSeek-V3");
  EXPECT_EQ(cache(deepseek, {.tensor_ranks = 8}).per_token, 70'272) << "each rank holds the whole latent";
}

TEST(AccountingCosts, CheckpointBytes) {
  int known = 0;
  for (const Golden& g : golden()) {
    if (g.bytes == "-") continue;
    const Model m = model(g.name);
    EXPECT_EQ(checkpoint_bytes(m, formats_stored(m)), std::stoll(g.bytes)) << g.name;
    known++;
  }
  EXPECT_EQ(known, 8);
}

TEST(AccountingCosts, BytesOfAMatrix) {
  EXPECT_EQ(matrix_bytes(Format::f32, 3, 5), 60);
  EXPECT_EQ(matrix_bytes(Format::bf16, 3, 5), 30);
  EXPECT_EQ(matrix_bytes(Format::fp8, 576, 7168), 576 * 7168 + 4 * 5 * 56) << "the last row block is half empty";
  EXPECT_EQ(matrix_bytes(Format::fp8_row, 3, 5), 15 + 12);
  EXPECT_EQ(matrix_bytes(Format::int8, 3, 5), 15 + 6);
  EXPECT_EQ(matrix_bytes(Format::mxfp4, 2880, 2880), 2880 * (1440 + 90));
  EXPECT_EQ(matrix_bytes(Format::mxfp4, 3, 33), 3 * (17 + 2));
  EXPECT_EQ(matrix_bytes(Format::nvfp4, 4, 32), 4 * (16 + 2) + 4);
  EXPECT_EQ(matrix_bytes(Format::int4, 4, 256), 4 * (128 + 4));
  EXPECT_EQ(matrix_bytes(Format::int4_zero, 4, 256), 4 * (128 + 4) + 4);
  for (const Format f : all_formats()) EXPECT_EQ(format_named(name_of(f)), f);
  EXPECT_THROW(format_named("int3"), Error);
}

struct Traffic {
  const char* model;
  Index layers, bf16, fp8, combine;
  double dedup;
};

TEST(AccountingCosts, AllToAll) {
  for (const Traffic& t : {Traffic{"Mixtral-8x7B", 32, 524'288, 270'336, 524'288, 458'752.0},
                           {"Qwen3-30B-A3B", 48, 1'572'864, 811'008, 1'572'864, 918'540.2},
                           {"DeepSeek-V3", 58, 6'651'904, 3'429'888, 6'651'904, 3'852'134.7},
                           {"Kimi-K2-Instruct", 60, 6'881'280, 3'548'160, 6'881'280, 3'973'951.0},
                           {"gpt-oss-120b", 36, 829'440, 427'968, 829'440, 606'457.2},
                           {"Nemotron-3-Super-120B-A12B", 40, 1'802'240, 929'280, 1'802'240, 545'008.2}}) {
    const Model m = relative(t.model);
    const AllToAll bf16 = all_to_all(m, {});
    EXPECT_EQ(bf16.layers, t.layers) << t.model;
    EXPECT_EQ(bf16.dispatch, t.bf16) << t.model;
    EXPECT_EQ(bf16.combine, t.combine) << t.model;
    EXPECT_EQ(all_to_all(m, {.dispatch_bytes = 1, .dispatch_scales = true}).dispatch, t.fp8) << t.model;
    EXPECT_NEAR(dispatch_bytes_per_rank_copy(m, {}, {.ranks = 8}), t.dedup, 0.05) << t.model;
  }
}

// DeepEP's published low-latency table: 128 tokens a rank, D 7168, top-8, FP8 out, bf16 back. Bytes over latency is its bandwidth.
TEST(AccountingCosts, DeepEpsBandwidthColumn) {
  Config c = config("DeepSeek-V3");
  c["num_hidden_layers"] = 1;
  c["first_k_dense_replace"] = 0;
  const AllToAll one = all_to_all(parsed(c), {.dispatch_bytes = 1, .dispatch_scales = true});
  EXPECT_EQ(128 * one.dispatch, 7'569'408);
  EXPECT_EQ(128 * one.combine, 14'680'064);
  struct Row {
    int ranks;
    double dispatch_us, dispatch_gb, combine_us, combine_gb;
  };
  for (const Row& r : {Row{8, 163, 46, 318, 46}, {64, 186, 40, 353, 41}, {256, 194, 39, 360, 40}}) {
    EXPECT_NEAR(128 * static_cast<double>(one.dispatch) / r.dispatch_us / 1000 / r.dispatch_gb, 1, 0.02) << r.ranks;
    EXPECT_NEAR(128 * static_cast<double>(one.combine) / r.combine_us / 1000 / r.combine_gb, 1, 0.02) << r.ranks;
  }
}

TEST(AccountingCosts, NodesAndGroups) {
  const Mixture m = *model("DeepSeek-V3").layers.back().mixture;
  const Copies free = expected_copies(m, {.ranks = 64, .nodes = 8}, false);
  const Copies limited = expected_copies(m, {.ranks = 64, .nodes = 8}, true);
  EXPECT_LT(limited.per_node, 3.51) << "4 of 8 groups: at most 4 nodes, seven eighths of them others";
  EXPECT_GT(free.per_node, limited.per_node);
  EXPECT_NEAR(free.each, 8 * (1 - 1.0 / 64), 1e-12);
  EXPECT_LE(free.per_rank, free.each);
  EXPECT_EQ(expected_copies(m, {}, false).per_rank, 0) << "one rank: nothing leaves it";
  EXPECT_THROW(expected_copies(m, {.ranks = 7}, false), Error);
  EXPECT_THROW(expected_copies(m, {.ranks = 8, .nodes = 3}, false), Error);
}

TEST(AccountingCosts, DistinctExperts) {
  struct Row {
    double E, K, at[5];
  };
  for (const Row& r : {Row{8, 2, {2.0000, 5.4688, 7.9198, 8.0000, 8.0000}},
                       {128, 8, {8.0000, 29.1230, 82.4225, 125.9423, 128.0000}},
                       {256, 8, {8.0000, 30.5310, 101.9622, 222.4425, 255.9244}},
                       {384, 8, {8.0000, 31.0138, 109.8191, 284.1944, 382.2476}},
                       {512, 10, {10.0000, 38.8433, 138.5693, 367.1127, 508.7167}}}) {
    double B = 1;
    for (const double expected : r.at) {
      EXPECT_NEAR(expected_touched(r.E, r.K, B).mean, expected, 5e-5) << r.E << " " << B;
      const std::vector<double> even(static_cast<std::size_t>(r.E), r.K / r.E);
      EXPECT_NEAR(expected_touched(even, B), expected, 5e-5);
      B *= 4;
    }
  }
  EXPECT_NEAR(expected_touched(8, 2, 1).variance, 0, 1e-12) << "one token touches K, always";
  const std::vector<double> skewed{1, 0.5, 0.25, 0.25};
  EXPECT_LT(expected_touched(skewed, 8), expected_touched(4, 2, 8).mean);
}

TEST(AccountingCosts, ExpertsOfATrace) {
  IntMatrix selected(3, 2);
  selected << 0, 3, 3, 1, -1, 3;
  EXPECT_EQ(touched(selected), 3);
  EXPECT_DOUBLE_EQ(mean_touched(selected, 1), (2 + 2 + 1) / 3.0);
  EXPECT_DOUBLE_EQ(mean_touched(selected, 2), (3 + 1) / 2.0);
  const std::vector<Index> load = load_of(selected, 4);
  EXPECT_EQ(load, (std::vector<Index>{1, 1, 0, 3}));
  EXPECT_EQ(padded_rows(load, 4), 3 + 3 + 0 + 1);
  EXPECT_THROW(load_of(selected, 3), Error);
}

// By enumeration: E 2, K 1, B 3, tiles of 2: an expert gets 0..3 tokens with chances 1 3 3 1 over 8.
TEST(AccountingCosts, ExpectedPadding) {
  EXPECT_NEAR(expected_padded_rows(2, 1, 3, 2), 2 * (3 * 2 + 3 * 2 + 1 * 4) / 8.0, 1e-12);
  EXPECT_NEAR(expected_padded_rows(256, 8, 64, 1), 512, 1e-9) << "tiles of one row waste nothing";
}

struct Step {
  const char* model;
  double w;
  Index B;
  double dense, experts, cache, total, intensity;
};

TEST(AccountingCosts, DecodeSteps) {
  for (const Step& s : {Step{"Llama-3-70B", 2, 1, 139.006, 0.000, 1.342, 140.348, 1.1},
                        {"Llama-3-70B", 2, 16, 139.006, 0.000, 21.475, 160.481, 14.9},
                        {"Llama-3-70B", 2, 128, 139.008, 0.000, 171.799, 310.807, 61.7},
                        {"Mixtral-8x7B", 2, 1, 2.949, 22.549, 0.537, 26.035, 1.1},
                        {"Mixtral-8x7B", 2, 16, 2.949, 89.290, 8.590, 100.830, 4.4},
                        {"Mixtral-8x7B", 2, 128, 2.950, 90.194, 68.719, 161.864, 21.9},
                        {"Qwen3-30B-A3B", 2, 1, 2.460, 3.624, 0.403, 6.486, 1.4},
                        {"Qwen3-30B-A3B", 2, 16, 2.460, 37.336, 6.442, 46.239, 3.2},
                        {"Qwen3-30B-A3B", 2, 128, 2.460, 57.967, 51.540, 111.967, 10.6},
                        {"DeepSeek-V3", 1, 1, 16.191, 20.435, 0.288, 36.913, 3.9},
                        {"DeepSeek-V3", 1, 16, 16.191, 260.445, 4.605, 281.242, 8.1},
                        {"DeepSeek-V3", 1, 128, 16.192, 642.673, 36.843, 695.707, 26.3}}) {
    const Model m = model(s.model);
    StepBytes bytes = step_bytes(m, formats_all(Format::bf16), s.B, 4096, {});
    bytes.dense *= s.w / 2;  // the table's one byte has no scales
    bytes.experts *= s.w / 2;
    EXPECT_NEAR(bytes.dense / 1e9, s.dense, 6e-4) << s.model << " " << s.B;
    EXPECT_NEAR(bytes.experts / 1e9, s.experts, 6e-4) << s.model << " " << s.B;
    EXPECT_NEAR((bytes.cache + bytes.state) / 1e9, s.cache, 6e-4) << s.model << " " << s.B;
    EXPECT_NEAR(bytes.sum() / 1e9, s.total, 1.1e-3) << s.model << " " << s.B;
    EXPECT_NEAR(step_flops(m, s.B, 4096) / bytes.sum(), s.intensity, 0.051) << s.model << " " << s.B;
  }
}

TEST(AccountingCosts, WhereExpertsBecomeBoundByArithmetic) {
  const Hardware& h100 = hardware_named("h100");
  EXPECT_NEAR(h100.ridge(), 295, 0.5);
  const auto batch = [&](const std::string& name) { return std::round(compute_bound_batch(relative(name), h100, 2).experts); };
  EXPECT_NEAR(batch("Mixtral-8x7B"), 1181, 1);
  EXPECT_NEAR(batch("DeepSeekMoE-16B"), 3149, 1);
  EXPECT_NEAR(batch("Qwen3-30B-A3B"), 4724, 2);
  EXPECT_NEAR(batch("DeepSeek-V3"), 9447, 4);
  EXPECT_NEAR(batch("Kimi-K2-Instruct"), 14171, 6);
  EXPECT_EQ(&hardware_named("H100"), &h100);
  EXPECT_THROW(hardware_named("abacus"), Error);
  EXPECT_NEAR(attention_intensity(model("DeepSeek-V3").layers[0].mixers[0], 2), 242, 0.5);
  EXPECT_NEAR(attention_intensity(model("Mixtral-8x7B").layers[0].mixers[0], 2), 4, 1e-9);
}

TEST(AccountingCosts, ProductsOneByOneTakeNoLess) {
  for (const char* name : {"Mixtral-8x7B", "DeepSeek-V3", "Qwen3-Next-80B-A3B", "Llama-3-8B"}) {
    const Model m = model(name);
    const Formats f = formats_all(Format::bf16);
    for (const Index B : {1, 64, 4096}) {
      const Bound bound = decode_bound(step_bytes(m, f, B, 4096, {}), step_flops(m, B, 4096), hardware_named("h100"), 1);
      const double summed = summed_seconds(m, f, B, 4096, kUniform, hardware_named("h100"), 1);
      EXPECT_GE(summed, bound.seconds() * (1 - 1e-12)) << name << " " << B;
      EXPECT_LE(summed, (bound.memory + bound.compute) * (1 + 1e-12)) << name << " " << B;
    }
  }
}

TEST(AccountingCosts, UtilisationOfASparseModel) {
  const Model m = model("Mixtral-8x7B");
  const Utilisation u = utilisation(m, formats_all(Format::bf16), 1, 4096, 2, 0.05, hardware_named("h100"), 1);
  const StepBytes bytes = step_bytes(m, formats_all(Format::bf16), 1, 4096, {}, 2);
  EXPECT_NEAR(u.s_mbu, bytes.sum() / (0.05 * 3.35e12), 1e-12);
  EXPECT_GT(u.mbu, 3 * u.s_mbu) << "charging all eight experts for two";
  EXPECT_GT(u.mfu, 3 * u.s_mfu);
  const Utilisation all = utilisation(m, formats_all(Format::bf16), 1, 4096, 8, 0.05, hardware_named("h100"), 1);
  EXPECT_NEAR(all.s_mbu, all.mbu, 0.001 * all.mbu) << "every expert touched: the two agree, but for one row of the table";
}

TEST(AccountingCosts, ReplicasEvenTheLoad) {
  const std::vector<Index> load{90, 10, 10, 10, 10, 10, 10, 10};
  const Replicas r = replicate(load, 12, 4);
  EXPECT_EQ(r.copies, (std::vector<Index>{5, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(r.expert_of_slot.size(), 12U);
  EXPECT_NEAR(r.before, 100 / 40.0, 1e-12);
  EXPECT_LT(r.max_over_mean, 1.3);
  for (Index rank = 0; rank < 4; rank++) EXPECT_EQ(std::count(r.rank_of_slot.begin(), r.rank_of_slot.end(), rank), 3);
  EXPECT_NEAR(replicate(load, 8, 8).max_over_mean, 90 * 8 / 160.0, 1e-12);
  EXPECT_THROW(replicate(load, 7, 1), Error);
  EXPECT_THROW(replicate(load, 12, 5), Error);
}

TEST(AccountingCosts, ActivationsOfALayer) {
  const Mixture mixtral = *model("Mixtral-8x7B").layers[0].mixture;
  const MoeShape shape = shape_of(mixtral, 4096, 4096);
  EXPECT_LT(kept_bytes(shape, 2, true), kept_bytes(shape, 2, false));
  EXPECT_EQ(kept_bytes(shape, 2, true), 4096 * 4096 * 2);
  const MoeShape roomy = shape_with_capacity(mixtral, 4096, 4096, 1.25);
  EXPECT_EQ(roomy.rows, 8 * 1280) << "ceil(1.25 x 4096 x 2 / 8) places each";
  EXPECT_GT(trace_bytes(roomy), trace_bytes(shape));
}

TEST(AccountingCosts, TrainingKeepsLessWithRecomputation) {
  for (const std::string& name : config_names()) {
    const Model m = model(name);
    EXPECT_LT(training_bytes(m, 4096, 2, true, 0), training_bytes(m, 4096, 2, false, 0)) << name;
    EXPECT_LE(training_bytes(m, 4096, 2, false, 0), training_bytes(m, 4096, 2, false, 2.0)) << name;
  }
}

}  // namespace
}  // namespace moe::test
