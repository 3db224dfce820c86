// A kernel made ready for a workload the way the host does it, and run in different splits of its
// work.
//
//   supports -> pack_query, pack -> prepare          Create()
//   work -> run, phase after phase                   Run(), any number of times
//   release                                          destructor
//
// Every buffer that the kernel gets is guarded, scratch is full of NaN bytes before each phase that
// may not read it.
// Ownership: owns state, scratch and packed weights; borrows host and kernel.
// Thread safety: one thread.
#ifndef KINGLET_TESTS_CONFORMANCE_PREPARED_KERNEL_H_
#define KINGLET_TESTS_CONFORMANCE_PREPARED_KERNEL_H_

#include <memory>
#include <vector>

#include "core/abi/host.h"
#include "core/abi/kernel.h"
#include "tests/conformance/outcome.h"
#include "tests/conformance/workload.h"

namespace kinglet {
namespace conformance {

// How a phase's units are handed out.
enum class Split {
  kAtOnce,     // [0, n), one worker
  kReversed,   // one by one from the last, one worker
  kOddChunks,  // 1, 3, 5 .. units, three workers in turn, on one thread
  kThreads     // three threads take chunks as they come
};
const char* SplitName(Split split);

struct PrepareOptions {
  bool constants_known = true;    // false: only weights' data is known to prepare()
  bool weights_in_parts = false;  // weights of rank 3 come as one pointer for each outermost slice
  bool pack_reversed = false;     // pack unit by unit from the last, over other garbage
  // What core/abi/kernel.h says of moe_ffn: every expert is packed alone, must give its share of
  // the bytes of all, and comes as a part of its own that prepare() does not know yet.
  bool experts_apart = false;
};

class PreparedKernel {
 public:
  // Skipped when supports() says KL_UNSUPPORTED.
  static Outcome Create(const kl_host* host, const kl_kernel& kernel, const Workload& workload,
                        const PrepareOptions& options, std::unique_ptr<PreparedKernel>* result);
  ~PreparedKernel();
  PreparedKernel(const PreparedKernel&) = delete;
  PreparedKernel& operator=(const PreparedKernel&) = delete;

  // Runs on the workload's buffers: shapes may have fewer tokens than the one it was prepared for.
  // With `alias_outputs`, each output that may take over an input's memory and has its size does.
  // Failed when run() fails or something outside outputs and state was written.
  Outcome Run(const Workload& workload, Split split, bool alias_outputs = false);

  // The input whose memory output `operand` takes over with `alias_outputs`: by the operator's
  // definition, which wants equal sizes, or as the kernel said in prepare(); -1: none. Constants
  // are shared, so nothing takes them over.
  int32_t InputTakenOver(const Workload& workload, size_t operand) const;

 private:
  PreparedKernel(const kl_host* host, const kl_kernel& kernel) : host_(host), kernel_(kernel) {}
  void BuildNode(const Workload& workload, const PrepareOptions& options);
  Outcome Pack(const Workload& workload, bool reversed);
  Outcome TakeExpertsApart(const Workload& workload);
  Outcome QueryPacks();
  std::string OneExpert(const Workload& workload, uint32_t operand, int64_t expert) const;
  Outcome PackOneExpert(const Workload& workload, uint32_t operand, int64_t expert);
  Outcome Prepare();
  std::vector<kl_tensor> RunTensors(const Workload& workload, bool alias_outputs) const;
  Outcome RunPhase(kl_run* run, int64_t units, Split split);
  Outcome CheckMemory(const Workload& workload, bool alias_outputs) const;

  const kl_host* host_;
  const kl_kernel& kernel_;
  kl_node node_ = {};
  bool prepared_ = false;
  int32_t in_place_operand_ = -1;
  std::vector<kl_tensor> node_tensors_;
  std::vector<const kl_tensor*> node_operands_;
  std::vector<std::vector<const void*>> parts_;         // by operand
  std::vector<kl_pack> packs_;  // by operand
  // By operand; null: as it is. Operands that are packed into one copy share it.
  std::vector<std::shared_ptr<GuardedBuffer>> packed_;
  std::vector<std::vector<uint8_t>> packed_original_;
  std::vector<std::vector<std::shared_ptr<GuardedBuffer>>> experts_;  // by operand, packed alone
  std::unique_ptr<GuardedBuffer> state_;
  std::unique_ptr<GuardedBuffer> scratch_;
  std::vector<std::unique_ptr<GuardedBuffer>> worker_scratch_;
};

}  // namespace conformance
}  // namespace kinglet

#endif  // KINGLET_TESTS_CONFORMANCE_PREPARED_KERNEL_H_
