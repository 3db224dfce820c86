#include "tools/chat/transcript.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string FormatTranscript(const std::vector<Message>& messages) {
  Json list = Json::array();
  for (const Message& message : messages) {
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  Json out;
  out["format"] = "kinglet-chat";
  out["version"] = 1;
  out["messages"] = std::move(list);
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Failure ParseTranscript(const std::string& path, const std::string& text,
                        std::vector<Message>* messages) {
  const auto bad = [&path](const std::string& what) {
    return Failure{kExitBadData, absl::StrCat(path, " is no saved conversation: ", what)};
  };
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return bad("expected a JSON object");
  const auto format = json.find("format");
  if (format == json.end() || *format != "kinglet-chat")
    return bad("\"format\" is not \"kinglet-chat\"");
  const auto version = json.find("version");
  if (version == json.end() || *version != 1)
    return bad("\"version\" is not 1, the one this program reads");
  const auto list = json.find("messages");
  if (list == json.end() || !list->is_array()) return bad("\"messages\" is no list");
  std::vector<Message> read;
  for (const Json& entry : *list) {
    if (!entry.is_object() || !entry.contains("role") || !entry.contains("content") ||
        !entry["role"].is_string() || !entry["content"].is_string()) {
      return bad(
          absl::StrCat("message ", read.size(), " has no text for \"role\" and \"content\""));
    }
    const std::string role = entry["role"].get<std::string>();
    if (role != "user" && role != "assistant" && (role != "system" || !read.empty())) {
      return bad(absl::StrCat("message ", read.size(), " has the role '", role, "'"));
    }
    read.push_back({role, entry["content"].get<std::string>()});
  }
  *messages = std::move(read);
  return Success();
}

}  // namespace kinglet::tools
