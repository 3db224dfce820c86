// Attributes of a node with their storage, as the ABI wants to see them.
#ifndef KINGLET_CORE_EXEC_ATTRIBUTE_SET_H_
#define KINGLET_CORE_EXEC_ATTRIBUTE_SET_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/abi/types.h"
#include "core/model/graph.h"

namespace kinglet {

// A copy has storage of its own; moving keeps `data()` where it is. Immutable once its node is in a plan.
class AttributeSet {
 public:
  AttributeSet() = default;
  AttributeSet(const kl_attribute* attributes, uint32_t count);
  explicit AttributeSet(const std::vector<GraphAttribute>& attributes);
  AttributeSet(const AttributeSet& other) : AttributeSet(other.data(), other.size()) {}
  AttributeSet& operator=(const AttributeSet& other) { return *this = AttributeSet(other); }
  // noexcept: a growing vector of nodes moves them.
  AttributeSet(AttributeSet&&) noexcept = default;
  AttributeSet& operator=(AttributeSet&&) noexcept = default;

  const kl_attribute* data() const { return attributes_.data(); }
  uint32_t size() const { return static_cast<uint32_t>(attributes_.size()); }

 private:
  const char* Keep(absl::string_view text);

  std::vector<kl_attribute> attributes_;
  // Deques: growing them moves no element.
  std::deque<std::string> texts_;
  std::deque<std::vector<int64_t>> ints_;
  std::deque<std::vector<float>> floats_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_ATTRIBUTE_SET_H_
