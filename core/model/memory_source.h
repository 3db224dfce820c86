// A memory bank once its file was read and checked: shape, centroids, and which block lies where.
// The counterpart of ModelSource; loaders/klbank makes it, whoever routes or fetches reads it.
//
//   auto bank = ReadKlbank("facts.klbank");                   // core/capi: loaders/klbank
//   KL_RETURN_IF_ERROR(bank->CheckAnchor(anchor));
//   KL_ASSIGN_OR_RETURN(MemoryPath path, bank->Route(vector, width));
//   KL_ASSIGN_OR_RETURN(MemoryFetch fetch, bank->Resolve(path));                  // the only
//   blocks that may be read
//
// Centroids and table stay in the file's mapping; blocks are not mapped into use here at all.
// Thread safe: nothing changes after it was made. A bank that is edited meanwhile (`kinglet bank
// deny`) shows it when it is opened again.
#ifndef KINGLET_CORE_MODEL_MEMORY_SOURCE_H_
#define KINGLET_CORE_MODEL_MEMORY_SOURCE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mapped_file.h"
#include "core/model/memory_layout.h"
#include "core/model/memory_route.h"

namespace kinglet {

// An entry of the table, as in the file.
struct MemoryRecord {
  uint64_t checksum;  // kl_checksum64 of the block's bytes without padding, seed 0
  uint32_t flags;     // kMemory*
  uint32_t reserved;  // 0
};
inline constexpr uint32_t kMemoryPresent = 1u << 0;
inline constexpr uint32_t kMemoryDenied = 1u << 1;

// Why a block may not be read, or that it may.
enum class MemoryBlockState {
  kReadable,
  kNoBlocks,  // the level has none
  kAbsent,    // a partial bank
  kDenied     // it or one of its ancestors is on the deny list
};
// "readable", "no blocks", "absent", "denied".
const char* MemoryBlockStateName(MemoryBlockState state);

// What a level runs.
struct MemoryChoice {
  enum Kind { kNothing, kBlock, kGeneric };
  Kind kind = kNothing;
  MemoryBlockState state = MemoryBlockState::kNoBlocks;  // of the block that the path asked for
  uint64_t id = 0;                                       // of the node that the path asked for
  uint64_t record = 0;  // MemoryLayout's number of what is to be read; only if kind != kNothing
  uint64_t offset = 0;  // in the file
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // kl_checksum64
};

// [0] is level 1.
struct MemoryFetch {
  uint32_t depth = 0;
  std::array<MemoryChoice, kMemoryMaxDepth> levels;

  uint64_t bytes() const;
};

// The model that a bank is to be joined to.
struct MemoryAnchor {
  std::string path;
  uint64_t layer_count = 0;
  uint64_t dim = 0;
  MemoryActivation activation = MemoryActivation::kSilu;
  uint64_t fingerprint = 0;
};

// The model that makes vectors of texts.
struct MemoryEncoder {
  std::string path;
  uint64_t width = 0;
  uint64_t fingerprint = 0;
};

class MemorySource {
 public:
  MemoryLayout layout;
  std::string path;
  std::string name;                  // may be empty
  std::string encoder_file;          // base name; may be empty
  uint64_t model_fingerprint = 0;    // of the anchor; 0: any of this shape
  uint64_t encoder_fingerprint = 0;  // 0: any of this width
  bool has_generic = false;
  uint64_t file_bytes = 0;
  uint64_t centroids_offset = 0;
  uint64_t centroids_checksum = 0;  // kl_checksum64
  uint64_t table_offset = 0;
  std::array<uint64_t, kMemoryMaxDepth> level_offsets = {};  // [0] is level 1
  uint64_t generic_offset = 0;
  const float* centroids = nullptr;     // f32 [nodes][c], in the mapping
  const MemoryRecord* table = nullptr;  // [layout.RecordCount()], in the mapping
  std::unique_ptr<MappedFile> file;

  // Errors: InvalidArgument, the vector has another width than the centroids or is not finite;
  // DataLoss, the file was cut short since it was opened.
  absl::StatusOr<MemoryPath> Route(const float* vector, uint64_t width) const;

  // What each level of a path runs: its block; the generic block where the block is absent, and
  // nothing where there is no generic block either; nothing where it is denied, since generic
  // blocks were trained on everything, on what is denied as well. No other code decides what is
  // read: a denied block's place in the file never leaves here.
  // DataLoss: the file was cut short since it was opened.
  absl::StatusOr<MemoryFetch> Resolve(const MemoryPath& path) const;
  // The same for a prompt that was not routed: generic blocks only.
  absl::StatusOr<MemoryFetch> ResolveGeneric() const;

  // One block of them: kBlock or kNothing; kGeneric or kNothing. CheckIntact() of the file is the
  // caller's.
  MemoryChoice ChooseBlock(uint32_t level, uint64_t id) const;
  MemoryChoice ChooseGeneric(uint32_t level) const;

  // A node that is denied denies its descendants as well. Precondition: the node exists.
  MemoryBlockState StateOf(uint32_t level, uint64_t id) const;
  bool GenericPresent(uint32_t level) const;
  uint64_t BlockOffset(uint32_t level, uint64_t id) const;
  uint64_t GenericBlockOffset(uint32_t level) const;

  // FailedPrecondition: the bank was made for another shape, activation or model; the message says
  // both sides.
  absl::Status CheckAnchor(const MemoryAnchor& anchor) const;
  absl::Status CheckEncoder(const MemoryEncoder& encoder) const;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MODEL_MEMORY_SOURCE_H_
