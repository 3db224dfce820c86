// Which weights can be read for every pass instead of being kept, and in which pieces.
//
//   node matmul: x [T, K], w [N, K], y [T, N]
//   record = rows [first, first + count) of w, as the node's kernel packs a weight of so many rows
//
// A large matrix (the head) is several records, so that a few small buffers do for all of them: each
// is a product of its own with the same kernel, and outputs do not depend on each other. Records are
// in the order in which a pass needs them.
#ifndef KINGLET_CORE_EXEC_STREAMED_WEIGHTS_H_
#define KINGLET_CORE_EXEC_STREAMED_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/abi/bank.h"
#include "core/abi/kernel.h"
#include "core/exec/plan.h"

namespace kinglet {

class NodeOperands;
struct PreparedNode;

// The operands of a matmul (plugins/reference/matmul.cc).
enum MatmulOperand : uint32_t { kMatmulX, kMatmulWeight, kMatmulBias, kMatmulY, kMatmulOperandCount };

// Makes `operands` those of a product with `rows` rows of the weight.
void TakeRows(NodeOperands* operands, int64_t rows);

// One matmul whose weight is streamed. Immutable; not movable.
class StreamedNode {
 public:
  // NULL: the node is not a matmul of a matrix in a file, is too small to be worth it, or its kernel
  // takes no part of it.
  static std::unique_ptr<StreamedNode> Create(const Plan& plan, size_t index, const PreparedNode& node,
                                              int thread_count);
  ~StreamedNode();
  StreamedNode(const StreamedNode&) = delete;
  StreamedNode& operator=(const StreamedNode&) = delete;

  size_t node_index() const { return node_index_; }
  const char* name() const;
  int64_t block_count() const { return block_count_; }
  int64_t first_row(int64_t block) const { return block * block_rows_; }
  int64_t row_count(int64_t block) const { return shapes_[shape_of(block)].rows; }
  // Blocks come in one or two sizes: all but the last are equal.
  size_t shape_count() const { return shapes_.size(); }
  size_t shape_of(int64_t block) const { return block + 1 == block_count_ ? shapes_.size() - 1 : 0; }
  int64_t shape_rows(size_t shape) const { return shapes_[shape].rows; }
  uint32_t layout(size_t shape) const { return shapes_[shape].pack.bytes == 0 ? KL_LAYOUT_ROWS : KL_LAYOUT_PACKED; }

  uint64_t source_bytes(int64_t block) const { return static_cast<uint64_t>(row_count(block)) * row_bytes_; }
  uint64_t bytes(int64_t block) const;  // in a slot
  uint64_t total_source_bytes() const { return static_cast<uint64_t>(rows_) * row_bytes_; }
  const SourceTensor& tensor() const { return *tensor_; }
  uint64_t source_offset(int64_t block) const;  // in the tensor's file

  // Writes bytes(block) at `slot` from the block's rows as they are in the file. Thread safe.
  kl_code Pack(int64_t block, const void* rows, void* slot, kl_error* error) const;

 private:
  struct Shape {
    int64_t rows = 0;
    std::unique_ptr<NodeOperands> operands;
    kl_pack pack = {};
  };
  StreamedNode();
  // False: the kernel does not take so many rows.
  bool AddShape(const Plan& plan, const PreparedNode& node, int64_t rows, int thread_count);

  size_t node_index_ = 0;
  const kl_kernel* kernel_ = nullptr;
  const SourceTensor* tensor_ = nullptr;
  int64_t rows_ = 0;
  uint64_t row_bytes_ = 0;
  int64_t block_rows_ = 0;
  int64_t block_count_ = 0;
  std::vector<Shape> shapes_;
};

// All of a plan. Immutable and thread safe. Borrows the plan and its kernels.
class StreamedWeights {
 public:
  static std::unique_ptr<StreamedWeights> Create(const Plan& plan, const std::vector<PreparedNode>& nodes,
                                                 int thread_count);
  StreamedWeights(const StreamedWeights&) = delete;
  StreamedWeights& operator=(const StreamedWeights&) = delete;

  const std::vector<std::unique_ptr<StreamedNode>>& nodes() const { return nodes_; }
  uint64_t first_record(size_t node) const { return first_records_[node]; }
  uint64_t record_count() const { return first_records_.back(); }
  // NULL: the node's weight is not streamed.
  const StreamedNode* NodeOf(size_t node_index) const;
  uint64_t total_bytes() const { return total_bytes_; }  // of the files, read by a pass if nothing is kept

  // As a bank's records; its unpack() may be called from any thread.
  const kl_bank_source& abi() const { return abi_; }

 private:
  StreamedWeights() = default;
  static kl_code Unpack(void* context, uint64_t id, const void* const* pieces, void* slot, kl_error* error);

  std::vector<std::unique_ptr<StreamedNode>> nodes_;
  std::vector<uint64_t> first_records_;  // by node, and the end
  std::vector<const StreamedNode*> node_of_;  // by node of the plan
  uint64_t total_bytes_ = 0;
  std::vector<std::string> paths_;
  std::vector<const char*> path_pointers_;
  std::vector<kl_bank_piece> pieces_;
  std::vector<kl_bank_record> records_;
  kl_bank_source abi_ = {};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_STREAMED_WEIGHTS_H_
