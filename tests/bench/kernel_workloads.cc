#include "tests/bench/kernel_workloads.h"

#include <algorithm>
#include <cstring>

#include "plugins/common/random_blocks.h"

namespace kinglet {
namespace {

constexpr int64_t kLength = 1536;  // embedding
constexpr int64_t kNeurons = 768;
constexpr int64_t kExperts = 32;
constexpr int64_t kChosen = 4;
constexpr int64_t kQueryHeads = 12, kHeads = 2, kHeadLength = 128;
constexpr uint64_t kLargeBytes = uint64_t{128} << 20;

kl_attribute Text(const char* name, const char* value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_STRING;
  attribute.s = value;
  return attribute;
}
kl_attribute Whole(const char* name, int64_t value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INT;
  attribute.i = value;
  return attribute;
}
kl_attribute Real(const char* name, double value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_FLOAT;
  attribute.f = value;
  return attribute;
}

class Builder {
 public:
  explicit Builder(std::string name) : workload_(std::make_unique<KernelWorkload>()) {
    workload_->name = std::move(name);
  }
  void Attribute(const kl_attribute& attribute) { workload_->attributes.push_back(attribute); }
  void Absent() { workload_->operands.push_back(MakeTensor(KL_TYPE_NONE, {}, nullptr)); }
  // Random numbers; of a large tensor, the first 64 rows over and over.
  void Random(kl_dtype type, std::vector<int64_t> shape, double deviation = 1.0) {
    kl_tensor tensor = MakeTensor(type, shape, nullptr);
    const uint64_t bytes = kl_tensor_bytes(&tensor);
    const int64_t columns = shape.back();
    const uint64_t row_bytes = kl_row_bytes(type, static_cast<uint64_t>(columns));
    const uint64_t sample = std::min(bytes, 64 * row_bytes);
    uint8_t* data = Store(bytes);
    RandomRow(type, &random_, deviation, static_cast<int64_t>(sample / row_bytes) * columns, data);
    for (uint64_t at = sample; at < bytes; at += sample) {
      std::memcpy(data + at, data, std::min(sample, bytes - at));
    }
    tensor.data = data;
    workload_->operands.push_back(tensor);
  }
  void Integers(std::vector<int64_t> shape, const std::vector<int32_t>& values) {
    uint8_t* data = Store(values.size() * sizeof(int32_t));
    std::memcpy(data, values.data(), values.size() * sizeof(int32_t));
    workload_->operands.push_back(MakeTensor(KL_TYPE_I32, std::move(shape), data));
  }
  void Output(std::vector<int64_t> shape) {
    kl_tensor tensor = MakeTensor(KL_TYPE_F32, std::move(shape), nullptr);
    tensor.data = Store(kl_tensor_bytes(&tensor));
    workload_->operands.push_back(tensor);
  }
  // Reads `bytes` of weights or cache, and computes.
  std::unique_ptr<KernelWorkload> Finish(double bytes, double operations) {
    workload_->bytes = bytes;
    workload_->operations = operations;
    return std::move(workload_);
  }

 private:
  uint8_t* Store(uint64_t bytes) {
    workload_->storage.push_back(std::make_unique<AlignedBytes>(bytes));
    return workload_->storage.back()->data();
  }
  kinglet::Random random_ = {7};
  std::unique_ptr<KernelWorkload> workload_;
};

std::string Tokens(int64_t count) {
  return std::to_string(count) + (count == 1 ? " token" : " tokens");
}

std::unique_ptr<KernelWorkload> Matmul(kl_dtype type, int64_t tokens, int64_t rows) {
  Builder builder(Tokens(tokens));
  builder.Random(KL_TYPE_F32, {tokens, kLength});
  builder.Random(type, {rows, kLength}, 0.05);
  builder.Absent();
  builder.Output({tokens, rows});
  const double bytes = static_cast<double>(rows) * static_cast<double>(kl_row_bytes(type, kLength));
  return builder.Finish(bytes, 2.0 * static_cast<double>(tokens * rows * kLength));
}

// relu: about half of the neurons are active. `experts` as many as there are, kChosen for a token.
std::unique_ptr<KernelWorkload> MoeFfn(const kl_kernel& kernel, int64_t tokens, int64_t experts) {
  Builder builder(Tokens(tokens));
  builder.Attribute(Text("activation", "relu"));
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t i = 0; i < kChosen; ++i)
      ids.push_back(static_cast<int32_t>((5 * t + i) % experts));
  }
  builder.Random(KL_TYPE_F32, {tokens, kLength});
  builder.Integers({tokens, kChosen}, ids);
  builder.Random(KL_TYPE_F32, {tokens, kChosen}, 0.3);
  builder.Random(kernel.operand_types[3], {experts, kNeurons, kLength}, 0.05);
  builder.Random(kernel.operand_types[4], {experts, kNeurons, kLength}, 0.05);
  builder.Random(kernel.operand_types[5], {experts, kLength, kNeurons}, 0.05);
  builder.Output({tokens, kLength});
  double bytes = 0;
  for (const int i : {3, 4, 5}) {
    const kl_dtype_info type = kl_dtype_info_of(kernel.operand_types[i]);
    bytes += static_cast<double>(kNeurons * kLength) / type.block_elements * type.block_bytes;
  }
  const int64_t used = std::min(experts, tokens * kChosen);
  auto workload = builder.Finish(bytes * static_cast<double>(used),
                                 2.0 * static_cast<double>(tokens * kChosen * 3 * kNeurons * kLength));
  int32_t* chosen = static_cast<int32_t*>(workload->operands[1].data);
  workload->vary = [=] {
    for (int64_t i = 0; i < tokens * kChosen; ++i) {
      chosen[i] = static_cast<int32_t>((chosen[i] + kChosen) % experts);
    }
  };
  return workload;
}

