// Runs one kernel as a host would, for tests and benchmarks: prepare, pack, phases, random splits.
//
// Owns nothing that it is given. Not thread safe. One instance runs one node; operands' data must
// be set before Run.
#ifndef PLUGINS_SPARSE_X86_KERNEL_RUNNER_H_
#define PLUGINS_SPARSE_X86_KERNEL_RUNNER_H_

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/abi/dtype.h"
#include "core/abi/host.h"
#include "core/abi/kernel.h"

namespace kinglet {

// 64-byte aligned zeros with a guard of known bytes behind them; on huge pages from 2 MiB on, as the
// host's are.
class AlignedBytes {
 public:
  explicit AlignedBytes(uint64_t bytes = 0) { Resize(bytes); }
  void Resize(uint64_t bytes) {
    const uint64_t alignment = bytes < kHugePage ? 64 : kHugePage;
    const uint64_t whole = (bytes + kGuard + alignment - 1) / alignment * alignment;
    storage_.reset(static_cast<uint8_t*>(std::aligned_alloc(alignment, whole)));
    if (storage_ == nullptr) std::abort();  // tests and benchmarks only
    if (alignment == kHugePage) madvise(storage_.get(), whole, MADV_HUGEPAGE);
    memset(storage_.get(), 0, whole);
    bytes_ = bytes;
    memset(data() + bytes, 0x5a, kGuard);
  }
  uint8_t* data() { return storage_.get(); }
  uint64_t size() const { return bytes_; }
  bool GuardIntact() {
    for (uint64_t i = 0; i < kGuard; ++i) {
      if (data()[bytes_ + i] != 0x5a) return false;
    }
    return true;
  }

 private:
  static constexpr uint64_t kGuard = 64;
  static constexpr uint64_t kHugePage = 2 << 20;
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t, Free> storage_;
  uint64_t bytes_ = 0;
};

#if defined(__x86_64__)
// Whether this processor runs `kernel`, as a host would find.
inline bool CpuHas(const kl_kernel* kernel) {
  const uint64_t needs = kernel->cpu_features;
  if ((needs & KL_CPU_AVX2) != 0 &&
      !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) {
    return false;
  }
  if ((needs & KL_CPU_AVX512) != 0 &&
      !(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))) {
    return false;
  }
  if ((needs & KL_CPU_AVX512_VNNI) != 0 && !__builtin_cpu_supports("avx512vnni")) return false;
  return (needs & KL_CPU_AVX_VNNI) == 0 || __builtin_cpu_supports("avxvnni");
}
#endif

inline kl_tensor MakeTensor(kl_dtype type, std::vector<int64_t> shape, const void* data) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = type;
  tensor.rank = static_cast<int32_t>(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) tensor.shape[d] = shape[d];
  tensor.data = const_cast<void*>(data);
  return tensor;
}

class KernelRunner {
 public:
  KernelRunner(const kl_kernel* kernel, const kl_attribute* attributes, uint32_t attribute_count)
      : kernel_(kernel), attributes_(attributes), attribute_count_(attribute_count) {}
  ~KernelRunner() {
    if (prepared_ && kernel_->release != nullptr) kernel_->release(nullptr, state_.data());
  }
  KernelRunner(const KernelRunner&) = delete;
  KernelRunner& operator=(const KernelRunner&) = delete;

  // `operands` have the largest shapes. With `pack`, weights are packed where the kernel wants it.
  kl_code Prepare(std::vector<kl_tensor> operands, bool pack) {
    operands_ = std::move(operands);
    FillPointers();
    kl_node node = Node();
    error_ = {};
    error_.struct_size = sizeof error_;
    if (kernel_->supports != nullptr && asks_supports_) {
      const kl_code code = kernel_->supports(&node, &error_);
      if (code != KL_OK) return code;
    }
    packed_.resize(operands_.size());
    if (pack && kernel_->pack_query != nullptr) {
      std::vector<kl_pack> queries(operands_.size());
      for (uint32_t i = 0; i < operands_.size(); ++i) {
        queries[i].struct_size = sizeof(kl_pack);
        const kl_code code = kernel_->pack_query(&node, i, &queries[i], &error_);
        if (code != KL_OK) return code;
      }
      for (uint32_t i = 0; i < operands_.size(); ++i) {
        const kl_pack& query = queries[i];
        if (query.bytes == 0) continue;
        uint64_t bytes = query.bytes;
        for (const kl_pack& other : queries) bytes += other.within == 1 + i ? other.bytes : 0;
        if (query.within == 0) packed_[i].Resize(bytes);
        uint8_t* copy = packed_[query.within == 0 ? i : query.within - 1].data();
        for (int64_t unit = query.unit_count; unit-- > 0;) {
          kernel_->pack(&node, i, &operands_[i], copy, unit, unit + 1);
        }
        operands_[i].data = copy;
        operands_[i].parts = nullptr;
        operands_[i].layout = KL_LAYOUT_PACKED;
      }
    }
    state_.Resize(kernel_->state_bytes);
    requirements_ = {};
    requirements_.struct_size = sizeof requirements_;
    if (kernel_->prepare != nullptr) {
      const kl_code code = kernel_->prepare(nullptr, &node, state_.data(), &requirements_, &error_);
      if (code != KL_OK) return code;
    }
    prepared_ = true;
    scratch_.Resize(requirements_.scratch_bytes);
    memset(scratch_.data(), 0xff, scratch_.size());
    return KL_OK;
  }

