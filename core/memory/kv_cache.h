// Keys and values of the tokens that a session has computed.
//
//   one tensor a cache value of the plan (a layer has two: keys, values)
//     f32, f16 or q8_0 [head_count, rows, head_length], the layout of op `attention`; a row of
//     q8_0 is filled up to whole blocks of 32. Keys and values may have different types.
//
//   full rows: rows = context; position p in row p
//   ring rows: rows = window + batch - 1 (at most context); position p in row p % rows
//
// A ring forgets: once position p was written, position p - rows is gone. So going back is possible
// only as far as every ring still holds the window before the position gone back to.
#ifndef KINGLET_CORE_MEMORY_KV_CACHE_H_
#define KINGLET_CORE_MEMORY_KV_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/abi/architecture.h"
#include "core/abi/types.h"
#include "core/base/aligned_buffer.h"
#include "core/memory/budget.h"

namespace kinglet {

struct KvCacheSpec {
  kl_cache_desc desc = {};
  kl_dtype type = KL_TYPE_F16;
};

// Whether keys and values can be kept in this type, and the names of those that can.
bool IsKvCacheType(kl_dtype type);
constexpr char kKvCacheTypes[] = "f32, f16 or q8_0";

// Rows that a cache of this kind needs for a context and the largest batch.
int64_t KvCacheRows(const kl_cache_desc& desc, int64_t context_length, int64_t batch_length);
// Its type and shape, without data.
kl_tensor KvCacheTensor(const KvCacheSpec& spec, int64_t context_length, int64_t batch_length);

// One thread at a time. Kernels write to tensor(i).data between Reserve() and Commit().
class KvCache {
 public:
  // Writes some bytes of a session file.
  using Sink = std::function<absl::Status(const void* data, uint64_t bytes)>;

  // Bytes that Create() would allocate. Errors: a length that is not positive,
  // a type that caches cannot have, sizes that overflow.
  static absl::StatusOr<uint64_t> RequiredBytes(const std::vector<KvCacheSpec>& specs,
                                                int64_t context_length, int64_t batch_length);

  // One tensor for each spec, in that order. Pages become resident as rows are written. `budget`
  // (may be NULL) is asked under the name "cache": for all rows before anything is allocated, or
  // with kAsWritten by Reserve() for the rows that are about to be written.
  enum class Promise { kWhole, kAsWritten };
  static absl::StatusOr<std::unique_ptr<KvCache>> Create(const std::vector<KvCacheSpec>& specs,
                                                         int64_t context_length,
                                                         int64_t batch_length, Budget* budget,
                                                         Promise promise = Promise::kWhole);

  size_t size() const { return caches_.size(); }
  // [head_count, rows, head_length or whole blocks]; data lives as long as the cache.
  const kl_tensor& tensor(size_t index) const { return caches_[index].tensor; }
  uint64_t bytes() const { return buffer_.size(); }
  int64_t context_length() const { return context_length_; }
  // Tokens that are in the cache: positions 0 .. length() - 1.
  int64_t length() const { return length_; }

  // Before a run that writes positions length() .. length() + token_count - 1: from now on the
  // rings have lost what these overwrite, whether the run succeeds or not.
  // Errors: more tokens than a batch, or than are left of the context or, with kAsWritten, of the
  // budget.
  absl::Status Reserve(int64_t token_count);
  // After it: these tokens are in the cache. At most what was reserved.
  void Commit(int64_t token_count);

  // Forgets the tokens from `position` on. Error: the position is beyond length(), or a ring no
  // longer holds its window; nothing changes then.
  absl::Status Rewind(int64_t position);
  // Smallest position, above 0, that Rewind() takes. 0 always works.
  int64_t EarliestRewind() const;

  // The rows in use, position by position, for session files. The reader may have another context
  // or batch, as long as it holds what is needed to go on.
  absl::Status Serialize(const Sink& sink) const;
  uint64_t SerializedBytes() const;
  // Takes over what Serialize() wrote. Errors: KL_DATA_CORRUPT for bytes that are not that;
  // KL_FAILED_PRECONDITION for those of another shape or too long a context. The cache is empty
  // after an error.
  absl::Status Deserialize(const uint8_t* data, uint64_t bytes);

 private:
  struct Cache {
    kl_cache_desc desc = {};
    kl_tensor tensor = {};
    int64_t rows = 0;
    int64_t first_kept = 0;  // rows of positions before it are overwritten, or never came
  };

  KvCache() = default;
  bool IsRing(const Cache& cache) const { return cache.rows < context_length_; }
  uint8_t* RowsOf(const Cache& cache, int64_t head, int64_t position) const;
  uint64_t RowBytes(const Cache& cache) const;
  // At most so much is resident once that many positions were written.
  uint64_t ResidentBytes(int64_t length) const;
  absl::Status PromiseRows(int64_t length);
  absl::Status DeserializeChecked(const uint8_t* data, uint64_t bytes);

  int64_t context_length_ = 0;
  int64_t batch_length_ = 0;
  int64_t length_ = 0;
  std::vector<Cache> caches_;
  Budget* growing_budget_ = nullptr;  // with kAsWritten
  Reservation reservation_;
  AlignedBuffer buffer_;
};

}  // namespace kinglet

#endif  // KINGLET_CORE_MEMORY_KV_CACHE_H_
