// Session files: a conversation, its KV cache and its sampler, to go on with later.
//
//   header    magic, version, model fingerprint, sizes, path through the memory bank
//   tokens    i32 [token_count]
//   recent    i32 [recent_count]       the sampler's history
//   logits    f32 [logit_count]        of the last token; none when the session had none
//   cache     KvCache::Serialize
//   checksum  FNV-1a 64 of everything before it
//
// Written beside its target and renamed, so that an error leaves the old file. Its checksum is verified before
// anything of the session is changed.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "core/base/atomic_file.h"
#include "core/base/checksum.h"
#include "core/base/fault_guard.h"
#include "core/base/mapped_file.h"
#include "core/base/status.h"
#include "core/exec/session.h"

namespace kinglet {
namespace {

constexpr char kMagic[8] = {'K', 'L', 'S', 'E', 'S', 'S', 'N', '\0'};
// 2: keys and values may have different types. 3: the path through a memory bank.
constexpr uint32_t kVersion = 3;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint64_t model_fingerprint;
  uint64_t token_count;
  uint64_t recent_count;
  uint64_t logit_count;
  uint64_t cache_bytes;
  uint64_t memory_identity;  // MemoryBank::identity(); 0: computed without a bank
  MemoryPath memory_path;    // depth 0: none, generic blocks
  RandomGenerator::State generator;
};
static_assert(std::is_trivially_copyable<Header>::value, "written as bytes");

// Appends to the file and to its checksum.
class Writer {
 public:
  explicit Writer(AtomicFile* file) : file_(file) {}
  absl::Status Add(const void* data, size_t bytes) {
    checksum_.Add(data, bytes);
    return file_->Write(data, bytes);
  }
  absl::Status Finish() {
    const uint64_t value = checksum_.value();
    KL_RETURN_IF_ERROR(file_->Write(&value, sizeof value));
    return file_->Commit();
  }

 private:
  AtomicFile* const file_;
  Checksum checksum_;
};

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": not a whole session file: ", what, "; save it again"));
}

// Copies `count` elements and moves `*at` past them. The caller has checked the sizes.
template <typename T>
std::vector<T> Take(const std::vector<uint8_t>& bytes, size_t* at, uint64_t count) {
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data() + *at, count * sizeof(T));
  *at += count * sizeof(T);
  return values;
}

absl::StatusOr<std::vector<uint8_t>> ReadChecked(const std::string& path) {
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  if (file->size() < sizeof(Header) + sizeof(uint64_t)) {
    return Damaged(path, absl::StrCat("it has ", file->size(), " bytes, the smallest has ",
                                      sizeof(Header) + sizeof(uint64_t)));
  }
  std::vector<uint8_t> bytes(file->size());
  KL_RETURN_IF_ERROR(RunGuarded(path, [&] { std::memcpy(bytes.data(), file->data(), bytes.size()); }));
  if (std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) return Damaged(path, "it does not begin with KLSESSN");
  uint64_t expected = 0;
  std::memcpy(&expected, bytes.data() + bytes.size() - sizeof expected, sizeof expected);
  const uint64_t found = ChecksumOf(bytes.data(), bytes.size() - sizeof expected);
  if (found != expected) {
    return Damaged(path, absl::StrCat("checksum ", absl::Hex(found), ", expected ", absl::Hex(expected)));
  }
  bytes.resize(bytes.size() - sizeof expected);
  return bytes;
}

// Whether the parts that the header announces are exactly what the file holds.
bool SizesFit(const Header& header, uint64_t file_bytes) {
  uint64_t rest = file_bytes - sizeof(Header);
  const auto takes = [&](uint64_t count, uint64_t element_bytes) {
    if (count > rest / element_bytes) return false;
    rest -= count * element_bytes;
    return true;
  };
  return header.header_bytes == sizeof(Header) && takes(header.token_count, sizeof(int32_t)) &&
         takes(header.recent_count, sizeof(int32_t)) && takes(header.logit_count, sizeof(float)) &&
         rest == header.cache_bytes;
}

}  // namespace

