#include "core/memory/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/abi/dtype.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"

namespace kinglet {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr int64_t kTokensAhead = 128;

// What Serialize() writes: this, then for each cache a CacheHeader and its rows,
// [head_count][row_count] rows of the type.
struct FileHeader {
  char magic[4] = {'K', 'L', 'K', 'V'};
  uint32_t version = 2;
  uint64_t cache_count = 0;
  int64_t length = 0;
};

struct CacheHeader {
  int64_t head_count = 0;
  int64_t head_length = 0;
  int64_t window = 0;
  int64_t first_position = 0;
  int64_t row_count = 0;
  int64_t type = 0;  // kl_dtype
};

uint64_t BlocksOfRow(const KvCacheSpec& spec) {
  const uint64_t block = kl_dtype_info_of(spec.type).block_elements;
  return (static_cast<uint64_t>(spec.desc.head_length) + block - 1) / block;
}

// Bytes of one cache, rounded up so that the next one is aligned.
bool CacheBytes(const KvCacheSpec& spec, int64_t rows, uint64_t* bytes) {
  uint64_t product = kl_dtype_info_of(spec.type).block_bytes;
  return CheckedMultiply<uint64_t>(product, BlocksOfRow(spec), &product) &&
         CheckedMultiply<uint64_t>(product, spec.desc.head_count, &product) &&
         CheckedMultiply<uint64_t>(product, rows, &product) &&
         CheckedAlignUp(product, kAlignment, bytes);
}

}  // namespace

bool IsKvCacheType(kl_dtype type) {
  return type == KL_TYPE_F32 || type == KL_TYPE_F16 || type == KL_TYPE_Q8_0;
}

int64_t KvCacheRows(const kl_cache_desc& desc, int64_t context_length, int64_t batch_length) {
  if (desc.window <= 0 || desc.window >= context_length) return context_length;
  return std::min(context_length, desc.window + batch_length - 1);
}

kl_tensor KvCacheTensor(const KvCacheSpec& spec, int64_t context_length, int64_t batch_length) {
  kl_tensor tensor = {};
  tensor.struct_size = sizeof tensor;
  tensor.type = spec.type;
  tensor.rank = 3;
  tensor.layout = KL_LAYOUT_ROWS;
  tensor.shape[0] = spec.desc.head_count;
  tensor.shape[1] = KvCacheRows(spec.desc, context_length, batch_length);
  tensor.shape[2] =
      static_cast<int64_t>(BlocksOfRow(spec)) * kl_dtype_info_of(spec.type).block_elements;
  return tensor;
}

absl::StatusOr<uint64_t> KvCache::RequiredBytes(const std::vector<KvCacheSpec>& specs,
                                                int64_t context_length, int64_t batch_length) {
  constexpr int64_t kMostTokens = int64_t{1} << 31;  // positions are 32 bits wide
  if (context_length < 1 || context_length > kMostTokens || batch_length < 1 ||
      batch_length > kMostTokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("KV cache: expected a context and a batch from 1 to ", kMostTokens,
                     " tokens, found ", context_length, " and ", batch_length));
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    const kl_cache_desc& desc = specs[i].desc;
    if (!IsKvCacheType(specs[i].type)) {
      return absl::InvalidArgumentError(absl::StrCat("KV cache ", i, ": expected type ",
                                                     kKvCacheTypes, ", found type number ",
                                                     specs[i].type));
    }
    if (desc.head_count < 1 || desc.head_length < 1 || desc.window < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("KV cache ", i, ": expected positive sizes, found ", desc.head_count,
                       " heads of length ", desc.head_length, ", window ", desc.window));
    }
    uint64_t bytes = 0;
    if (!CacheBytes(specs[i], KvCacheRows(desc, context_length, batch_length), &bytes) ||
        !CheckedAdd(sum, bytes, &sum)) {
      return absl::OutOfRangeError(absl::StrCat(
          "KV cache ", i, ": the size of ", desc.head_count, " heads of length ", desc.head_length,
          " for ", context_length, " positions overflows; use a shorter context"));
    }
  }
  return sum;
}

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::Create(const std::vector<KvCacheSpec>& specs,
                                                         int64_t context_length,
                                                         int64_t batch_length, Budget* budget,
                                                         Promise promise) {
  KL_ASSIGN_OR_RETURN(const uint64_t bytes, RequiredBytes(specs, context_length, batch_length));
  std::unique_ptr<KvCache> result(new KvCache());
  if (budget != nullptr) {
    const bool whole = promise == Promise::kWhole;
    KL_ASSIGN_OR_RETURN(result->reservation_, budget->Reserve("cache", whole ? bytes : 0));
    if (!whole) result->growing_budget_ = budget;
  }
  KL_ASSIGN_OR_RETURN(result->buffer_, AlignedBuffer::Allocate(bytes));
  result->context_length_ = context_length;
  result->batch_length_ = batch_length;
  uint64_t offset = 0;
  for (const KvCacheSpec& spec : specs) {
    Cache cache;
    cache.desc = spec.desc;
    cache.tensor = KvCacheTensor(spec, context_length, batch_length);
    cache.tensor.data = result->buffer_.data() + offset;
    cache.rows = cache.tensor.shape[1];
    uint64_t cache_bytes = 0;
    if (!CacheBytes(spec, cache.rows, &cache_bytes)) return absl::InternalError("KV cache size");
    offset += cache_bytes;
    result->caches_.push_back(cache);
  }
  return result;
}

