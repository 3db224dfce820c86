// The memory bank of a kl_model: routing and fetching. Text encoders by themselves.
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/capi/handles.h"
#include "core/exec/encoder.h"
#include "loaders/klbank/klbank_reader.h"

using kinglet::FillError;

struct kl_encoder {
  std::unique_ptr<kinglet::Encoder> encoder;
};

namespace kinglet {
namespace {

// The file of this name in the folder of `path`.
std::string Beside(const std::string& path, const std::string& name) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

void CopyPath(const MemoryPath& from, kl_memory_path* to) {
  kl_memory_path path = {};
  path.struct_size = sizeof path;
  path.depth = from.depth;
  for (uint32_t i = 0; i < from.depth; ++i) {
    path.ids[i] = from.ids[i];
    path.distances[i] = from.distances[i];
    path.runner_up_distances[i] = from.runner_up_distances[i];
  }
  CopyStruct(path, to);
}

// What the caller's struct reaches of a path; no more levels than there can be.
MemoryPath PathOf(const kl_memory_path& given) {
  kl_memory_path from = {};
  std::memcpy(&from, &given, std::min<size_t>(given.struct_size, sizeof from));
  MemoryPath path;
  path.depth = std::min<uint32_t>(from.depth, KL_MEMORY_MAX_DEPTH);
  for (uint32_t i = 0; i < path.depth; ++i) {
    path.ids[i] = from.ids[i];
    path.distances[i] = from.distances[i];
    path.runner_up_distances[i] = from.runner_up_distances[i];
  }
  return path;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MemoryParts>> OpenMemoryParts(const kl_model_options& options) {
  auto parts = std::make_unique<MemoryParts>();
  KL_ASSIGN_OR_RETURN(parts->source, ReadKlbank(options.memory_bank));
  std::string encoder = options.memory_encoder == nullptr ? "" : options.memory_encoder;
  if (options.memory_encoder == nullptr) {
    if (parts->source->encoder_file.empty()) {
      return absl::NotFoundError(
          absl::StrCat(options.memory_bank,
                       ": the bank names no encoder; give the encoder's file (memory_encoder)"));
    }
    encoder = Beside(options.memory_bank, parts->source->encoder_file);
  }
  if (!encoder.empty()) {
    auto source = LoadAnySource(encoder);
    if (!source.ok())
      return Annotate(source.status(), absl::StrCat(options.memory_bank, ", its encoder"));
    parts->encoder = *std::move(source);
  }
  for (uint32_t i = 0; i < options.memory_tier_count; ++i) {
    const kl_memory_tier* tier =
        options.memory_tiers == nullptr ? nullptr : options.memory_tiers[i];
    if (tier == nullptr)
      return absl::InvalidArgumentError(absl::StrCat("memory_tiers: number ", i, " is NULL"));
    parts->options.tiers.push_back(
        {tier->folder == nullptr ? "" : tier->folder, tier->budget_bytes});
  }
  if (options.memory_deny_count > 0 && options.memory_deny == nullptr) {
    return absl::InvalidArgumentError("memory_deny is NULL");
  }
  for (uint32_t i = 0; i < options.memory_deny_count; ++i) {
    parts->options.denied.push_back({options.memory_deny[i].level, options.memory_deny[i].id});
  }
  parts->options.budget_bytes = options.memory_bank_bytes;
  if (options.expert_reader != nullptr) parts->options.reader = options.expert_reader;
  return parts;
}

}  // namespace kinglet

kl_code kl_memory_route(const kl_model* model, const char* text, size_t length,
                        kl_memory_path* path, kl_error* error) {
  if (model == nullptr || (text == nullptr && length > 0) || path == nullptr) {
    return kinglet::NullArgument("kl_memory_route", error);
  }
  const auto found = model->model->RouteMemory({text, length});
  if (!found.ok()) return FillError(found.status(), error);
  kinglet::CopyPath(*found, path);
  return KL_OK;
}

bool kl_model_has_memory(const kl_model* model) {
  return model != nullptr && model->model->memory() != nullptr;
}

kl_code kl_session_set_memory(kl_session* session, const kl_memory_path* path, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_set_memory", error);
  std::optional<kinglet::MemoryPath> wanted;
  if (path != nullptr) wanted = kinglet::PathOf(*path);
  return FillError(session->session->SetMemoryPath(wanted), error);
}

kl_code kl_session_wait_memory(kl_session* session, kl_error* error) {
  if (session == nullptr) return kinglet::NullArgument("kl_session_wait_memory", error);
  return FillError(session->session->AwaitMemory(), error);
}

kl_code kl_session_memory(const kl_session* session, kl_memory_fetch* fetch) {
  if (session == nullptr || fetch == nullptr) return KL_INVALID_ARGUMENT;
  kl_memory_fetch facts = {};
  facts.struct_size = sizeof facts;
  facts.description = "";
  const kinglet::MemoryFetchStats* stats = session->session->memory_stats();
  if (stats != nullptr) {
    const kinglet::MemoryBank& bank = *session->session->model().memory();
    session->memory_text = bank.bank()->Describe();
    facts.description = session->memory_text.c_str();
    facts.has_bank = true;
    facts.has_path = session->session->memory_path().has_value();
    facts.path.struct_size = sizeof facts.path;
    if (facts.has_path) kinglet::CopyPath(*session->session->memory_path(), &facts.path);
    facts.depth = bank.layout().depth();
    facts.complete = true;
    for (uint32_t i = 0; i < facts.depth; ++i) {
      const kinglet::MemoryChoice& choice = stats->fetch.levels[i];
      const kinglet::MemoryFetchStats::Level& level = stats->levels[i];
      facts.blocks[i] = choice.kind == kinglet::MemoryChoice::kBlock     ? KL_MEMORY_BLOCK
                        : choice.kind == kinglet::MemoryChoice::kGeneric ? KL_MEMORY_GENERIC
                                                                         : KL_MEMORY_NOTHING;
      facts.states[i] = static_cast<int32_t>(choice.state);
      facts.origins[i] = level.kept          ? KL_MEMORY_KEPT
                         : level.from_memory ? KL_MEMORY_WAS_THERE
                         : level.read        ? KL_MEMORY_READ
                                             : KL_MEMORY_PENDING;
      facts.block_bytes[i] = choice.bytes;
      facts.bytes += choice.bytes;
      facts.complete = facts.complete && level.ready;
    }
    facts.read_bytes = stats->read_bytes;
    facts.ns = stats->ns;
    facts.stall_ns = stats->stall_ns;
    facts.read_ns = stats->read_ns;
  }
  kinglet::CopyStruct(facts, fetch);
  return KL_OK;
}

kl_code kl_encoder_load(kl_runtime* runtime, const char* path, kl_encoder** encoder,
                        kl_error* error) {
  if (runtime == nullptr || path == nullptr || encoder == nullptr)
    return kinglet::NullArgument("kl_encoder_load", error);
  auto source = kinglet::LoadAnySource(path);
  if (!source.ok()) return FillError(source.status(), error);
  auto model =
      kinglet::Model::Load(runtime->runtime.get(), *std::move(source), kinglet::ModelOptions());
  if (!model.ok()) return FillError(model.status(), error);
  auto created = kinglet::Encoder::Create(*std::move(model));
  if (!created.ok()) return FillError(created.status(), error);
  *encoder = new kl_encoder{*std::move(created)};
  return KL_OK;
}

void kl_encoder_free(kl_encoder* encoder) { delete encoder; }

size_t kl_encoder_width(const kl_encoder* encoder) {
  return encoder == nullptr ? 0 : static_cast<size_t>(encoder->encoder->width());
}

uint64_t kl_encoder_fingerprint(const kl_encoder* encoder) {
  return encoder == nullptr ? 0 : encoder->encoder->model().Fingerprint();
}

kl_code kl_encoder_embed(kl_encoder* encoder, const char* text, size_t length, float* vector,
                         size_t capacity, size_t* count, kl_error* error) {
  if (encoder == nullptr || (text == nullptr && length > 0) ||
      (vector == nullptr && capacity > 0)) {
    return kinglet::NullArgument("kl_encoder_embed", error);
  }
  const auto made = encoder->encoder->Embed({text, length});
  if (!made.ok()) return FillError(made.status(), error);
  kinglet::CopyArray(*made, vector, capacity, count);
  return KL_OK;
}
