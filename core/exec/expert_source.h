// The experts of a model as a bank's records: where the bytes of each are, and how they become a slot's content.
#ifndef KINGLET_CORE_EXEC_EXPERT_SOURCE_H_
#define KINGLET_CORE_EXEC_EXPERT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/abi/bank.h"
#include "core/exec/expert_layout.h"

namespace kinglet {

// Immutable and thread safe: banks call unpack() from their threads. Borrows the layout.
class ExpertSource {
 public:
  // Three pieces of the model's own files a record. Packed by the bank's threads where kernels want that; left where the
  // read put them where they do not.
  static std::unique_ptr<ExpertSource> OfModel(const ExpertLayout& layout);
  // One piece a record, as `kinglet prepare` wrote it (expert_file.h), with a checksum.
  // Errors: not such a file, of another version, model or layout, cut short; says what to do.
  static absl::StatusOr<std::unique_ptr<ExpertSource>> OfFile(const ExpertLayout& layout, const std::string& path,
                                                              uint64_t fingerprint);
  ExpertSource(const ExpertSource&) = delete;
  ExpertSource& operator=(const ExpertSource&) = delete;

  const kl_bank_source& abi() const { return abi_; }
  // From one lease: where the parts of an expert of layer `layer` are.
  const void* PartOf(size_t layer, size_t part, const void* data, const void* const* pieces) const {
    if (abi_.in_place != 0) return pieces[part];
    return static_cast<const uint8_t*>(data) + layout_.layers()[layer]->parts()[part].offset;
  }
  bool prepared() const { return prepared_; }

 private:
  explicit ExpertSource(const ExpertLayout& layout) : layout_(layout) {}
  static kl_code Unpack(void* context, uint64_t id, const void* const* pieces, void* slot, kl_error* error);
  void Finish();

  const ExpertLayout& layout_;
  bool prepared_ = false;
  std::vector<std::string> paths_;
  std::vector<const char*> path_pointers_;
  std::vector<kl_bank_piece> pieces_;
  std::vector<kl_bank_record> records_;
  kl_bank_source abi_ = {};
};

}  // namespace kinglet

#endif  // KINGLET_CORE_EXEC_EXPERT_SOURCE_H_