uint64_t KvCache::RowBytes(const Cache& cache) const {
  return kl_row_bytes(cache.tensor.type, static_cast<uint64_t>(cache.tensor.shape[2]));
}

uint8_t* KvCache::RowsOf(const Cache& cache, int64_t head, int64_t position) const {
  const int64_t row = head * cache.rows + position % cache.rows;
  return static_cast<uint8_t*>(cache.tensor.data) + static_cast<uint64_t>(row) * RowBytes(cache);
}

uint64_t KvCache::ResidentBytes(int64_t length) const {
  // The rows of a head lie together; its first and last page may belong to neighbours too.
  constexpr uint64_t kPageBytes = 4096;
  uint64_t sum = 0;
  for (const Cache& cache : caches_) {
    const uint64_t rows = static_cast<uint64_t>(std::min(cache.rows, length));
    sum += static_cast<uint64_t>(cache.desc.head_count) *
           (AlignUp(rows * RowBytes(cache), kPageBytes) + kPageBytes);
  }
  return std::min(sum, AlignUp(buffer_.size(), kPageBytes));
}

absl::Status KvCache::PromiseRows(int64_t length) {
  if (growing_budget_ == nullptr || ResidentBytes(length) <= reservation_.bytes()) {
    return absl::OkStatus();
  }
  // Further than needed, so that not every token asks.
  const int64_t ahead = std::min(context_length_, length + kTokensAhead);
  if (growing_budget_->Grow(&reservation_, ResidentBytes(ahead)).ok()) return absl::OkStatus();
  const absl::Status grown = growing_budget_->Grow(&reservation_, ResidentBytes(length));
  if (grown.ok()) return grown;
  return Annotate(grown, absl::StrCat("KV cache: the budget holds no context of ", length,
                                      " tokens; start anew, or ask for a larger one"));
}

absl::Status KvCache::Reserve(int64_t token_count) {
  if (token_count < 0 || token_count > batch_length_) {
    return absl::InvalidArgumentError(absl::StrCat("KV cache: expected a batch of at most ",
                                                   batch_length_, " tokens, found ", token_count));
  }
  if (token_count > context_length_ - length_) {
    return absl::FailedPreconditionError(
        absl::StrCat("KV cache: the context of ", context_length_, " tokens holds ", length_, ", ",
                     token_count, " more do not fit; rewind, or use a longer context"));
  }
  KL_RETURN_IF_ERROR(PromiseRows(length_ + token_count));
  for (Cache& cache : caches_) {
    cache.first_kept = std::max(cache.first_kept, length_ + token_count - cache.rows);
  }
  return absl::OkStatus();
}

void KvCache::Commit(int64_t token_count) { length_ += token_count; }

int64_t KvCache::EarliestRewind() const {
  int64_t earliest = 0;
  for (const Cache& cache : caches_) {
    // The token at the position gone back to sees the window - 1 positions before it.
    if (cache.first_kept > 0)
      earliest = std::max(earliest, cache.first_kept + cache.desc.window - 1);
  }
  return earliest;
}

absl::Status KvCache::Rewind(int64_t position) {
  if (position < 0 || position > length_) {
    return absl::InvalidArgumentError(absl::StrCat("KV cache: expected a position from 0 to ",
                                                   length_, " to go back to, found ", position));
  }
  if (position == length_) return absl::OkStatus();
  if (position == 0) {
    for (Cache& cache : caches_) cache.first_kept = 0;
  } else if (position < EarliestRewind()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "KV cache: position ", position, " cannot be gone back to: layers with a sliding window ",
        "still hold what is needed from position ", EarliestRewind(),
        " on; go back to that, or to 0 and compute the tokens again"));
  }
  length_ = position;
  return absl::OkStatus();
}

uint64_t KvCache::SerializedBytes() const {
  uint64_t bytes = sizeof(FileHeader);
  for (const Cache& cache : caches_) {
    const uint64_t rows = static_cast<uint64_t>(length_ - std::min(length_, cache.first_kept));
    bytes += sizeof(CacheHeader) + cache.desc.head_count * rows * RowBytes(cache);
  }
  return bytes;
}

