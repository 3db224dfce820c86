#include "core/exec/node_key.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/abi/dtype.h"

namespace kinglet {
namespace {

constexpr uint64_t kMostListed = 16;  // elements of a constant that are part of the key

std::string AttributeText(const kl_attribute& attribute) {
  switch (attribute.kind) {
    case KL_ATTRIBUTE_INT:
      return absl::StrCat(attribute.i);
    case KL_ATTRIBUTE_FLOAT:
      return absl::StrCat(attribute.f);
    case KL_ATTRIBUTE_STRING:
      return absl::StrCat("\"", attribute.s, "\"");
    case KL_ATTRIBUTE_INTS:
      if (attribute.count > kMostListed) break;
      return absl::StrCat("[", absl::StrJoin(attribute.ints, attribute.ints + attribute.count, ","), "]");
    case KL_ATTRIBUTE_FLOATS:
      if (attribute.count > kMostListed) break;
      return absl::StrCat("[", absl::StrJoin(attribute.floats, attribute.floats + attribute.count, ","), "]");
  }
  return absl::StrCat("[", attribute.count, "]");
}

// Shares of groups of `group` neighbours of the outermost dimension that are all zero.
double ZeroShare(const SourceTensor& tensor, uint64_t element_bytes, uint64_t group) {
  const uint64_t rows = static_cast<uint64_t>(tensor.shape[0]);
  const uint64_t row_elements = tensor.bytes / element_bytes / rows;
  std::vector<bool> zero(row_elements);
  uint64_t zeros = 0, groups = 0;
  for (uint64_t first = 0; first < rows; first += group) {
    std::fill(zero.begin(), zero.end(), true);
    for (uint64_t row = first; row < std::min(rows, first + group); ++row) {
      const uint8_t* element = tensor.data + row * row_elements * element_bytes;
      for (uint64_t i = 0; i < row_elements; ++i, element += element_bytes) {
        if (zero[i] && std::any_of(element, element + element_bytes, [](uint8_t byte) { return byte != 0; })) {
          zero[i] = false;
        }
      }
    }
    zeros += static_cast<uint64_t>(std::count(zero.begin(), zero.end(), true));
    groups += row_elements;
  }
  return groups == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(groups);
}

std::string ConstantText(const PlanValue& value) {
  if (value.tensors.size() != 1) return "";
  const SourceTensor& tensor = *value.tensors[0];
  const kl_dtype_info type = kl_dtype_info_of(tensor.type);
  if (type.block_elements != 1) return "";
  const uint64_t count = tensor.bytes / type.block_bytes;
  if (tensor.type == KL_TYPE_I64 || tensor.type == KL_TYPE_I32) {
    if (count > kMostListed) return "";
    std::vector<int64_t> elements(count);
    for (uint64_t i = 0; i < count; ++i) {
      int32_t narrow = 0;
      if (type.block_bytes == sizeof narrow) {
        std::memcpy(&narrow, tensor.data + i * sizeof narrow, sizeof narrow);
        elements[i] = narrow;
      } else {
        std::memcpy(&elements[i], tensor.data + i * sizeof elements[i], sizeof elements[i]);
      }
    }
    return absl::StrCat("(", absl::StrJoin(elements, ","), ")");
  }
  if (tensor.shape.size() < 2 || count == 0 || tensor.shape[0] < 2) return "";
  // Single zeros count to the percent: of 99 in 100 a kernel does half the work of 98. Shares of groups only tell patterns.
  const double single = ZeroShare(tensor, type.block_bytes, 1);
  if (single < 0.005) return "";
  const auto rough = [](double share) { return std::round(share * 20) / 20; };
  return absl::StrFormat("zeros(%.2f,%.2f,%.2f)", single, rough(ZeroShare(tensor, type.block_bytes, 2)),
                         rough(ZeroShare(tensor, type.block_bytes, 4)));
}

}  // namespace

std::string NodeKey(const Plan& plan, const PlanNode& node) {
  std::string key = node.op;
  for (uint32_t i = 0; i < node.attributes.size(); ++i) {
    const kl_attribute& attribute = node.attributes.data()[i];
    absl::StrAppend(&key, i == 0 ? "{" : " ", attribute.name, "=", AttributeText(attribute));
  }
  if (node.attributes.size() > 0) absl::StrAppend(&key, "}");
  for (kl_value index : node.operands) {
    if (index == KL_NO_VALUE) {
      absl::StrAppend(&key, " -");
      continue;
    }
    const PlanValue& value = plan.values[index];
    const bool constant = value.kind == ValueKind::kWeight;
    absl::StrAppend(&key, constant ? " =" : " ", kl_dtype_info_of(value.type).name, "[", absl::StrJoin(value.shape, ","),
                    "]", constant ? ConstantText(value) : "");
  }
  return key;
}

}  // namespace kinglet
