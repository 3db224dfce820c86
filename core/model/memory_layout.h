// The shape of a hierarchical memory bank and every size that follows from it.
//
//   levels   1..p; level l has k^l nodes; the parent of node i is i / k, so that the deepest id is
//            the whole path
//   block    of level l: r_l FFN neurons for each of L layers, layer after layer:
//            gate [r_l, d], up [r_l, d], down transposed [r_l, d], in `type`, nothing between
//   sizes    3 * r_l * L * d parameters a block; fetched: one block a level; bank: all of them
//
// Plain numbers, no file: loaders/klbank reads and writes them. Thread safe while nobody changes
// it. Source: arXiv 2510.02375, "Pretraining with hierarchical memories".
#ifndef KINGLET_CORE_MODEL_MEMORY_LAYOUT_H_
#define KINGLET_CORE_MODEL_MEMORY_LAYOUT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/abi/types.h"

namespace kinglet {

inline constexpr uint32_t kMemoryMaxDepth = 4;
inline constexpr uint32_t kMemoryMaxBranching = 64;
inline constexpr uint32_t kMemoryMaxLayers = 1024;
inline constexpr uint32_t kMemoryMaxWidth = 1 << 20;  // of a model's or an encoder's vectors
// Where blocks, centroids and the table of a file start: multiples of this.
inline constexpr uint64_t kMemoryAlignment = 4096;

enum class MemoryActivation : uint32_t { kSilu = 1, kRelu = 2 };

struct MemoryShape {
  uint32_t branching = 0;       // k, 2..64
  uint32_t depth = 0;           // p, 1..4
  uint32_t layer_count = 0;     // L, 1..1024
  uint32_t dim = 0;             // d, a multiple of the type's block
  kl_dtype type = KL_TYPE_F32;  // f32, f16, q8_0, q4_0
  MemoryActivation activation = MemoryActivation::kSilu;
  std::array<uint32_t, kMemoryMaxDepth> rows = {};  // r_l; [0] is level 1; 0: no blocks there
  uint32_t encoder_width = 0;                       // c, of a centroid
};

// "silu", "relu"; "unknown" for any other number.
const char* MemoryActivationName(MemoryActivation activation);

// What is wrong with a shape. `field` is the name of a MemoryShape field; `level` is 0 unless the
// field has one value a level.
struct MemoryShapeFault {
  const char* field;
  uint32_t level;
  std::string expected;
  std::string found;
};

// Levels are 1..depth() in every call. A node, a path or a level beyond the shape is the caller's
// mistake and is not checked.
class MemoryLayout {
 public:
  static constexpr uint32_t kMatrices = 3;  // gate, up, down transposed

  // An empty layout: depth 0, all sizes 0.
  MemoryLayout() = default;

  // InvalidArgument names the field, what was expected and what was found; a bank whose bytes do
  // not fit in 63 bits is one.
  static absl::StatusOr<MemoryLayout> Create(const MemoryShape& shape);
  // The same check alone; nothing when the shape is sound.
  static std::optional<MemoryShapeFault> FindFault(const MemoryShape& shape);

  const MemoryShape& shape() const { return shape_; }
  uint32_t depth() const { return shape_.depth; }

  // ---- nodes ----

  uint64_t NodeCount(uint32_t level) const { return levels_[level].node_count; }  // k^level
  // Of the centroids before those of `level`: they are stored level by level.
  uint64_t FirstNode(uint32_t level) const { return levels_[level].first_node; }
  uint64_t TotalNodeCount() const { return total_node_count_; }
  uint64_t CentroidBytes() const {
    return total_node_count_ * shape_.encoder_width * sizeof(float);
  }
  // The ancestor at `upper` of node `id` of level `level`; upper <= level.
  uint64_t Ancestor(uint32_t level, uint64_t id, uint32_t upper) const;

  // ---- blocks ----

  uint64_t BlockCount(uint32_t level) const { return levels_[level].block_count; }
  uint64_t BlockBytes(uint32_t level) const { return levels_[level].block_bytes; }
  uint64_t StrideBytes(uint32_t level) const { return levels_[level].stride_bytes; }
  // Of the level's blocks in a file, padding included.
  uint64_t LevelBytes(uint32_t level) const;
  // Of the generic blocks of all levels in a file, padding included.
  uint64_t GenericBytes() const;
  // Where the level's generic block starts after the first one.
  uint64_t GenericOffset(uint32_t level) const;
  uint64_t RowBytes() const { return row_bytes_; }
  // Where matrix 0 (gate), 1 (up) or 2 (down transposed) of a layer starts in a block.
  uint64_t MatrixOffset(uint32_t level, uint32_t layer, uint32_t matrix) const;

  uint64_t BlockParameters(uint32_t level) const;
  uint64_t FetchParameters() const;  // one block a level
  uint64_t BankParameters() const;   // all blocks, without the generic ones
  uint64_t FetchBytes() const;       // without padding

  // ---- records: the order of the table, and of the ids that a bank knows them by ----

  uint64_t RecordCount() const { return record_count_; }  // blocks, then one generic block a level
  uint64_t BlockRecord(uint32_t level, uint64_t id) const {
    return levels_[level].first_record + id;
  }
  uint64_t GenericRecord(uint32_t level) const { return record_count_ - shape_.depth + level - 1; }

 private:
  struct Level {
    uint64_t node_count = 0;
    uint64_t first_node = 0;
    uint64_t block_count = 0;
    uint64_t block_bytes = 0;
    uint64_t stride_bytes = 0;
    uint64_t first_record = 0;
  };

  std::optional<MemoryShapeFault> Compute();

  MemoryShape shape_;
  std::array<Level, kMemoryMaxDepth + 1> levels_;  // [0] is unused
  uint64_t row_bytes_ = 0;
  uint64_t total_node_count_ = 0;
  uint64_t record_count_ = 0;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MODEL_MEMORY_LAYOUT_H_
