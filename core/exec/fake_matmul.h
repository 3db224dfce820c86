// For the tests of streamed weights: op "matmul" with a packing of its own, and a plan with a large
// matrix in a file.
//
//   large   w [5000, 128] f32, 2.56 MB: two records      hidden = x w^T
//   small   w [8, 5000] f32, 160 kB: one                 y = hidden w^T + bias
//   tiny    w [8, 8] f32: kept                           z = y w^T
//
// With `pack`, packed rows are the bytes of each row back to front.
#ifndef KINGLET_CORE_EXEC_FAKE_MATMUL_H_
#define KINGLET_CORE_EXEC_FAKE_MATMUL_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/abi/dtype.h"
#include "core/base/mapped_file.h"
#include "core/exec/fake_plugin.h"
#include "core/exec/plan.h"
#include "tests/support/temp_folder.h"

namespace kinglet {

constexpr int64_t kLargeRows = 5000, kLargeColumns = 128, kSmallRows = 8;

namespace fake {

// State: the rows that prepare() saw, which the run must have.
inline kl_code PrepareProduct(const kl_host*, const kl_node* node, void* state,
                              kl_requirements* requirements, kl_error*) {
  std::memcpy(state, &node->operands[1]->shape[0], sizeof(int64_t));
  requirements->scratch_bytes = 64;
  return KL_OK;
}

inline kl_code Product(const kl_run* run) {
  int64_t prepared_rows = 0;
  std::memcpy(&prepared_rows, run->state, sizeof prepared_rows);
  const int64_t rows = Dim(run, 1, 0), columns = Dim(run, 1, 1);
  if (prepared_rows != rows || Dim(run, 3, 1) != rows || run->operands[1]->data == nullptr)
    return KL_INTERNAL;
  const bool packed = run->operands[1]->layout == KL_LAYOUT_PACKED;
  for (int64_t t = 0; t < Dim(run, 0, 0); ++t) {
    for (int64_t n = run->begin; n < std::min(run->end, rows); ++n) {
      float sum = run->operands[2]->type == KL_TYPE_NONE ? 0 : F32(run, 2)[n];
      for (int64_t k = 0; k < columns; ++k) {
        float weight = 0;
        std::memcpy(&weight, F32(run, 1) + n * columns + (packed ? columns - 1 - k : k), 4);
        if (packed) {
          uint8_t bytes[4];
          std::memcpy(bytes, &weight, 4);
          std::reverse(bytes, bytes + 4);
          std::memcpy(&weight, bytes, 4);
        }
        sum += F32(run, 0)[t * columns + k] * weight;
      }
      F32(run, 3)[t * rows + n] = sum;
    }
  }
  return KL_OK;
}
inline void UnitPerRow(const kl_run* run, kl_work* work) {
  work->phase_count = 1;
  work->unit_count[0] = run->operands[1]->shape[0];
}
inline kl_code PackRowsQuery(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  if (operand != 1) return KL_OK;
  pack->bytes = kl_tensor_bytes(node->operands[1]);
  pack->unit_count = node->operands[1]->shape[0];
  pack->layout = "rows_back_to_front";
  return KL_OK;
}
inline kl_code PackRows(const kl_node*, uint32_t, const kl_tensor* source, void* destination,
                        int64_t begin, int64_t end) {
  const uint64_t row_bytes = kl_row_bytes(source->type, static_cast<uint64_t>(source->shape[1]));
  for (int64_t row = begin; row < end; ++row) {
    const uint8_t* from =
        static_cast<const uint8_t*>(source->data) + static_cast<uint64_t>(row) * row_bytes;
    std::reverse_copy(from, from + row_bytes,
                      static_cast<uint8_t*>(destination) + static_cast<uint64_t>(row) * row_bytes);
  }
  return KL_OK;
}

constexpr kl_operand kProductOperands[] = {In("x"), In("w"), In("bias", 1), Out()};
constexpr kl_op kProductOp = {sizeof(kl_op), "matmul", kProductOperands, 4, nullptr, 0};
constexpr kl_dtype kFourAnyTypes[] = {KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY};

}  // namespace fake

struct FakeMatmulKernel {
  explicit FakeMatmulKernel(bool pack) {
    Fake::log() = Fake::Log();
    kernel = fake::Kernel("matmul", "fake_product", 4, fake::Product);
    kernel.operand_types = fake::kFourAnyTypes;
    kernel.prepare = fake::PrepareProduct;
    kernel.state_bytes = sizeof(int64_t);
    kernel.work = fake::UnitPerRow;
    if (pack) {
      kernel.pack_query = fake::PackRowsQuery;
      kernel.pack = fake::PackRows;
    }
    table.struct_size = sizeof table;
    table.abi_major = KL_ABI_MAJOR;
    table.name = "fake_product";
    table.version = "1";
    table.ops = ops;
    table.op_count = 1;
    table.kernels = kernels;
    table.kernel_count = 1;
  }
  FakeMatmulKernel(const FakeMatmulKernel&) = delete;
  FakeMatmulKernel& operator=(const FakeMatmulKernel&) = delete;

