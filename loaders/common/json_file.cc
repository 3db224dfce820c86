#include "loaders/common/json_file.h"

#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/mapped_file.h"
#include "core/base/status.h"
#include "loaders/common/errors.h"
#include "loaders/common/readable.h"

namespace kinglet {
namespace {

// Offset of the bracket that nests too deep, or npos. Runs before the parser, so that nothing later
// has to mind the depth of what it walks.
size_t FindTooDeep(absl::string_view text) {
  constexpr int kMaximumDepth = 64;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        i++;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaximumDepth) return i;
    } else if (c == '}' || c == ']') {
      depth--;
    }
  }
  return absl::string_view::npos;
}

// The keys of the objects around the parser's position, one set an object.
class DuplicateFinder {
 public:
  // For nlohmann's callback; keeps everything.
  bool operator()(int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (event == Event::object_start) {
      open_.emplace_back();
    } else if (event == Event::object_end) {
      if (!open_.empty()) open_.pop_back();
    } else if (event == Event::key && !open_.empty() && duplicate_.empty()) {
      const std::string& key = parsed.get_ref<const std::string&>();
      if (!open_.back().insert(key).second) duplicate_ = Quoted(key);
    }
    return true;
  }

  const std::string& duplicate() const { return duplicate_; }  // quoted; empty: none

 private:
  std::vector<absl::flat_hash_set<std::string>> open_;
  std::string duplicate_;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view path, uint64_t offset,
                                               absl::string_view text) {
  const size_t too_deep = FindTooDeep(text);
  if (too_deep != absl::string_view::npos) {
    return Corrupt(path, offset + too_deep, "JSON of at most 64 levels", "one more");
  }
  DuplicateFinder duplicates;
  nlohmann::json value = nlohmann::json::parse(
      text.begin(), text.end(),
      [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        return duplicates(depth, event, parsed);
      },
      /*allow_exceptions=*/false);
  if (value.is_discarded()) return Corrupt(path, offset, "JSON", Quoted(text.substr(0, 32)));
  if (!value.is_object()) return Corrupt(path, offset, "a JSON object", value.type_name());
  if (!duplicates.duplicate().empty()) {
    return Corrupt(path, offset, "each key of a JSON object once",
                   absl::StrCat(duplicates.duplicate(), " again"));
  }
  return value;
}

absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path) {
  KL_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  KL_RETURN_IF_ERROR(CheckReadable(*file, 0, file->size()));
  return ParseJsonObject(
      path, 0, absl::string_view(reinterpret_cast<const char*>(file->data()), file->size()));
}

std::optional<int64_t> JsonInt(const nlohmann::json& value) {
  if (value.is_number_unsigned()) {
    const uint64_t number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number_float()) {
    // 1e6 is a whole number too.
    const double number = value.get<double>();
    constexpr double kExact = 9007199254740992.0;  // 2^53
    if (std::fabs(number) <= kExact && number == std::floor(number))
      return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

const std::string* JsonText(const nlohmann::json& value) {
  return value.get_ptr<const std::string*>();
}

const nlohmann::json* JsonFields::Find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

std::optional<int64_t> JsonFields::Int(const char* key) {
  const nlohmann::json* field = Find(key);
  if (field == nullptr) return std::nullopt;
  const std::optional<int64_t> number = JsonInt(*field);
  if (!number.has_value()) Fail(key, "an integer", field->type_name());
  return number;
}

std::optional<double> JsonFields::Float(const char* key) {
  const nlohmann::json* field = Find(key);
  if (field == nullptr) return std::nullopt;
  if (field->is_number()) return field->get<double>();
  Fail(key, "a number", field->type_name());
  return std::nullopt;
}

std::optional<bool> JsonFields::Bool(const char* key) {
  const nlohmann::json* field = Find(key);
  if (field == nullptr) return std::nullopt;
  if (field->is_boolean()) return field->get<bool>();
  Fail(key, "true or false", field->type_name());
  return std::nullopt;
}

std::string JsonFields::Text(const char* key) {
  const nlohmann::json* field = Find(key);
  if (field == nullptr) return "";
  const std::string* text = JsonText(*field);
  if (text != nullptr) return *text;
  Fail(key, "a string", field->type_name());
  return "";
}

std::vector<int64_t> JsonFields::Ints(const char* key) {
  std::vector<int64_t> numbers;
  const nlohmann::json* field = Find(key);
  if (field == nullptr) return numbers;
  const auto append = [&](const nlohmann::json& value) {
    const std::optional<int64_t> number = JsonInt(value);
    if (!number.has_value()) Fail(key, "integers", value.type_name());
    numbers.push_back(number.value_or(0));
  };
  if (!field->is_array()) {
    append(*field);
  } else {
    for (const nlohmann::json& value : *field) append(value);
  }
  return numbers;
}

const nlohmann::json* JsonFields::Object(const char* key) {
  const nlohmann::json* field = Find(key);
  if (field == nullptr || field->is_object()) return field;
  Fail(key, "an object", field->type_name());
  return nullptr;
}

const nlohmann::json* JsonFields::Array(const char* key) {
  const nlohmann::json* field = Find(key);
  if (field == nullptr || field->is_array()) return field;
  Fail(key, "an array", field->type_name());
  return nullptr;
}

void JsonFields::Fail(const char* key, absl::string_view expected, absl::string_view found) {
  if (status_.ok()) status_ = Corrupt(path_, absl::StrCat("field \"", key, "\""), expected, found);
}

}  // namespace kinglet
