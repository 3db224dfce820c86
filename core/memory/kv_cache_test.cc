#include "core/memory/kv_cache.h"

#include <cstring>
#include <random>
#include <string>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace kinglet {
namespace {

constexpr int64_t kHeads = 2, kLength = 4, kWindow = 8;

std::vector<kl_cache_desc> Descs() {
  const auto desc = [](int64_t window) {
    return kl_cache_desc{sizeof(kl_cache_desc), kHeads, kLength, window, KL_CACHE_ANY, 0};
  };
  return {desc(0), desc(0), desc(kWindow), desc(kWindow)};
}

std::vector<KvCacheSpec> Specs(kl_dtype type = KL_TYPE_F16) {
  std::vector<KvCacheSpec> specs;
  for (const kl_cache_desc& desc : Descs()) specs.push_back({desc, type});
  return specs;
}

std::unique_ptr<KvCache> Make(int64_t context, int64_t batch) {
  auto cache = KvCache::Create(Specs(), context, batch, nullptr);
  EXPECT_TRUE(cache.ok()) << cache.status();
  return *std::move(cache);
}

// What position p of head h holds in these tests.
uint16_t ValueOf(size_t cache, int64_t head, int64_t position, int64_t element) {
  return static_cast<uint16_t>(position * 64 + static_cast<int64_t>(cache) * 16 + head * 8 +
                               element);
}

uint16_t* Row(const KvCache& cache, size_t index, int64_t head, int64_t position) {
  const kl_tensor& tensor = cache.tensor(index);
  const int64_t rows = tensor.shape[1];
  return static_cast<uint16_t*>(tensor.data) + (head * rows + position % rows) * tensor.shape[2];
}

// A run of the attention operator, as far as the cache sees it.
void Append(KvCache* cache, int64_t tokens) {
  ASSERT_TRUE(cache->Reserve(tokens).ok());
  for (size_t i = 0; i < cache->size(); ++i) {
    for (int64_t head = 0; head < kHeads; ++head) {
      for (int64_t p = cache->length(); p < cache->length() + tokens; ++p) {
        for (int64_t e = 0; e < kLength; ++e) Row(*cache, i, head, p)[e] = ValueOf(i, head, p, e);
      }
    }
  }
  cache->Commit(tokens);
}

// Whether everything that the next token sees is there.
bool NextTokenSeesAll(const KvCache& cache) {
  const auto descs = Descs();
  for (size_t i = 0; i < cache.size(); ++i) {
    const int64_t window = descs[i].window;
    const int64_t first = window == 0 ? 0 : std::max<int64_t>(0, cache.length() - window + 1);
    for (int64_t head = 0; head < kHeads; ++head) {
      for (int64_t p = first; p < cache.length(); ++p) {
        for (int64_t e = 0; e < kLength; ++e) {
          if (Row(cache, i, head, p)[e] != ValueOf(i, head, p, e)) return false;
        }
      }
    }
  }
  return true;
}

std::string Serialized(const KvCache& cache) {
  std::string bytes;
  const absl::Status status = cache.Serialize([&](const void* data, uint64_t count) {
    bytes.append(static_cast<const char*>(data), count);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(bytes.size(), cache.SerializedBytes());
  return bytes;
}

absl::Status Restore(KvCache* cache, const std::string& bytes) {
  // A copy of exactly this size, so that a sanitizer sees a read beyond it.
  const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
  return cache->Deserialize(exact.data(), exact.size());
}

TEST(KvCacheTest, RowsAreTheContextOrARing) {
  const kl_cache_desc full = {sizeof full, 1, 4, 0, KL_CACHE_ANY, 0};
  const kl_cache_desc ring = {sizeof ring, 1, 4, 100, KL_CACHE_ANY, 0};
  EXPECT_EQ(KvCacheRows(full, 4096, 512), 4096);
  EXPECT_EQ(KvCacheRows(ring, 4096, 512), 611);
  EXPECT_EQ(KvCacheRows(ring, 4096, 1), 100);
  EXPECT_EQ(KvCacheRows(ring, 300, 512), 300);
  EXPECT_EQ(KvCacheRows(ring, 50, 1), 50);
}

TEST(KvCacheTest, TensorsHaveTheLayoutOfAttentionAndDoNotTouch) {
  const auto cache = Make(64, 5);
  ASSERT_EQ(cache->size(), 4u);
  for (size_t i = 0; i < cache->size(); ++i) {
    const kl_tensor& tensor = cache->tensor(i);
    EXPECT_EQ(tensor.type, KL_TYPE_F16);
    EXPECT_EQ(tensor.shape[0], kHeads);
    EXPECT_EQ(tensor.shape[1], i < 2 ? 64 : 12);
    EXPECT_EQ(tensor.shape[2], kLength);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % 64, 0u);
  }
  Append(cache.get(), 5);
  Append(cache.get(), 5);
  EXPECT_TRUE(NextTokenSeesAll(*cache));
}

TEST(KvCacheTest, BytesAreKnownAndReservedBeforehand) {
  const auto bytes = KvCache::RequiredBytes(Specs(), 64, 5);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, 2u * (2 * 64 * 4 * 2) + 2u * (2 * 12 * 4 * 2));
  Budget small(*bytes - 1), enough(*bytes);
  EXPECT_EQ(CodeFromStatus(KvCache::Create(Specs(), 64, 5, &small).status()), KL_OUT_OF_BUDGET);
  {
    const auto cache = KvCache::Create(Specs(), 64, 5, &enough);
    ASSERT_TRUE(cache.ok()) << cache.status();
    EXPECT_EQ((*cache)->bytes(), *bytes);
    EXPECT_EQ(enough.used_bytes(), *bytes);
  }
  EXPECT_EQ(enough.used_bytes(), 0u);
}

TEST(KvCacheTest, ImpossibleSizesAreErrors) {
  std::vector<KvCacheSpec> specs(1);
  specs[0].desc.head_count = int64_t{1} << 40;
  specs[0].desc.head_length = 1 << 20;
  EXPECT_EQ(CodeFromStatus(KvCache::RequiredBytes(specs, 1 << 20, 1).status()), KL_OUT_OF_BUDGET);
  specs[0].desc.head_count = 0;
  EXPECT_EQ(CodeFromStatus(KvCache::RequiredBytes(specs, 8, 1).status()), KL_INVALID_ARGUMENT);
  EXPECT_EQ(CodeFromStatus(KvCache::RequiredBytes(Specs(), 0, 1).status()), KL_INVALID_ARGUMENT);
  EXPECT_EQ(CodeFromStatus(KvCache::RequiredBytes(Specs(), 8, 0).status()), KL_INVALID_ARGUMENT);
}

TEST(KvCacheTest, TheContextAndTheBatchAreLimits) {
  const auto cache = Make(12, 5);
  EXPECT_EQ(CodeFromStatus(cache->Reserve(6)), KL_INVALID_ARGUMENT);
  Append(cache.get(), 5);
  Append(cache.get(), 5);
  EXPECT_EQ(CodeFromStatus(cache->Reserve(3)), KL_FAILED_PRECONDITION);
  Append(cache.get(), 2);
  EXPECT_EQ(cache->length(), 12);
}

TEST(KvCacheTest, RewindGoesAsFarBackAsTheRingsHold) {
  const auto cache = Make(64, 5);  // rings of 12 rows
  for (int i = 0; i < 6; ++i) Append(cache.get(), 5);
  // Positions 18..29 are kept; a token sees itself and 7 before it.
  EXPECT_EQ(cache->EarliestRewind(), 25);
  EXPECT_EQ(CodeFromStatus(cache->Rewind(24)), KL_FAILED_PRECONDITION);
  EXPECT_EQ(cache->length(), 30);
  ASSERT_TRUE(cache->Rewind(26).ok());
  EXPECT_TRUE(NextTokenSeesAll(*cache));
  // Going back does not bring lost rows back.
  EXPECT_EQ(cache->EarliestRewind(), 25);
  ASSERT_TRUE(cache->Rewind(25).ok());
  EXPECT_TRUE(NextTokenSeesAll(*cache));
  EXPECT_EQ(CodeFromStatus(cache->Rewind(26)), KL_INVALID_ARGUMENT);
}

TEST(KvCacheTest, RewindToTheStartAlwaysWorks) {
  const auto cache = Make(64, 5);
  for (int i = 0; i < 6; ++i) Append(cache.get(), 5);
  ASSERT_TRUE(cache->Rewind(0).ok());
  EXPECT_EQ(cache->length(), 0);
  Append(cache.get(), 3);
  EXPECT_TRUE(cache->Rewind(1).ok());
}

TEST(KvCacheTest, ACancelledBatchLosesNothingThatIsNeeded) {
  const auto cache = Make(64, 5);
  for (int i = 0; i < 6; ++i) Append(cache.get(), 5);
  ASSERT_TRUE(cache->Reserve(5).ok());
  for (size_t i = 0; i < cache->size(); ++i) {
    for (int64_t p = 30; p < 35; ++p) memset(Row(*cache, i, 0, p), 0xee, kLength * 2);
  }
  cache->Commit(0);
  EXPECT_TRUE(NextTokenSeesAll(*cache));
  EXPECT_EQ(cache->EarliestRewind(), 30);
  EXPECT_EQ(CodeFromStatus(cache->Rewind(29)), KL_FAILED_PRECONDITION);
}

// Rewinds that are allowed never lose anything, whatever came before.
TEST(KvCacheTest, RandomHistoriesKeepWhatTheNextTokenSees) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    const int64_t context = 1 + static_cast<int64_t>(random() % 40);
    const int64_t batch = 1 + static_cast<int64_t>(random() % 6);
    auto cache = Make(context, batch);
    for (int step = 0; step < 30; ++step) {
      if (random() % 3 == 0) {
        const int64_t target = static_cast<int64_t>(random() % (cache->length() + 1));
        const bool allowed =
            target == 0 || target == cache->length() || target >= cache->EarliestRewind();
        ASSERT_EQ(cache->Rewind(target).ok(), allowed);
      } else if (random() % 5 == 0) {
        auto other = Make(40, 1 + static_cast<int64_t>(random() % 6));
        ASSERT_TRUE(Restore(other.get(), Serialized(*cache)).ok());
        ASSERT_TRUE(NextTokenSeesAll(*other));
      } else {
        const int64_t most = std::min(batch, context - cache->length());
        Append(cache.get(), most == 0 ? 0 : static_cast<int64_t>(random() % (most + 1)));
      }
      ASSERT_TRUE(NextTokenSeesAll(*cache)) << "round " << round << ", step " << step;
    }
  }
}

