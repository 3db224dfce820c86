// kl_memory_bank: the files of hierarchical memories, opened, checked, written and edited.
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/model/memory_source.h"
#include "loaders/klbank/klbank_deny.h"
#include "loaders/klbank/klbank_merge.h"
#include "loaders/klbank/klbank_reader.h"
#include "loaders/klbank/klbank_verify.h"
#include "loaders/klbank/klbank_writer.h"

struct kl_memory_bank {
  std::unique_ptr<kinglet::MemorySource> source;
};

struct kl_memory_bank_writer {
  std::unique_ptr<kinglet::KlbankWriter> writer;
};

namespace {

using kinglet::FillError;
using kinglet::NullArgument;

static_assert(KL_MEMORY_MAX_DEPTH == kinglet::kMemoryMaxDepth);
static_assert(KL_MEMORY_READABLE == static_cast<int>(kinglet::MemoryBlockState::kReadable) &&
              KL_MEMORY_NO_BLOCKS == static_cast<int>(kinglet::MemoryBlockState::kNoBlocks) &&
              KL_MEMORY_ABSENT == static_cast<int>(kinglet::MemoryBlockState::kAbsent) &&
              KL_MEMORY_DENIED == static_cast<int>(kinglet::MemoryBlockState::kDenied));

kinglet::KlbankHead HeadOf(const kl_memory_bank_shape& from) {
  kinglet::KlbankHead head;
  head.shape.branching = from.branching;
  head.shape.depth = from.depth;
  head.shape.layer_count = from.layer_count;
  head.shape.dim = from.dim;
  head.shape.type = from.type;
  head.shape.activation = static_cast<kinglet::MemoryActivation>(from.activation);
  std::copy(std::begin(from.rows), std::end(from.rows), head.shape.rows.begin());
  head.shape.encoder_width = from.encoder_width;
  head.generic = from.generic;
  head.model_fingerprint = from.model_fingerprint;
  head.encoder_fingerprint = from.encoder_fingerprint;
  if (from.name != nullptr) head.name = from.name;
  if (from.encoder_file != nullptr) head.encoder_file = from.encoder_file;
  return head;
}

bool NodeExists(const kinglet::MemoryLayout& layout, uint32_t level, uint64_t id) {
  return level >= 1 && level <= layout.depth() && id < layout.NodeCount(level);
}

void CountBlocks(const kinglet::MemorySource& bank, uint32_t level, kl_memory_bank_info* info) {
  const kinglet::MemoryLayout& layout = bank.layout;
  for (uint64_t id = 0; id < layout.NodeCount(level); ++id) {
    if (bank.StateOf(level, id) == kinglet::MemoryBlockState::kDenied) ++info->denied_count[level - 1];
    if (layout.BlockCount(level) == 0) continue;
    const uint32_t flags = bank.table[layout.BlockRecord(level, id)].flags;
    if ((flags & kinglet::kMemoryPresent) != 0) ++info->present_count[level - 1];
  }
}

}  // namespace

kl_code kl_memory_bank_open(const char* path, kl_memory_bank** bank, kl_error* error) {
  if (path == nullptr || bank == nullptr) return NullArgument("kl_memory_bank_open", error);
  auto source = kinglet::ReadKlbank(path);
  if (!source.ok()) return FillError(source.status(), error);
  *bank = new kl_memory_bank{*std::move(source)};
  return KL_OK;
}

void kl_memory_bank_free(kl_memory_bank* bank) { delete bank; }

kl_code kl_memory_bank_get_shape(const kl_memory_bank* bank, kl_memory_bank_shape* shape) {
  if (bank == nullptr || shape == nullptr) return KL_INVALID_ARGUMENT;
  const kinglet::MemorySource& source = *bank->source;
  const kinglet::MemoryShape& from = source.layout.shape();
  kl_memory_bank_shape facts = {};
  facts.branching = from.branching;
  facts.depth = from.depth;
  facts.layer_count = from.layer_count;
  facts.dim = from.dim;
  facts.type = from.type;
  facts.activation = static_cast<uint32_t>(from.activation);
  std::copy(from.rows.begin(), from.rows.end(), facts.rows);
  facts.encoder_width = from.encoder_width;
  facts.generic = source.has_generic;
  facts.model_fingerprint = source.model_fingerprint;
  facts.encoder_fingerprint = source.encoder_fingerprint;
  facts.name = source.name.c_str();
  facts.encoder_file = source.encoder_file.c_str();
  kinglet::CopyStruct(facts, shape);
  return KL_OK;
}

