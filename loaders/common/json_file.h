// JSON from files that nobody vouches for.
#ifndef KINGLET_LOADERS_COMMON_JSON_FILE_H_
#define KINGLET_LOADERS_COMMON_JSON_FILE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kinglet {

// Parses `text`, which was found in `path` at byte `offset`. DataLoss: no JSON object, brackets
// nested deeper than 64, a key twice in one object. Memory and time are in proportion to the text.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view path, uint64_t offset,
                                               absl::string_view text);

// A whole file; NotFound when there is none.
absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path);

// Fields of an object, by kind. A field that is absent or null gives the default; one of another
// kind is an error, the first of which is kept, so that a list of fields reads as a list. The
// object outlives the reader.
class JsonFields {
 public:
  JsonFields(absl::string_view path, const nlohmann::json& object) : path_(path), object_(object) {}

  const absl::Status& status() const { return status_; }

  // Not NULL: the field is there and not null.
  const nlohmann::json* Find(const char* key) const;
  std::optional<int64_t> Int(const char* key);  // a number without fraction; not above 2^63
  std::optional<double> Float(const char* key);
  std::optional<bool> Bool(const char* key);
  std::string Text(const char* key);
  std::vector<int64_t> Ints(const char* key);  // an array, or one number as an array of one
  // NULL when absent.
  const nlohmann::json* Object(const char* key);
  const nlohmann::json* Array(const char* key);

  void Fail(const char* key, absl::string_view expected, absl::string_view found);

 private:
  const std::string path_;
  const nlohmann::json& object_;
  absl::Status status_;
};

// The integer in `value`, nothing when it is none or does not fit.
std::optional<int64_t> JsonInt(const nlohmann::json& value);
// The string in `value`, NULL when it is none.
const std::string* JsonText(const nlohmann::json& value);

}  // namespace kinglet

#endif  // KINGLET_LOADERS_COMMON_JSON_FILE_H_