TEST(KvCacheTest, ASavedCacheGoesOnInOneOfAnotherSize) {
  const auto saved = Make(64, 5);
  for (int i = 0; i < 6; ++i) Append(saved.get(), 5);
  const std::string bytes = Serialized(*saved);
  for (int64_t batch : {1, 5, 20}) {
    const auto restored = Make(128, batch);
    ASSERT_TRUE(Restore(restored.get(), bytes).ok());
    EXPECT_EQ(restored->length(), 30);
    EXPECT_TRUE(NextTokenSeesAll(*restored));
    Append(restored.get(), 1);
    EXPECT_TRUE(NextTokenSeesAll(*restored));
  }
}

TEST(KvCacheTest, FilesOfOtherShapesAreRefused) {
  const auto saved = Make(64, 5);
  for (int i = 0; i < 6; ++i) Append(saved.get(), 5);
  const std::string bytes = Serialized(*saved);
  const auto too_short = Make(29, 5);
  EXPECT_EQ(CodeFromStatus(Restore(too_short.get(), bytes)), KL_FAILED_PRECONDITION);
  auto specs = Specs();
  specs[1].desc.head_length = 8;
  const auto other = KvCache::Create(specs, 64, 5, nullptr);
  EXPECT_EQ(CodeFromStatus(Restore(other->get(), bytes)), KL_FAILED_PRECONDITION);
  specs.pop_back();
  const auto fewer = KvCache::Create(specs, 64, 5, nullptr);
  EXPECT_EQ(CodeFromStatus(Restore(fewer->get(), bytes)), KL_FAILED_PRECONDITION);
}

