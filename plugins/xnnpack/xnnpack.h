// What the kernels of this plugin share: starting the library, naming its errors, keeping an
// operator.
//
// Life of a kernel: supports() takes the shapes that XNNPACK computes; prepare() creates the
// library's operator (which packs its own copy of the weights) and sets it up once for the largest
// shape, so that the indirection buffers are allocated then; run() sets it up for the actual
// shape and pointers and runs it on the host's pthreadpool; release() deletes it.
//
// Reading past the end: XNNPACK may read XNN_EXTRA_BYTES past an input. Operands carry no such
// promise, so a kernel hands the library either its own scratch, which has the room, or an operand
// where the x86 microkernels are known to stay inside. README.md lists which.
#ifndef PLUGINS_XNNPACK_XNNPACK_H_
#define PLUGINS_XNNPACK_XNNPACK_H_

#include <pthreadpool.h>
#include <xnnpack.h>

#include <cmath>
#include <cstdint>

#include "core/abi/attribute.h"
#include "core/abi/error.h"
#include "core/abi/kernel.h"
#include "plugins/common/table.h"
#include "plugins/common/tensor.h"

namespace kinglet {
namespace xnnpack {

constexpr int32_t kPriority = 50;

constexpr float kOneCode = 1.0f;  // tolerance of 8-bit kernels

// State of a kernel whose only state is the operator. Zeroed by the host before prepare().
struct OperatorState {
  xnn_operator_t op;
};

// Starts the library (once a process, by itself thread safe).
kl_code Initialise(const kl_node* node, kl_error* error);

// KL_OK, or an error that names the node, the library's call and what it answered.
kl_code CheckStatus(const kl_node* node, const char* call, xnn_status status, kl_error* error);

// Sets the operator up through `setup`, a call that returns xnn_status, and runs it.
inline kl_code RunOperator(xnn_status setup, xnn_operator_t op, const kl_run* run) {
  if (setup != xnn_status_success) return KL_INTERNAL;
  const xnn_status status = xnn_run_operator(op, static_cast<pthreadpool_t>(run->pthreadpool));
  return status == xnn_status_success ? KL_OK : KL_INTERNAL;
}

// Refuses the node with KL_UNSUPPORTED; `what` completes "XNNPACK takes only ...".
kl_code Decline(const kl_node* node, const char* what, kl_error* error);

// A constant whose rows lie in one piece: its data are there when prepare() is called.
inline bool IsConstantRows(const kl_tensor* tensor) {
  return tensor->data != nullptr && tensor->parts == nullptr && tensor->layout == KL_LAYOUT_ROWS;
}

// Absent, or a constant f32 vector of `length`.
bool IsConstantBias(const kl_tensor* tensor, int64_t length);

inline const float* Floats(const kl_tensor* tensor) {
  return IsAbsent(tensor) ? nullptr : static_cast<const float*>(tensor->data);
}
inline float* MutableFloats(kl_tensor* tensor) { return static_cast<float*>(tensor->data); }

template <typename Code>
const Code* Codes(const kl_tensor* tensor) {
  return static_cast<const Code*>(tensor->data);
}
// Code or zero point `i` of an i8 or u8 tensor.
inline int32_t CodeAt(const kl_tensor* tensor, int64_t i) {
  return tensor->type == KL_TYPE_I8 ? Codes<int8_t>(tensor)[i] : Codes<uint8_t>(tensor)[i];
}

// Scale and zero point of an operand are constants of one element each.
bool IsConstantScale(const kl_tensor* scale, const kl_tensor* zero_point);

bool SameShape(const kl_tensor* a, const kl_tensor* b);

// A pointer for the first setup, in prepare(), which stores pointers and reads nothing.
inline float* Unread(void* state) { return static_cast<float*>(state); }

// `bytes` and the room that XNNPACK may read behind them, rounded up to whole cache lines.
inline uint64_t PaddedBytes(uint64_t bytes) { return (bytes + XNN_EXTRA_BYTES + 63) / 64 * 64; }

// The whole node is one unit; the library threads by itself.
void OneUnit(const kl_run* run, kl_work* work);

// release() for states that begin with an OperatorState.
void ReleaseOperator(const kl_host* host, void* state);

template <uint32_t kOperands>
constexpr kl_kernel XnnpackKernel(const char* op, const char* name,
                                  const kl_dtype (&operand_types)[kOperands], uint64_t cpu_features,
                                  uint64_t state_bytes, float tolerance,
                                  decltype(kl_kernel::supports) supports,
                                  decltype(kl_kernel::prepare) prepare,
                                  decltype(kl_kernel::run) run) {
  kl_kernel kernel = {};
  kernel.struct_size = sizeof(kl_kernel);
  kernel.flags = KL_KERNEL_OWN_THREADS;
  kernel.op = op;
  kernel.name = name;
  kernel.operand_types = operand_types;
  kernel.operand_count = kOperands;
  kernel.priority = kPriority;
  kernel.cpu_features = cpu_features;
  kernel.state_bytes = state_bytes;
  kernel.tolerance = tolerance;
  kernel.supports = supports;
  kernel.prepare = prepare;
  kernel.release = ReleaseOperator;
  kernel.work = OneUnit;
  kernel.run = run;
  return kernel;
}

}  // namespace xnnpack
}  // namespace kinglet

#endif  // PLUGINS_XNNPACK_XNNPACK_H_
