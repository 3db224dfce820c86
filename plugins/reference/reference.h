// What the reference operators share: checking a node's operands, exact sums, the shape of a
// reference kernel.
//
// The reference is the oracle: plain loops, sums in double in a fixed order, every weight type by
// dequantising its rows.
// Thread safety: pure functions; a Check belongs to one thread.
#ifndef KINGLET_PLUGINS_REFERENCE_REFERENCE_H_
#define KINGLET_PLUGINS_REFERENCE_REFERENCE_H_

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "core/abi/attribute.h"
#include "core/abi/error.h"
#include "core/abi/kernel.h"
#include "plugins/common/dequantize.h"
#include "plugins/common/table.h"
#include "plugins/common/tensor.h"

namespace kinglet {
namespace reference {

// Checks one node against its operator's definition. The first failure goes to the caller's
// kl_error and is kept; later checks then do nothing, so that prepare() reads as a list of
// requirements and ends with `return check.code()`. A message names the node, the operand, what was
// expected and what was found.
class Check {
 public:
  Check(const kl_op& op, const kl_node* node, kl_error* error);

  kl_code code() const { return code_; }
  bool ok() const { return code_ == KL_OK; }

  // Operand `index` has this type; an absent one passes if the operator allows that.
  void Type(uint32_t index, kl_dtype type);
  // Operand `index` has a type that DequantizeRow reads, and whole blocks along its innermost
  // dimension.
  void Weight(uint32_t index);
  // All dimensions; those that are kAnyDimension may have any size.
  void Shape(uint32_t index, int32_t rank, const int64_t* shape);
  void Shape(uint32_t index, std::initializer_list<int64_t> shape);
  void SameShape(uint32_t index, uint32_t other);
  // Rank within [low, high].
  void Rank(uint32_t index, int32_t low, int32_t high);
  // Anything else; `expected` completes "expected ...".
  void Require(bool holds, const char* expected, int64_t found);
  void RequireOperand(uint32_t index, bool holds, const char* expected);

 private:
  bool Present(uint32_t index) const;
  void Fail(uint32_t index, const char* expected);

  const kl_op& op_;
  const kl_node* node_;
  kl_error* error_;
  kl_code code_ = KL_OK;
};

constexpr int64_t kAnyDimension = -1;

// Signature of every reference kernel: any types, prepare() checks them.
constexpr uint32_t kMaxOperands = 15;
extern const kl_dtype kAnyTypes[kMaxOperands];

// The kernel of a reference operator. `prepare` as in kl_kernel; `state_bytes` is what it fills.
constexpr kl_kernel ReferenceKernel(const kl_op& op, const char* name, uint64_t state_bytes,
                                    decltype(kl_kernel::prepare) prepare,
                                    decltype(kl_kernel::work) work, decltype(kl_kernel::run) run) {
  kl_kernel kernel = {};
  kernel.struct_size = sizeof(kl_kernel);
  kernel.op = op.name;
  kernel.name = name;
  kernel.operand_types = kAnyTypes;
  kernel.operand_count = op.operand_count;
  kernel.state_bytes = state_bytes;
  kernel.prepare = prepare;
  kernel.work = work;
  kernel.run = run;
  return kernel;
}

// work() of one phase with `units` units.
inline void OnePhase(kl_work* work, int64_t units) {
  work->phase_count = units > 0 ? 1 : 0;
  work->unit_count[0] = units;
}

inline int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Sum of a[i] * b[i] in double: eight partial sums, element i in sum i mod 8, added pairwise.
double Dot(const float* a, const float* b, int64_t count);

// Activation functions of gated units.
enum class Activation { kRelu, kSilu, kGelu };
// From the attribute "activation"; records a failure when it is missing or unknown.
Activation ParseActivation(const kl_node* node, Check* check);
double Activate(Activation activation, double x);

// The whole numbers of the attribute `name`, of which there must be `count`; records a failure
// otherwise. Values must lie in [low, 2^31).
void ParseInts(const kl_node* node, const char* name, uint32_t count, int64_t low, int64_t* values,
               Check* check);

}  // namespace reference
}  // namespace kinglet

#endif  // KINGLET_PLUGINS_REFERENCE_REFERENCE_H_
