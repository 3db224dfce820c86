#include "tests/conformance/prepared_kernel.h"

#if defined(KL_WITH_PTHREADPOOL)
#include <pthreadpool.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "core/abi/dtype.h"
#include "core/base/status.h"

namespace kinglet {
namespace conformance {
namespace {

constexpr uint32_t kWorkers = 3;
constexpr uint8_t kGarbage = 0xFF;
constexpr uint8_t kOtherGarbage = 0x5A;

Outcome CallFailed(const char* call, const kl_kernel& kernel, kl_code code, const kl_error& error) {
  return Outcome::Failed(std::string(kernel.name) + ": " + call + " returned " +
                         std::to_string(code) + ": " + error.message);
}

// The pool that kernels with threads of their own get; without the library they run on one thread.
class ThreadPool {
 public:
#if defined(KL_WITH_PTHREADPOOL)
  explicit ThreadPool(bool wanted) : pool_(wanted ? pthreadpool_create(kWorkers) : nullptr) {}
  ~ThreadPool() { pthreadpool_destroy(pool_); }
  void* get() const { return pool_; }

 private:
  pthreadpool_t pool_;
#else
  explicit ThreadPool(bool) {}
  void* get() const { return nullptr; }
#endif
};

}  // namespace

const char* SplitName(Split split) {
  switch (split) {
    case Split::kAtOnce:
      return "all units at once";
    case Split::kReversed:
      return "units one by one in reverse";
    case Split::kOddChunks:
      return "odd chunks on three workers";
    case Split::kThreads:
      return "three threads";
  }
  return "";
}

Outcome PreparedKernel::Create(const kl_host* host, const kl_kernel& kernel,
                               const Workload& workload, const PrepareOptions& options,
                               std::unique_ptr<PreparedKernel>* result) {
  std::unique_ptr<PreparedKernel> prepared(new PreparedKernel(host, kernel));
  prepared->BuildNode(workload, options);
  if (kernel.supports != nullptr) {
    kl_error error = EmptyError();
    const kl_code code = kernel.supports(&prepared->node_, &error);
    if (code == KL_UNSUPPORTED)
      return Outcome::Skipped(std::string(kernel.name) + ": " + error.message);
    if (code != KL_OK) return CallFailed("supports()", kernel, code, error);
  }
  KL_RETURN_UNLESS_PASSED(prepared->Pack(workload, options.pack_reversed));
  if (options.experts_apart) KL_RETURN_UNLESS_PASSED(prepared->TakeExpertsApart(workload));
  KL_RETURN_UNLESS_PASSED(prepared->Prepare());
  *result = std::move(prepared);
  return Outcome::Passed();
}

PreparedKernel::~PreparedKernel() {
  if (prepared_ && kernel_.release != nullptr) kernel_.release(host_, state_->data());
}

void PreparedKernel::BuildNode(const Workload& workload, const PrepareOptions& options) {
  const size_t count = workload.operands.size();
  parts_.resize(count);
  packed_.resize(count);
  packed_original_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const WorkloadOperand& operand = workload.operands[i];
    kl_tensor tensor = operand.tensor;
    const bool known = operand.constant && (operand.weight || options.constants_known);
    if (!known) tensor.data = nullptr;
    if (known && options.weights_in_parts && operand.weight && tensor.rank == 3) {
      const uint64_t part_bytes = kl_tensor_bytes(&tensor) / static_cast<uint64_t>(tensor.shape[0]);
      for (int64_t p = 0; p < tensor.shape[0]; ++p) {
        parts_[i].push_back(operand.buffer->data() + static_cast<uint64_t>(p) * part_bytes);
      }
      tensor.data = nullptr;
      tensor.parts = parts_[i].data();
    }
    node_tensors_.push_back(tensor);
  }
  for (const kl_tensor& tensor : node_tensors_) node_operands_.push_back(&tensor);
  node_.struct_size = sizeof node_;
  node_.op = workload.op->name;
  node_.name = workload.op_case->name;
  node_.attributes = workload.op_case->attributes;
  node_.attribute_count = workload.op_case->attribute_count;
  node_.operands = node_operands_.data();
  node_.operand_count = static_cast<uint32_t>(count);
  node_.thread_count = kWorkers;
}

Outcome PreparedKernel::Pack(const Workload& workload, bool reversed) {
  if (kernel_.pack_query == nullptr) return Outcome::Passed();
  if (kernel_.pack == nullptr)
    return Outcome::Failed(std::string(kernel_.name) + " has pack_query() but no pack()");
  KL_RETURN_UNLESS_PASSED(QueryPacks());
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    uint64_t bytes = packs_[i].bytes;
    if (bytes == 0) continue;
    for (const kl_pack& other : packs_) bytes += other.within == 1 + i ? other.bytes : 0;
    packed_[i] = packs_[i].within != 0 ? packed_[packs_[i].within - 1]
                                       : std::make_shared<GuardedBuffer>(
                                             bytes, 0, reversed ? kOtherGarbage : kGarbage);
  }
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    if (packed_[i] == nullptr) continue;
    const kl_tensor source = node_tensors_[i];
    const kl_pack& pack = packs_[i];
    const std::shared_ptr<GuardedBuffer>& buffer = packed_[i];
    const auto pack_units = [&](int64_t begin, int64_t end) {
      return kernel_.pack(&node_, i, &source, buffer->data(), begin, end);
    };
    kl_code packed = KL_OK;
    if (reversed) {
      for (int64_t u = pack.unit_count - 1; u >= 0 && packed == KL_OK; --u)
        packed = pack_units(u, u + 1);
    } else {
      packed = pack_units(0, pack.unit_count);
    }
    const std::string operand =
        std::string(kernel_.name) + ": pack() of " + workload.op->operands[i].name;
    if (packed != KL_OK) return Outcome::Failed(operand + " returned " + std::to_string(packed));
    if (!buffer->GuardsIntact()) return Outcome::Failed(operand + " wrote outside its destination");
  }
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    if (packed_[i] == nullptr) continue;
    packed_original_[i].assign(packed_[i]->data(), packed_[i]->data() + packed_[i]->bytes());
    node_tensors_[i].layout = KL_LAYOUT_PACKED;
    node_tensors_[i].data = packed_[i]->data();
    node_tensors_[i].parts = nullptr;
  }
  return Outcome::Passed();
}

