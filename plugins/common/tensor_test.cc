#include "plugins/common/tensor.h"

#include <vector>

#include "gtest/gtest.h"

namespace kinglet {
namespace {

kl_tensor Tensor(kl_dtype type, std::vector<int64_t> shape, void* data) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = type;
  tensor.rank = static_cast<int32_t>(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) tensor.shape[d] = shape[d];
  tensor.data = data;
  return tensor;
}

TEST(TensorTest, CountsRowsAndTheirElements) {
  const kl_tensor scalar = Tensor(KL_TYPE_F32, {}, nullptr);
  EXPECT_EQ(RowCount(&scalar), 1);
  EXPECT_EQ(RowElements(&scalar), 1);
  const kl_tensor vector = Tensor(KL_TYPE_F32, {7}, nullptr);
  EXPECT_EQ(RowCount(&vector), 1);
  EXPECT_EQ(RowElements(&vector), 7);
  const kl_tensor cube = Tensor(KL_TYPE_F32, {2, 3, 5}, nullptr);
  EXPECT_EQ(RowCount(&cube), 6);
  EXPECT_EQ(RowElements(&cube), 5);
}

TEST(TensorTest, RowsOfABlockTypeLieWholeBlocksApart) {
  uint8_t bytes[4 * 2 * 18];
  const kl_tensor tensor = Tensor(KL_TYPE_Q4_0, {4, 64}, bytes);
  EXPECT_EQ(RowPointer(&tensor, 0), bytes);
  EXPECT_EQ(RowPointer(&tensor, 3), bytes + 3 * 36);
}

TEST(TensorTest, FindsRowsOfATensorInParts) {
  float first[2 * 3], second[2 * 3];
  const void* parts[] = {second, first};  // not in the order of memory
  kl_tensor tensor = Tensor(KL_TYPE_F32, {2, 2, 3}, nullptr);
  tensor.parts = parts;
  EXPECT_EQ(RowPointer(&tensor, 0), second);
  EXPECT_EQ(RowPointer(&tensor, 1), second + 3);
  EXPECT_EQ(RowPointer(&tensor, 2), first);
  EXPECT_EQ(RowPointer(&tensor, 3), first + 3);
}

TEST(TensorTest, PartsOfAMatrixAreItsRows) {
  float a[3], b[3];
  const void* parts[] = {a, b};
  kl_tensor tensor = Tensor(KL_TYPE_F32, {2, 3}, nullptr);
  tensor.parts = parts;
  EXPECT_EQ(RowPointer(&tensor, 0), a);
  EXPECT_EQ(RowPointer(&tensor, 1), b);
}

}  // namespace
}  // namespace kinglet
