// Bytes of weights, second half: which numbers have which format.
#include "reference/accounting/bytes.h"

namespace moe::accounting {
namespace {

// Linear layers in `linear`, the rest in `number`. Embedding and head are
// never quantised in public checkpoints, nor are routers.
Formats mixed(Format number, Format linear) {
  Formats f{};
  f.others = number;
  f.products.fill(number);
  for (const Component c : {Component::attention, Component::dense_ffn,
                            Component::routed_experts,
                            Component::shared_experts})
    f.products[static_cast<std::size_t>(c)] = linear;
  return f;
}

}  // namespace

Formats formats_all(Format format) {
  const bool wide = format == Format::f32 || format == Format::f16;
  return mixed(wide ? format : Format::bf16, format);
}

Formats formats_stored(const Model& model) {
  const Storage& s = model.storage;
  const Format number = format_named(s.number);
  const Format linear = s.linear.empty() ? number : format_named(s.linear);
  Formats f = mixed(number, s.experts_only ? number : linear);
  f.products[static_cast<std::size_t>(Component::routed_experts)] = linear;
  if (!s.router.empty())
    f.products[static_cast<std::size_t>(Component::router)] =
        format_named(s.router);
  return f;
}

Index checkpoint_bytes(const Model& model, const Formats& formats) {
  const Index main = bytes_of(weights(model), formats);
  const Index mtp = bytes_of(mtp_weights(model), formats);
  Index twice = 0;
  if (model.mtp.stored_tables)
    twice = times({model.mtp.modules, 2,
                   matrix_bytes(formats.others, model.vocabulary,
                                model.width)});
  return plus(main, plus(mtp, twice));
}

}  // namespace moe::accounting