TEST(KvCacheTest, KeepsF32WhenAsked) {
  const auto make = [](kl_dtype type) { return KvCache::Create(Specs(type), 64, 5, nullptr); };
  EXPECT_EQ(CodeFromStatus(make(KL_TYPE_Q4_0).status()), KL_INVALID_ARGUMENT);
  const auto single = make(KL_TYPE_F32), half = make(KL_TYPE_F16), again = make(KL_TYPE_F32);
  ASSERT_TRUE(single.ok() && half.ok() && again.ok());
  EXPECT_EQ((*single)->tensor(0).type, KL_TYPE_F32);
  EXPECT_EQ((*single)->bytes(), 2 * (*half)->bytes());

  ASSERT_TRUE((*single)->Reserve(2).ok());
  (*single)->Commit(2);
  const auto row = [](const KvCache& cache) {
    const kl_tensor& tensor = cache.tensor(1);
    return static_cast<float*>(tensor.data) + (tensor.shape[1] + 1) * kLength;  // head 1, token 1
  };
  row(**single)[kLength - 1] = 0.1f;
  const std::string bytes = Serialized(**single);
  EXPECT_EQ(CodeFromStatus(Restore(half->get(), bytes)), KL_FAILED_PRECONDITION);
  ASSERT_TRUE(Restore(again->get(), bytes).ok());
  EXPECT_EQ(row(**again)[kLength - 1], 0.1f);
}

