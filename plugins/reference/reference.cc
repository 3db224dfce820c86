#include "plugins/reference/reference.h"

namespace kinglet {
namespace reference {

const kl_dtype kAnyTypes[kMaxOperands] = {KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY,
                                          KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY,
                                          KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY,
                                          KL_TYPE_ANY, KL_TYPE_ANY, KL_TYPE_ANY};

namespace {

// "[2, *, 64]" into text; kAnyDimension prints as *.
void FormatShape(int32_t rank, const int64_t* shape, char* text, size_t capacity) {
  size_t used = 0;
  const auto append = [&](const char* format, long long value) {
    if (used >= capacity) return;
    const int written = snprintf(text + used, capacity - used, format, value);
    if (written > 0) used += static_cast<size_t>(written);
  };
  append("[", 0);
  for (int32_t d = 0; d < rank; ++d) {
    if (d > 0) append(", ", 0);
    if (shape[d] == kAnyDimension) {
      append("*", 0);
    } else {
      append("%lld", static_cast<long long>(shape[d]));
    }
  }
  append("]", 0);
}

const char* TypeName(kl_dtype type) {
  if (type == KL_TYPE_NONE) return "nothing";
  const char* name = kl_dtype_info_of(type).name;
  return name != nullptr ? name : "an unknown type";
}

}  // namespace

Check::Check(const kl_op& op, const kl_node* node, kl_error* error)
    : op_(op), node_(node), error_(error) {
  if (node->operand_count != op.operand_count) {
    code_ = kl_fail(error, KL_INVALID_ARGUMENT, "%s '%s': expected %u operands, found %u", op.name,
                    node->name, op.operand_count, node->operand_count);
    return;
  }
  for (uint32_t i = 0; i < op.operand_count; ++i) {
    const kl_tensor* tensor = node->operands[i];
    if (tensor->type == KL_TYPE_NONE) {
      if (op.operands[i].optional == 0) Fail(i, "a tensor");
      continue;
    }
    if (tensor->rank < 0 || tensor->rank > KL_MAX_RANK) {
      Fail(i, "rank 0 to 6");
      return;
    }
    for (int32_t d = 0; d < tensor->rank; ++d) {
      if (tensor->shape[d] < 0) Fail(i, "dimensions that are not negative");
    }
  }
}

bool Check::Present(uint32_t index) const { return node_->operands[index]->type != KL_TYPE_NONE; }

void Check::Fail(uint32_t index, const char* expected) {
  if (!ok()) return;
  const kl_tensor* tensor = node_->operands[index];
  char shape[96] = "";
  if (tensor->type != KL_TYPE_NONE && tensor->rank >= 0 && tensor->rank <= KL_MAX_RANK) {
    FormatShape(tensor->rank, tensor->shape, shape, sizeof shape);
  }
  code_ = kl_fail(error_, KL_INVALID_ARGUMENT, "%s '%s': operand %s: expected %s, found %s %s",
                  op_.name, node_->name, op_.operands[index].name, expected, TypeName(tensor->type),
                  shape);
}

void Check::Type(uint32_t index, kl_dtype type) {
  if (!ok() || !Present(index)) return;
  if (node_->operands[index]->type != type) Fail(index, TypeName(type));
}

void Check::Weight(uint32_t index) {
  if (!ok() || !Present(index)) return;
  const kl_tensor* tensor = node_->operands[index];
  if (!IsWeightType(tensor->type)) return Fail(index, "a float or block type");
  if (tensor->layout != KL_LAYOUT_ROWS)
    return Fail(index, "rows in the file's layout, not packed ones");
  const uint32_t block = kl_dtype_info_of(tensor->type).block_elements;
  if (tensor->rank < 1 || RowElements(tensor) % block != 0) {
    char expected[64];
    snprintf(expected, sizeof expected, "whole blocks of %u along the last dimension", block);
    Fail(index, expected);
  }
}

void Check::Shape(uint32_t index, int32_t rank, const int64_t* shape) {
  if (!ok() || !Present(index)) return;
  const kl_tensor* tensor = node_->operands[index];
  bool equal = tensor->rank == rank;
  for (int32_t d = 0; equal && d < rank; ++d) {
    equal = shape[d] == kAnyDimension || shape[d] == tensor->shape[d];
  }
  if (equal) return;
  char expected[96];
  FormatShape(rank, shape, expected, sizeof expected);
  Fail(index, expected);
}

void Check::Shape(uint32_t index, std::initializer_list<int64_t> shape) {
  Shape(index, static_cast<int32_t>(shape.size()), shape.begin());
}

void Check::SameShape(uint32_t index, uint32_t other) {
  if (!ok() || !Present(index) || !Present(other)) return;
  Shape(index, node_->operands[other]->rank, node_->operands[other]->shape);
}

void Check::Rank(uint32_t index, int32_t low, int32_t high) {
  if (!ok() || !Present(index)) return;
  const int32_t rank = node_->operands[index]->rank;
  if (rank >= low && rank <= high) return;
  char expected[48];
  snprintf(expected, sizeof expected, low == high ? "rank %d" : "rank %d to %d", low, high);
  Fail(index, expected);
}

void Check::Require(bool holds, const char* expected, int64_t found) {
  if (!ok() || holds) return;
  code_ = kl_fail(error_, KL_INVALID_ARGUMENT, "%s '%s': expected %s, found %lld", op_.name,
                  node_->name, expected, static_cast<long long>(found));
}

void Check::RequireOperand(uint32_t index, bool holds, const char* expected) {
  if (ok() && !holds) Fail(index, expected);
}

double Dot(const float* a, const float* b, int64_t count) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) {
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  for (; i < count; ++i) sums[i % 8] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

Activation ParseActivation(const kl_node* node, Check* check) {
  const char* name = kl_attribute_string(node, "activation", "");
  if (strcmp(name, "relu") == 0) return Activation::kRelu;
  if (strcmp(name, "silu") == 0) return Activation::kSilu;
  if (strcmp(name, "gelu") == 0) return Activation::kGelu;
  char expected[128];
  snprintf(expected, sizeof expected,
           "attribute activation to be relu, silu or gelu (it is '%.32s'), known names", name);
  check->Require(false, expected, 0);
  return Activation::kRelu;
}

double Activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kRelu:
      return x > 0.0 ? x : 0.0;
    case Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case Activation::kGelu:
      return 0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  }
  return 0.0;
}

void ParseInts(const kl_node* node, const char* name, uint32_t count, int64_t low, int64_t* values,
               Check* check) {
  const kl_attribute* attribute = kl_find_attribute(node, name);
  const bool right_kind =
      attribute != nullptr && attribute->kind == KL_ATTRIBUTE_INTS && attribute->ints != nullptr;
  const uint32_t found = right_kind ? attribute->count : 0;
  char expected[96];
  snprintf(expected, sizeof expected, "attribute %s to hold %u numbers", name, count);
  check->Require(found == count, expected, found);
  for (uint32_t i = 0; i < count; ++i) values[i] = found == count ? attribute->ints[i] : 1;
  snprintf(expected, sizeof expected, "numbers in attribute %s from %lld to 2147483647", name,
           static_cast<long long>(low));
  for (uint32_t i = 0; i < count; ++i)
    check->Require(values[i] >= low && values[i] <= INT32_MAX, expected, values[i]);
}

}  // namespace reference
}  // namespace kinglet
