#include "core/exec/model_view.h"

#include "core/exec/fake_plugin.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

class ModelViewTest : public testing::Test {
 protected:
  ModelViewTest() {
    Metadata& metadata = source_.metadata;
    metadata.Insert("int", int64_t{-5});
    metadata.Insert("bool", true);
    metadata.Insert("float", 1.5);
    metadata.Insert("string", std::string("text"));
    metadata.Insert("ints", std::vector<int64_t>{1, 2, 3});
    metadata.Insert("floats", std::vector<double>{0.5});
    metadata.Insert("strings", std::vector<std::string>{"a", "b"});
    AddTensor(&source_, "matrix", {2, 3}, std::vector<float>(6));
    AddTensor(&source_, "seven", {1, 1, 1, 1, 1, 1, 1}, {0});
  }
  ModelSource source_;
};

TEST_F(ModelViewTest, NumbersAreReadByKind) {
  const ModelView view(source_);
  const kl_model_view* v = view.abi();
  int64_t whole = 99;
  double real = 99;
  EXPECT_EQ(v->get_int(v, "int", &whole), 1);
  EXPECT_EQ(whole, -5);
  EXPECT_EQ(v->get_int(v, "bool", &whole), 1);
  EXPECT_EQ(whole, 1);
  EXPECT_EQ(v->get_float(v, "int", &real), 1);
  EXPECT_EQ(real, -5);
  EXPECT_EQ(v->get_float(v, "float", &real), 1);
  EXPECT_EQ(real, 1.5);
}

TEST_F(ModelViewTest, OtherKindsAndAbsentKeysLeaveTheValueAlone) {
  const ModelView view(source_);
  const kl_model_view* v = view.abi();
  int64_t whole = 99;
  double real = 99;
  for (const char* key : {"float", "string", "ints", "absent"}) EXPECT_EQ(v->get_int(v, key, &whole), 0) << key;
  for (const char* key : {"string", "floats", "absent"}) EXPECT_EQ(v->get_float(v, key, &real), 0) << key;
  EXPECT_EQ(whole, 99);
  EXPECT_EQ(real, 99);
  EXPECT_STREQ(v->get_string(v, "string"), "text");
  EXPECT_EQ(v->get_string(v, "int"), nullptr);
  EXPECT_EQ(v->get_string(v, "absent"), nullptr);
}

TEST_F(ModelViewTest, ArraysGiveTheirLengthAndAsMuchAsThereIsRoomFor) {
  const ModelView view(source_);
  const kl_model_view* v = view.abi();
  double values[3] = {9, 9, 9};
  EXPECT_EQ(v->get_numbers(v, "ints", nullptr, 0), 3u);
  EXPECT_EQ(v->get_numbers(v, "ints", values, 2), 3u);
  EXPECT_EQ(values[1], 2);
  EXPECT_EQ(values[2], 9) << "beyond the capacity";
  EXPECT_EQ(v->get_numbers(v, "floats", values, 3), 1u);
  EXPECT_EQ(values[0], 0.5);
  EXPECT_EQ(v->get_numbers(v, "strings", values, 3), 0u);
  EXPECT_EQ(v->get_numbers(v, "int", values, 3), 0u);
}

TEST_F(ModelViewTest, TensorsShowTypeAndShapeButNoData) {
  const ModelView view(source_);
  const kl_model_view* v = view.abi();
  const kl_tensor* matrix = v->find_tensor(v, "matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->type, KL_TYPE_F32);
  EXPECT_EQ(matrix->rank, 2);
  EXPECT_EQ(matrix->shape[0], 2);
  EXPECT_EQ(matrix->shape[1], 3);
  EXPECT_EQ(matrix->data, nullptr);
  EXPECT_EQ(v->find_tensor(v, "matri"), nullptr);
  EXPECT_EQ(v->find_tensor(v, "seven"), nullptr) << "more dimensions than a kl_tensor has";
}

}  // namespace
}  // namespace kinglet
