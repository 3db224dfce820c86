// What the kernels of this plugin share: the engine, exceptions turned into codes, OpenMP threads.
//
// oneDNN threads by itself, with OpenMP, and cannot take the host's pool: run() tells OpenMP how
// many threads the node may have. It throws: every function of a kernel that calls it goes through
// Guarded() or GuardedRun(), and this folder is compiled with -fexceptions.
#ifndef PLUGINS_ONEDNN_ONEDNN_H_
#define PLUGINS_ONEDNN_ONEDNN_H_

#include <dnnl.hpp>
#include <exception>

#include "core/abi/attribute.h"
#include "core/abi/error.h"
#include "core/abi/kernel.h"
#include "plugins/common/table.h"
#include "plugins/common/tensor.h"

namespace kinglet {
namespace onednn {

constexpr int32_t kPriority = 40;

// Refuses the node with KL_UNSUPPORTED; `what` completes "oneDNN takes only ...".
kl_code Decline(const kl_node* node, const char* what, kl_error* error);

// Lets this thread's next parallel regions have `count` threads.
void SetThreadCount(uint32_t count);

// The whole node is one unit; the library threads by itself.
void OneUnit(const kl_run* run, kl_work* work);

// Error of the exception that is being handled, which `node` met.
kl_code CurrentException(const kl_node* node, kl_error* error);

// Calls body() -> kl_code and turns what it throws into an error that names the node.
template <typename Body>
kl_code Guarded(const kl_node* node, kl_error* error, Body body) {
  try {
    return body();
  } catch (...) {
    return CurrentException(node, error);
  }
}

template <typename Body>
kl_code GuardedRun(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return KL_OUT_OF_MEMORY;
  } catch (...) {
    return KL_INTERNAL;
  }
}

// Ends the OpenMP workers of this thread; its next parallel region starts new ones.
void EndThreads();

// State of a kernel: an object of its own, made in prepare().
template <typename Object>
struct ObjectState {
  Object* object;
};

// prepare() of an Object with scratch_bytes(); make() returns a new one, and may throw.
template <typename Object, typename Make>
kl_code PrepareObject(const kl_node* node, void* state, kl_requirements* requirements,
                      kl_error* error, Make make) {
  return Guarded(node, error, [&]() -> kl_code {
    Object* object = make();
    static_cast<ObjectState<Object>*>(state)->object = object;
    requirements->scratch_bytes = object->scratch_bytes();
    return KL_OK;
  });
}

// run() of an Object with Run(run).
template <typename Object>
kl_code RunObject(const kl_run* run) {
  return GuardedRun([&]() -> kl_code {
    static_cast<ObjectState<Object>*>(run->state)->object->Run(run);
    return KL_OK;
  });
}

template <typename Object>
void ReleaseObject(const kl_host*, void* state) {
  ObjectState<Object>* object_state = static_cast<ObjectState<Object>*>(state);
  delete object_state->object;
  object_state->object = nullptr;
  EndThreads();
}

// Where the pieces of a node's scratch lie, each on 64 bytes.
class ScratchLayout {
 public:
  uint64_t Add(uint64_t bytes) {
    const uint64_t offset = total_;
    total_ += (bytes + 63) / 64 * 64;
    return offset;
  }
  uint64_t total() const { return total_; }

 private:
  uint64_t total_ = 0;
};

template <typename Object, uint32_t kOperands>
constexpr kl_kernel OnednnKernel(const char* op, const char* name,
                                 const kl_dtype (&operand_types)[kOperands],
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
  kernel.state_bytes = sizeof(ObjectState<Object>);
  kernel.tolerance = 1e-4f;  // sums in f32, in the library's order
  kernel.supports = supports;
  kernel.prepare = prepare;
  kernel.release = ReleaseObject<Object>;
  kernel.work = OneUnit;
  kernel.run = run;
  return kernel;
}

}  // namespace onednn
}  // namespace kinglet

#endif  // PLUGINS_ONEDNN_ONEDNN_H_
