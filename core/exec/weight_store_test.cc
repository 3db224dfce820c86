#include "core/exec/weight_store.h"

#include <atomic>
#include <cstring>
#include <thread>

#include "core/base/status.h"
#include "core/exec/fake_plugin.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

using testing::HasSubstr;

constexpr int64_t kRows = 64;
constexpr int64_t kColumns = 16;

// One node "y = x w" of its own name, whose weight is a given value.
struct Use {
  Use(const PlanValue& weight, const char* name) {
    for (kl_tensor& tensor : tensors) tensor.struct_size = sizeof tensor;
    tensors[1].type = weight.type;
    tensors[1].rank = static_cast<int32_t>(weight.shape.size());
    std::copy(weight.shape.begin(), weight.shape.end(), tensors[1].shape);
    node.struct_size = sizeof node;
    node.op = "fake_matmul";
    node.name = name;
    node.operands = pointers;
    node.operand_count = 3;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  kl_tensor tensors[3] = {};
  const kl_tensor* pointers[3] = {&tensors[0], &tensors[1], &tensors[2]};
  kl_node node = {};
};

class WeightStoreTest : public testing::Test {
 protected:
  WeightStoreTest() {
    std::vector<float> data(kRows * kColumns);
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
    AddTensor(&source_, "a", {kRows, kColumns}, data);
    AddTensor(&source_, "b", {kRows, kColumns}, data);
    Fake::log().pack_weights = true;
  }
  PlanValue Weight(std::vector<const char*> names) {
    PlanValue value;
    value.kind = ValueKind::kWeight;
    value.name = names[0];
    value.shape = {kRows, kColumns};
    for (const char* name : names) value.tensors.push_back(source_.Find(name));
    if (names.size() > 1) value.shape.insert(value.shape.begin(), static_cast<int64_t>(names.size()));
    return value;
  }
  absl::Status Pack() { return store_.Pack(false, Serially, nullptr); }
  kl_tensor Bound(const PlanValue& weight, const Use& use) {
    kl_tensor tensor = {};
    store_.Bind(weight, use.node, 1, &tensor);
    return tensor;
  }
  static void Serially(int64_t count, kl_parallel_body body, void* context) { body(context, 0, count); }