// What the kernel wants of every operand; bytes 0: nothing. One with `within` names an earlier one
// with the same layout.
Outcome PreparedKernel::QueryPacks() {
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    packs_.push_back({});
    kl_pack& pack = packs_.back();
    pack.struct_size = sizeof pack;
    if (node_tensors_[i].data == nullptr && node_tensors_[i].parts == nullptr) continue;
    kl_error error = EmptyError();
    const kl_code code = kernel_.pack_query(&node_, i, &pack, &error);
    if (code != KL_OK) return CallFailed("pack_query()", kernel_, code, error);
    if (pack.bytes == 0) continue;
    if (pack.unit_count < 1 || pack.layout == nullptr) {
      return Outcome::Failed(std::string(kernel_.name) +
                             ": pack_query() gives no units or no name for the layout");
    }
    if (pack.within == 0) continue;
    const kl_pack* host = pack.within <= i ? &packs_[pack.within - 1] : nullptr;
    if (host == nullptr || host->bytes == 0 || host->within != 0 ||
        std::string(host->layout) != pack.layout) {
      return Outcome::Failed(std::string(kernel_.name) + ": pack_query() puts operand " +
                             std::to_string(i) + " into the copy of operand " +
                             std::to_string(pack.within - 1) +
                             ", which has none of that layout before it");
    }
  }
  return Outcome::Passed();
}

