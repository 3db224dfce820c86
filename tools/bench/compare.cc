#include "tools/bench/compare.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

namespace kinglet::tools {
namespace {

using Json = nlohmann::json;

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

int64_t Number(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_number() ? it->get<int64_t>() : 0;
}

bool Read(const Json& object, std::vector<EarlierResult>* earlier) {
  if (!object.is_object()) return false;
  const auto speed = object.find("avg_ts");
  if (speed == object.end() || !speed->is_number()) return false;
  EarlierResult result;
  const auto path = object.find("model_filename");
  if (path != object.end() && path->is_string()) result.model_filename = path->get<std::string>();
  result.n_threads = Number(object, "n_threads");
  result.n_prompt = Number(object, "n_prompt");
  result.n_gen = Number(object, "n_gen");
  result.n_depth = Number(object, "n_depth");
  result.tokens_per_second = speed->get<double>();
  earlier->push_back(result);
  return true;
}

}  // namespace

Failure ParseEarlier(const std::string& path, const std::string& text,
                     std::vector<EarlierResult>* earlier) {
  const Failure wrong = {
      kExitBadData, absl::StrCat("--compare ", path,
                                 ": expected what 'kinglet bench -o json' or llama-bench prints: "
                                 "objects with a number avg_ts")};
  const Json whole = Json::parse(text, nullptr, false);
  if (whole.is_array()) {
    for (const Json& object : whole) {
      if (!Read(object, earlier)) return wrong;
    }
    return earlier->empty() ? wrong : Success();
  }
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    if (!Read(Json::parse(line.begin(), line.end(), nullptr, false), earlier)) return wrong;
  }
  return earlier->empty() ? wrong : Success();
}

double FindEarlier(const std::vector<EarlierResult>& earlier, const BenchResult& result) {
  double found = 0;
  for (const EarlierResult& e : earlier) {
    if (e.n_threads != result.n_threads || e.n_prompt != result.n_prompt ||
        e.n_gen != result.n_gen || e.n_depth != result.n_depth) {
      continue;
    }
    if (FileName(e.model_filename) == FileName(result.model_filename)) return e.tokens_per_second;
    if (found == 0) found = e.tokens_per_second;
  }
  return found;
}

}  // namespace kinglet::tools
