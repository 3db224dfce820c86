#include "plugins/reference/window.h"

namespace kinglet {
namespace reference {

void ParseWindow(const kl_node* node, bool has_dilations, Window* window, Check* check) {
  ParseInts(node, "strides", 2, 1, window->strides, check);
  ParseInts(node, "pads", 4, 0, window->pads, check);
  window->dilations[0] = window->dilations[1] = 1;
  if (has_dilations) ParseInts(node, "dilations", 2, 1, window->dilations, check);
}

void CheckWindowOutput(const kl_node* node, uint32_t x, uint32_t y, int64_t channels,
                       const Window& window, bool may_round_up, Check* check) {
  check->Rank(x, 4, 4);
  check->Rank(y, 4, 4);
  if (!check->ok()) return;
  int64_t shape[4] = {node->operands[x]->shape[0], channels, 0, 0};
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t size = node->operands[x]->shape[2 + axis];
    const int64_t padded = size + window.pads[axis] + window.pads[2 + axis];
    const int64_t span = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
    check->RequireOperand(x, padded >= span, "an image, padding included, as large as the window");
    if (!check->ok()) return;
    shape[2 + axis] = (padded - span) / window.strides[axis] + 1;
    const int64_t rounded_up = CeilDivide(padded - span, window.strides[axis]) + 1;
    const bool last_starts_inside = window.First(axis, rounded_up - 1) < size;
    if (may_round_up && last_starts_inside && node->operands[y]->shape[2 + axis] == rounded_up) {
      shape[2 + axis] = rounded_up;
    }
  }
  check->Shape(y, 4, shape);
}

}  // namespace reference
}  // namespace kinglet