Outcome PreparedKernel::TakeExpertsApart(const Workload& workload) {
  experts_.resize(workload.operands.size());
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    const WorkloadOperand& operand = workload.operands[i];
    if (!operand.weight || operand.tensor.rank != 3) continue;
    for (int64_t e = 0; e < operand.tensor.shape[0]; ++e) {
      KL_RETURN_UNLESS_PASSED(PackOneExpert(workload, i, e));
    }
  }
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    if (packed_[i] == nullptr) continue;
    for (size_t e = 0; e < experts_[i].size(); ++e) {
      const uint64_t bytes = experts_[i][e]->bytes();
      if (memcmp(experts_[i][e]->data(), packed_[i]->data() + e * bytes, bytes) == 0) continue;
      return Outcome::Failed(OneExpert(workload, i, static_cast<int64_t>(e)) +
                             ", differs from its share of all experts packed together");
    }
  }
  for (uint32_t i = 0; i < node_.operand_count; ++i) {
    if (experts_[i].empty()) continue;
    parts_[i].clear();
    for (const auto& expert : experts_[i]) parts_[i].push_back(expert->data());
    node_tensors_[i].data = nullptr;
    node_tensors_[i].parts = nullptr;
  }
  return Outcome::Passed();
}

std::string PreparedKernel::OneExpert(const Workload& workload, uint32_t operand,
                                      int64_t expert) const {
  return std::string(kernel_.name) + ": expert " + std::to_string(expert) + " of " +
         workload.op->operands[operand].name + ", packed alone";
}

Outcome PreparedKernel::PackOneExpert(const Workload& workload, uint32_t operand, int64_t expert) {
  // The node as if it had this expert only.
  std::vector<kl_tensor> tensors;
  std::vector<const kl_tensor*> pointers;
  for (const WorkloadOperand& of : workload.operands) {
    tensors.push_back(of.tensor);
    if (!of.weight || of.tensor.rank != 3) continue;
    tensors.back().shape[0] = 1;
    tensors.back().data = nullptr;
  }
  for (const kl_tensor& tensor : tensors) pointers.push_back(&tensor);
  kl_node node = node_;
  node.operands = pointers.data();
  kl_tensor& source = tensors[operand];
  const uint64_t source_bytes = kl_tensor_bytes(&source);
  const uint8_t* data =
      workload.operands[operand].buffer->data() + static_cast<uint64_t>(expert) * source_bytes;
  source.data = const_cast<uint8_t*>(data);

  const std::string where = OneExpert(workload, operand, expert);
  kl_pack pack = {};
  pack.struct_size = sizeof pack;
  if (packed_[operand] == nullptr) {
    experts_[operand].push_back(std::make_shared<GuardedBuffer>(source_bytes, 0, kOtherGarbage));
    memcpy(experts_[operand].back()->data(), data, source_bytes);
    return Outcome::Passed();
  }
  kl_error error = EmptyError();
  const kl_code queried = kernel_.pack_query(&node, operand, &pack, &error);
  if (queried != KL_OK) return CallFailed("pack_query() of one expert", kernel_, queried, error);
  const uint64_t count = static_cast<uint64_t>(workload.operands[operand].tensor.shape[0]);
  if (pack.bytes * count != packs_[operand].bytes || pack.within != packs_[operand].within) {
    return Outcome::Failed(where + ", has " + std::to_string(pack.bytes) + " bytes; all " +
                           std::to_string(count) + " have " +
                           std::to_string(packs_[operand].bytes));
  }
  const auto buffer = pack.within != 0 ? experts_[pack.within - 1][static_cast<size_t>(expert)]
                                       : std::make_shared<GuardedBuffer>(
                                             packed_[operand]->bytes() / count, 0, kOtherGarbage);
  const kl_code code = kernel_.pack(&node, operand, &source, buffer->data(), 0, pack.unit_count);
  if (code != KL_OK) return Outcome::Failed(where + ": pack() returned " + std::to_string(code));
  if (!buffer->GuardsIntact())
    return Outcome::Failed(where + ": pack() wrote outside its destination");
  experts_[operand].push_back(buffer);
  return Outcome::Passed();
}