absl::Status KvCache::Serialize(const Sink& sink) const {
  FileHeader header;
  header.cache_count = caches_.size();
  header.length = length_;
  KL_RETURN_IF_ERROR(sink(&header, sizeof header));
  for (const Cache& cache : caches_) {
    CacheHeader facts;
    facts.head_count = cache.desc.head_count;
    facts.head_length = cache.desc.head_length;
    facts.window = cache.desc.window;
    facts.first_position = std::min(length_, cache.first_kept);
    facts.row_count = length_ - facts.first_position;
    facts.type = cache.tensor.type;
    KL_RETURN_IF_ERROR(sink(&facts, sizeof facts));
    for (int64_t head = 0; head < facts.head_count; ++head) {
      for (int64_t position = facts.first_position; position < length_;) {
        // As far as the rows lie one after the other.
        const int64_t run = std::min(length_ - position, cache.rows - position % cache.rows);
        KL_RETURN_IF_ERROR(sink(RowsOf(cache, head, position), run * RowBytes(cache)));
        position += run;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status KvCache::Deserialize(const uint8_t* data, uint64_t bytes) {
  length_ = 0;
  for (Cache& cache : caches_) cache.first_kept = 0;
  const absl::Status status = DeserializeChecked(data, bytes);
  if (!status.ok()) {
    length_ = 0;
    for (Cache& cache : caches_) cache.first_kept = 0;
  }
  return status;
}

absl::Status KvCache::DeserializeChecked(const uint8_t* data, uint64_t bytes) {
  const auto corrupt = [](absl::string_view what) {
    return absl::DataLossError(
        absl::StrCat("KV cache of a session file: ", what, "; the file cannot be used"));
  };
  uint64_t offset = 0;
  const auto read = [&](void* target, uint64_t count) {
    if (bytes - offset < count) return false;
    memcpy(target, data + offset, count);
    offset += count;
    return true;
  };
  FileHeader header;
  if (!read(&header, sizeof header)) return corrupt("it ends within its header");
  if (memcmp(header.magic, FileHeader().magic, sizeof header.magic) != 0 ||
      header.version != FileHeader().version) {
    return corrupt(absl::StrCat("expected version ", FileHeader().version, " of its format, found ",
                                header.version));
  }
  if (header.cache_count != caches_.size() || header.length < 0 ||
      header.length > context_length_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "KV cache of a session file: expected ", caches_.size(), " caches and at most ",
        context_length_, " tokens, found ", header.cache_count, " and ", header.length,
        "; restore it with the same model and a context that is long enough"));
  }
  KL_RETURN_IF_ERROR(PromiseRows(header.length));
  for (size_t i = 0; i < caches_.size(); ++i) {
    Cache& cache = caches_[i];
    CacheHeader facts;
    if (!read(&facts, sizeof facts)) return corrupt(absl::StrCat("it ends before cache ", i));
    if (facts.type != cache.tensor.type) {
      return absl::FailedPreconditionError(
          absl::StrCat("KV cache of a session file: cache ", i, " has type number ", facts.type,
                       ", this model was loaded with ", cache.tensor.type,
                       "; load it with the cache type that the session was saved with"));
    }
    if (facts.head_count != cache.desc.head_count || facts.head_length != cache.desc.head_length ||
        facts.window != cache.desc.window) {
      return absl::FailedPreconditionError(absl::StrCat(
          "KV cache of a session file: cache ", i, " has ", facts.head_count, " heads of length ",
          facts.head_length, " and window ", facts.window, ", this model has ",
          cache.desc.head_count, ", ", cache.desc.head_length, " and ", cache.desc.window,
          "; restore it with the model that it was saved with"));
    }
    if (facts.first_position < 0 || facts.first_position > header.length ||
        facts.row_count != header.length - facts.first_position) {
      return corrupt(absl::StrCat("cache ", i, " has ", facts.row_count, " rows from position ",
                                  facts.first_position, " of ", header.length));
    }
    const uint64_t head_bytes = static_cast<uint64_t>(facts.row_count) * RowBytes(cache);
    if ((bytes - offset) / cache.desc.head_count < head_bytes) {
      return corrupt(absl::StrCat("it ends within cache ", i, " at offset ", bytes));
    }
    // A shorter ring keeps the latest rows; a cache must hold what the next token sees.
    cache.first_kept = std::max(facts.first_position, header.length - cache.rows);
    const int64_t needed = IsRing(cache) || cache.desc.window > 0
                               ? std::max<int64_t>(0, header.length - cache.desc.window + 1)
                               : 0;
    if (cache.first_kept > needed) {
      return corrupt(absl::StrCat("cache ", i, " begins at position ", cache.first_kept,
                                  ", the next token needs position ", needed));
    }
    for (int64_t head = 0; head < facts.head_count; ++head) {
      const uint8_t* rows = data + offset + head * head_bytes;
      for (int64_t position = cache.first_kept; position < header.length;) {
        const int64_t run = std::min(header.length - position, cache.rows - position % cache.rows);
        memcpy(RowsOf(cache, head, position),
               rows + (position - facts.first_position) * RowBytes(cache), run * RowBytes(cache));
        position += run;
      }
    }
    offset += facts.head_count * head_bytes;
  }
  if (offset != bytes) return corrupt(absl::StrCat(bytes - offset, " bytes too many at its end"));
  length_ = header.length;
  return absl::OkStatus();
}

}  // namespace kinglet
