// Runs the nodes of a program on threads.
//
// A scheduler decides who computes which units, never what a unit computes: results do not depend
// on it. schedulers/README.md lists them.
#ifndef KINGLET_CORE_EXEC_SCHEDULER_H_
#define KINGLET_CORE_EXEC_SCHEDULER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "core/abi/kernel.h"
#include "core/exec/node_hook.h"

namespace kinglet {

// One node, ready to run. Whoever makes it keeps everything that it points to.
struct NodeRun {
  const kl_kernel* kernel = nullptr;
  const char* name = nullptr;  // of the node: "blk.3.attn_q"; for messages
  // Operands, state and scratch are set; phase, begin, end, worker and pools are the scheduler's.
  kl_run run = {};
  // Worker w gets worker_scratch_base + w * worker_scratch_stride; NULL when the kernel wants none.
  void* worker_scratch_base = nullptr;
  uint64_t worker_scratch_stride = 0;
  // Worker w adds the weight bytes that it reads to weight_bytes[w * kWeightBytesStride]; NULL: not asked.
  uint64_t* weight_bytes = nullptr;
  static constexpr int kWeightBytesStride = 16;  // a pair of cache lines each
  NodeHook* hook = nullptr;  // NULL: the node runs once
};

// One caller at a time; that caller is worker 0.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Runs the nodes in order: all units of a phase before the next phase, all phases before the next
  // node; a node with a hook as often as that says. `cancel` (may be NULL) is looked at before each
  // run of a node.
  // Errors: KL_CANCELLED; what a kernel returned, with its name and the node's. The nodes after it
  // have not run then.
  virtual absl::Status Run(NodeRun* nodes, size_t count, const std::atomic<bool>* cancel) = 0;

  // Runs body over [0, count) in disjoint ranges and returns when all is done. Not from within
  // Run() or another ParallelFor().
  virtual void ParallelFor(int64_t count, kl_parallel_body body, void* context) = 0;

  // Largest number of workers that take part in a run.
  virtual int thread_count() const = 0;

  // pthreadpool_t with thread_count() threads, made when it is first asked for; NULL: one thread.
  virtual void* pthreadpool() = 0;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_SCHEDULER_H_