Outcome PreparedKernel::Prepare() {
  kl_requirements requirements = {};
  requirements.struct_size = sizeof requirements;
  requirements.in_place_operand = -1;
  state_ = std::make_unique<GuardedBuffer>(kernel_.state_bytes, 0, 0);
  if (kernel_.prepare != nullptr) {
    kl_error error = EmptyError();
    const kl_code code = kernel_.prepare(host_, &node_, state_->data(), &requirements, &error);
    if (code != KL_OK) return CallFailed("prepare()", kernel_, code, error);
    prepared_ = true;
  }
  in_place_operand_ = requirements.in_place_operand;
  if (!state_->GuardsIntact())
    return Outcome::Failed(std::string(kernel_.name) + ": prepare() wrote outside its state");
  scratch_ = std::make_unique<GuardedBuffer>(requirements.scratch_bytes, 0, kGarbage);
  for (uint32_t w = 0; w < kWorkers; ++w) {
    worker_scratch_.push_back(
        std::make_unique<GuardedBuffer>(requirements.worker_scratch_bytes, 0, kGarbage));
  }
  return Outcome::Passed();
}

int32_t PreparedKernel::InputTakenOver(const Workload& workload, size_t operand) const {
  const uint64_t bytes = workload.operands[operand].original.size();
  const int32_t by_operator = workload.op->operands[operand].may_alias;
  if (by_operator >= 0) {
    const WorkloadOperand& source = workload.operands[static_cast<size_t>(by_operator)];
    return !source.constant && source.original.size() == bytes ? by_operator : -1;
  }
  if (in_place_operand_ < 0 || workload.operands[operand].role != KL_OPERAND_OUTPUT) return -1;
  const WorkloadOperand& source = workload.operands[static_cast<size_t>(in_place_operand_)];
  return !source.constant && bytes <= source.original.size() ? in_place_operand_ : -1;
}

std::vector<kl_tensor> PreparedKernel::RunTensors(const Workload& workload,
                                                  bool alias_outputs) const {
  std::vector<kl_tensor> tensors;
  for (size_t i = 0; i < workload.operands.size(); ++i) {
    kl_tensor tensor = workload.operands[i].tensor;
    if (packed_[i] != nullptr) tensor = node_tensors_[i];
    if (!experts_.empty() && !experts_[i].empty()) {
      tensor.data = nullptr;
      tensor.parts = parts_[i].data();
    } else if (packed_[i] == nullptr && !parts_[i].empty()) {
      tensor.data = nullptr;
      tensor.parts = parts_[i].data();
    }
    const int32_t input = alias_outputs ? InputTakenOver(workload, i) : -1;
    if (input >= 0) tensor.data = workload.operands[static_cast<size_t>(input)].tensor.data;
    tensors.push_back(tensor);
  }
  return tensors;
}

Outcome PreparedKernel::Run(const Workload& workload, Split split, bool alias_outputs) {
  std::vector<kl_tensor> tensors = RunTensors(workload, alias_outputs);
  std::vector<kl_tensor*> operands;
  for (kl_tensor& tensor : tensors) operands.push_back(&tensor);
  const bool own_threads = (kernel_.flags & KL_KERNEL_OWN_THREADS) != 0;
  const ThreadPool pool(own_threads && split == Split::kThreads);

  kl_run run = {};
  run.struct_size = sizeof run;
  run.operands = operands.data();
  run.operand_count = static_cast<uint32_t>(operands.size());
  run.worker_count = 1;
  run.state = state_->data();
  run.scratch = scratch_->data();
  run.worker_scratch = worker_scratch_[0]->data();
  run.pthreadpool = pool.get();
  scratch_->Fill(kGarbage);

  kl_work work = {};
  work.struct_size = sizeof work;
  kernel_.work(&run, &work);
  if (work.phase_count > KL_MAX_PHASES) {
    return Outcome::Failed(std::string(kernel_.name) + ": work() asks for " +
                           std::to_string(work.phase_count) + " phases");
  }
  for (run.phase = 0; run.phase < work.phase_count; ++run.phase) {
    const int64_t units = work.unit_count[run.phase];
    if (units < 0 || (own_threads && units != 1)) {
      return Outcome::Failed(std::string(kernel_.name) + ": work() gives " + std::to_string(units) +
                             " units");
    }
    for (const auto& scratch : worker_scratch_) scratch->Fill(kGarbage);
    KL_RETURN_UNLESS_PASSED(RunPhase(&run, units, own_threads ? Split::kAtOnce : split));
  }
  return CheckMemory(workload, alias_outputs);
}

