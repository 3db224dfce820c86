#include "tools/common/routing_file.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

constexpr int kVersion = 1;
constexpr size_t kBufferBytes = 64 * 1024;
constexpr size_t kMostHeaderBytes = 64 * 1024;
constexpr uint32_t kMostLayers = 65536;
constexpr uint32_t kMostExperts = 65535;  // kNoExpert is none

std::string ProblemOf(const RoutingHeader& header) {
  if (header.layers == 0 || header.layers > kMostLayers) {
    return absl::StrCat("layers is ", header.layers, ", expected 1 to ", kMostLayers);
  }
  if (header.experts == 0 || header.experts > kMostExperts) {
    return absl::StrCat("experts is ", header.experts, ", expected 1 to ", kMostExperts);
  }
  if (header.top_k == 0 || header.top_k > header.experts) {
    return absl::StrCat("top_k is ", header.top_k, ", expected 1 to ", header.experts);
  }
  return "";
}

Failure Bad(const std::string& path, const std::string& what) {
  return {kExitBadData, absl::StrCat(path, ": ", what)};
}

Failure ParseHeader(const std::string& path, const std::string& line, RoutingHeader* header) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto number = [&json](const char* key, uint32_t* value) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_unsigned() ||
        found->get<uint64_t>() > UINT32_MAX) {
      return false;
    }
    *value = static_cast<uint32_t>(found->get<uint64_t>());
    return true;
  };
  const auto text = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  uint32_t version = 0;
  if (!json.is_object() || !number("kinglet_routing", &version)) {
    return Bad(path, "is no recording of routing: its first line has no \"kinglet_routing\"");
  }
  if (version != kVersion) {
    return Bad(path, absl::StrCat("is a recording of version ", version, ", this build reads ",
                                  kVersion, "; record it again"));
  }
  for (const auto& [key, value] :
       {std::make_pair("layers", &header->layers), std::make_pair("experts", &header->experts),
        std::make_pair("top_k", &header->top_k)}) {
    if (!number(key, value)) {
      return Bad(path, absl::StrCat("\"", key, "\" of the first line is missing, or no count"));
    }
  }
  header->model = text("model");
  header->fingerprint = text("fingerprint");
  const std::string problem = ProblemOf(*header);
  return problem.empty() ? Success() : Bad(path, problem);
}

}  // namespace

Failure RoutingWriter::Open(const std::string& path) {
  path_ = path;
  return file_.Open(path);
}

Failure RoutingWriter::Begin(const RoutingHeader& header) {
  const std::string problem = ProblemOf(header);
  if (!problem.empty()) return {kExitInternal, absl::StrCat(path_, ": ", problem)};
  header_ = header;
  begun_ = true;
  nlohmann::ordered_json json;
  json["kinglet_routing"] = kVersion;
  json["model"] = header.model;
  json["fingerprint"] = header.fingerprint;
  json["layers"] = header.layers;
  json["experts"] = header.experts;
  json["top_k"] = header.top_k;
  const std::string line =
      json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return Write(line.data(), line.size());
}

Failure RoutingWriter::Add(uint16_t flags, const uint16_t* experts) {
  if (!begun_) return {kExitInternal, absl::StrCat(path_, ": a routing file without a header")};
  const Failure failure = Write(&flags, sizeof flags);
  return failure.ok() ? Write(experts, header_.ids_per_token() * sizeof *experts) : failure;
}

Failure RoutingWriter::Write(const void* data, size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  return buffer_.size() < kBufferBytes ? Success() : Flush();
}

Failure RoutingWriter::Flush() {
  const Failure failure = file_.Append(buffer_.data(), buffer_.size());
  buffer_.clear();
  return failure;
}

Failure RoutingWriter::Close() {
  if (!begun_) return {kExitInternal, absl::StrCat(path_, ": a routing file without a header")};
  const Failure failure = Flush();
  return failure.ok() ? file_.Commit() : failure;
}

Failure ReadRouting(const std::string& path, Routing* routing) {
  std::string content;
  const Failure failure = ReadWholeFile(path, &content);
  if (!failure.ok()) return failure;
  const size_t line_end = content.find('\n');
  if (line_end == std::string::npos || line_end > kMostHeaderBytes) {
    return Bad(path, "is no recording of routing: it does not begin with a line of JSON");
  }
  *routing = Routing();
  const Failure parsed = ParseHeader(path, content.substr(0, line_end), &routing->header);
  if (!parsed.ok()) return parsed;
  const size_t ids = routing->header.ids_per_token();
  const size_t row_bytes = (1 + ids) * sizeof(uint16_t);
  const size_t token_count = (content.size() - line_end - 1) / row_bytes;
  routing->flags.resize(token_count);
  routing->experts.resize(token_count * ids);
  const char* row = content.data() + line_end + 1;
  for (size_t token = 0; token < token_count; ++token, row += row_bytes) {
    std::memcpy(&routing->flags[token], row, sizeof(uint16_t));
    uint16_t* experts = routing->experts.data() + token * ids;
    std::memcpy(experts, row + sizeof(uint16_t), ids * sizeof(uint16_t));
    for (size_t i = 0; i < ids; ++i) {
      if (experts[i] == kNoExpert || experts[i] < routing->header.experts) continue;
      return Bad(path,
                 absl::StrCat("token ", token, ", layer ", i / routing->header.top_k, ": expert ",
                              experts[i], ", but a layer has ", routing->header.experts));
    }
  }
  return Success();
}

}  // namespace kinglet::tools
