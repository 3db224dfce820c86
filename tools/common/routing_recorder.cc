#include "tools/common/routing_recorder.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/common/engine.h"

namespace kinglet::tools {

void DeclareRecording(OptionTable* options, std::string* path) {
  options->Text({"--record-routing"}, "FILE", path,
                "write which experts each token was routed to, for kinglet replay and kinglet "
                "inspect --experts; the file appears when the command ends");
}

RoutingRecorder::~RoutingRecorder() {
  if (session_ != nullptr) kl_session_watch_routing(session_, nullptr, nullptr, nullptr);
}

Failure RoutingRecorder::Start(const kl_model* model, kl_session* session,
                               const std::string& path) {
  const kl_model_info info = Describe(model);
  if (info.expert_count == 0) {
    if (path.empty()) return Success();
    return {kExitUsage,
            absl::StrCat("--record-routing: ", info.path, " has no experts to route tokens to")};
  }
  session_ = session;
  path_ = path;
  header_.model = info.name[0] != '\0' ? info.name : info.path;
  if (!path.empty()) header_.fingerprint = absl::StrFormat("%016x", kl_model_fingerprint(model));
  const Failure failure = path.empty() ? Success() : writer_.Open(path);
  return failure.ok() ? Watch(true) : failure;
}

Failure RoutingRecorder::Watch(bool on) {
  if (session_ == nullptr) return Success();
  const auto take = [](void* user, const kl_routing* routing) {
    static_cast<RoutingRecorder*>(user)->Take(*routing);
  };
  kl_error error = NoError();
  const kl_code code =
      kl_session_watch_routing(session_, on ? kl_routing_callback(take) : nullptr, this, &error);
  return code == KL_OK ? Success() : FailureOf(code, error);
}

void RoutingRecorder::Take(const kl_routing& routing) {
  const uint32_t top_k = routing.place_count;
  if (use_.layers == 0) {
    use_ = ExpertUse::Of(routing.layer_count, routing.expert_count);
    header_.layers = routing.layer_count;
    header_.experts = routing.expert_count;
    header_.top_k = top_k;
    if (!path_.empty()) failure_ = writer_.Begin(header_);
  }
  const uint16_t* row = routing.experts;
  for (size_t t = 0; t < routing.token_count; ++t) {
    use_.Add(row, top_k);
    uint16_t flags = routing.prompt ? kRoutingPrompt : 0;
    if (routing.first_position == 0 && t == 0) flags |= kRoutingFirst;
    if (!path_.empty() && failure_.ok()) failure_ = writer_.Add(flags, row);
    row += size_t{routing.layer_count} * top_k;
  }
}

Failure RoutingRecorder::Finish() {
  if (path_.empty()) return Success();
  const std::string path = path_;
  path_.clear();
  if (!failure_.ok()) return failure_;
  if (use_.tokens == 0) {
    return {kExitFailure, absl::StrCat(path, " is not written: no token was computed")};
  }
  return writer_.Close();
}

}  // namespace kinglet::tools
