#include "plugins/onednn/codes.h"

namespace kinglet {
namespace onednn {

bool AreConstantScales(const kl_tensor* scale, const kl_tensor* zero_point, int64_t count) {
  if (!IsConstantRows(scale) || !IsConstantRows(zero_point) || scale->type != KL_TYPE_F32 ||
      !IsCode(zero_point)) {
    return false;
  }
  const int64_t scales = kl_element_count(scale), zeros = kl_element_count(zero_point);
  return (scales == 1 || scales == count) && (zeros == 1 || zeros == count);
}

}  // namespace onednn
}  // namespace kinglet
