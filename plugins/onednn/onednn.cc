#include "plugins/onednn/onednn.h"

// Of the OpenMP runtime that oneDNN is linked with; its header comes with one compiler only.
extern "C" void omp_set_num_threads(int count);
extern "C" int omp_pause_resource_all(int kind);

namespace kinglet {
namespace onednn {

kl_code Decline(const kl_node* node, const char* what, kl_error* error) {
  return kl_fail(error, KL_UNSUPPORTED, "%s '%s': oneDNN takes only %s", node->op, node->name,
                 what);
}

void SetThreadCount(uint32_t count) {
  omp_set_num_threads(count == 0 ? 1 : static_cast<int>(count));
}

void EndThreads() {
  constexpr int kPauseHard = 2;  // omp_pause_hard: free all that can be made again
  omp_pause_resource_all(kPauseHard);
}

void OneUnit(const kl_run* run, kl_work* work) {
  // Nothing to compute when the output, the last operand, is empty.
  work->phase_count = kl_element_count(run->operands[run->operand_count - 1]) == 0 ? 0 : 1;
  work->unit_count[0] = 1;
}

kl_code CurrentException(const kl_node* node, kl_error* error) {
  try {
    throw;
  } catch (const dnnl::error& e) {
    kl_code code = KL_INTERNAL;
    if (e.status == dnnl_out_of_memory) code = KL_OUT_OF_MEMORY;
    if (e.status == dnnl_unimplemented) code = KL_UNSUPPORTED;
    return kl_fail(error, code,
                   "%s '%s': oneDNN: %s; disable the plugin onednn or pin another kernel", node->op,
                   node->name, e.what());
  } catch (const std::bad_alloc&) {
    return kl_fail(error, KL_OUT_OF_MEMORY, "%s '%s': oneDNN: out of memory", node->op, node->name);
  } catch (const std::exception& e) {
    return kl_fail(error, KL_INTERNAL, "%s '%s': oneDNN: %s", node->op, node->name, e.what());
  }
}

}  // namespace onednn
}  // namespace kinglet