absl::Status Session::Save(const std::string& path) {
  KL_RETURN_IF_ERROR(Logits().status());
  const SamplerState sampler = sampler_->Save();
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.header_bytes = sizeof header;
  header.model_fingerprint = model_->Fingerprint();
  header.token_count = tokens_.size();
  header.recent_count = sampler.recent.size();
  header.logit_count = logits_.size();
  header.cache_bytes = cache_->SerializedBytes();
  header.generator = sampler.generator;
  if (model_->memory() != nullptr) header.memory_identity = model_->memory()->identity();
  if (memory_path_.has_value()) header.memory_path = *memory_path_;

  KL_ASSIGN_OR_RETURN(const std::unique_ptr<AtomicFile> file, AtomicFile::Create(path));
  Writer writer(file.get());
  KL_RETURN_IF_ERROR(writer.Add(&header, sizeof header));
  KL_RETURN_IF_ERROR(writer.Add(tokens_.data(), tokens_.size() * sizeof(int32_t)));
  KL_RETURN_IF_ERROR(writer.Add(sampler.recent.data(), sampler.recent.size() * sizeof(int32_t)));
  KL_RETURN_IF_ERROR(writer.Add(logits_.data(), logits_.size() * sizeof(float)));
  KL_RETURN_IF_ERROR(cache_->Serialize([&](const void* data, uint64_t size) { return writer.Add(data, size); }));
  return writer.Finish();
}

absl::Status Session::Restore(const std::string& path) {
  KL_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes, ReadChecked(path));
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != kVersion) {
    return absl::AbortedError(absl::StrCat(path, ": session file version ", header.version, ", this build reads ",
                                           kVersion));
  }
  if (header.model_fingerprint != model_->Fingerprint()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": the session belongs to another model than ", model_->source().path));
  }
  const uint64_t memory_identity = model_->memory() == nullptr ? 0 : model_->memory()->identity();
  if (header.memory_identity != memory_identity) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": the session was computed with ", header.memory_identity == 0 ? "no memory bank" : "another memory bank",
        memory_identity == 0 ? ", this model has none" : ", or with other blocks of it denied", "; compute it again"));
  }
  std::optional<MemoryPath> memory_path;
  if (header.memory_path.depth != 0) memory_path = header.memory_path;
  if (memory_path.has_value()) {
    if (memory_identity == 0) return Damaged(path, "it has a path and no memory bank");
    KL_RETURN_IF_ERROR(Annotate(model_->memory()->Resolve(memory_path).status(), path));
  }
  if (!SizesFit(header, bytes.size())) return Damaged(path, "its parts do not add up to its size");
  size_t at = sizeof header;
  const std::vector<int32_t> tokens = Take<int32_t>(bytes, &at, header.token_count);
  SamplerState sampler;
  sampler.recent = Take<int32_t>(bytes, &at, header.recent_count);
  sampler.generator = header.generator;
  const std::vector<float> logits = Take<float>(bytes, &at, header.logit_count);
  if (tokens.size() > static_cast<size_t>(context_length())) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": the session has ", tokens.size(), " tokens, this context ",
                                                      context_length(), "; ask for a longer context"));
  }
  const kl_tensor& logits_tensor = program_->tensor(model_->plan().outputs[0]);
  const size_t vocabulary = static_cast<size_t>(model_->plan().facts.vocabulary_size);
  if (!logits.empty() && logits.size() != vocabulary) return Damaged(path, "its logits do not fit the vocabulary");
  for (int32_t token : tokens) {
    if (token < 0 || static_cast<size_t>(token) >= vocabulary) return Damaged(path, "it has ids outside the vocabulary");
  }

  SamplerState fitting = sampler;
  const size_t kept = std::min(sampler.recent.size(),
                               static_cast<size_t>(std::max(0, sampler_->options().repeat_last_n)));
  fitting.recent.assign(sampler.recent.end() - static_cast<ptrdiff_t>(kept), sampler.recent.end());
  KL_RETURN_IF_ERROR(Annotate(sampler_->Restore(fitting), path));
  if (memory_identity != 0) KL_RETURN_IF_ERROR(Annotate(SetMemoryPath(memory_path), path));
  // From here on the session's old content is gone, also where the cache is refused.
  tokens_.clear();
  logits_ = {};
  KL_RETURN_IF_ERROR(cache_->Deserialize(bytes.data() + at, header.cache_bytes));
  if (cache_->length() != static_cast<int64_t>(tokens.size())) {
    KL_RETURN_IF_ERROR(cache_->Rewind(0));
    return Damaged(path, "its tokens and its cache differ in length");
  }
  tokens_ = tokens;
  if (!logits.empty()) {
    std::memcpy(logits_tensor.data, logits.data(), vocabulary * sizeof(float));
    logits_ = {static_cast<const float*>(logits_tensor.data), vocabulary};
    wanted_count_ = 0;
  }
  return absl::OkStatus();
}

}  // namespace kinglet