  // false: Prepare() takes a shape that supports() would leave to another kernel as the slower choice.
  void set_asks_supports(bool asks) { asks_supports_ = asks; }
  // Of later runs; see kl_run.
  void set_wanted_count(uint32_t count) { wanted_count_ = count; }

  const char* message() const { return error_.message; }
  std::vector<kl_tensor>& operands() { return operands_; }

  // One thread; each phase in pieces of random size, in random order, if `random` is given.
  kl_code Run(std::mt19937* random = nullptr) {
    FillPointers();
    kl_work work = WorkOf();
    AlignedBytes worker(requirements_.worker_scratch_bytes);
    for (uint32_t phase = 0; phase < work.phase_count; ++phase) {
      std::vector<int64_t> cuts = {0};
      while (cuts.back() < work.unit_count[phase]) {
        const int64_t left = work.unit_count[phase] - cuts.back();
        cuts.push_back(cuts.back() + (random == nullptr ? left : 1 + (*random)() % left));
      }
      std::vector<size_t> order;
      for (size_t i = 0; i + 1 < cuts.size(); ++i) order.push_back(i);
      if (random != nullptr) std::shuffle(order.begin(), order.end(), *random);
      for (const size_t i : order) {
        memset(worker.data(), 0xff, worker.size());
        kl_run run = RunOf(phase, cuts[i], cuts[i + 1], 0, 1, worker.data());
        const kl_code code = kernel_->run(&run);
        if (code != KL_OK) return code;
      }
    }
    return worker.GuardIntact() && scratch_.GuardIntact() && state_.GuardIntact() ? KL_OK
                                                                                  : KL_INTERNAL;
  }

  // `threads` new threads a phase, each with one even share: for benchmarks.
  void RunThreads(uint32_t threads) {
    FillPointers();
    kl_work work = WorkOf();
    workers_.resize(threads);
    for (AlignedBytes& worker : workers_) {
      if (worker.size() != requirements_.worker_scratch_bytes)
        worker.Resize(requirements_.worker_scratch_bytes);
    }
    for (uint32_t phase = 0; phase < work.phase_count; ++phase) {
      const int64_t units = work.unit_count[phase];
      const auto share = [&](uint32_t worker) {
        kl_run run = RunOf(phase, units * worker / threads, units * (worker + 1) / threads, worker,
                           threads, workers_[worker].data());
        if (run.begin < run.end) kernel_->run(&run);
      };
      std::vector<std::thread> others;
      for (uint32_t worker = 1; worker < threads; ++worker) others.emplace_back(share, worker);
      share(0);
      for (std::thread& other : others) other.join();
    }
  }

 private:
  void FillPointers() {
    pointers_.clear();
    for (kl_tensor& operand : operands_) pointers_.push_back(&operand);
  }
  kl_node Node() const {
    kl_node node = {};
    node.struct_size = sizeof node;
    node.op = kernel_->op;
    node.name = "test";
    node.attributes = attributes_;
    node.attribute_count = attribute_count_;
    node.operands = pointers_.data();
    node.operand_count = static_cast<uint32_t>(pointers_.size());
    node.thread_count = 2;
    return node;
  }
  kl_run RunOf(uint32_t phase, int64_t begin, int64_t end, uint32_t worker, uint32_t worker_count,
               void* worker_scratch) {
    kl_run run = {};
    run.struct_size = sizeof run;
    run.phase = phase;
    run.begin = begin;
    run.end = end;
    run.operands = pointers_.data();
    run.operand_count = static_cast<uint32_t>(pointers_.size());
    run.worker = worker;
    run.worker_count = worker_count;
    run.state = state_.data();
    run.scratch = scratch_.data();
    run.worker_scratch = worker_scratch;
    run.wanted_count = wanted_count_;
    return run;
  }
  kl_work WorkOf() {
    kl_work work = {};
    work.struct_size = sizeof work;
    kl_run run = RunOf(0, 0, 0, 0, 1, nullptr);
    kernel_->work(&run, &work);
    return work;
  }

  const kl_kernel* kernel_;
  const kl_attribute* attributes_;
  uint32_t attribute_count_;
  std::vector<kl_tensor> operands_;
  std::vector<kl_tensor*> pointers_;
  std::vector<AlignedBytes> packed_;
  std::vector<AlignedBytes> workers_;
  AlignedBytes state_;
  AlignedBytes scratch_;
  kl_requirements requirements_ = {};
  kl_error error_ = {};
  uint32_t wanted_count_ = 0;
  bool asks_supports_ = true;
  bool prepared_ = false;
};

}  // namespace kinglet

#endif  // PLUGINS_SPARSE_X86_KERNEL_RUNNER_H_