  FakePlugin plugin_;
  kl_kernel& matmul_ = plugin_.kernels[3];
  ModelSource source_;
  WeightStore store_;
};

void ExpectReversed(const kl_tensor& packed, const SourceTensor& source) {
  ASSERT_EQ(packed.layout, static_cast<uint32_t>(KL_LAYOUT_PACKED));
  ASSERT_NE(packed.data, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(packed.data) % 64, 0u);
  const size_t row_bytes = kColumns * sizeof(float);
  for (int64_t row = 0; row < kRows; ++row) {
    EXPECT_EQ(std::memcmp(static_cast<char*>(packed.data) + static_cast<size_t>(kRows - 1 - row) * row_bytes,
                          source.data + static_cast<size_t>(row) * row_bytes, row_bytes),
              0)
        << row;
  }
}

TEST_F(WeightStoreTest, UnpackedWeightIsTheMappedOne) {
  Fake::log().pack_weights = false;
  const PlanValue a = Weight({"a"});
  const Use use(a, "n");
  ASSERT_TRUE(store_.Want(a, &use.node, 1, &matmul_).ok());
  EXPECT_EQ(store_.mapped_bytes(), source_.Find("a")->bytes);
  EXPECT_EQ(store_.packed_bytes(), 0u);
  ASSERT_TRUE(Pack().ok());
  EXPECT_EQ(Bound(a, use).data, source_.Find("a")->data);
  EXPECT_EQ(Bound(a, use).layout, static_cast<uint32_t>(KL_LAYOUT_ROWS));
}

TEST_F(WeightStoreTest, UnitsPackedOnManyThreadsMakeUpTheWholeWeight) {
  const PlanValue a = Weight({"a"});
  const Use use(a, "n");
  ASSERT_TRUE(store_.Want(a, &use.node, 1, &matmul_).ok());
  const auto threads = [](int64_t count, kl_parallel_body body, void* context) {
    std::vector<std::thread> workers;
    for (int64_t w = 0; w < 4; ++w) {
      workers.emplace_back([=] { body(context, count * w / 4, count * (w + 1) / 4); });
    }
    for (std::thread& worker : workers) worker.join();
  };
  matmul_.pack = [](const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    const size_t row = kColumns * sizeof(float);
    for (int64_t r = begin; r < end; ++r) {
      std::memcpy(static_cast<char*>(destination) + static_cast<size_t>(kRows - 1 - r) * row,
                  static_cast<const char*>(source->data) + static_cast<size_t>(r) * row, row);
    }
    return kl_code{KL_OK};
  };
  ASSERT_TRUE(store_.Pack(false, threads, nullptr).ok());
  ExpectReversed(Bound(a, use), *source_.Find("a"));
}

TEST_F(WeightStoreTest, NodesThatNameTheSameLayoutShareOneCopy) {
  const PlanValue a = Weight({"a"});
  const Use first(a, "first"), second(a, "second");
  ASSERT_TRUE(store_.Want(a, &first.node, 1, &matmul_).ok());
  ASSERT_TRUE(store_.Want(a, &second.node, 1, &matmul_).ok());
  EXPECT_EQ(store_.packed_bytes(), source_.Find("a")->bytes);
  EXPECT_EQ(store_.mapped_bytes(), 0u) << "the packed copy replaces the mapping";
  ASSERT_TRUE(Pack().ok());
  EXPECT_EQ(Fake::log().packed_units, kRows);
  EXPECT_EQ(Bound(a, first).data, Bound(a, second).data);
}

TEST_F(WeightStoreTest, WeightUsedPackedAndAsItIsStaysMappedBesideItsCopy) {
  const PlanValue a = Weight({"a"});
  const Use head(a, "head"), table(a, "table");
  const kl_kernel& embed = plugin_.kernels[0];
  ASSERT_TRUE(store_.Want(a, &head.node, 1, &matmul_).ok());
  ASSERT_TRUE(store_.Want(a, &table.node, 1, &embed).ok());
  EXPECT_EQ(store_.packed_bytes(), source_.Find("a")->bytes);
  EXPECT_EQ(store_.mapped_bytes(), source_.Find("a")->bytes);
  ASSERT_TRUE(Pack().ok());
  ExpectReversed(Bound(a, head), *source_.Find("a"));
  kl_tensor mapped = {};
  store_.Bind(a, table.node, 1, &mapped);
  EXPECT_EQ(mapped.data, source_.Find("a")->data);
}

TEST_F(WeightStoreTest, WeightsOfOneNameAndLayoutButOtherTensorsAreOtherCopies) {
  const PlanValue a = Weight({"a"}), b = Weight({"b"});
  const Use first(a, "first"), second(b, "second");
  ASSERT_TRUE(store_.Want(a, &first.node, 1, &matmul_).ok());
  ASSERT_TRUE(store_.Want(b, &second.node, 1, &matmul_).ok());
  ASSERT_TRUE(Pack().ok());
  EXPECT_NE(Bound(a, first).data, Bound(b, second).data);
}

TEST_F(WeightStoreTest, StackIsHandedOutAsParts) {
  Fake::log().pack_weights = false;
  const PlanValue stack = Weight({"b", "a"});
  const Use use(stack, "experts");
  ASSERT_TRUE(store_.Want(stack, &use.node, 1, &matmul_).ok());
  ASSERT_TRUE(Pack().ok());
  const kl_tensor bound = Bound(stack, use);
  EXPECT_EQ(bound.data, nullptr);
  ASSERT_NE(bound.parts, nullptr);
  EXPECT_EQ(bound.parts[0], source_.Find("b")->data);
  EXPECT_EQ(bound.parts[1], source_.Find("a")->data);
}

TEST_F(WeightStoreTest, StackIsPackedFromItsParts) {
  const PlanValue stack = Weight({"b", "a"});
  const Use use(stack, "experts");
  matmul_.pack = [](const kl_node*, uint32_t, const kl_tensor* source, void* destination, int64_t begin, int64_t end) {
    if (source->data != nullptr || source->parts == nullptr) return kl_code{KL_INTERNAL};
    const size_t bytes = kRows * kColumns * sizeof(float);
    for (int64_t e = begin; e < end; ++e) {
      std::memcpy(static_cast<char*>(destination) + static_cast<size_t>(e) * bytes, source->parts[e], bytes);
    }
    return kl_code{KL_OK};
  };
  ASSERT_TRUE(store_.Want(stack, &use.node, 1, &matmul_).ok());
  ASSERT_TRUE(Pack().ok());
  const kl_tensor bound = Bound(stack, use);
  const size_t bytes = source_.Find("a")->bytes;
  EXPECT_EQ(bound.parts, nullptr);
  EXPECT_EQ(std::memcmp(bound.data, source_.Find("b")->data, bytes), 0);
  EXPECT_EQ(std::memcmp(static_cast<char*>(bound.data) + bytes, source_.Find("a")->data, bytes), 0);
}

TEST_F(WeightStoreTest, ProgressCanStopBetweenTwoWeights) {
  const PlanValue a = Weight({"a"}), b = Weight({"b"});
  const Use first(a, "first"), second(b, "second");
  ASSERT_TRUE(store_.Want(a, &first.node, 1, &matmul_).ok());
  ASSERT_TRUE(store_.Want(b, &second.node, 1, &matmul_).ok());
  std::vector<uint64_t> seen;
  const absl::Status status = store_.Pack(false, Serially, [&](const char* stage, uint64_t done, uint64_t total) {
    EXPECT_STREQ(stage, "pack");
    EXPECT_EQ(total, store_.packed_bytes());
    seen.push_back(done);
    return done == 0;
  });
  EXPECT_EQ(CodeFromStatus(status), KL_CANCELLED);
  EXPECT_EQ(seen, (std::vector<uint64_t>{0, source_.Find("a")->bytes}));
  EXPECT_EQ(Fake::log().packed_units, kRows) << "the second weight was not begun";
}

TEST_F(WeightStoreTest, FailureToPackNamesKernelAndTensor) {
  const PlanValue a = Weight({"a"});
  const Use use(a, "n");
  matmul_.pack = [](const kl_node*, uint32_t, const kl_tensor*, void*, int64_t begin, int64_t) {
    return kl_code{begin == 0 ? KL_DATA_CORRUPT : KL_OK};
  };
  ASSERT_TRUE(store_.Want(a, &use.node, 1, &matmul_).ok());
  const absl::Status status = Pack();
  EXPECT_EQ(CodeFromStatus(status), KL_DATA_CORRUPT);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fake_matmul_1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("pack a"));
}