  std::unique_ptr<Registry> MakeRegistry() const {
    RegistryOptions options;
    options.use_plugin_folder = false;
    options.adopted_plugins = {&table};
    return std::move(Registry::Create(options)).value();
  }

  kl_kernel kernel;
  const kl_kernel* kernels[1] = {&kernel};
  const kl_op* ops[1] = {&fake::kProductOp};
  kl_plugin_v1 table = {};
};

class FakeMatmulModel {
 public:
  FakeMatmulModel() {
    const int64_t floats =
        kLargeRows * kLargeColumns + kSmallRows * kLargeRows + kSmallRows + kSmallRows * kSmallRows;
    std::string contents(36, 'H');
    for (int64_t i = 0; i < floats; ++i) {
      const float value = static_cast<float>(i * 37 % 101) / 64 - 0.75f;
      contents.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    file = std::move(MappedFile::Open(folder.Write("model", contents))).value();
    x = Value(ValueKind::kInput, {KL_DIM_TOKENS, kLargeColumns});
    const kl_value hidden = Value(ValueKind::kActivation, {KL_DIM_TOKENS, kLargeRows});
    const kl_value y = Value(ValueKind::kActivation, {KL_DIM_TOKENS, kSmallRows});
    const kl_value z = Value(ValueKind::kActivation, {KL_DIM_TOKENS, kSmallRows});
    Node("large", {x, Weight({kLargeRows, kLargeColumns}), KL_NO_VALUE, hidden});
    const kl_value small = Weight({kSmallRows, kLargeRows});
    Node("small", {hidden, small, Weight({kSmallRows}), y});
    Node("tiny", {y, Weight({kSmallRows, kSmallRows}), KL_NO_VALUE, z});
    plan.outputs = {z};
  }

  const TempFolder folder;
  std::unique_ptr<MappedFile> file;
  std::vector<std::unique_ptr<SourceTensor>> tensors;
  Plan plan;
  kl_value x = 0;

 private:
  kl_value Value(ValueKind kind, std::vector<int64_t> shape) {
    PlanValue value;
    value.kind = kind;
    value.type = KL_TYPE_F32;
    value.shape = std::move(shape);
    plan.values.push_back(std::move(value));
    return static_cast<kl_value>(plan.values.size()) - 1;
  }
  kl_value Weight(const std::vector<int64_t>& shape) {
    auto tensor = std::make_unique<SourceTensor>();
    tensor->name = "w" + std::to_string(tensors.size());
    tensor->shape = shape;
    tensor->bytes = sizeof(float);
    for (const int64_t dimension : shape) tensor->bytes *= static_cast<uint64_t>(dimension);
    tensor->file = file.get();
    tensor->file_offset = end_;
    tensor->data = file->data() + end_;
    end_ += tensor->bytes;
    const kl_value value = Value(ValueKind::kWeight, shape);
    plan.values.back().tensors = {tensor.get()};
    tensors.push_back(std::move(tensor));
    return value;
  }
  void Node(const std::string& name, std::vector<kl_value> operands) {
    PlanNode node;
    node.op = "matmul";
    node.name = name;
    node.operands = std::move(operands);
    plan.nodes.push_back(std::move(node));
  }

  uint64_t end_ = 36;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_FAKE_MATMUL_H_
