#include "core/model/memory_layout.h"

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"

namespace kinglet {
namespace {

bool IsBankType(kl_dtype type) {
  return type == KL_TYPE_F32 || type == KL_TYPE_F16 || type == KL_TYPE_Q8_0 || type == KL_TYPE_Q4_0;
}

std::string TypeText(kl_dtype type) {
  const char* name = kl_dtype_info_of(type).name;
  return name == nullptr ? absl::StrCat("type ", type) : absl::StrCat(name, " (", type, ")");
}

std::optional<MemoryShapeFault> OutOfRange(const char* field, uint32_t level, uint32_t value,
                                           uint32_t least, uint32_t most) {
  if (value >= least && value <= most) return std::nullopt;
  return MemoryShapeFault{field, level, absl::StrCat(least, " to ", most), absl::StrCat(value)};
}

}  // namespace

const char* MemoryActivationName(MemoryActivation activation) {
  switch (activation) {
    case MemoryActivation::kSilu:
      return "silu";
    case MemoryActivation::kRelu:
      return "relu";
  }
  return "unknown";
}

absl::StatusOr<MemoryLayout> MemoryLayout::Create(const MemoryShape& shape) {
  MemoryLayout layout;
  layout.shape_ = shape;
  const std::optional<MemoryShapeFault> fault = layout.Compute();
  if (!fault.has_value()) return layout;
  return absl::InvalidArgumentError(
      absl::StrCat("memory bank: ", fault->field,
                   fault->level == 0 ? "" : absl::StrCat(" of level ", fault->level), ": expected ",
                   fault->expected, ", found ", fault->found));
}

std::optional<MemoryShapeFault> MemoryLayout::FindFault(const MemoryShape& shape) {
  MemoryLayout layout;
  layout.shape_ = shape;
  return layout.Compute();
}

std::optional<MemoryShapeFault> MemoryLayout::Compute() {
  if (auto fault = OutOfRange("branching", 0, shape_.branching, 2, kMemoryMaxBranching))
    return fault;
  if (auto fault = OutOfRange("depth", 0, shape_.depth, 1, kMemoryMaxDepth)) return fault;
  if (auto fault = OutOfRange("layer_count", 0, shape_.layer_count, 1, kMemoryMaxLayers))
    return fault;
  if (auto fault = OutOfRange("encoder_width", 0, shape_.encoder_width, 1, kMemoryMaxWidth))
    return fault;
  if (!IsBankType(shape_.type)) {
    return MemoryShapeFault{"type", 0, "f32 (0), f16 (1), q4_0 (2) or q8_0 (8)",
                            TypeText(shape_.type)};
  }
  const uint32_t block_elements = kl_dtype_info_of(shape_.type).block_elements;
  if (auto fault = OutOfRange("dim", 0, shape_.dim, 1, kMemoryMaxWidth)) return fault;
  if (shape_.dim % block_elements != 0) {
    return MemoryShapeFault{
        "dim", 0,
        absl::StrCat("a multiple of ", block_elements, ", ", TypeText(shape_.type), "'s block"),
        absl::StrCat(shape_.dim)};
  }
  if (std::string(MemoryActivationName(shape_.activation)) == "unknown") {
    return MemoryShapeFault{"activation", 0, "1 (silu) or 2 (relu)",
                            absl::StrCat(static_cast<uint32_t>(shape_.activation))};
  }
  row_bytes_ = kl_row_bytes(shape_.type, shape_.dim);
  // Below 2^63 in sum, so that file offsets and differences of them are sound.
  constexpr uint64_t kMostBytes = uint64_t{1} << 62;
  uint64_t total_bytes = 0;
  uint64_t nodes = 1;
  for (uint32_t level = 1; level <= kMemoryMaxDepth; ++level) {
    const uint32_t rows = shape_.rows[level - 1];
    if (level > shape_.depth) {
      if (rows == 0) continue;
      return MemoryShapeFault{"rows", level, absl::StrCat("0, since the depth is ", shape_.depth),
                              absl::StrCat(rows)};
    }
    Level& at = levels_[level];
    nodes *= shape_.branching;  // at most 64^4
    at.node_count = nodes;
    at.first_node = total_node_count_;
    total_node_count_ += nodes;
    at.block_count = rows == 0 ? 0 : nodes;
    at.first_record = record_count_;
    record_count_ += at.block_count;
    uint64_t level_bytes = 0;
    const uint64_t rows_of_all = uint64_t{rows} * kMatrices * shape_.layer_count;  // below 2^44
    if (!CheckedMultiply(rows_of_all, row_bytes_, &at.block_bytes) ||
        !CheckedAlignUp(at.block_bytes, kMemoryAlignment, &at.stride_bytes) ||
        !CheckedMultiply(at.stride_bytes, at.block_count + 1,
                         &level_bytes) ||  // and the generic one
        !CheckedAdd(total_bytes, level_bytes, &total_bytes) ||
        total_bytes > kMostBytes) {
      return MemoryShapeFault{"rows", level, "a bank of at most 2^62 bytes",
                              absl::StrCat(rows, " rows in each of ", nodes, " blocks")};
    }
  }
  if (record_count_ == 0) return MemoryShapeFault{"rows", 0, "a level with rows", "none"};
  record_count_ += shape_.depth;
  return std::nullopt;
}

uint64_t MemoryLayout::Ancestor(uint32_t level, uint64_t id, uint32_t upper) const {
  for (; level > upper; --level) id /= shape_.branching;
  return id;
}

uint64_t MemoryLayout::LevelBytes(uint32_t level) const {
  return levels_[level].stride_bytes * levels_[level].block_count;
}

uint64_t MemoryLayout::GenericBytes() const { return GenericOffset(shape_.depth + 1); }

uint64_t MemoryLayout::GenericOffset(uint32_t level) const {
  uint64_t offset = 0;
  for (uint32_t before = 1; before < level; ++before) offset += levels_[before].stride_bytes;
  return offset;
}

uint64_t MemoryLayout::MatrixOffset(uint32_t level, uint32_t layer, uint32_t matrix) const {
  return (uint64_t{layer} * kMatrices + matrix) * shape_.rows[level - 1] * row_bytes_;
}

uint64_t MemoryLayout::BlockParameters(uint32_t level) const {
  return uint64_t{kMatrices} * shape_.rows[level - 1] * shape_.layer_count * shape_.dim;
}

uint64_t MemoryLayout::FetchParameters() const {
  uint64_t parameters = 0;
  for (uint32_t level = 1; level <= shape_.depth; ++level) parameters += BlockParameters(level);
  return parameters;
}

uint64_t MemoryLayout::BankParameters() const {
  uint64_t parameters = 0;
  for (uint32_t level = 1; level <= shape_.depth; ++level) {
    parameters += BlockParameters(level) * BlockCount(level);
  }
  return parameters;
}

uint64_t MemoryLayout::FetchBytes() const {
  uint64_t bytes = 0;
  for (uint32_t level = 1; level <= shape_.depth; ++level) bytes += BlockBytes(level);
  return bytes;
}

}  // namespace kinglet