kl_code kl_memory_bank_describe(const kl_memory_bank* bank, kl_memory_bank_info* info) {
  if (bank == nullptr || info == nullptr) return KL_INVALID_ARGUMENT;
  const kinglet::MemorySource& source = *bank->source;
  const kinglet::MemoryLayout& layout = source.layout;
  kl_memory_bank_info facts = {};
  facts.path = source.path.c_str();
  facts.file_bytes = source.file_bytes;
  for (uint32_t level = 1; level <= layout.depth(); ++level) {
    facts.node_count[level - 1] = layout.NodeCount(level);
    facts.block_count[level - 1] = layout.BlockCount(level);
    facts.block_bytes[level - 1] = layout.BlockBytes(level);
    facts.generic_present[level - 1] = source.GenericPresent(level);
    facts.level_offset[level - 1] = source.level_offsets[level - 1];
    facts.level_stride[level - 1] = layout.StrideBytes(level);
    CountBlocks(source, level, &facts);
  }
  facts.centroid_bytes = layout.CentroidBytes();
  facts.fetch_bytes = layout.FetchBytes();
  facts.fetch_parameters = layout.FetchParameters();
  facts.bank_parameters = layout.BankParameters();
  facts.generic_offset = source.generic_offset;
  facts.centroids_offset = source.centroids_offset;
  facts.table_offset = source.table_offset;
  facts.table_bytes = layout.RecordCount() * sizeof(kinglet::MemoryRecord);
  const absl::Status intact = source.file->CheckIntact();
  if (!intact.ok()) return kinglet::CodeFromStatus(intact);
  kinglet::CopyStruct(facts, info);
  return KL_OK;
}

int32_t kl_memory_bank_state(const kl_memory_bank* bank, uint32_t level, uint64_t id, bool* own) {
  if (own != nullptr) *own = false;
  if (bank == nullptr || !NodeExists(bank->source->layout, level, id)) return -1;
  const kinglet::MemorySource& source = *bank->source;
  if (own != nullptr && source.layout.BlockCount(level) > 0) {
    *own = (source.table[source.layout.BlockRecord(level, id)].flags & kinglet::kMemoryDenied) != 0;
  }
  return static_cast<int32_t>(source.StateOf(level, id));
}

kl_code kl_memory_bank_route(const kl_memory_bank* bank, const float* vector, size_t width, kl_memory_path* path,
                             kl_error* error) {
  if (bank == nullptr || vector == nullptr || path == nullptr) return NullArgument("kl_memory_bank_route", error);
  const auto found = bank->source->Route(vector, width);
  if (!found.ok()) return FillError(found.status(), error);
  kl_memory_path facts = {};
  facts.depth = found->depth;
  std::copy(found->ids.begin(), found->ids.end(), facts.ids);
  std::copy(found->distances.begin(), found->distances.end(), facts.distances);
  std::copy(found->runner_up_distances.begin(), found->runner_up_distances.end(), facts.runner_up_distances);
  kinglet::CopyStruct(facts, path);
  return KL_OK;
}

