#include "loaders/gguf/gguf_shards.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"

namespace kinglet {
namespace {

constexpr char kNumberKey[] = "split.no";
constexpr char kCountKey[] = "split.count";
constexpr char kTensorsKey[] = "split.tensors.count";
constexpr int64_t kMaximumShards = 99999;  // five digits

std::string Where(const char* key) { return absl::StrCat("key ", key); }

// What the shard must agree on with the first.
absl::Status CheckSameModel(const GgufFile& first, const GgufFile& shard, int64_t index,
                            int64_t count) {
  const std::string& path = shard.file->path();
  const auto number = shard.metadata.Int(kNumberKey);
  if (number != index) {
    return Corrupt(path, Where(kNumberKey), absl::StrCat(index, ", from the file's name"),
                   number.has_value() ? absl::StrCat(*number) : "none");
  }
  const auto its_count = shard.metadata.Int(kCountKey);
  if (its_count != count) {
    return Corrupt(path, Where(kCountKey), absl::StrCat(count, ", as in the first shard"),
                   its_count.has_value() ? absl::StrCat(*its_count) : "none");
  }
  for (const char* key : {kTensorsKey, "general.architecture", "general.name"}) {
    const MetadataValue* its = shard.metadata.Find(key);
    const MetadataValue* expected = first.metadata.Find(key);
    if (its != nullptr && expected != nullptr && *its != *expected) {
      return Corrupt(path, Where(key), "the value of the first shard",
                     "another; is this a shard of another model?");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> GgufShardPath(absl::string_view path, int64_t index, int64_t count) {
  constexpr size_t kDigits = 5;
  const std::string tail = absl::StrFormat("-of-%05d.gguf", count);
  const size_t suffix_bytes = 1 + kDigits + tail.size();
  bool matches = path.size() > suffix_bytes && path.substr(path.size() - tail.size()) == tail;
  if (matches) {
    const absl::string_view number = path.substr(path.size() - suffix_bytes, 1 + kDigits);
    matches =
        number[0] == '-' && number.find_first_not_of("0123456789", 1) == absl::string_view::npos;
  }
  if (!matches) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": one of ", count, " shards: expected a name that ends in -00001", tail,
                     ", by which the others are found; rename the files, or join them"));
  }
  return absl::StrCat(path.substr(0, path.size() - suffix_bytes),
                      absl::StrFormat("-%05d", index + 1), tail);
}

absl::StatusOr<std::vector<GgufFile>> ReadFurtherGgufShards(const GgufFile& first) {
  std::vector<GgufFile> shards;
  const std::string& path = first.file->path();
  if (first.metadata.Find(kCountKey) == nullptr) return shards;
  const int64_t count = first.metadata.Int(kCountKey).value_or(-1);
  // Writers that never split put a count of 0.
  if (count < 0 || count > kMaximumShards) {
    return Corrupt(path, Where(kCountKey),
                   absl::StrCat("a number of shards up to ", kMaximumShards), absl::StrCat(count));
  }
  if (count <= 1) return shards;
  const int64_t number = first.metadata.Int(kNumberKey).value_or(-1);
  if (number != 0) {
    KL_ASSIGN_OR_RETURN(const std::string first_path, GgufShardPath(path, 0, count));
    return absl::InvalidArgumentError(absl::StrCat(path, ": this is not the first of ", count,
                                                   " shards (", kNumberKey, " is ", number,
                                                   "); give the first: ", first_path));
  }
  size_t tensor_count = first.tensors.size();
  for (int64_t index = 1; index < count; index++) {
    KL_ASSIGN_OR_RETURN(const std::string shard_path, GgufShardPath(path, index, count));
    absl::StatusOr<GgufFile> shard = ReadGgufFile(shard_path);
    if (!shard.ok()) {
      return Annotate(shard.status(),
                      absl::StrCat("shard ", index + 1, " of ", count, " of ", path));
    }
    KL_RETURN_IF_ERROR(CheckSameModel(first, *shard, index, count));
    tensor_count += shard->tensors.size();
    shards.push_back(*std::move(shard));
  }
  const auto expected = first.metadata.Int(kTensorsKey);
  if (expected.has_value() && *expected != static_cast<int64_t>(tensor_count)) {
    return Corrupt(path, Where(kTensorsKey),
                   absl::StrCat(*expected, " tensors in ", count, " shards"),
                   absl::StrCat(tensor_count));
  }
  return shards;
}

}  // namespace kinglet
