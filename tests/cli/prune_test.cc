// kinglet prune: which weights become zero, and what is refused.
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

std::string Temporary(const std::string& name) { return testing::TempDir() + name; }

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

std::map<std::string, Tensor> TensorsOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromIstream(&file));
  std::map<std::string, Tensor> tensors;
  for (const onnx::TensorProto& tensor : model.graph().initializer()) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT) continue;
    Tensor& copy = tensors[tensor.name()];
    copy.shape.assign(tensor.dims().begin(), tensor.dims().end());
    copy.values.resize(tensor.raw_data().size() / sizeof(float));
    std::memcpy(copy.values.data(), tensor.raw_data().data(), tensor.raw_data().size());
  }
  return tensors;
}

class PruneTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(RunKinglet({"make-network", "--net", "mobilenet-v1", "--size", "64", "--width", "0.5",
                          Temporary("dense.onnx")})
                  .status,
              0);
  }
};

TEST_F(PruneTest, TheSmallestOfEachTensorGoAndNothingElse) {
  const ProgramResult result =
      RunKinglet({"prune", Temporary("dense.onnx"), Temporary("sparse.onnx"), "--zeros", "0.75"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("14 tensors pruned, 75.00 %"));
  const auto dense = TensorsOf(Temporary("dense.onnx")),
             sparse = TensorsOf(Temporary("sparse.onnx"));
  ASSERT_EQ(dense.size(), sparse.size());
  for (const auto& [name, before] : dense) {
    const Tensor& after = sparse.at(name);
    const bool pruned = before.shape.size() == 2 ||
                        (before.shape.size() == 4 && before.shape[2] == 1 && before.shape[1] > 1);
    if (!pruned) {
      EXPECT_EQ(before.values, after.values) << name;
      continue;
    }
    float smallest_kept = INFINITY, largest_gone = 0;
    for (size_t i = 0; i < before.values.size(); ++i) {
      const float magnitude = std::fabs(before.values[i]);
      if (after.values[i] == 0.0f) {
        largest_gone = std::max(largest_gone, magnitude);
      } else {
        EXPECT_EQ(before.values[i], after.values[i]) << name;
        smallest_kept = std::min(smallest_kept, magnitude);
      }
    }
    EXPECT_LE(largest_gone, smallest_kept) << name;
    EXPECT_EQ(std::count(after.values.begin(), after.values.end(), 0.0f),
              std::llround(0.75 * static_cast<double>(after.values.size())))
        << name;
  }
}

TEST_F(PruneTest, ThePlanOfThePrunedNetworkIsSparse) {
  ASSERT_EQ(RunKinglet({"prune", Temporary("dense.onnx"), Temporary("blocks.onnx"), "--zeros",
                        "0.9", "--block", "4"})
                .status,
            0);
  const ProgramResult dense = RunKinglet({"inspect", "--plan", Temporary("dense.onnx")});
  const ProgramResult sparse = RunKinglet({"inspect", "--plan", Temporary("blocks.onnx")});
  EXPECT_EQ(dense.out.find("conv2d_sparse_f32_avx"), std::string::npos);
  if (__builtin_cpu_supports("avx2")) {
    EXPECT_THAT(sparse.out, HasSubstr("conv2d_sparse_f32_avx"));
  }
}

TEST_F(PruneTest, KeptWeightsStayAndUnknownOnesAreRefused) {
  const auto dense = TensorsOf(Temporary("dense.onnx"));
  std::string classifier;
  for (const auto& [name, tensor] : dense) {
    if (tensor.shape.size() == 2) classifier = name;
  }
  ASSERT_EQ(
      RunKinglet({"prune", Temporary("dense.onnx"), Temporary("kept.onnx"), "--keep", classifier})
          .status,
      0);
  EXPECT_EQ(TensorsOf(Temporary("kept.onnx")).at(classifier).values, dense.at(classifier).values);
  const ProgramResult unknown =
      RunKinglet({"prune", Temporary("dense.onnx"), Temporary("x.onnx"), "--keep", "nothing"});
  EXPECT_EQ(unknown.status, 64);
  EXPECT_THAT(unknown.err, HasSubstr("--keep nothing"));
}

TEST_F(PruneTest, WhatIsNoNetworkIsRefused) {
  std::ofstream(Temporary("text.onnx")) << "not a network";
  const ProgramResult result = RunKinglet({"prune", Temporary("text.onnx"), Temporary("x.onnx")});
  EXPECT_EQ(result.status, 65);
  EXPECT_THAT(result.err, HasSubstr("expected an ONNX ModelProto"));
  EXPECT_EQ(RunKinglet({"prune", Temporary("missing.onnx"), Temporary("x.onnx")}).status, 66);
}

}  // namespace
}  // namespace kinglet
