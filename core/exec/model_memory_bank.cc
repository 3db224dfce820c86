// Model: its memory bank and the encoder that finds the way through it.
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/exec/encoder.h"
#include "core/exec/model.h"

namespace kinglet {

// Here because the encoder's class is incomplete in the header.
Model::Model(Runtime* runtime, std::unique_ptr<ModelSource> source)
    : runtime_(runtime), source_(std::move(source)) {}
Model::~Model() = default;

absl::StatusOr<const kl_bank*> Model::MemoryTable() const {
  constexpr absl::string_view kBank = "memory_bank";
  const kl_bank* table = runtime_->registry().FindBank(kBank);
  if (table != nullptr) return table;
  return absl::UnimplementedError(
      absl::StrCat(memory_->source().path, ": no loaded plugin brings the bank \"", kBank,
                   "\" that fetches memory blocks; is the plugin memory_bank there?"));
}

absl::Status Model::JoinMemory(const ModelOptions& options, std::unique_ptr<MemoryParts> parts) {
  const MemorySource& bank = memory_->source();
  MemoryAnchor anchor;
  anchor.path = source_->path;
  anchor.layer_count = static_cast<uint64_t>(plan_.facts.layer_count);
  anchor.dim = static_cast<uint64_t>(plan_.facts.embedding_length);
  anchor.activation = bank.layout.shape().activation;  // the plan's builder has compared it
  anchor.fingerprint = Fingerprint();
  KL_RETURN_IF_ERROR(bank.CheckAnchor(anchor));
  if (parts->encoder != nullptr) {
    ModelOptions encoding;
    encoding.progress = options.progress;
    KL_ASSIGN_OR_RETURN(std::unique_ptr<Model> model,
                        Load(runtime_, std::move(parts->encoder), encoding));
    KL_ASSIGN_OR_RETURN(encoder_, Encoder::Create(std::move(model)));
    MemoryEncoder encoder;
    encoder.path = encoder_->model().source().path;
    encoder.width = static_cast<uint64_t>(encoder_->width());
    encoder.fingerprint = encoder_->model().Fingerprint();
    KL_RETURN_IF_ERROR(bank.CheckEncoder(encoder));
  }
  KL_ASSIGN_OR_RETURN(const kl_bank* table, MemoryTable());
  KL_ASSIGN_OR_RETURN(memory_bytes_, memory_->WantedBytes(*table, options.memory_bytes));
  return absl::OkStatus();
}

uint64_t Model::JoinedBytes() const { return memory_bytes_ + (encoder_ == nullptr ? 0 : encoder_->bytes()); }

absl::Status Model::OpenMemory() {
  if (encoder_ != nullptr) {
    KL_ASSIGN_OR_RETURN(encoder_reservation_, budget_->Reserve("encoder", encoder_->bytes()));
  }
  KL_ASSIGN_OR_RETURN(const kl_bank* table, MemoryTable());
  return memory_->Open(*table, runtime_->registry().HostOf(table), memory_bytes_, budget_.get());
}

absl::StatusOr<MemoryPath> Model::RouteMemory(absl::string_view text) const {
  if (memory_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        source_->path, ": loaded without a memory bank, there is nothing to route through"));
  }
  if (encoder_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(memory_->source().path,
                     ": loaded without the bank's encoder, texts cannot be routed; give the "
                     "encoder or set a path"));
  }
  KL_ASSIGN_OR_RETURN(const std::vector<float> vector, encoder_->Embed(text));
  return memory_->source().Route(vector.data(), vector.size());
}

}  // namespace kinglet