TEST_F(WeightStoreTest, QueryThatFailsNamesKernelAndNode) {
  const PlanValue a = Weight({"a"});
  const Use use(a, "blk.4.ffn");
  matmul_.pack_query = [](const kl_node*, uint32_t, kl_pack*, kl_error* error) {
    return kl_fail(error, KL_UNSUPPORTED, "odd rows");
  };
  const absl::Status status = store_.Want(a, &use.node, 1, &matmul_);
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("node blk.4.ffn"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("odd rows"));
}

TEST_F(WeightStoreTest, LayoutWithoutANameIsADefectOfThePlugin) {
  const PlanValue a = Weight({"a"});
  const Use use(a, "n");
  matmul_.pack_query = [](const kl_node*, uint32_t, kl_pack* pack, kl_error*) {
    pack->bytes = 8;
    pack->unit_count = 1;
    return kl_code{KL_OK};
  };
  EXPECT_EQ(CodeFromStatus(store_.Want(a, &use.node, 1, &matmul_)), KL_INTERNAL);
}

// Operand 1 and, in the other half of each row of the copy, operand 2.
kl_code QueryTwoInOne(const kl_node* node, uint32_t operand, kl_pack* pack, kl_error*) {
  pack->bytes = kl_tensor_bytes(node->operands[1]);
  pack->unit_count = kRows;
  pack->layout = "side_by_side";
  pack->within = operand == 2 ? 2 : 0;
  return KL_OK;
}
kl_code PackTwoInOne(const kl_node*, uint32_t operand, const kl_tensor* source, void* destination, int64_t begin,
                     int64_t end) {
  const size_t row_bytes = kColumns * sizeof(float);
  for (int64_t row = begin; row < end; ++row) {
    const size_t at = 2 * static_cast<size_t>(row) + (operand == 2 ? 1 : 0);
    std::memcpy(static_cast<char*>(destination) + at * row_bytes,
                static_cast<const char*>(source->data) + static_cast<size_t>(row) * row_bytes, row_bytes);
  }
  return KL_OK;
}

