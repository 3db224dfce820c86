#include "core/model/memory_source.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

absl::Status Unfit(const std::string& path, absl::string_view expected, absl::string_view found,
                   absl::string_view advice) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": this memory bank ", expected, ", but ", found, "; ", advice));
}

// Messages are cut to 256 bytes on their way through the C API: one whole path is enough.
absl::string_view BaseName(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

const char* MemoryBlockStateName(MemoryBlockState state) {
  switch (state) {
    case MemoryBlockState::kReadable:
      return "readable";
    case MemoryBlockState::kNoBlocks:
      return "no blocks";
    case MemoryBlockState::kAbsent:
      return "absent";
    case MemoryBlockState::kDenied:
      return "denied";
  }
  return "unknown";
}

uint64_t MemoryFetch::bytes() const {
  uint64_t sum = 0;
  for (const MemoryChoice& choice : levels) sum += choice.bytes;
  return sum;
}

absl::StatusOr<MemoryPath> MemorySource::Route(const float* vector, uint64_t width) const {
  if (width != layout.shape().encoder_width) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected a vector of ", layout.shape().encoder_width,
                     " numbers, as wide as the bank's centroids, found ", width,
                     "; use the encoder that the bank was made with"));
  }
  for (uint64_t i = 0; i < width; ++i) {
    if (std::isfinite(vector[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat(path, ": element ", i,
                                                   " of the vector to route is ", vector[i],
                                                   ", expected a finite number"));
  }
  const MemoryPath found = DescendMemoryTree(layout, centroids, vector);
  KL_RETURN_IF_ERROR(file->CheckIntact());
  return found;
}

absl::StatusOr<MemoryFetch> MemorySource::Resolve(const MemoryPath& wanted) const {
  MemoryFetch fetch;
  fetch.depth = layout.depth();
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    MemoryChoice& choice = fetch.levels[level - 1];
    const MemoryChoice block = ChooseBlock(level, wanted.ids[level - 1]);
    const bool stands_in = block.kind != MemoryChoice::kBlock && block.state != MemoryBlockState::kDenied;
    choice = stands_in ? ChooseGeneric(level) : block;
    choice.state = block.state;
    choice.id = block.id;
  }
  // A page of the table that was lost reads as zeros, and would deny nothing.
  KL_RETURN_IF_ERROR(file->CheckIntact());
  return fetch;
}

absl::StatusOr<MemoryFetch> MemorySource::ResolveGeneric() const {
  MemoryFetch fetch;
  fetch.depth = layout.depth();
  for (uint32_t level = 1; level <= layout.depth(); ++level)
    fetch.levels[level - 1] = ChooseGeneric(level);
  KL_RETURN_IF_ERROR(file->CheckIntact());
  return fetch;
}

MemoryChoice MemorySource::ChooseBlock(uint32_t level, uint64_t id) const {
  MemoryChoice choice;
  choice.id = id;
  choice.state = StateOf(level, id);
  if (choice.state != MemoryBlockState::kReadable) return choice;
  choice.kind = MemoryChoice::kBlock;
  choice.record = layout.BlockRecord(level, id);
  choice.offset = BlockOffset(level, id);
  choice.bytes = layout.BlockBytes(level);
  choice.checksum = table[choice.record].checksum;
  return choice;
}

MemoryChoice MemorySource::ChooseGeneric(uint32_t level) const {
  MemoryChoice choice;
  if (!GenericPresent(level)) return choice;
  choice.kind = MemoryChoice::kGeneric;
  choice.record = layout.GenericRecord(level);
  choice.offset = GenericBlockOffset(level);
  choice.bytes = layout.BlockBytes(level);
  choice.checksum = table[choice.record].checksum;
  return choice;
}

MemoryBlockState MemorySource::StateOf(uint32_t level, uint64_t id) const {
  // An ancestor without blocks has no entry of its own that could deny.
  for (uint32_t upper = level; upper >= 1; --upper) {
    if (layout.BlockCount(upper) == 0) continue;
    const uint64_t ancestor = layout.Ancestor(level, id, upper);
    if ((table[layout.BlockRecord(upper, ancestor)].flags & kMemoryDenied) != 0)
      return MemoryBlockState::kDenied;
  }
  if (layout.BlockCount(level) == 0) return MemoryBlockState::kNoBlocks;
  const bool present = (table[layout.BlockRecord(level, id)].flags & kMemoryPresent) != 0;
  return present ? MemoryBlockState::kReadable : MemoryBlockState::kAbsent;
}

bool MemorySource::GenericPresent(uint32_t level) const {
  return has_generic && layout.BlockBytes(level) > 0 &&
         (table[layout.GenericRecord(level)].flags & kMemoryPresent) != 0;
}

uint64_t MemorySource::BlockOffset(uint32_t level, uint64_t id) const {
  return level_offsets[level - 1] + id * layout.StrideBytes(level);
}

uint64_t MemorySource::GenericBlockOffset(uint32_t level) const {
  return generic_offset + layout.GenericOffset(level);
}

absl::Status MemorySource::CheckAnchor(const MemoryAnchor& anchor) const {
  const MemoryShape& shape = layout.shape();
  constexpr char kAdvice[] = "use the model that the bank was made for, or another bank";
  if (anchor.layer_count != shape.layer_count || anchor.dim != shape.dim) {
    return Unfit(
        path, absl::StrCat("is for a model of ", shape.layer_count, " layers of width ", shape.dim),
        absl::StrCat(BaseName(anchor.path), " has ", anchor.layer_count, " of ", anchor.dim),
        kAdvice);
  }
  if (anchor.activation != shape.activation) {
    return Unfit(
        path,
        absl::StrCat("is for feed-forward networks with ", MemoryActivationName(shape.activation)),
        absl::StrCat(BaseName(anchor.path), " has ", MemoryActivationName(anchor.activation)),
        kAdvice);
  }
  if (model_fingerprint != 0 && anchor.fingerprint != model_fingerprint) {
    return Unfit(
        path, absl::StrFormat("was made for the model of fingerprint %016x", model_fingerprint),
        absl::StrFormat("that of %s is %016x", BaseName(anchor.path), anchor.fingerprint), kAdvice);
  }
  return absl::OkStatus();
}

absl::Status MemorySource::CheckEncoder(const MemoryEncoder& encoder) const {
  const std::string advice =
      absl::StrCat("use the encoder that the bank was made with",
                   encoder_file.empty() ? "" : absl::StrCat(", ", encoder_file));
  if (encoder.width != layout.shape().encoder_width) {
    return Unfit(path, absl::StrCat("routes vectors of ", layout.shape().encoder_width, " numbers"),
                 absl::StrCat("the encoder ", BaseName(encoder.path), " makes ", encoder.width),
                 advice);
  }
  if (encoder_fingerprint != 0 && encoder.fingerprint != encoder_fingerprint) {
    return Unfit(
        path,
        absl::StrFormat("was made with the encoder of fingerprint %016x", encoder_fingerprint),
        absl::StrFormat("that of %s is %016x", BaseName(encoder.path), encoder.fingerprint),
        advice);
  }
  return absl::OkStatus();
}

}  // namespace kinglet
