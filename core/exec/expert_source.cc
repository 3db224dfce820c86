#include "core/exec/expert_source.h"

#include <algorithm>
#include <map>

#include "core/base/mapped_file.h"
#include "core/base/status.h"
#include "core/exec/expert_file.h"

namespace kinglet {

std::unique_ptr<ExpertSource> ExpertSource::OfModel(const ExpertLayout& layout) {
  std::unique_ptr<ExpertSource> source(new ExpertSource(layout));
  std::map<const MappedFile*, uint32_t> index;
  constexpr size_t kParts = ExpertLayer::kPartCount;
  source->pieces_.reserve(layout.record_count() * kParts);
  uint64_t most_bytes = 0;
  for (const auto& layer : layout.layers()) {
    uint64_t bytes = 0;
    for (const ExpertPart& part : layer->parts()) bytes += part.source_bytes;
    most_bytes = std::max(most_bytes, bytes);
    for (int64_t e = 0; e < layer->expert_count(); ++e) {
      for (size_t p = 0; p < kParts; ++p) {
        const MappedFile* file = layer->SourceOf(p, e).file;
        const auto added = index.emplace(file, static_cast<uint32_t>(index.size()));
        if (added.second) source->paths_.push_back(file->path());
        source->pieces_.push_back({added.first->second, 0, layer->SourceOffset(p, e), layer->parts()[p].source_bytes});
      }
    }
  }
  for (uint64_t r = 0; r < layout.record_count(); ++r) {
    source->records_.push_back({source->pieces_.data() + r * kParts, kParts, 0, 0});
  }
  if (layout.packs()) {
    source->abi_.slot_bytes = layout.slot_bytes();
    source->abi_.unpack = Unpack;
    source->abi_.context = source.get();
  } else {
    source->abi_.slot_bytes = most_bytes;
    source->abi_.in_place = 1;
  }
  source->Finish();
  return source;
}

absl::StatusOr<std::unique_ptr<ExpertSource>> ExpertSource::OfFile(const ExpertLayout& layout, const std::string& path,
                                                                   uint64_t fingerprint) {
  KL_ASSIGN_OR_RETURN(const ExpertFileIndex file, ReadExpertFile(layout, path, fingerprint));
  std::unique_ptr<ExpertSource> source(new ExpertSource(layout));
  source->prepared_ = true;
  source->paths_.push_back(path);
  source->pieces_.reserve(layout.record_count());
  for (uint64_t r = 0; r < layout.record_count(); ++r) {
    int64_t expert = 0;
    const uint64_t bytes = layout.layers()[layout.LayerOf(r, &expert)]->slot_bytes();
    source->pieces_.push_back({0, 0, file.offsets[r], bytes});
  }
  for (uint64_t r = 0; r < layout.record_count(); ++r) {
    source->records_.push_back({source->pieces_.data() + r, 1, 1, file.checksums[r]});
  }
  source->abi_.slot_bytes = layout.slot_bytes();
  source->Finish();
  return source;
}

void ExpertSource::Finish() {
  for (const std::string& path : paths_) path_pointers_.push_back(path.c_str());
  abi_.struct_size = sizeof abi_;
  abi_.paths = path_pointers_.data();
  abi_.path_count = static_cast<uint32_t>(path_pointers_.size());
  abi_.records = records_.data();
  abi_.record_count = records_.size();
}

kl_code ExpertSource::Unpack(void* context, uint64_t id, const void* const* pieces, void* slot, kl_error* error) {
  const ExpertSource& self = *static_cast<const ExpertSource*>(context);
  int64_t expert = 0;
  return self.layout_.layers()[self.layout_.LayerOf(id, &expert)]->Pack(pieces, slot, error);
}

}  // namespace kinglet