Outcome PreparedKernel::RunPhase(kl_run* run, int64_t units, Split split) {
  std::atomic<kl_code> code{KL_OK};
  const auto call = [&](uint32_t worker, uint32_t worker_count, int64_t begin, int64_t end) {
    kl_run part = *run;
    part.worker = worker;
    part.worker_count = worker_count;
    part.worker_scratch = worker_scratch_[worker]->data();
    part.begin = begin;
    part.end = end;
    const kl_code result = kernel_.run(&part);
    if (result != KL_OK) code = result;
  };
  switch (split) {
    case Split::kAtOnce:
      if (units > 0) call(0, 1, 0, units);
      break;
    case Split::kReversed:
      for (int64_t u = units - 1; u >= 0; --u) call(0, 1, u, u + 1);
      break;
    case Split::kOddChunks: {
      int64_t chunk = 1;
      uint32_t worker = 0;
      for (int64_t begin = 0; begin < units;
           begin += chunk, chunk += 2, worker = (worker + 2) % kWorkers) {
        chunk = std::min(chunk, units - begin);
        call(worker, kWorkers, begin, begin + chunk);
      }
      break;
    }
    case Split::kThreads: {
      std::atomic<int64_t> next{0};
      const int64_t chunk = std::max<int64_t>(1, units / (4 * kWorkers));
      const auto work = [&](uint32_t worker) {
        for (int64_t begin = next.fetch_add(chunk); begin < units; begin = next.fetch_add(chunk)) {
          call(worker, kWorkers, begin, std::min(begin + chunk, units));
        }
      };
      std::vector<std::thread> threads;
      for (uint32_t w = 1; w < kWorkers; ++w) threads.emplace_back(work, w);
      work(0);
      for (std::thread& thread : threads) thread.join();
      break;
    }
  }
  if (code != KL_OK) {
    return Outcome::Failed(std::string(kernel_.name) + ": run() returned " + std::to_string(code) +
                           " in phase " + std::to_string(run->phase));
  }
  return Outcome::Passed();
}

Outcome PreparedKernel::CheckMemory(const Workload& workload, bool alias_outputs) const {
  const std::string name = kernel_.name;
  for (size_t i = 0; i < workload.operands.size(); ++i) {
    const WorkloadOperand& operand = workload.operands[i];
    if (operand.buffer == nullptr) continue;
    const std::string operand_name = workload.op->operands[i].name;
    if (!operand.buffer->GuardsIntact())
      return Outcome::Failed(name + ": wrote outside operand " + operand_name);
    if (operand.role != KL_OPERAND_INPUT || alias_outputs || operand.original.empty()) continue;
    if (memcmp(operand.original.data(), operand.buffer->data(), operand.original.size()) != 0) {
      return Outcome::Failed(name + ": changed its input " + operand_name);
    }
  }
  for (size_t i = 0; i < packed_.size(); ++i) {
    if (packed_[i] == nullptr) continue;
    if (!packed_[i]->GuardsIntact() ||
        memcmp(packed_original_[i].data(), packed_[i]->data(), packed_original_[i].size()) != 0) {
      return Outcome::Failed(name + ": changed the packed weight " + workload.op->operands[i].name);
    }
  }
  if (!state_->GuardsIntact()) return Outcome::Failed(name + ": wrote outside its state");
  if (!scratch_->GuardsIntact()) return Outcome::Failed(name + ": wrote outside its scratch");
  for (const auto& scratch : worker_scratch_) {
    if (!scratch->GuardsIntact())
      return Outcome::Failed(name + ": wrote outside its worker scratch");
  }
  return Outcome::Passed();
}

}  // namespace conformance
}  // namespace kinglet