// Keys q8_0 in whole blocks, values f16, through a file and back; other types are refused.
TEST(KvCacheTest, KeysAndValuesHaveTheirOwnTypes) {
  const auto make = [](kl_dtype keys, kl_dtype values) {
    KvCacheSpec spec;
    spec.desc.head_count = kHeads;
    spec.desc.head_length = 40;
    std::vector<KvCacheSpec> specs(2, spec);
    specs[0].type = keys;
    specs[1].type = values;
    auto cache = KvCache::Create(specs, 64, 5, nullptr);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  };
  const auto saved = make(KL_TYPE_Q8_0, KL_TYPE_F16);
  EXPECT_EQ(saved->tensor(0).type, KL_TYPE_Q8_0);
  EXPECT_EQ(saved->tensor(0).shape[2], 64);
  EXPECT_EQ(saved->tensor(1).type, KL_TYPE_F16);
  EXPECT_EQ(saved->tensor(1).shape[2], 40);
  EXPECT_EQ(saved->bytes(), static_cast<uint64_t>(kHeads * 64 * (2 * 34 + 40 * 2)));

  ASSERT_TRUE(saved->Reserve(3).ok());
  saved->Commit(3);
  const auto row = [](const KvCache& cache, size_t index, uint64_t row_bytes) {
    return static_cast<uint8_t*>(cache.tensor(index).data) +
           (64 + 2) * row_bytes;  // head 1, position 2
  };
  memset(row(*saved, 0, 68), 0x5a, 68);
  memset(row(*saved, 1, 80), 0xa5, 80);
  const std::string bytes = Serialized(*saved);
  const auto restored = make(KL_TYPE_Q8_0, KL_TYPE_F16);
  ASSERT_TRUE(Restore(restored.get(), bytes).ok());
  EXPECT_EQ(memcmp(row(*restored, 0, 68), row(*saved, 0, 68), 68), 0);
  EXPECT_EQ(memcmp(row(*restored, 1, 80), row(*saved, 1, 80), 80), 0);
  const auto swapped = make(KL_TYPE_F16, KL_TYPE_Q8_0);
  EXPECT_EQ(CodeFromStatus(Restore(swapped.get(), bytes)), KL_FAILED_PRECONDITION);
  EXPECT_EQ(swapped->length(), 0);
}

TEST(KvCacheTest, EveryTruncationIsAnErrorAndLeavesTheCacheEmpty) {
  const auto saved = Make(64, 5);
  for (int i = 0; i < 4; ++i) Append(saved.get(), 5);
  const std::string bytes = Serialized(*saved);
  const auto cache = Make(64, 5);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status = Restore(cache.get(), bytes.substr(0, size));
    ASSERT_EQ(CodeFromStatus(status), KL_DATA_CORRUPT) << size << ": " << status;
    ASSERT_EQ(cache->length(), 0);
  }
  EXPECT_EQ(CodeFromStatus(Restore(cache.get(), bytes + "x")), KL_DATA_CORRUPT);
  EXPECT_TRUE(Restore(cache.get(), bytes).ok());
}

TEST(KvCacheTest, DamagedHeadersAreErrorsOrHarmless) {
  const auto saved = Make(64, 5);
  for (int i = 0; i < 4; ++i) Append(saved.get(), 5);
  const std::string bytes = Serialized(*saved);
  const auto cache = Make(64, 5);
  std::mt19937_64 random(5);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = bytes;
    const size_t at = random() % 80;  // both headers at the front
    damaged[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    const absl::Status status = Restore(cache.get(), damaged);
    ASSERT_LE(cache->length(), 64);
    ASSERT_TRUE(status.ok() || cache->length() == 0);
  }
}

TEST(KvCacheTest, AnErrorOfTheSinkIsPassedOn) {
  const auto cache = Make(64, 5);
  Append(cache.get(), 5);
  int calls = 0;
  const absl::Status status = cache->Serialize([&](const void*, uint64_t) {
    return ++calls == 3 ? absl::UnavailableError("disk full") : absl::OkStatus();
  });
  EXPECT_EQ(CodeFromStatus(status), KL_IO_ERROR);
}

}  // namespace
}  // namespace kinglet
