// Small memory banks for models of any shape, and models loaded with them.
#ifndef TESTS_MEMORY_BANK_MEMORY_BANK_FILES_H_
#define TESTS_MEMORY_BANK_MEMORY_BANK_FILES_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/abi/dtype.h"
#include "core/base/status.h"
#include "loaders/klbank/klbank_writer.h"
#include "plugins/common/f16.h"
#include "plugins/common/quantize.h"
#include "tests/support/kinglet_test.h"

namespace kinglet {

constexpr uint64_t kGenericNode = 99;

// The same numbers as memory_block of tests/golden/make_goldens.py.
inline float GoldenNumber(uint64_t i, uint32_t level, uint64_t node) {
  return static_cast<float>(static_cast<int64_t>((i * 7 + level * 3 + node * 5) % 13) - 6) / 40.0f;
}

struct BankSettings {
  MemoryShape shape;
  bool generic = true;
  bool zero_down = false;  // as a bank is created
  uint64_t model_fingerprint = 0;
  uint64_t encoder_fingerprint = 0;
  std::string encoder_file;
};

// Of the first models of tests/golden: k = 2, p = 2.
inline BankSettings GoldenBank() {
  BankSettings settings;
  settings.shape.branching = 2;
  settings.shape.depth = 2;
  settings.shape.layer_count = 8;
  settings.shape.dim = 32;
  settings.shape.type = KL_TYPE_F32;
  settings.shape.activation = MemoryActivation::kRelu;
  settings.shape.rows = {5, 3, 0, 0};
  settings.shape.encoder_width = 32;
  return settings;
}

inline std::string PackedRow(kl_dtype type, const std::vector<float>& row) {
  const int64_t length = static_cast<int64_t>(row.size());
  std::string bytes(kl_row_bytes(type, row.size()), '\0');
  if (type == KL_TYPE_F32) memcpy(bytes.data(), row.data(), bytes.size());
  if (type == KL_TYPE_Q8_0)
    QuantizeRowQ8_0(row.data(), length, reinterpret_cast<BlockQ8_0*>(bytes.data()));
  if (type == KL_TYPE_Q4_0)
    QuantizeRowQ4_0(row.data(), length, reinterpret_cast<BlockQ4_0*>(bytes.data()));
  if (type == KL_TYPE_F16) {
    for (size_t i = 0; i < row.size(); ++i) {
      const uint16_t half = F32ToF16(row[i]);
      memcpy(bytes.data() + 2 * i, &half, 2);
    }
  }
  return bytes;
}

inline std::string BankBlock(const MemoryLayout& layout, const BankSettings& settings,
                             uint32_t level, uint64_t node) {
  const MemoryShape& shape = settings.shape;
  const uint64_t rows = shape.rows[level - 1];
  std::string bytes;
  std::vector<float> row(shape.dim);
  uint64_t i = 0;
  for (uint32_t layer = 0; layer < shape.layer_count; ++layer) {
    for (uint32_t matrix = 0; matrix < 3; ++matrix) {
      for (uint64_t r = 0; r < rows; ++r) {
        for (float& number : row)
          number = settings.zero_down && matrix == 2 ? (++i, 0.0f) : GoldenNumber(i++, level, node);
        bytes += PackedRow(shape.type, row);
      }
    }
  }
  EXPECT_EQ(bytes.size(), layout.BlockBytes(level));
  return bytes;
}

// Centroids: unit vectors that differ in their first elements.
inline void WriteBank(const std::string& path, const BankSettings& settings) {
  KlbankHead head;
  head.shape = settings.shape;
  head.generic = settings.generic;
  head.model_fingerprint = settings.model_fingerprint;
  head.encoder_fingerprint = settings.encoder_fingerprint;
  head.name = "test";
  head.encoder_file = settings.encoder_file;
  const auto layout = MemoryLayout::Create(settings.shape);
  ASSERT_TRUE(layout.ok()) << layout.status();
  std::vector<float> centroids(layout->TotalNodeCount() * settings.shape.encoder_width);
  for (size_t i = 0; i < centroids.size(); ++i)
    centroids[i] = std::sin(static_cast<float>(i) * 12.9898f) * 0.2f;
  auto writer = KlbankWriter::Create(path, head, centroids.data(), layout->TotalNodeCount());
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (uint32_t level = 1; level <= layout->depth(); ++level) {
    if (settings.shape.rows[level - 1] == 0) continue;
    for (uint64_t id = 0; id < layout->BlockCount(level); ++id) {
      const std::string block = BankBlock(*layout, settings, level, id);
      const absl::Status added = (*writer)->AddBlock(level, id, block.data(), block.size());
      ASSERT_TRUE(added.ok()) << added;
    }
    if (!settings.generic) continue;
    const std::string block = BankBlock(*layout, settings, level, kGenericNode);
    ASSERT_TRUE((*writer)->AddGeneric(level, block.data(), block.size()).ok());
  }
  const absl::Status committed = (*writer)->Commit();
  ASSERT_TRUE(committed.ok()) << committed;
}

struct MemoryModelSettings {
  std::string encoder;  // empty: none
  std::vector<kl_memory_node> denied;
  uint64_t memory_bytes = 0;
};

// NULL with the error set.
inline Handle<kl_model> TryLoadWithBank(kl_runtime* runtime, const std::string& path,
                                        const std::string& bank,
                                        const MemoryModelSettings& settings, Error* error) {
  kl_model_options options = {};
  options.struct_size = sizeof options;
  kl_model_default_options(&options);
  options.memory_bank = bank.c_str();
  options.memory_encoder = settings.encoder.c_str();
  options.memory_deny = settings.denied.data();
  options.memory_deny_count = static_cast<uint32_t>(settings.denied.size());
  options.memory_bytes = settings.memory_bytes;
  kl_model* model = nullptr;
  kl_model_load(runtime, path.c_str(), &options, &model, error);
  return Handle<kl_model>(model);
}

inline Handle<kl_model> LoadWithBank(kl_runtime* runtime, const std::string& path,
                                     const std::string& bank,
                                     const MemoryModelSettings& settings = {}) {
  Error error;
  Handle<kl_model> model = TryLoadWithBank(runtime, path, bank, settings, &error);
  EXPECT_NE(model, nullptr) << error.message;
  return model;
}

inline kl_memory_path PathOf(const std::vector<uint64_t>& ids) {
  kl_memory_path path = {};
  path.struct_size = sizeof path;
  for (uint64_t id : ids) path.ids[path.depth++] = id;
  return path;
}

// Empty: generic blocks.
inline void SetPath(kl_session* session, const std::vector<uint64_t>& ids) {
  const kl_memory_path path = PathOf(ids);
  Error error;
  ASSERT_EQ(kl_session_set_memory(session, ids.empty() ? nullptr : &path, &error), KL_OK)
      << error.message;
}

inline kl_memory_fetch FetchOf(const kl_session* session) {
  kl_memory_fetch fetch = {};
  fetch.struct_size = sizeof fetch;
  EXPECT_EQ(kl_session_memory(session, &fetch), KL_OK);
  return fetch;
}

}  // namespace kinglet

#endif  // TESTS_MEMORY_BANK_MEMORY_BANK_FILES_H_