std::unique_ptr<KernelWorkload> Attention(const kl_kernel& kernel, int64_t tokens, int64_t first) {
  Builder builder(Tokens(tokens) + " after " + std::to_string(first));
  builder.Attribute(Whole("head_length", kHeadLength));
  const int64_t rows = first + tokens;
  std::vector<int32_t> positions;
  for (int64_t t = 0; t < tokens; ++t) positions.push_back(static_cast<int32_t>(first + t));
  builder.Random(KL_TYPE_F32, {tokens, kQueryHeads * kHeadLength});
  builder.Random(KL_TYPE_F32, {tokens, kHeads * kHeadLength});
  builder.Random(KL_TYPE_F32, {tokens, kHeads * kHeadLength});
  builder.Integers({tokens}, positions);
  for (const int i : {4, 5}) builder.Random(kernel.operand_types[i], {kHeads, rows, kHeadLength});
  builder.Output({tokens, kQueryHeads * kHeadLength});
  const double keys = static_cast<double>(tokens) *
                      (static_cast<double>(first) + 0.5 * static_cast<double>(tokens + 1));
  double row_bytes = 0;
  for (const int i : {4, 5})
    row_bytes += static_cast<double>(kl_row_bytes(kernel.operand_types[i], kHeadLength));
  return builder.Finish(static_cast<double>(kHeads * rows) * row_bytes,
                        4.0 * keys * static_cast<double>(kQueryHeads * kHeadLength));
}

// Operators without weights: `operations` an element of the output.
std::unique_ptr<KernelWorkload> Simple(const std::string& op) {
  const int64_t tokens = 64;
  Builder builder(Tokens(tokens));
  double operations = 1;
  if (op == "rms_norm") {
    builder.Attribute(Real("eps", 1e-6));
    builder.Random(KL_TYPE_F32, {tokens, kLength});
    builder.Random(KL_TYPE_F32, {kLength});
    operations = 4;
  } else if (op == "glu") {
    builder.Attribute(Text("activation", "silu"));
    builder.Random(KL_TYPE_F32, {tokens, kLength});
    builder.Random(KL_TYPE_F32, {tokens, kLength});
    operations = 4;
  } else if (op == "softmax") {
    builder.Random(KL_TYPE_F32, {tokens, kLength});
    operations = 4;
  } else if (op == "rope") {
    builder.Attribute(Whole("head_length", kHeadLength));
    builder.Attribute(Real("base", 1.5e6));
    std::vector<int32_t> positions;
    for (int32_t t = 0; t < tokens; ++t) positions.push_back(t);
    builder.Random(KL_TYPE_F32, {tokens, kLength});
    builder.Integers({tokens}, positions);
    builder.Absent();
    operations = 3;
  } else if (op == "add") {
    builder.Random(KL_TYPE_F32, {tokens, kLength});
    builder.Random(KL_TYPE_F32, {tokens, kLength});
  } else {
    return nullptr;
  }
  builder.Output({tokens, kLength});
  return builder.Finish(0, operations * static_cast<double>(tokens * kLength));
}

}  // namespace

std::vector<std::unique_ptr<KernelWorkload>> WorkloadsFor(const kl_kernel& kernel, bool large) {
  const std::string op = kernel.op;
  std::vector<std::unique_ptr<KernelWorkload>> workloads;
  const auto add = [&](std::unique_ptr<KernelWorkload> workload) {
    if (workload != nullptr) workloads.push_back(std::move(workload));
  };
  if (op == "matmul") {
    const kl_dtype type = kernel.operand_types[1];
    const uint64_t row_bytes = kl_row_bytes(type, kLength);
    if (row_bytes == 0) return workloads;
    add(Matmul(type, 1, large ? static_cast<int64_t>(kLargeBytes / row_bytes) : 512));
    if (!large) add(Matmul(type, 32, 256));
  } else if (op == "moe_ffn") {
    add(MoeFfn(kernel, 1, large ? kExperts : kChosen));
    if (!large) add(MoeFfn(kernel, 8, kChosen));
  } else if (op == "attention") {
    if (large) return workloads;
    add(Attention(kernel, 1, 2000));
    add(Attention(kernel, 32, 128));
  } else if (!large) {
    add(Simple(op));
  }
  return workloads;
}

}  // namespace kinglet