TEST_F(WeightStoreTest, WeightsPackedIntoOneCopyAreBothBoundToIt) {
  std::vector<float> data(kRows * kColumns, 7);
  AddTensor(&source_, "sevens", {kRows, kColumns}, data);
  const PlanValue a = Weight({"a"}), b = Weight({"sevens"});
  const Use use(a, "n"), again(a, "again");
  matmul_.pack_query = QueryTwoInOne;
  matmul_.pack = PackTwoInOne;
  for (const Use* node : {&use, &again}) {
    ASSERT_TRUE(store_.Want(a, &node->node, 1, &matmul_).ok());
    ASSERT_TRUE(store_.Want(b, &node->node, 2, &matmul_).ok());
  }
  const uint64_t bytes = source_.Find("a")->bytes;
  EXPECT_EQ(store_.packed_bytes(), 2 * bytes);
  EXPECT_EQ(store_.mapped_bytes(), 0u);
  ASSERT_TRUE(Pack().ok());
  kl_tensor guest = {};
  store_.Bind(b, again.node, 2, &guest);
  EXPECT_EQ(guest.layout, static_cast<uint32_t>(KL_LAYOUT_PACKED));
  EXPECT_EQ(guest.data, Bound(a, use).data);
  const size_t row_bytes = kColumns * sizeof(float);
  for (size_t row = 0; row < kRows; ++row) {
    const char* both = static_cast<const char*>(guest.data) + 2 * row * row_bytes;
    EXPECT_EQ(std::memcmp(both, source_.Find("a")->data + row * row_bytes, row_bytes), 0);
    EXPECT_EQ(std::memcmp(both + row_bytes, source_.Find("sevens")->data + row * row_bytes, row_bytes), 0);
  }
}

TEST_F(WeightStoreTest, OneWeightBesideTwoOthersIsRefused) {
  AddTensor(&source_, "c", {kRows, kColumns}, std::vector<float>(kRows * kColumns));
  const PlanValue a = Weight({"a"}), b = Weight({"b"});
  const Use first(a, "first"), second(a, "second");
  matmul_.pack_query = QueryTwoInOne;
  matmul_.pack = PackTwoInOne;
  ASSERT_TRUE(store_.Want(a, &first.node, 1, &matmul_).ok());
  ASSERT_TRUE(store_.Want(b, &first.node, 2, &matmul_).ok());
  ASSERT_TRUE(store_.Want(a, &second.node, 1, &matmul_).ok());
  const absl::Status status = store_.Want(Weight({"c"}), &second.node, 2, &matmul_);
  EXPECT_EQ(CodeFromStatus(status), KL_UNSUPPORTED);
  EXPECT_THAT(std::string(status.message()), HasSubstr("b and c beside the same a"));
}

TEST_F(WeightStoreTest, CopyThatIsNotThereIsADefectOfThePlugin) {
  const PlanValue a = Weight({"a"}), b = Weight({"b"});
  const Use use(a, "n");
  matmul_.pack_query = QueryTwoInOne;
  matmul_.pack = PackTwoInOne;
  const absl::Status missing = store_.Want(b, &use.node, 2, &matmul_);
  EXPECT_EQ(CodeFromStatus(missing), KL_INTERNAL);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("into the copy of operand 1"));
  matmul_.pack_query = [](const kl_node*, uint32_t, kl_pack* pack, kl_error*) {
    *pack = {sizeof *pack, 8, 1, "later", 3};
    return kl_code{KL_OK};
  };
  EXPECT_THAT(std::string(store_.Want(a, &use.node, 1, &matmul_).message()), HasSubstr("none before it"));
}

TEST_F(WeightStoreTest, OneLayoutOfTwoSizesIsADefectOfThePlugin) {
  const PlanValue a = Weight({"a"});
  const Use first(a, "first"), second(a, "second");
  kl_kernel larger = matmul_;
  larger.name = "larger";
  larger.pack_query = [](const kl_node*, uint32_t, kl_pack* pack, kl_error*) {
    pack->bytes = 1 << 20;
    pack->unit_count = 1;
    pack->layout = "reversed";
    return kl_code{KL_OK};
  };
  ASSERT_TRUE(store_.Want(a, &first.node, 1, &matmul_).ok());
  const absl::Status status = store_.Want(a, &second.node, 1, &larger);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fake_matmul_1 and larger"));
}

}  // namespace
}  // namespace kinglet
