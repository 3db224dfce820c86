#include "tests/conformance/workload.h"

#include <algorithm>
#include <cstring>

#include "core/abi/dtype.h"
#include "plugins/common/dequantize.h"
#include "plugins/common/random_blocks.h"
#include "plugins/common/tensor.h"

namespace kinglet {
namespace conformance {
namespace {

constexpr uint64_t kConstantOffsetBytes = 4;
constexpr uint64_t kActivationOffsetBytes = 32;
constexpr uint8_t kUnwritten = 0xFF;  // NaN in every float type, -1 in whole numbers

bool IsSymbol(int64_t dimension) { return dimension < 0; }
int SymbolOf(int64_t dimension) { return static_cast<int>(-1 - dimension); }

bool DependsOnTokens(const kl_case_operand& operand) {
  for (int32_t d = 0; d < operand.rank; ++d) {
    if (operand.shape[d] == KL_CASE_SYMBOL(0)) return true;
  }
  return false;
}

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

uint32_t BlockOf(kl_dtype type) {
  const kl_dtype_info info = kl_dtype_info_of(type);
  return info.name == nullptr ? 1 : info.block_elements;
}

// Symbols within their ranges; one that is the innermost dimension of a block type covers whole
// blocks.
void DrawSymbols(const kl_op_case& op_case, const std::vector<kl_dtype>& types, Random* random,
                 int64_t* symbols) {
  for (int s = 0; s < KL_CASE_SYMBOLS; ++s) {
    const kl_case_symbol& symbol = op_case.symbols[s];
    symbols[s] =
        symbol.high < symbol.low ? symbol.low : NextInteger(random, symbol.low, symbol.high);
    if (symbol.multiple > 1) symbols[s] = RoundUp(symbols[s], symbol.multiple);
  }
  for (uint32_t i = 0; i < op_case.operand_count; ++i) {
    const kl_case_operand& operand = op_case.operands[i];
    if (operand.rank == 0 || !IsSymbol(operand.shape[operand.rank - 1])) continue;
    int64_t& symbol = symbols[SymbolOf(operand.shape[operand.rank - 1])];
    symbol = RoundUp(symbol, BlockOf(types[i]));
  }
}

kl_tensor TensorOf(const kl_case_operand& operand, kl_dtype type, const int64_t* symbols) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = type;
  tensor.layout = KL_LAYOUT_ROWS;
  if (type == KL_TYPE_NONE) return tensor;
  tensor.rank = operand.rank;
  for (int32_t d = 0; d < operand.rank; ++d) {
    tensor.shape[d] =
        IsSymbol(operand.shape[d]) ? symbols[SymbolOf(operand.shape[d])] : operand.shape[d];
  }
  if (tensor.rank > 0) {
    int64_t& innermost = tensor.shape[tensor.rank - 1];
    innermost = RoundUp(innermost, BlockOf(type));
  }
  return tensor;
}

double DrawValue(const kl_case_operand& operand, int64_t index, Random* random) {
  switch (operand.fill) {
    case KL_FILL_NORMAL:
      return operand.low + operand.high * NextNormal(random);
    case KL_FILL_SPARSE:
    case KL_FILL_SPARSE_2:
    case KL_FILL_SPARSE_4:
      return operand.high * NextNormal(random);
    case KL_FILL_UNIFORM:
      return operand.low + (operand.high - operand.low) * NextUniform(random);
    case KL_FILL_INTEGERS:
      return static_cast<double>(NextInteger(random, static_cast<int64_t>(operand.low),
                                             static_cast<int64_t>(operand.high) - 1));
    case KL_FILL_SEQUENCE:
      return operand.low + static_cast<double>(index);
    case KL_FILL_CONSTANT:
      return operand.low;
    default:
      return 0.0;
  }
}

// One innermost row of different whole numbers in [low, high): the first of a partial shuffle.
std::vector<double> DrawDistinct(const kl_case_operand& operand, int64_t count, Random* random) {
  const int64_t low = static_cast<int64_t>(operand.low), high = static_cast<int64_t>(operand.high);
  std::vector<double> values;
  for (int64_t v = low; v < high; ++v) values.push_back(static_cast<double>(v));
  for (int64_t i = 0; i < count && i < high - low; ++i) {
    std::swap(values[static_cast<size_t>(i)],
              values[static_cast<size_t>(NextInteger(random, i, high - low - 1))]);
  }
  values.resize(static_cast<size_t>(count), static_cast<double>(low));
  return values;
}

// Which elements of pruned weights are zero; empty for other fills.
std::vector<bool> DrawZeros(const kl_case_operand& operand, const kl_tensor& tensor,
                            Random* random) {
  if (operand.fill < KL_FILL_SPARSE || operand.fill > KL_FILL_SPARSE_4) return {};
  const int64_t block = int64_t{1} << (operand.fill - KL_FILL_SPARSE);
  const int64_t outer = tensor.shape[0], inner = kl_element_count(&tensor) / outer;
  std::vector<bool> zeros(static_cast<size_t>(outer * inner));
  for (int64_t first = 0; first < outer; first += block) {
    for (int64_t i = 0; i < inner; ++i) {
      const bool zero = NextUniform(random) < operand.low;
      for (int64_t o = first; o < std::min(outer, first + block); ++o) {
        zeros[static_cast<size_t>(o * inner + i)] = zero;
      }
    }
  }
  return zeros;
}

bool StoreValue(kl_dtype type, double value, uint8_t* out) {
  const auto store = [out](auto converted) {
    memcpy(out, &converted, sizeof converted);
    return true;
  };
  switch (type) {
    case KL_TYPE_F32:
      return store(static_cast<float>(value));
    case KL_TYPE_F16:
      return store(F32ToF16(static_cast<float>(value)));
    case KL_TYPE_BF16:
      return store(F32ToBf16(static_cast<float>(value)));
    case KL_TYPE_I32:
      return store(static_cast<int32_t>(value));
    case KL_TYPE_I64:
      return store(static_cast<int64_t>(value));
    case KL_TYPE_I8:
      return store(static_cast<int8_t>(value));
    case KL_TYPE_U8:
      return store(static_cast<uint8_t>(value));
    case KL_TYPE_BOOL:
      return store(static_cast<uint8_t>(value != 0.0 ? 1 : 0));
    default:
      return false;
  }
}

Outcome FillOperand(const kl_case_operand& operand, const kl_tensor& tensor, Random* random,
                    uint8_t* out) {
  const int64_t rows = kl_element_count(&tensor) == 0 ? 0 : RowCount(&tensor);
  const int64_t length = RowElements(&tensor);
  const uint64_t row_bytes = kl_row_bytes(tensor.type, static_cast<uint64_t>(length));
  const uint64_t element_bytes = kl_dtype_info_of(tensor.type).block_bytes;
  const std::vector<bool> zeros = DrawZeros(operand, tensor, random);
  for (int64_t r = 0; r < rows; ++r, out += row_bytes) {
    if (BlockOf(tensor.type) > 1) {
      const double deviation = operand.high > 0.0 ? operand.high : 1.0;
      if (!RandomRow(tensor.type, random, deviation, length, out)) {
        return Outcome::Failed("no random blocks of type " + DescribeTensor(tensor));
      }
      continue;
    }
    std::vector<double> distinct;
    if (operand.fill == KL_FILL_DISTINCT) distinct = DrawDistinct(operand, length, random);
    for (int64_t i = 0; i < length; ++i) {
      double value = distinct.empty() ? DrawValue(operand, r * length + i, random)
                                      : distinct[static_cast<size_t>(i)];
      if (!zeros.empty() && zeros[static_cast<size_t>(r * length + i)]) value = 0.0;
      if (!StoreValue(tensor.type, value, out + static_cast<uint64_t>(i) * element_bytes)) {
        return Outcome::Failed("cannot fill an operand of type " + DescribeTensor(tensor));
      }
    }
  }
  return Outcome::Passed();
}

Outcome DrawOperand(const kl_operand& declared, const kl_case_operand& operand, bool is_first,
                    const kl_tensor& tensor, Random* random, WorkloadOperand* result) {
  result->tensor = tensor;
  result->role = declared.role;
  result->weight = operand.type == KL_TYPE_ANY;
  if (tensor.type == KL_TYPE_NONE) return Outcome::Passed();
  result->constant = declared.role == KL_OPERAND_INPUT && !is_first && !DependsOnTokens(operand);
  const uint64_t offset = result->constant ? kConstantOffsetBytes : kActivationOffsetBytes;
  result->buffer = std::make_shared<GuardedBuffer>(kl_tensor_bytes(&tensor), offset, kUnwritten);
  result->tensor.data = result->buffer->data();
  if (declared.role != KL_OPERAND_OUTPUT) {
    KL_RETURN_UNLESS_PASSED(FillOperand(operand, tensor, random, result->buffer->data()));
  }
  result->original.assign(result->buffer->data(), result->buffer->data() + result->buffer->bytes());
  return Outcome::Passed();
}

}  // namespace

Workload Workload::Fresh() const {
  Workload fresh = *this;
  for (WorkloadOperand& operand : fresh.operands) {
    if (operand.buffer == nullptr || operand.role == KL_OPERAND_INPUT) continue;
    operand.buffer = std::make_shared<GuardedBuffer>(operand.original.size(),
                                                     kActivationOffsetBytes, kUnwritten);
    operand.tensor.data = operand.buffer->data();
    if (!operand.original.empty())
      memcpy(operand.buffer->data(), operand.original.data(), operand.original.size());
  }
  return fresh;
}

std::string Workload::Describe() const {
  std::string text;
  for (int s = 0; s < KL_CASE_SYMBOLS; ++s) {
    if (symbols[s] != 0) text += "S" + std::to_string(s) + "=" + std::to_string(symbols[s]) + " ";
  }
  for (uint32_t i = 0; i < operands.size(); ++i) {
    text += std::string(i == 0 ? "" : ", ") + op->operands[i].name + " " +
            DescribeTensor(operands[i].tensor);
  }
  return text;
}

std::string DescribeTensor(const kl_tensor& tensor) {
  if (tensor.type == KL_TYPE_NONE) return "absent";
  const char* name = kl_dtype_info_of(tensor.type).name;
  std::string text = name != nullptr ? name : "type " + std::to_string(tensor.type);
  text += " [";
  for (int32_t d = 0; d < tensor.rank; ++d)
    text += (d == 0 ? "" : ", ") + std::to_string(tensor.shape[d]);
  return text + "]";
}

bool HasTokens(const kl_op_case& op_case) {
  for (uint32_t i = 0; i < op_case.operand_count; ++i) {
    if (DependsOnTokens(op_case.operands[i])) return true;
  }
  return false;
}

bool HasFreeType(const kl_kernel& kernel, const kl_op_case& op_case) {
  for (uint32_t i = 0; i < op_case.operand_count && i < kernel.operand_count; ++i) {
    if (op_case.operands[i].type == KL_TYPE_ANY && kernel.operand_types[i] == KL_TYPE_ANY)
      return true;
  }
  return false;
}

Outcome ResolveTypes(const kl_op& op, const kl_kernel& kernel, const kl_op_case& op_case,
                     kl_dtype any_type, std::vector<kl_dtype>* types) {
  if (kernel.operand_count != op.operand_count || op_case.operand_count != op.operand_count) {
    return Outcome::Failed(std::string("op ") + op.name + " has " +
                           std::to_string(op.operand_count) + " operands, kernel " + kernel.name +
                           " declares " + std::to_string(kernel.operand_count) + ", case " +
                           op_case.name + " gives " + std::to_string(op_case.operand_count));
  }
  types->clear();
  for (uint32_t i = 0; i < op.operand_count; ++i) {
    const kl_dtype wanted = op_case.operands[i].type;
    const kl_dtype declared = kernel.operand_types[i];
    if (wanted == KL_TYPE_ANY && declared == KL_TYPE_NONE) {
      return Outcome::Skipped(std::string("the kernel takes no ") + op.operands[i].name);
    }
    if (wanted != KL_TYPE_ANY && declared != KL_TYPE_ANY && wanted != declared) {
      return Outcome::Skipped(std::string("the kernel declares another type for ") +
                              op.operands[i].name);
    }
    const kl_dtype either = wanted != KL_TYPE_ANY ? wanted : declared;
    types->push_back(either != KL_TYPE_ANY ? either : any_type);
  }
  return Outcome::Passed();
}

Outcome DrawWorkload(const kl_op& op, const kl_op_case& op_case, const std::vector<kl_dtype>& types,
                     uint64_t seed, Workload* workload) {
  Random random = {seed};
  *workload = Workload();
  workload->op = &op;
  workload->op_case = &op_case;
  workload->operands.resize(op.operand_count);
  DrawSymbols(op_case, types, &random, workload->symbols);
  for (uint32_t i = 0; i < op.operand_count; ++i) {
    const kl_tensor tensor = TensorOf(op_case.operands[i], types[i], workload->symbols);
    KL_RETURN_UNLESS_PASSED(DrawOperand(op.operands[i], op_case.operands[i], i == 0, tensor,
                                        &random, &workload->operands[i]));
  }
  return Outcome::Passed();
}

Outcome DrawFewerTokens(const Workload& from, int64_t tokens, uint64_t seed, Workload* workload) {
  Random random = {seed};
  *workload = from;
  workload->symbols[0] = tokens;
  for (uint32_t i = 0; i < from.op->operand_count; ++i) {
    const kl_case_operand& operand = from.op_case->operands[i];
    if (!DependsOnTokens(operand)) continue;
    const kl_tensor tensor = TensorOf(operand, from.operands[i].tensor.type, workload->symbols);
    workload->operands[i] = WorkloadOperand();
    KL_RETURN_UNLESS_PASSED(DrawOperand(from.op->operands[i], operand, i == 0, tensor, &random,
                                        &workload->operands[i]));
  }
  return Outcome::Passed();
}

}  // namespace conformance
}  // namespace kinglet
