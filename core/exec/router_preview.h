// What a later layer's router would choose if it saw a token's hidden values as they are now: its own kernel on an earlier
// layer's input. A layer changes the hidden values little, so most of what is chosen later shows early, while there is
// still time to read it.
//
//   layer l          x_l ---- router l ------> choice, computed by the plan
//                     \------ router l + d --> preview of layer l + d, computed here
//
// For guessing only: nothing of it flows into the plan's values.
#ifndef KINGLET_CORE_EXEC_ROUTER_PREVIEW_H_
#define KINGLET_CORE_EXEC_ROUTER_PREVIEW_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/exec/prepared_plan.h"

namespace kinglet {

// One thread at a time; computes on the caller's. Allocates nothing after it was made. Borrows the prepared plan.
class RouterPreview {
 public:
  // Looks for each expert layer's router: a matmul without streamed weights whose result a moe_route turns into ids.
  // A layer whose router is something else, or whose kernel threads by itself, is not known.
  explicit RouterPreview(const PreparedPlan& prepared);
  ~RouterPreview();
  RouterPreview(const RouterPreview&) = delete;
  RouterPreview& operator=(const RouterPreview&) = delete;

  // `tensors`: the program's values; before Logits(). The prepared plan's weights are loaded.
  void Attach(const std::vector<kl_tensor>* tensors) { tensors_ = tensors; }

  // The logits [experts] that the router of layer `layer` gives for row `row` of what the router of layer `from` has just
  // read; valid until the next call. NULL: one of the layers is not known, or their inputs differ in kind.
  const float* Logits(size_t from, size_t layer, int64_t row);

  // The logits [experts] that router `layer` itself has just computed for row `row`; valid until the node after its moe_route
  // runs. NULL: the layer is not known.
  const float* Computed(size_t layer, int64_t row) const;

  // What it allocated.
  uint64_t bytes() const;

 private:
  struct Router;

  std::vector<std::unique_ptr<Router>> routers_;  // by expert layer; NULL: not known
  const std::vector<kl_tensor>* tensors_ = nullptr;
  AlignedBuffer workspace_;  // the three below
  uint8_t* scratch_ = nullptr;
  uint8_t* worker_scratch_ = nullptr;
  uint8_t* logits_ = nullptr;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_ROUTER_PREVIEW_H_
