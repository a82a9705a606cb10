#include "check/preset_words.h"

#include <fmt/format.h>

namespace moe::check {
namespace {

std::string score(const RouterConfig& r) {
  switch (r.score) {
    case Score::logit: return "z";
    case Score::softmax: return "softmax(z)";
    case Score::sigmoid: return "sigmoid(z)";
    case Score::sqrt_softplus: return "sqrt(softplus(z))";
  }
  return "?";
}

std::string key(const RouterConfig& r) {
  switch (r.choice) {
    case Choice::top_k: return r.key == SelectionKey::score ? "s" : "s + bias";
    case Choice::table: return "token id";
    case Choice::random: return "lot";
    case Choice::balanced: return "s, evenly in training";
    case Choice::near_tie: return "s, near ties by lot in training";
  }
  return "?";
}

std::string groups(const RouterConfig& r) {
  if (r.groups.kept >= r.groups.count) return {};
  return fmt::format("{} of {} groups by {}", r.groups.kept, r.groups.count,
                     r.groups.score == GroupScore::max ? "largest" : "sum of two largest");
}

std::string ranked(const RouterConfig& r) { return key(r) + (groups(r).empty() ? "" : ", in " + groups(r)); }

std::string_view raw_weight(const RouterConfig& r) {
  switch (r.raw_weight) {
    case RawWeight::score: return "s";
    case RawWeight::softmax_of_chosen: return "softmax(chosen z)";
    case RawWeight::sigmoid_of_chosen: return "sigmoid(z)";
    case RawWeight::near_tie_softmax: return "softmax(near ties)";
    case RawWeight::one: return "1";
  }
  return "?";
}

std::string divisor(const RouterConfig& r) {
  switch (r.normalisation) {
    case Normalisation::none: return {};
    case Normalisation::sum: return r.epsilon == 0 ? "sum" : fmt::format("sum + {}", r.epsilon);
    case Normalisation::max_sum: return fmt::format("max(sum, {})", r.epsilon);
    case Normalisation::l2: return "l2";
  }
  return "?";
}

std::string scale(const RouterConfig& r) { return r.scale == 1 ? "" : fmt::format("{}", r.scale); }

// s / (sum + 1e-20) × 2.5
std::string weight(const RouterConfig& r) {
  std::string text(raw_weight(r));
  const std::string by = divisor(r);
  if (!by.empty()) text += by.find('+') == std::string::npos ? " / " + by : " / (" + by + ")";
  if (r.scale != 1) text += " × " + scale(r);
  return text + (r.weight_on == WeightOn::input ? ", on the input" : "");
}

std::string expert(const Preset& p) {
  const Activation& a = p.activation;
  std::string text;
  switch (a.function) {
    case Nonlinearity::identity: text = "linear"; break;
    case Nonlinearity::relu: text = a.gated ? "ReGLU" : "ReLU"; break;
    case Nonlinearity::relu_squared: text = "ReLU²"; break;
    case Nonlinearity::gelu: text = a.gated ? "GeGLU" : "GELU"; break;
    case Nonlinearity::gelu_tanh: text = a.gated ? "GeGLU, tanh" : "GELU, tanh"; break;
    case Nonlinearity::silu:
    case Nonlinearity::swish: text = a.gated ? "SwiGLU" : "SiLU"; break;
  }
  if (a.limit < std::numeric_limits<float>::infinity()) text += fmt::format(", clamped at {}", a.limit);
  if (p.expert_biases) text += ", biases";
  return text;
}

std::string shared(const Preset& p) {
  switch (p.shared) {
    case SharedKind::none: return {};
    case SharedKind::plain: return "yes";
    case SharedKind::sigmoid_gated: return "times sigmoid(gate·x)";
    case SharedKind::blended: return "c of it, 1 - c of the rest, c = sigmoid(gate·x)";
    case SharedKind::weighed: return "softmax(gate x) of both";
  }
  return "?";
}

std::string_view rule(CapacityRule r) {
  switch (r) {
    case CapacityRule::fixed: return "fixed";
    case CapacityRule::mesh: return "mesh";
    case CapacityRule::flaxformer: return "flaxformer";
    case CapacityRule::lingvo: return "lingvo";
    case CapacityRule::vmoe: return "vmoe";
    case CapacityRule::deepspeed: return "deepspeed";
    case CapacityRule::megatron: return "megatron";
    case CapacityRule::megablocks: return "megablocks";
    case CapacityRule::tutel: return "tutel";
    case CapacityRule::fastmoe: return "fastmoe";
    case CapacityRule::nllb: return "nllb";
    case CapacityRule::maxtext: return "maxtext";
    case CapacityRule::hunyuan: return "hunyuan";
  }
  return "?";
}

std::string_view priority(Priority p) {
  switch (p) {
    case Priority::choice: return "choice";
    case Priority::token: return "token";
    case Priority::score: return "score";
    case Priority::confidence: return "confidence";
  }
  return "?";
}

std::string capacity(const Preset& p) {
  if (p.variant == "expert_choice") return "C = T K / E";
  if (!p.capacity) return {};
  const bool has_factor = p.capacity->rule != CapacityRule::nllb && p.capacity->rule != CapacityRule::hunyuan;
  return fmt::format("{}{}, by {}", rule(p.capacity->rule), has_factor ? fmt::format(" × {}", p.capacity->factor) : "",
                     priority(p.capacity->priority));
}

// Experts per token: at both levels, where there are two.
std::string chosen(const Preset& p) {
  return p.variant == "hierarchical" ? fmt::format("{0} · {0}", p.router.chosen) : fmt::format("{}", p.published.chosen);
}

// What a preset says besides, of a variant of its own.
std::string_view besides(const Preset& p) {
  if (p.variant == "soft") return p.soft == SoftNormalisation::none ? "" : p.soft == SoftNormalisation::l2 ? ", l2" : ", rms";
  return p.second_group == SecondGroup::best_only ? ", best_only" : "";
}

std::string_view noise(const RouterConfig& r) {
  switch (r.noise_kind) {
    case Noise::none: return "";
    case Noise::gaussian: return "noise / E";
    case Noise::learned_gaussian: return "learned noise";
    case Noise::input_jitter: return "jitter of the router's input";
    case Noise::layer_jitter: return "jitter of the layer's input";
  }
  return "?";
}

std::string later(const RouterConfig& r) {
  const float threshold = r.later_threshold;
  switch (r.later) {
    case LaterSlots::all: return "";
    case LaterSlots::none: return "first slot only";
    case LaterSlots::above_threshold: return fmt::format("later slots where w > {}", threshold);
    case LaterSlots::until_mass: return fmt::format("slots until s sum to {}", threshold);
    case LaterSlots::random: return fmt::format("later slots by chance, w / {}", threshold);
  }
  return "?";
}

// What else is special about a layer.
std::string extras(const Preset& p) {
  std::string text;
  const auto add = [&text](const std::string& more) {
    if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
  };
  const RouterConfig& r = p.router;
  if (r.noise_kind != Noise::none) add(fmt::format("{} in training, {}", noise(r), r.noise));
  add(later(r));
  if (p.input_norm) add("router reads normalised tokens");
  if (p.expert_scale) add("weights times a scale of each expert");
  if (p.identities != 0) add(fmt::format("{} of the experts are identities", p.identities));
  if (p.latent != 0) add(fmt::format("experts in {} dimensions", p.latent));
  if (p.residual) add("x is added");
  return text;
}

std::string dash(const std::string& text) { return text.empty() ? "–" : text; }

std::string scores(const Preset& p) {
  if (p.unscored) return "–";
  return score(p.router) + (p.router_bias ? ", z with bias" : "");
}

// The switches of a router, where the variant has them.
void add_router(const Preset& p, PresetWords& w) {
  const RouterConfig& r = p.router;
  const std::string none = dash({});
  w.key = w.groups = w.divided_by = w.scale = none;
  const bool soft = p.variant == "soft";
  w.scores = soft ? std::string("softmax over tokens") : scores(p);
  w.raw_weight = std::string(soft ? "softmax over slots" : "s");
  if (soft) return;
  if (p.variant == "dense") {
    w.scale = dash(scale(r));
  } else if (p.variant == "expert_choice") {
    w.key = "s, by experts";
  } else {
    w.key = key(r);
    w.groups = dash(groups(r));
    w.raw_weight = std::string(raw_weight(r)) + (r.weight_on == WeightOn::input ? ", on the input" : "");
    w.divided_by = dash(divisor(r));
    w.scale = dash(scale(r));
  }
}

}  // namespace

PresetWords words(const Preset& p) {
  PresetWords w;
  w.variant = fmt::format("{}{}", p.variant, besides(p));
  add_router(p, w);
  w.places = dash(capacity(p));
  w.shared = dash(shared(p));
  w.chosen = chosen(p);
  w.experts = expert(p);
  w.besides = dash(extras(p));
  w.ranked = ranked(p.router);
  w.weight = weight(p.router);
  return w;
}

}  // namespace moe::check
