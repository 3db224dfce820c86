#include "core/exec/attribute_set.h"

namespace kinglet {

const char* AttributeSet::Keep(absl::string_view text) {
  texts_.emplace_back(text);
  return texts_.back().c_str();
}

AttributeSet::AttributeSet(const kl_attribute* attributes, uint32_t count) {
  attributes_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    kl_attribute copy = attributes[i];
    copy.name = Keep(copy.name);
    if (copy.kind == KL_ATTRIBUTE_STRING) copy.s = Keep(copy.s);
    if (copy.kind == KL_ATTRIBUTE_INTS) {
      ints_.emplace_back(copy.ints, copy.ints + copy.count);
      copy.ints = ints_.back().data();
    }
    if (copy.kind == KL_ATTRIBUTE_FLOATS) {
      floats_.emplace_back(copy.floats, copy.floats + copy.count);
      copy.floats = floats_.back().data();
    }
    attributes_.push_back(copy);
  }
}

AttributeSet::AttributeSet(const std::vector<GraphAttribute>& attributes) {
  attributes_.reserve(attributes.size());
  for (const GraphAttribute& source : attributes) {
    kl_attribute target = {};
    target.name = Keep(source.name);
    if (const auto* whole = std::get_if<int64_t>(&source.value)) {
      target.kind = KL_ATTRIBUTE_INT;
      target.i = *whole;
    } else if (const auto* real = std::get_if<double>(&source.value)) {
      target.kind = KL_ATTRIBUTE_FLOAT;
      target.f = *real;
    } else if (const auto* text = std::get_if<std::string>(&source.value)) {
      target.kind = KL_ATTRIBUTE_STRING;
      target.s = Keep(*text);
    } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&source.value)) {
      target.kind = KL_ATTRIBUTE_INTS;
      ints_.push_back(*ints);
      target.ints = ints_.back().data();
      target.count = static_cast<uint32_t>(ints_.back().size());
    } else {
      target.kind = KL_ATTRIBUTE_FLOATS;
      floats_.push_back(std::get<std::vector<float>>(source.value));
      target.floats = floats_.back().data();
      target.count = static_cast<uint32_t>(floats_.back().size());
    }
    attributes_.push_back(target);
  }
}

}  // namespace kinglet
