// Operators on images whose outputs depend on a neighbourhood of inputs only: those that can be
// computed patch by patch.
#ifndef KINGLET_CORE_EXEC_PATCH_LOCAL_NODE_H_
#define KINGLET_CORE_EXEC_PATCH_LOCAL_NODE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "core/exec/patch/region.h"
#include "core/exec/plan.h"

namespace kinglet {

// Which dimensions of a value are rows and columns: 2, 3 of [N, C, H, W]; 1, 2 of [N, H, W, C].
struct ImageAxes {
  int32_t rows = 2;
  int32_t columns = 3;

  bool operator==(const ImageAxes& other) const {
    return rows == other.rows && columns == other.columns;
  }
};

// An operand that is an image: read through the node's window, or at the pixels of the output.
struct ImageOperand {
  uint32_t operand = 0;
  ImageAxes axes;
  bool windowed = false;
};

struct LocalNode {
  std::vector<ImageOperand>
      images;           // activations and network inputs; all else the node reads is constant
  uint32_t output = 0;  // operand
  bool has_window = false;
  WindowAxis rows, columns;  // with a window; pads are attribute "pads"
  // Of a convolution: multiplications for one element of the output; 0 for anything else.
  int64_t macs_per_output = 0;
  bool is_depthwise = false;
  int32_t residual = -1;  // operand that the output is added to
};

// What node `index` of the plan needs, if its output has rows and columns at `axes`. None: it is
// not local, or this table does not know it.
std::optional<LocalNode> LocalNodeOf(const Plan& plan, size_t index, const ImageAxes& axes);

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_PATCH_LOCAL_NODE_H_
