// What kernels refuse: shapes left to the next kernel, and plans that break the contract.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plugins/common/table.h"
#include "plugins/sparse_x86/kernel_runner.h"

extern "C" {
extern const kl_table kl_table_sparse_x86_add_f32_avx2;
extern const kl_table kl_table_sparse_x86_attention_f16_avx2;
extern const kl_table kl_table_sparse_x86_embed_q4_0_avx2;
extern const kl_table kl_table_sparse_x86_matmul_q4_0_avx2;
extern const kl_table kl_table_sparse_x86_matmul_q4_k_avx2;
extern const kl_table kl_table_sparse_x86_moe_ffn_q4_0_avx2;
extern const kl_table kl_table_sparse_x86_rms_norm_f32_avx2;
extern const kl_table kl_table_sparse_x86_rope_f32_avx2;
extern const kl_table kl_table_sparse_x86_softmax_f32_avx2;
}

namespace kinglet {
namespace {

using Attributes = std::vector<kl_attribute>;

kl_attribute Int(const char* name, int64_t value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_INT;
  attribute.i = value;
  return attribute;
}

kl_attribute Float(const char* name, double value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_FLOAT;
  attribute.f = value;
  return attribute;
}

kl_attribute Text(const char* name, const char* value) {
  kl_attribute attribute = {};
  attribute.name = name;
  attribute.kind = KL_ATTRIBUTE_STRING;
  attribute.s = value;
  return attribute;
}

kl_tensor F32(std::vector<int64_t> shape) { return MakeTensor(KL_TYPE_F32, shape, nullptr); }
kl_tensor I32(std::vector<int64_t> shape) { return MakeTensor(KL_TYPE_I32, shape, nullptr); }
kl_tensor F16(std::vector<int64_t> shape) { return MakeTensor(KL_TYPE_F16, shape, nullptr); }
kl_tensor Q4(std::vector<int64_t> shape) { return MakeTensor(KL_TYPE_Q4_0, shape, nullptr); }
kl_tensor Absent() { return MakeTensor(KL_TYPE_NONE, {}, nullptr); }

class Refusals : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "this processor has no AVX2";
  }
  kl_code Prepare(const kl_table& table, const Attributes& attributes,
                  std::vector<kl_tensor> operands) {
    KernelRunner runner(table.kernels[0], attributes.data(),
                        static_cast<uint32_t>(attributes.size()));
    const kl_code code = runner.Prepare(std::move(operands), false);
    message_ = runner.message();
    return code;
  }
  std::string message_;
};

TEST_F(Refusals, ShapesThatAnotherKernelComputes) {
  EXPECT_EQ(KL_UNSUPPORTED,
            Prepare(kl_table_sparse_x86_add_f32_avx2, {}, {F32({2, 8}), F32({8}), F32({2, 8})}));
  EXPECT_EQ(KL_UNSUPPORTED, Prepare(kl_table_sparse_x86_softmax_f32_avx2, {Int("axis", 0)},
                                    {F32({4, 8}), F32({4, 8})}));
  EXPECT_EQ(KL_UNSUPPORTED,
            Prepare(kl_table_sparse_x86_attention_f16_avx2, {Int("head_length", 43)},
                    {F32({1, 86}), F32({1, 43}), F32({1, 43}), I32({1}), F16({1, 9, 43}),
                     F16({1, 9, 43}), F32({1, 86})}));
  EXPECT_EQ(KL_UNSUPPORTED, Prepare(kl_table_sparse_x86_matmul_q4_k_avx2, {},
                                    {F32({1, 128}), MakeTensor(KL_TYPE_Q4_K, {4, 128}, nullptr),
                                     Absent(), F32({1, 4})}));
}

TEST_F(Refusals, ABiasThatIsNotF32GoesToAnotherKernel) {
  EXPECT_EQ(KL_UNSUPPORTED, Prepare(kl_table_sparse_x86_matmul_q4_0_avx2, {},
                                    {F32({1, 64}), Q4({4, 64}), F16({4}), F32({1, 4})}));
}

TEST_F(Refusals, OperandsThatDoNotFitNameTheNodeAndTheNumbers) {
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(kl_table_sparse_x86_matmul_q4_0_avx2, {},
                                         {F32({1, 96}), Q4({4, 64}), Absent(), F32({1, 4})}));
  EXPECT_NE(std::string::npos, message_.find("test (matmul)")) << message_;
  EXPECT_NE(std::string::npos, message_.find("should be 64, found 96")) << message_;
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(kl_table_sparse_x86_matmul_q4_0_avx2, {},
                                         {F32({1, 64}), Q4({4, 64}), F32({5}), F32({1, 4})}));
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(kl_table_sparse_x86_embed_q4_0_avx2, {},
                                         {I32({3}), Q4({4, 64}), F32({2, 64})}));
  EXPECT_EQ(KL_INVALID_ARGUMENT,
            Prepare(kl_table_sparse_x86_matmul_q4_0_avx2, {}, {F32({1, 64}), Q4({4, 64})}));
}

TEST_F(Refusals, AttributesThatMakeNoSense) {
  const std::vector<kl_tensor> norm = {F32({2, 8}), F32({8}), F32({2, 8})};
  EXPECT_EQ(KL_OK, Prepare(kl_table_sparse_x86_rms_norm_f32_avx2, {Float("eps", 1e-6)}, norm));
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(kl_table_sparse_x86_rms_norm_f32_avx2, {}, norm));
  const std::vector<kl_tensor> rope = {F32({2, 16}), I32({2}), Absent(), F32({2, 16})};
  EXPECT_EQ(KL_OK, Prepare(kl_table_sparse_x86_rope_f32_avx2,
                           {Int("head_length", 8), Float("base", 1e4)}, rope));
  for (const Attributes& attributes :
       {Attributes{Float("base", 1e4)}, Attributes{Int("head_length", 8)},
        Attributes{Int("head_length", 5), Float("base", 1e4)},
        Attributes{Int("head_length", 8), Int("rotary_length", 3), Float("base", 1e4)},
        Attributes{Int("head_length", 8), Int("rotary_length", 10), Float("base", 1e4)}}) {
    EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(kl_table_sparse_x86_rope_f32_avx2, attributes, rope));
  }
}

TEST_F(Refusals, ExpertsOfAnotherShapeOrActivation) {
  const auto operands = [](int64_t down_rows, int64_t down_columns) {
    return std::vector<kl_tensor>{F32({1, 64}),    I32({1, 2}),
                                  F32({1, 2}),     Q4({4, 96, 64}),
                                  Q4({4, 96, 64}), Q4({4, down_rows, down_columns}),
                                  F32({1, 64})};
  };
  const auto& table = kl_table_sparse_x86_moe_ffn_q4_0_avx2;
  const kl_attribute relu = Text("activation", "relu"), transposed = Int("down_transposed", 1);
  EXPECT_EQ(KL_OK, Prepare(table, {relu}, operands(64, 96)));
  EXPECT_EQ(KL_OK, Prepare(table, {relu, transposed}, operands(96, 64)));
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(table, {relu}, operands(96, 64)));
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(table, {relu, transposed}, operands(64, 96)));
  EXPECT_EQ(KL_INVALID_ARGUMENT, Prepare(table, {Text("activation", "tanh")}, operands(64, 96)));
  EXPECT_NE(std::string::npos, message_.find("'tanh'")) << message_;
}

}  // namespace
}  // namespace kinglet
