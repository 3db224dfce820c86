#include "loaders/common/block_scales.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/fault_guard.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

// Where the f16 scales lie in a block. Source: the GGUF format's block definitions.
struct ScaleOffsets {
  kl_dtype type;
  uint32_t count;
  uint32_t offsets[2];
};

constexpr ScaleOffsets kScales[] = {
    {KL_TYPE_Q4_0, 1, {0}},    {KL_TYPE_Q4_1, 2, {0, 2}}, {KL_TYPE_Q5_0, 1, {0}},
    {KL_TYPE_Q5_1, 2, {0, 2}}, {KL_TYPE_Q8_0, 1, {0}},    {KL_TYPE_Q2_K, 2, {80, 82}},
    {KL_TYPE_Q3_K, 1, {108}},  {KL_TYPE_Q4_K, 2, {0, 2}}, {KL_TYPE_Q5_K, 2, {0, 2}},
    {KL_TYPE_Q6_K, 1, {208}},  {KL_TYPE_IQ4_NL, 1, {0}},  {KL_TYPE_IQ4_XS, 1, {0}},
    {KL_TYPE_TQ1_0, 1, {52}},  {KL_TYPE_TQ2_0, 1, {64}},
};

constexpr uint64_t kNone = UINT64_MAX;

// NaN and infinity have all exponent bits set: 0x7c in the high byte of a little-endian f16.
inline bool IsFinite(const uint8_t* f16) { return (f16[1] & 0x7c) != 0x7c; }

// The first bad block, or kNone.
uint64_t FindBadBlock(const uint8_t* data, uint32_t block_bytes, const ScaleOffsets& scales,
                      uint64_t block_count) {
  for (uint64_t block = 0; block < block_count; block++) {
    for (uint32_t s = 0; s < scales.count; s++) {
      if (!IsFinite(data + block * block_bytes + scales.offsets[s])) return block;
    }
  }
  return kNone;
}

}  // namespace

absl::Status ValidateScales(const SourceTensor& tensor, uint64_t edge_bytes) {
  const auto* scales =
      std::find_if(std::begin(kScales), std::end(kScales),
                   [&](const ScaleOffsets& row) { return row.type == tensor.type; });
  if (scales == std::end(kScales)) return absl::OkStatus();
  const uint32_t block_bytes = kl_dtype_info_of(tensor.type).block_bytes;
  const uint64_t block_count = tensor.bytes / block_bytes;
  const uint64_t edge = std::min(block_count, edge_bytes / block_bytes + 1);
  absl::string_view path = "a tensor in memory";
  if (tensor.file != nullptr) path = tensor.file->path();
  uint64_t bad = kNone;
  if (block_count <= 2 * edge) {
    KL_RETURN_IF_ERROR(RunGuarded(
        path, [&] { bad = FindBadBlock(tensor.data, block_bytes, *scales, block_count); }));
  } else {
    std::vector<uint8_t> copy(edge * block_bytes);
    for (const uint64_t first : {uint64_t{0}, block_count - edge}) {
      KL_RETURN_IF_ERROR(tensor.Peek(first * block_bytes, copy.size(), copy.data()));
      bad = FindBadBlock(copy.data(), block_bytes, *scales, edge);
      if (bad == kNone) continue;
      bad += first;
      break;
    }
  }
  if (bad == kNone) return absl::OkStatus();
  return Corrupt(
      path, tensor.file_offset + bad * block_bytes,
      absl::StrCat("a finite scale in block ", bad, " of tensor ", Quoted(tensor.name)),
      "NaN or infinity; the file is damaged or was quantised wrongly: fetch or convert it again");
}

absl::Status ValidateScales(const ModelSource& source) {
  constexpr uint64_t kSmallFileBytes = 64 << 20;
  constexpr uint64_t kEdgeBytes = 4096;
  const uint64_t edge_bytes = source.file_bytes <= kSmallFileBytes ? UINT64_MAX : kEdgeBytes;
  for (const SourceTensor& tensor : source.tensors) {
    KL_RETURN_IF_ERROR(ValidateScales(tensor, edge_bytes));
  }
  return absl::OkStatus();
}

}  // namespace kinglet
