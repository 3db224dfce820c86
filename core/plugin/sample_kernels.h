// Kernels and nodes put together in memory, for the tests of this folder.
#ifndef KINGLET_CORE_PLUGIN_SAMPLE_KERNELS_H_
#define KINGLET_CORE_PLUGIN_SAMPLE_KERNELS_H_

#include <deque>
#include <vector>

#include "core/abi/plugin.h"

namespace kinglet {

// A kernel of op "test_sum" that takes three f32 operands and does nothing.
inline kl_kernel SampleKernel(const char* name, int32_t priority) {
  static const kl_dtype kTypes[] = {KL_TYPE_F32, KL_TYPE_F32, KL_TYPE_F32};
  kl_kernel kernel = {};
  kernel.struct_size = sizeof kernel;
  kernel.op = "test_sum";
  kernel.name = name;
  kernel.operand_types = kTypes;
  kernel.operand_count = 3;
  kernel.priority = priority;
  kernel.work = [](const kl_run*, kl_work* work) { work->phase_count = 0; };
  kernel.run = [](const kl_run*) -> kl_code { return KL_OK; };
  return kernel;
}

// A node with operands of these types and shape [2, 3]. Not movable: the kl_node points into it.
class SampleNode {
 public:
  explicit SampleNode(const std::vector<kl_dtype>& types) {
    for (kl_dtype type : types) {
      kl_tensor tensor = {};
      tensor.struct_size = sizeof tensor;
      tensor.type = type;
      tensor.rank = 2;
      tensor.shape[0] = 2;
      tensor.shape[1] = 3;
      tensors_.push_back(tensor);
      pointers_.push_back(&tensors_.back());
    }
    node_.struct_size = sizeof node_;
    node_.op = "test_sum";
    node_.name = "blk.0.sum";
    node_.operands = pointers_.data();
    node_.operand_count = static_cast<uint32_t>(pointers_.size());
    node_.thread_count = 1;
  }
  SampleNode(const SampleNode&) = delete;
  SampleNode& operator=(const SampleNode&) = delete;

  operator const kl_node&() const { return node_; }

 private:
  std::deque<kl_tensor> tensors_;
  std::vector<const kl_tensor*> pointers_;
  kl_node node_ = {};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_PLUGIN_SAMPLE_KERNELS_H_