kl_code kl_memory_bank_verify(const kl_memory_bank* bank, kl_memory_bank_check_callback check, void* user,
                              uint64_t* bad_count, kl_error* error) {
  if (bad_count != nullptr) *bad_count = 0;
  if (bank == nullptr) return NullArgument("kl_memory_bank_verify", error);
  std::string first;
  const auto count = kinglet::VerifyKlbank(*bank->source, [&](const kinglet::KlbankCheck& from) {
    if (!from.ok && first.empty()) {
      first = absl::StrCat(from.generic ? "the generic block of level " : "block ", from.level,
                           from.generic ? "" : absl::StrCat(":", from.id), " at byte ", from.offset);
    }
    if (check == nullptr) return true;
    kl_memory_bank_check facts = {};
    facts.struct_size = sizeof facts;
    facts.level = from.level;
    facts.id = from.id;
    facts.generic = from.generic;
    facts.ok = from.ok;
    facts.offset = from.offset;
    facts.done_bytes = from.done_bytes;
    facts.total_bytes = from.total_bytes;
    return check(user, &facts);
  });
  if (!count.ok()) return FillError(count.status(), error);
  if (bad_count != nullptr) *bad_count = *count;
  if (*count == 0) return KL_OK;
  return FillError(absl::DataLossError(absl::StrCat(
                       bank->source->path, ": ", *count, " damaged blocks; ", first,
                       ": expected bytes with the checksum of the table, found others; restore the bank from a copy")),
                   error);
}

kl_code kl_memory_bank_writer_create(const char* path, const kl_memory_bank_shape* shape, const float* centroids,
                                     uint64_t centroid_count, kl_memory_bank_writer** writer, kl_error* error) {
  if (path == nullptr || shape == nullptr || centroids == nullptr || writer == nullptr) {
    return NullArgument("kl_memory_bank_writer_create", error);
  }
  kl_memory_bank_shape known = {};  // as far as the caller's struct reaches
  std::memcpy(&known, shape, std::min<size_t>(shape->struct_size, sizeof known));
  auto created = kinglet::KlbankWriter::Create(path, HeadOf(known), centroids, centroid_count);
  if (!created.ok()) return FillError(created.status(), error);
  *writer = new kl_memory_bank_writer{*std::move(created)};
  return KL_OK;
}

void kl_memory_bank_writer_free(kl_memory_bank_writer* writer) { delete writer; }

kl_code kl_memory_bank_writer_add(kl_memory_bank_writer* writer, uint32_t level, uint64_t id, bool generic,
                                  const void* data, uint64_t bytes, kl_error* error) {
  if (writer == nullptr || data == nullptr) return NullArgument("kl_memory_bank_writer_add", error);
  return FillError(generic ? writer->writer->AddGeneric(level, data, bytes) : writer->writer->AddBlock(level, id, data, bytes),
                   error);
}

kl_code kl_memory_bank_writer_commit(kl_memory_bank_writer* writer, kl_error* error) {
  if (writer == nullptr) return NullArgument("kl_memory_bank_writer_commit", error);
  return FillError(writer->writer->Commit(), error);
}

kl_code kl_memory_bank_set_denied(const char* path, const kl_memory_node* nodes, size_t count, bool denied,
                                  kl_error* error) {
  if (path == nullptr || (nodes == nullptr && count > 0)) return NullArgument("kl_memory_bank_set_denied", error);
  std::vector<kinglet::MemoryNode> list;
  for (size_t i = 0; i < count; ++i) list.push_back({nodes[i].level, nodes[i].id});
  return FillError(kinglet::SetKlbankDenied(path, list, denied), error);
}

kl_code kl_memory_bank_merge(const char* const* paths, size_t count, const char* target, int32_t prefer,
                             kl_progress_callback progress, void* user, kl_error* error) {
  if (paths == nullptr || target == nullptr) return NullArgument("kl_memory_bank_merge", error);
  kinglet::KlbankPrefer choice = kinglet::KlbankPrefer::kNone;
  if (prefer == KL_MEMORY_FIRST) choice = kinglet::KlbankPrefer::kFirst;
  if (prefer == KL_MEMORY_LAST) choice = kinglet::KlbankPrefer::kLast;
  const auto report = [&](uint64_t done, uint64_t total) {
    return progress == nullptr || progress(user, "merge", done, total);
  };
  const std::vector<std::string> list(paths, paths + count);
  return FillError(kinglet::MergeKlbanks(list, target, choice, report), error);
}
